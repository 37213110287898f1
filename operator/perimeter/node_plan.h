// What is to be done about one node: keep our labels, taint and cordon right; evict tenants' pods once it lost its qualification.
// Pure: what was observed and the time in, a plan out.
#pragma once

#include <nlohmann/json.hpp>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "operator/perimeter/qualification.h"
#include "src/base/json.h"
#include "src/kube/events.h"

namespace rempart::perimeter {

using PodPtr = std::shared_ptr<const api::Pod>;

struct NodeObservation {
  NodePtr node;
  std::vector<RegionPtr> regions;  // all, oldest first, those being deleted too
  std::vector<PodPtr> pods;        // those of any region on this node
};

struct Eviction {
  PodPtr pod;
  std::string region;  // the region that the pod is held to
  bool force = false;  // the deadline has passed: delete, whatever disruption budgets say
  std::string why;     // for the events: the verdict's message
};

struct NodePlan {
  // A JSON merge patch with metadata.resourceVersion (a lost race is a conflict, and looked at again); null when nothing differs. A merge patch and not
  // server-side apply, because labels that somebody else set must be taken off too, which apply cannot do.
  Json patch;
  std::vector<kube::Event> events;  // NodeQualified, NodeLost, LabelsRestored … on node and region
  std::vector<Eviction> evictions;  // due now
  std::optional<Duration> look_again;  // when the next eviction falls due (grace period or deadline)
};
NodePlan PlanNode(const NodeObservation& observed, WallTime now);

}  // namespace rempart::perimeter
