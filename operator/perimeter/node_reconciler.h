// Node -> our labels, taint and cordon; evictions from a node that lost its qualification. Observes the caches, calls
// PlanNode, carries the plan out.
#pragma once

#include "operator/cache/caches.h"
#include "operator/perimeter/node_plan.h"
#include "src/base/clock.h"
#include "src/base/metrics.h"
#include "src/kube/api.h"
#include "src/kube/events.h"
#include "src/kube/runner.h"

namespace rempart::perimeter {

// Thread-safe.
class NodeReconciler {
 public:
  NodeReconciler(cache::Caches& caches, kube::Api& api, kube::EventRecorder& events, Clock& clock, Metrics& metrics);
  Result<kube::Outcome> Reconcile(kube::ReconcileContext& context);

 private:
  Status Evict(const Eviction& eviction, kube::ReconcileContext& context);

  cache::Caches& caches_;
  kube::Api& api_;
  kube::EventRecorder& events_;
  Clock& clock_;
  Counter evicted_, forced_, refused_;
};

}  // namespace rempart::perimeter
