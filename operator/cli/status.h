// What `kubectl rempart status` prints: regions at a glance, from what the operator says in their status. Pure. All
// text from the cluster comes out bounded, on one line, and as valid UTF-8.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "operator/cli/check_output.h"
#include "src/base/clock.h"
#include "src/base/json.h"

namespace rempart::cli {

// What is not there, or is of another type than it should be, is empty here: an older or newer operator, or somebody's
// hand, may have written the status.
struct RegionStatus {
  struct Condition {
    std::string status, reason, message, since;
  };
  struct RuleCount {
    std::string rule;
    std::uint64_t count = 0;
    std::string sentence;
  };
  std::string name, country, enforcement;
  bool deleting = false;
  bool there = false;    // the operator has looked at the region
  bool current = false;  // and at its spec as it is now
  std::optional<Condition> ready, self_tested, expiring, fully_declared;
  std::optional<std::uint64_t> qualified, outside;
  std::map<std::string, std::uint64_t> zones;
  std::vector<std::pair<std::string, std::uint64_t>> reasons;  // of the nodes outside that are listed, most first
  std::uint64_t outside_omitted = 0;                           // how many are not
  std::optional<std::uint64_t> refused, admitted;              // probes of the gate
  std::string last_held;
  std::vector<std::string> not_probed;
  std::optional<std::uint64_t> audited, violations;
  std::string audit_left_out;
  std::vector<RuleCount> by_rule;  // most first
  std::optional<std::uint64_t> governed, in_no_region;
  std::vector<std::string> names_in_no_region;
  std::optional<std::uint64_t> workloads;

  // Ready is True, and said of the spec as it is now.
  bool IsReady() const;
};

// Of a SovereignRegion as the API server gives it; any JSON will do. `rules` have the sentences.
RegionStatus ReadStatus(const Json& region, const std::vector<RuleText>& rules);

// For people, in lines of at most `width` columns (at least 40) where words allow it. `now` tells how old a proof is.
// With a final newline.
std::string StatusTable(const std::vector<RegionStatus>& regions, std::size_t width, WallTime now);

// {"version": 1, "regions": […]}, see docs/kubectl.md. With a final newline.
std::string StatusJson(const std::vector<RegionStatus>& regions);

}  // namespace rempart::cli
