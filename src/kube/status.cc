#include "src/kube/status.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>

#include "src/kube/apply.h"

namespace rempart::kube {
namespace {

const Json* TypeOf(const Json& condition) {
  const auto type = condition.is_object() ? condition.find("type") : condition.end();
  return type == condition.end() || !type->is_string() ? nullptr : &*type;
}

bool OfType(const Json& condition, const Json& type) {
  const Json* its = TypeOf(condition);
  return its && *its == type;
}

// Those of the types that we do not know stay.
void AddOthers(const Json& before, Json& ours) {
  if (!before.is_array()) return;
  const std::size_t own = ours.size();
  for (const Json& condition : before) {
    const Json* type = TypeOf(condition);
    const auto same_type = [&](const Json& known) { return OfType(known, *type); };
    if (type && std::none_of(ours.begin(), ours.begin() + static_cast<std::ptrdiff_t>(own), same_type))
      ours.push_back(condition);
  }
}

// Conditions are a set by type: their order says nothing.
bool SameConditions(const Json& a, const Json& b) {
  return a.is_array() && b.is_array() && a.size() == b.size() && std::ranges::is_permutation(a, b);
}

Json MergePatch(const Json& before, Json after) {
  if (!before.is_object() || !after.is_object()) return after;
  Json patch = Json::object();
  for (const auto& [key, value] : before.items())
    if (!after.contains(key)) patch[key] = nullptr;
  for (auto& [key, value] : after.items()) {
    const auto old = before.find(key);
    if (old == before.end()) {
      patch[key] = std::move(value);
    } else if (*old != value) {
      patch[key] = MergePatch(*old, std::move(value));
    }
  }
  return patch;
}

}  // namespace

Json StatusPatch(const Json& before, Json after, std::initializer_list<std::string_view> optional) {
  if (!before.is_object()) return after;
  if (const auto ours = after.find("conditions"); ours != after.end()) {
    if (const auto old = before.find("conditions"); old != before.end()) {
      AddOthers(*old, *ours);
      if (SameConditions(*old, *ours)) *ours = *old;
    }
  }
  // What is not ours stays as it is, and so makes no difference.
  for (const auto& [key, value] : before.items())
    if (!after.contains(key) && std::ranges::find(optional, key) == optional.end()) after[key] = value;
  if (after == before) return nullptr;
  return MergePatch(before, std::move(after));
}

Result<std::uint64_t> PatchStatus(Api& api, const Resource& resource, const ObjectKey& key, std::uint64_t version,
                                  Json patch, std::stop_token stop) {
  Json body = Json::object();
  body["metadata"]["resourceVersion"] = std::to_string(version);
  body["status"] = std::move(patch);
  auto reply = api.Patch(resource, key, PatchType::kMerge, body.dump(), false, stop, "status");
  if (!reply) return Fail(std::move(reply.error()));
  return ResourceVersionOf(reply->body).value_or(0);
}

}  // namespace rempart::kube
