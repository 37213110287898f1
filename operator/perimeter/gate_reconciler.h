// SovereignRegion -> admission policies, bindings and parameters. Observes the caches, calls PlanGate, carries the plan
// out. What cannot be written keeps nothing else from it, and is told by WriteFailures. What somebody deletes or edits
// is put back, with an event on the region and rempart_policies_restored_total.
#pragma once

#include <functional>
#include <mutex>
#include <string>
#include <unordered_map>

#include "operator/cache/caches.h"
#include "operator/perimeter/gate_plan.h"
#include "operator/perimeter/gate_proof.h"
#include "operator/perimeter/operator_identity.h"
#include "operator/perimeter/write_failures.h"
#include "src/base/clock.h"
#include "src/base/metrics.h"
#include "src/kube/api.h"
#include "src/kube/events.h"
#include "src/kube/runner.h"

namespace rempart::perimeter {

// Thread-safe: one key is never on two threads, what is shared between keys is locked.
class GateReconciler {
 public:
  // `wake_self_test`: called for a region whose gate was written, or now is what another spec of it asks for.
  GateReconciler(cache::Caches& caches, kube::Api& api, kube::EventRecorder& events, Clock& clock, Metrics& metrics,
                 OperatorIdentity& identity, GateProofs& proofs, WriteFailures& failures,
                 std::function<void(const std::string& region)> wake_self_test);
  Result<kube::Outcome> Reconcile(kube::ReconcileContext& context);

 private:
  Status Write(const api::SovereignRegion& region, const GatePlan::Write& write, GateMemory& memory,
               kube::ReconcileContext& context);
  Status Remove(const api::GateObject& object, GateMemory& memory, kube::ReconcileContext& context);
  GateMemory& MemoryOf(const api::SovereignRegion& region);

  cache::Caches& caches_;
  kube::Api& api_;
  kube::EventRecorder& events_;
  Clock& clock_;
  OperatorIdentity& identity_;
  GateProofs& proofs_;
  WriteFailures& failures_;
  const std::function<void(const std::string& region)> wake_self_test_;
  Counter restored_;
  std::mutex mutex_;
  std::unordered_map<std::string, std::pair<std::string, GateMemory>> memory_;  // by name: uid and what is remembered
};

}  // namespace rempart::perimeter
