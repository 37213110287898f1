// TenantWorkload -> its child and its status. Observes the caches, calls PlanChild, applies, calls PlanStatus, writes.
#pragma once

#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>

#include "operator/cache/caches.h"
#include "operator/perimeter/region_nodes.h"
#include "operator/workload/workload_plan.h"
#include "src/base/clock.h"
#include "src/base/metrics.h"
#include "src/kube/api.h"
#include "src/kube/events.h"
#include "src/kube/runner.h"

namespace rempart::workload {

// Thread-safe.
class WorkloadReconciler {
 public:
  WorkloadReconciler(cache::Caches& caches, kube::Api& api, kube::EventRecorder& events, Clock& clock, Metrics& metrics,
                     perimeter::RegionNodes& region_nodes);
  Result<kube::Outcome> Reconcile(kube::ReconcileContext& context);

 private:
  WorkloadObservation Observe(const WorkloadPtr& workload) const;
  Status RemoveOthers(const ChildPlan& plan, kube::ReconcileContext& context);
  // Carries out plan.hold, and leaves in it what was done. The last error, where there was one.
  Status HoldChildren(ChildPlan& plan, const std::optional<ApplyOutcome>& outcome, kube::ReconcileContext& context);
  ApplyOutcome ApplyChild(const WorkloadObservation& observed, const ChildPlan& plan, kube::ReconcileContext& context);
  // What the operator remembers of a workload between two looks, by its uid.
  struct Memory {
    // What was last applied and what the server made of it. status.child.applied says the same, but tenants may be
    // allowed to write a status; while the operator runs, its own memory is believed first.
    std::optional<Applied> applied;
    // What the child should be, as digest, for the WishVersion that it was found for.
    std::string wish_version, wish_digest;
    // An attempt that the server refused, so that it is not repeated on and on: its outcome stands until `until`, or
    // until the attempt would be another one.
    std::string refused_attempt;
    ApplyOutcome refused;
    MonoTime until{};
    // What was observed when nothing was left to do. Our own writes come back as changes, and need no second look.
    std::optional<std::size_t> settled;
  };
  Memory& MemoryOf(const api::TenantWorkload& workload);  // valid as long as the key is being reconciled; needs no lock
  ApplyOutcome TryChild(const WorkloadObservation& observed, const ChildPlan& plan, Memory& memory,
                        kube::ReconcileContext& context);

  cache::Caches& caches_;
  kube::Api& api_;
  kube::EventRecorder& events_;
  Clock& clock_;
  perimeter::RegionNodes& region_nodes_;
  Counter restored_;
  std::mutex mutex_;
  std::unordered_map<kube::ObjectKey, std::pair<std::string, Memory>, kube::ObjectKeyHash>
      memory_;  // with the workload's uid
};

}  // namespace rempart::workload
