// What is to be done about one SovereignRegion: finalizer and status. Pure.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "operator/perimeter/qualification.h"
#include "src/base/json.h"
#include "src/kube/events.h"

namespace rempart::perimeter {

struct RegionObservation {
  RegionPtr region;
  std::vector<RegionPtr> regions;   // all, oldest first
  std::vector<NodePtr> nodes;
  std::vector<std::string> users;   // workloads that name it, "ns/name", sorted, at most 100
  std::size_t user_count = 0;       // how many there are in all
  std::size_t pods_outside = 0;     // its pods that sit on nodes outside it
  std::size_t labelled_nodes = 0;   // nodes that still carry its label
};

struct RegionPlan {
  std::optional<bool> finalizer;  // true: add it; false: take it off (being deleted and nobody uses it and no node carries its label)
  Json status;                    // the whole desired status, or null when it equals the observed one
  std::vector<kube::Event> events;
  std::optional<Duration> look_again;
};
// status: {observedGeneration, nodes: {qualified, outside, zones: {<zone>: n}}, outside: [{node, reason, message}] (at most 50, then outsideOmitted: n), workloads, conditions
// [Ready, Reconciling, Stalled]}.
RegionPlan PlanRegion(const RegionObservation& observed, WallTime now);

}  // namespace rempart::perimeter
