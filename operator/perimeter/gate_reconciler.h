// SovereignRegion -> admission policies, bindings and parameters. Observes the caches, calls PlanGate, carries the plan
// out. What somebody deletes or edits is put back, with an event on the region and rempart_policies_restored_total.
#pragma once

#include <functional>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <unordered_map>

#include "operator/cache/caches.h"
#include "operator/perimeter/gate_plan.h"
#include "src/base/metrics.h"
#include "src/kube/api.h"
#include "src/kube/events.h"
#include "src/kube/runner.h"

namespace rempart::perimeter {

// Thread-safe: one key is never on two threads, what is shared between keys is locked.
class GateReconciler {
 public:
  // Who the operator is to the API server, see kube::WhoAmI. Asked once, with the first region.
  using WhoAmI = std::function<Result<std::string>(std::stop_token)>;
  GateReconciler(cache::Caches& caches, kube::Api& api, kube::EventRecorder& events, Metrics& metrics, WhoAmI who_am_i);
  Result<kube::Outcome> Reconcile(kube::ReconcileContext& context);

 private:
  Result<rules::PolicyContext> Context(std::stop_token stop);
  Status Write(const api::SovereignRegion& region, const GatePlan::Write& write, GateMemory& memory,
               kube::ReconcileContext& context);
  Status Remove(const api::GateObject& object, GateMemory& memory, kube::ReconcileContext& context);
  GateMemory& MemoryOf(const api::SovereignRegion& region);

  cache::Caches& caches_;
  kube::Api& api_;
  kube::EventRecorder& events_;
  const WhoAmI who_am_i_;
  Counter restored_;
  std::mutex mutex_;
  std::optional<rules::PolicyContext> context_;
  std::unordered_map<std::string, std::pair<std::string, GateMemory>> memory_;  // by name: uid and what is remembered
};

}  // namespace rempart::perimeter
