// Namespace -> its Pod Security labels and its default-deny NetworkPolicy. Observes the caches, calls PlanGuards,
// carries the plan out. What somebody edits or deletes is put back, with an event on the region and
// rempart_guards_restored_total.
#pragma once

#include <mutex>
#include <string>
#include <unordered_map>

#include "operator/cache/caches.h"
#include "operator/perimeter/guard_plan.h"
#include "operator/perimeter/operator_identity.h"
#include "operator/perimeter/write_failures.h"
#include "src/base/clock.h"
#include "src/base/metrics.h"
#include "src/kube/api.h"
#include "src/kube/events.h"
#include "src/kube/runner.h"

namespace rempart::perimeter {

// Thread-safe: one key is never on two threads, what is shared between keys is locked.
class GuardReconciler {
 public:
  GuardReconciler(cache::Caches& caches, kube::Api& api, kube::EventRecorder& events, Clock& clock, Metrics& metrics,
                  OperatorIdentity& identity, WriteFailures& failures);
  Result<kube::Outcome> Reconcile(kube::ReconcileContext& context);

 private:
  Status PatchNamespace(const api::Namespace& ns, const RegionPtr& region, const GuardPlan& plan,
                        kube::ReconcileContext& context);
  Status WritePolicy(const std::string& ns, const api::SovereignRegion& region, const GuardPlan& plan,
                     kube::ReconcileContext& context);
  Status RemovePolicy(const api::NetworkGuard& policy, kube::ReconcileContext& context);
  void TellRestored(const api::SovereignRegion& region, const std::string& note, const kube::ObjectRef& object);
  GuardMemory Remembered(const std::string& ns);
  void Remember(const std::string& ns, GuardMemory memory);
  void Forget(const std::string& ns);

  cache::Caches& caches_;
  kube::Api& api_;
  kube::EventRecorder& events_;
  Clock& clock_;
  OperatorIdentity& identity_;
  WriteFailures& failures_;
  Counter restored_;
  std::mutex mutex_;
  std::unordered_map<std::string, GuardMemory> memory_;  // by namespace
};

}  // namespace rempart::perimeter
