#include "tests/support/events.h"

#include <algorithm>
#include <cstdio>
#include <vector>

namespace rempart::test {

std::optional<Json> AwaitEvent(Cluster& cluster, const std::string& ns, const std::string& reason,
                               const std::string& kind, const std::string& name, std::chrono::milliseconds limit) {
  std::optional<Json> found;
  const auto is = [&](const Json& event) {
    const Json about = event.value("regarding", Json::object());
    return event.value("reason", "") == reason && about.value("kind", "") == kind && about.value("name", "") == name;
  };
  const auto look = [&](const std::vector<Json>& events) {
    const auto it = std::ranges::find_if(events, is);
    if (it != events.end()) found = *it;
    return found.has_value();
  };
  if (!cluster.AwaitList(kEvents, ns, "", look, limit))
    std::fprintf(stderr, "no event %s about %s %s\n", reason.c_str(), kind.c_str(), name.c_str());
  return found;
}

WallTime TimeOf(const Json& event) { return ParseTime(event.value("eventTime", "")).value_or(WallTime{}); }

}  // namespace rempart::test
