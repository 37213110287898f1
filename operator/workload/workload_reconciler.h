// TenantWorkload -> its child and its status. Observes the caches, calls PlanChild, applies, calls PlanStatus, writes.
#pragma once

#include <mutex>
#include <string>
#include <unordered_map>

#include "operator/cache/caches.h"
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
  WorkloadReconciler(cache::Caches& caches, kube::Api& api, kube::EventRecorder& events, Clock& clock, Metrics& metrics);
  Result<kube::Outcome> Reconcile(kube::ReconcileContext& context);

 private:
  WorkloadObservation Observe(const WorkloadPtr& workload) const;
  Status RemoveOthers(const ChildPlan& plan, kube::ReconcileContext& context);
  ApplyOutcome ApplyChild(const WorkloadObservation& observed, const ChildPlan& plan, kube::ReconcileContext& context);
  Applied Remembered(const api::TenantWorkload& workload);
  void Remember(const std::string& uid, Applied applied);

  cache::Caches& caches_;
  kube::Api& api_;
  kube::EventRecorder& events_;
  Clock& clock_;
  Counter restored_;
  std::mutex mutex_;
  // By the workload's uid: what was last applied and what the server made of it. status.child.applied says the same, but
  // tenants may be allowed to write a status; while the operator runs, its own memory is believed first.
  std::unordered_map<std::string, Applied> applied_;
  std::unordered_map<kube::ObjectKey, std::string, kube::ObjectKeyHash> uids_;  // to forget when a workload is gone
};

}  // namespace rempart::workload
