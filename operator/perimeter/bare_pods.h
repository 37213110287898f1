// Pods of a region's namespaces that nothing in them holds to it: plain ones, without its node selector. What the
// region asks of them at the gate, or its taint, keeps them off other nodes; off a node that it lost they are moved
// like the rest, where the region enforces. No cache has them, since a cluster may have many: they are asked for when
// the grace period of a loss is over.
#pragma once

#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "operator/cache/caches.h"
#include "operator/perimeter/node_plan.h"
#include "operator/perimeter/operator_identity.h"
#include "src/kube/api.h"

namespace rempart::perimeter {

// The region that lost the node, by the node's record or, where that could not be written, by what is kept in mind; and
// when its grace period ends. Nothing where it does not move such pods (MovesBarePods) or may not: it has the node
// again, is leaving, or is in trouble. A record without a readable time has no grace.
struct BareLoss {
  RegionPtr region;
  WallTime due;
  RegionPtr claim;  // which region has the node now; null for none
};
std::optional<BareLoss> BareLossOf(const NodeObservation& observed, const Evidence& evidence);

// Those that are to be moved now. Disruption budgets hold until the deadline has passed since `since`, when the first
// of them was found there: a region that only now enforces, or an operator that only now looks, deletes nothing by
// force at first sight.
std::vector<Eviction> PlanBareEvictions(const std::vector<PodPtr>& pods, const api::Node& node, const BareLoss& loss,
                                        WallTime since, const Evidence& evidence);

// Thread-safe.
class BarePods {
 public:
  BarePods(cache::Caches& caches, kube::Api& api, OperatorIdentity& identity)
      : caches_(caches), api_(api), identity_(identity) {}
  // Those on the node that have not ended, of namespaces that `region` governs and no older one, as the API server's
  // cache has them. Mirrors of static pods are left out, since nobody can evict them; so is what cannot be read.
  Result<std::vector<PodPtr>> On(const std::string& node, const api::SovereignRegion& region, std::stop_token stop);

 private:
  cache::Caches& caches_;
  kube::Api& api_;
  OperatorIdentity& identity_;
};

}  // namespace rempart::perimeter
