#include "operator/api/conditions.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "src/base/text.h"

namespace rempart::api {

namespace {

constexpr std::size_t kMaxMessage = 1024;

const std::string* TextAt(const Json& object, const char* key) {
  const auto member = object.find(key);
  return member == object.end() ? nullptr : member->get_ptr<const Json::string_t*>();
}

// Since when `condition` has the status it has, as `before` tells; "" where it does not.
std::string Since(const Condition& condition, const Json& before) {
  if (!before.is_array()) return {};
  for (const Json& old : before) {
    if (!old.is_object()) continue;
    const std::string* type = TextAt(old, "type");
    if (!type || *type != condition.type) continue;
    const std::string* status = TextAt(old, "status");
    const std::string* since = TextAt(old, "lastTransitionTime");
    if (status && *status == condition.status && since && ParseTime(*since)) return *since;
    return {};
  }
  return {};
}

}  // namespace

Json ConditionsJson(const std::vector<Condition>& conditions, const Json& before, std::int64_t observed_generation,
                    WallTime now) {
  Json all = Json::array();
  const std::string just_now = FormatTime(now);
  for (const Condition& condition : conditions) {
    const std::string since = Since(condition, before);
    // Member by member: a braced list would build each pair as an array first, and this runs for every status.
    Json& entry = all.emplace_back(Json::object());
    entry["type"] = condition.type;
    entry["status"] = condition.status;
    entry["reason"] = condition.reason;
    entry["message"] = CleanText(condition.message, kMaxMessage);
    entry["observedGeneration"] = observed_generation;
    entry["lastTransitionTime"] = since.empty() ? just_now : since;
  }
  return all;
}

Json StatusBefore(const std::string& status_json) {
  if (status_json.empty()) return nullptr;
  auto status = ParseJson(status_json);
  if (!status || !status->is_object()) return nullptr;
  return *std::move(status);
}

Json ConditionsOf(const Json& status) {
  const auto it = status.is_object() ? status.find("conditions") : status.end();
  return it != status.end() && it->is_array() ? *it : Json(nullptr);
}

bool HasType(const Json& conditions, std::string_view type) {
  return std::ranges::any_of(conditions,
                             [&](const Json& c) { return c.is_object() && c.value("type", Json()) == type; });
}

bool SaidBefore(const Json& conditions, const Condition& now) {
  return std::ranges::any_of(conditions, [&now](const Json& c) {
    return c.is_object() && c.value("type", Json()) == now.type && c.value("status", Json()) == now.status &&
           c.value("reason", Json()) == now.reason;
  });
}

}  // namespace rempart::api
