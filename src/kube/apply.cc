#include "src/kube/apply.h"

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "src/kube/api.h"
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

// In FieldsV1, labels are "f:<key>".
bool OfOurs(std::string_view label_field, std::string_view our_labels) {
  return !our_labels.empty() && label_field.starts_with("f:") && label_field.substr(2).starts_with(our_labels);
}

// Moves the fields that are ours to govern out of an entry's fieldsV1; null where there are none.
Json TakeGoverned(Json& fields, std::string_view our_labels) {
  Json taken;
  const auto take = [](Json& from, const std::string& key, Json& into) {
    into[key] = std::move(from[key]);
    from.erase(key);
  };
  if (Member(fields, "f:spec")) take(fields, "f:spec", taken);
  if (!Member(fields, "f:metadata")) return taken;
  Json& metadata = fields["f:metadata"];
  if (Member(metadata, "f:ownerReferences")) take(metadata, "f:ownerReferences", taken["f:metadata"]);
  if (const Json* labels = Member(metadata, "f:labels"); labels && labels->is_object()) {
    std::vector<std::string> keys;
    for (const auto& [key, value] : labels->items())
      if (OfOurs(key, our_labels)) keys.push_back(key);
    for (const auto& key : keys) take(metadata["f:labels"], key, taken["f:metadata"]["f:labels"]);
  }
  if (metadata.empty()) fields.erase("f:metadata");
  return taken;
}

// FieldsV1 is a trie of maps (KEP-555): the union of two is the union at each level.
void Unite(Json& into, const Json& from) {
  if (!into.is_object()) into = Json::object();
  if (!from.is_object()) return;
  for (const auto& [key, value] : from.items()) Unite(into[key], value);
}

}  // namespace

std::optional<std::uint64_t> ResourceVersionOf(std::string_view object_json) {
  const auto view = ParseOnThread(object_json);
  const auto version = view ? DecodeResourceVersion(*view) : Fail(Error(view.error()));
  return version ? std::optional(*version) : std::nullopt;
}

bool OthersOwnGoverned(std::string_view object_json, std::string_view our_labels) {
  const auto object = ParseOnThread(object_json);
  if (!object) return true;
  bool found = false;
  (*object)["metadata"]["managedFields"].ForEachElement([&](View entry) {
    const bool ours = entry["manager"].Str() == kFieldManager && entry["operation"].Str() == "Apply";
    if (found || ours || !entry["subresource"].Str().empty()) return;
    const View fields = entry["fieldsV1"], metadata = fields["f:metadata"];
    found = fields["f:spec"].exists() || metadata["f:ownerReferences"].exists();
    metadata["f:labels"].ForEachMember([&](std::string_view key, View) { found = found || OfOurs(key, our_labels); });
  });
  return found;
}

Result<Json> TakeOwnershipPatch(std::string_view object_json, std::string_view our_labels) {
  if (!OthersOwnGoverned(object_json, our_labels)) return nullptr;  // most often, and found without building anything
  const auto parsed = ParseJson(object_json);
  if (!parsed) return Fail(Error(parsed.error()));
  const Json& object = *parsed;
  const Json* entries = ManagedFields(object);
  if (!entries) return nullptr;
  Json taken = Json::object(), kept = Json::array();
  const Json* ours = nullptr;
  for (const auto& entry : *entries) {
    if (IsOurs(entry) && !OfSubresource(entry)) {
      ours = &entry;
      continue;
    }
    Json rest = entry;
    const Json governed =
        OfSubresource(entry) || !Member(entry, "fieldsV1") ? Json() : TakeGoverned(rest["fieldsV1"], our_labels);
    Unite(taken, governed);
    if (governed.is_null() || !rest["fieldsV1"].empty()) kept.push_back(std::move(rest));
  }
  if (!ours) return nullptr;  // nothing of ours in it yet: an apply comes first
  Json mine = *ours;
  Unite(mine["fieldsV1"], taken);
  kept.push_back(std::move(mine));
  const Json& metadata = object["metadata"];
  return Json::array(
      {{{"op", "test"}, {"path", "/metadata/resourceVersion"}, {"value", Text(metadata, "resourceVersion")}},
       {{"op", "replace"}, {"path", "/metadata/managedFields"}, {"value", std::move(kept)}}});
}

}  // namespace rempart::kube
