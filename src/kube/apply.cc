#include "src/kube/apply.h"

#include <charconv>
#include <nlohmann/json.hpp>

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
  auto object = ParseJson(object_json);
  if (!object) return std::nullopt;
  const Json* metadata = Member(*object, "metadata");
  const std::string text = metadata ? Text(*metadata, "resourceVersion") : "";
  std::uint64_t version = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), version);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return version;
}

bool OthersOwnSpec(const Json& object) {
  const Json* entries = ManagedFields(object);
  if (!entries) return false;
  for (const auto& entry : *entries)
    if (GovernedFields(entry)) return true;
  return false;
}

Json TakeOwnershipPatch(const Json& object) {
  const Json* entries = ManagedFields(object);
  if (!entries || !OthersOwnSpec(object)) return nullptr;
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
