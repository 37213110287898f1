#include "src/kube/apply.h"

#include <nlohmann/json.hpp>

#include "src/kube/decode.h"

namespace rempart::kube {
namespace {

const Json* Member(const Json& object, const char* key) {
  if (!object.is_object()) return nullptr;
  const auto it = object.find(key);
  return it == object.end() ? nullptr : &*it;
}

std::string Text(const Json& object, const char* key) {
  const Json* member = Member(object, key);
  return member && member->is_string() ? member->get<std::string>() : "";
}

bool IsOurs(const Json& entry) {
  return Text(entry, "manager") == kFieldManager && Text(entry, "operation") == "Apply";
}
bool OfSubresource(const Json& entry) { return !Text(entry, "subresource").empty(); }

const Json* ManagedFields(const Json& object) {
  const Json* metadata = Member(object, "metadata");
  const Json* entries = metadata ? Member(*metadata, "managedFields") : nullptr;
  return entries && entries->is_array() ? entries : nullptr;
}

// The fields of an entry that are ours to govern.
const Json* GovernedFields(const Json& entry) {
  if (IsOurs(entry) || OfSubresource(entry)) return nullptr;
  const Json* fields = Member(entry, "fieldsV1");
  return fields ? Member(*fields, "f:spec") : nullptr;
}

// FieldsV1 is a trie of maps (KEP-555): the union of two is the union at each level.
void Unite(Json& into, const Json& from) {
  if (!into.is_object()) into = Json::object();
  if (!from.is_object()) return;
  for (const auto& [key, value] : from.items()) Unite(into[key], value);
}

// Answers to writes are read on the workers' threads, each with its own parser.
Result<View> ReadAnswer(std::string_view text) {
  thread_local Document document;
  return document.Parse(text);
}

}  // namespace

Result<std::uint64_t> ApplyStatus(Api& api, const Resource& resource, const ObjectKey& key, const Json& status,
                                  std::stop_token stop) {
  Json body = {{"apiVersion", resource.ApiVersion()},
               {"kind", resource.kind},
               {"metadata", {{"name", key.name}}},
               {"status", status}};
  if (!key.ns.empty()) body["metadata"]["namespace"] = key.ns;
  auto reply = api.Patch(resource, key, PatchType::kApply, body.dump(), true, stop, "status");
  if (!reply) return Fail(std::move(reply.error()));
  return ResourceVersionOf(reply->body).value_or(0);
}

std::optional<std::uint64_t> ResourceVersionOf(std::string_view object_json) {
  const auto view = ReadAnswer(object_json);
  const auto version = view ? DecodeResourceVersion(*view) : Fail(Error(view.error()));
  return version ? std::optional(*version) : std::nullopt;
}

bool OthersOwnSpec(std::string_view object_json) {
  const auto object = ReadAnswer(object_json);
  if (!object) return true;
  bool found = false;
  (*object)["metadata"]["managedFields"].ForEachElement([&found](View entry) {
    const bool ours = entry["manager"].Str() == kFieldManager && entry["operation"].Str() == "Apply";
    found = found || (!ours && entry["subresource"].Str().empty() && entry["fieldsV1"]["f:spec"].exists());
  });
  return found;
}

Result<Json> TakeOwnershipPatch(std::string_view object_json) {
  if (!OthersOwnSpec(object_json)) return nullptr;  // most often, and found without building anything
  const auto parsed = ParseJson(object_json);
  if (!parsed) return Fail(Error(parsed.error()));
  const Json& object = *parsed;
  const Json* entries = ManagedFields(object);
  if (!entries) return nullptr;
  Json taken = Json::object(), kept = Json::array();
  const Json* ours = nullptr;
  for (const auto& entry : *entries) {
    const Json* spec = GovernedFields(entry);
    if (IsOurs(entry) && !OfSubresource(entry)) {
      ours = &entry;
    } else if (!spec) {
      kept.push_back(entry);
    } else {
      Unite(taken, *spec);
      Json rest = entry;
      rest["fieldsV1"].erase("f:spec");
      if (!rest["fieldsV1"].empty()) kept.push_back(std::move(rest));
    }
  }
  if (!ours) return nullptr;  // nothing of ours in it yet: an apply comes first
  Json mine = *ours;
  Unite(mine["fieldsV1"]["f:spec"], taken);
  kept.push_back(std::move(mine));
  const Json& metadata = object["metadata"];
  return Json::array(
      {{{"op", "test"}, {"path", "/metadata/resourceVersion"}, {"value", Text(metadata, "resourceVersion")}},
       {{"op", "replace"}, {"path", "/metadata/managedFields"}, {"value", std::move(kept)}}});
}

}  // namespace rempart::kube
