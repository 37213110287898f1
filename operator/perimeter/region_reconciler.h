// SovereignRegion -> finalizer and status. Observes the caches, calls PlanRegion, carries the plan out.
#pragma once

#include <mutex>
#include <string>
#include <unordered_map>

#include "operator/cache/caches.h"
#include "operator/perimeter/audit_summary.h"
#include "operator/perimeter/gate_proof.h"
#include "operator/perimeter/operator_identity.h"
#include "operator/perimeter/region_nodes.h"
#include "operator/perimeter/write_failures.h"
#include "src/base/clock.h"
#include "src/base/metrics.h"
#include "src/kube/api.h"
#include "src/kube/events.h"
#include "src/kube/runner.h"

namespace rempart::perimeter {

// Thread-safe: one key is never on two threads, what is shared between keys is locked.
class RegionReconciler {
 public:
  // What a change of a region as a whole concerns, added to the queue.
  struct Wake {
    // Its first node qualifies, or its last one is lost.
    std::function<void(const std::string& region)> workloads;
    // It is being deleted, and its last workload and pod are gone, or its hosting profile expired: they are given up.
    std::function<void(const std::string& region)> nodes;
  };
  RegionReconciler(cache::Caches& caches, kube::Api& api, kube::EventRecorder& events, Clock& clock, Metrics& metrics,
                   RegionNodes& region_nodes, AttestationBook& book, OperatorIdentity& identity,
                   const GateProofs& proofs, const WriteFailures& failures, const AuditSummaries& audits, Wake wake);
  Result<kube::Outcome> Reconcile(kube::ReconcileContext& context);

 private:
  // Gives the resourceVersion that the region then has.
  Result<std::uint64_t> WriteFinalizer(const api::SovereignRegion& region, bool present,
                                       kube::ReconcileContext& context);
  void CountMetrics(const std::string& region, std::size_t qualified, std::size_t outside);
  void NoteNodes(const std::string& region, bool any);

  cache::Caches& caches_;
  kube::Api& api_;
  kube::EventRecorder& events_;
  Clock& clock_;
  Metrics& metrics_;
  RegionNodes& region_nodes_;
  AttestationBook& book_;
  OperatorIdentity& identity_;
  const GateProofs& proofs_;
  const WriteFailures& failures_;
  const AuditSummaries& audits_;
  Wake wake_;
  std::mutex mutex_;
  std::unordered_map<std::string, bool> has_nodes_;
};

}  // namespace rempart::perimeter
