// status.conditions as kstatus reads them: Ready, Reconciling, Stalled, and our Placed.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "src/base/clock.h"
#include "src/base/json.h"

namespace rempart::api {

struct Condition {
  std::string type;
  std::string status;  // "True", "False", "Unknown"
  std::string reason;  // CamelCase, never empty
  std::string message;
};

// The `conditions` array as JSON in the given order; lastTransitionTime is kept from `before` (the old array, or null)
// where the status of that type did not change and it can be read, else `now`. Messages are cut at 1,024 bytes at a
// character's boundary, and bytes that are no UTF-8 are replaced. `before` may be any JSON.
Json ConditionsJson(const std::vector<Condition>& conditions, const Json& before, std::int64_t observed_generation,
                    WallTime now);

// What stood before, which may be any JSON.
Json StatusBefore(const std::string& status_json);  // the object, or null: there is none, or none that can be read
Json ConditionsOf(const Json& status);              // its array `conditions`, or null
bool HasType(const Json& conditions, std::string_view type);
bool SaidBefore(const Json& conditions, const Condition& now);  // of that type, with that status and reason

}  // namespace rempart::api
