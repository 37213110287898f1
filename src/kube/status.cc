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

// Ours as they are to be, then those of the types that we do not know.
Json WithOthers(const Json& before, const Json& ours) {
  Json all = ours;
  if (!before.is_array()) return all;
  for (const Json& condition : before) {
    if (!TypeOf(condition)) continue;
    const auto same_type = [&](const Json& own) { return OfType(own, *TypeOf(condition)); };
    if (std::ranges::none_of(ours, same_type)) all.push_back(condition);
  }
  return all;
}

// Conditions are a set by type: their order says nothing.
bool SameConditions(const Json& a, const Json& b) {
  return a.is_array() && b.is_array() && a.size() == b.size() && std::ranges::is_permutation(a, b);
}

Json MergePatch(const Json& before, const Json& after) {
  if (!before.is_object() || !after.is_object()) return after;
  Json patch = Json::object();
  for (const auto& [key, value] : before.items())
    if (!after.contains(key)) patch[key] = nullptr;
  for (const auto& [key, value] : after.items()) {
    const auto old = before.find(key);
    if (old == before.end()) {
      patch[key] = value;
    } else if (*old != value) {
      patch[key] = MergePatch(*old, value);
    }
  }
  return patch;
}

}  // namespace

Json StatusPatch(const Json& before, const Json& after) {
  Json wanted = after;
  if (const auto ours = wanted.find("conditions"); ours != wanted.end() && before.is_object()) {
    const auto old = before.find("conditions");
    if (old != before.end()) {
      *ours = WithOthers(*old, *ours);
      if (SameConditions(*old, *ours)) *ours = *old;
    }
  }
  if (wanted == before) return nullptr;
  return MergePatch(before, wanted);
}

Result<std::uint64_t> PatchStatus(Api& api, const Resource& resource, const ObjectKey& key, std::uint64_t version,
                                  const Json& patch, std::stop_token stop) {
  const Json body = {{"metadata", {{"resourceVersion", std::to_string(version)}}}, {"status", patch}};
  auto reply = api.Patch(resource, key, PatchType::kMerge, body.dump(), false, stop, "status");
  if (!reply) return Fail(std::move(reply.error()));
  return ResourceVersionOf(reply->body).value_or(0);
}

}  // namespace rempart::kube
