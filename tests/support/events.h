// The operator's events, as tests look for them.
#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "tests/support/cluster.h"

namespace rempart::test {

inline constexpr kube::Resource kEvents{"events.k8s.io", "v1", "events", "Event", true};
// Where events of objects that have no namespace are kept.
inline constexpr char kEventsOfCluster[] = "default";

// Waits for an event of that reason about the object, in namespace `ns`; nothing where none came within `limit`.
std::optional<Json> AwaitEvent(Cluster& cluster, const std::string& ns, const std::string& reason,
                               const std::string& kind, const std::string& name, std::chrono::milliseconds limit = 30s);

// When it first happened; the epoch where that cannot be read.
WallTime TimeOf(const Json& event);

}  // namespace rempart::test
