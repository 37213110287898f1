// NodeAttestation -> its status. Observes the caches, calls PlanAttestation, carries the plan out. That a node is in or
// out is not decided here: see node_reconciler.h.
#pragma once

#include "operator/cache/caches.h"
#include "operator/perimeter/attestation_plan.h"
#include "src/base/clock.h"
#include "src/kube/api.h"
#include "src/kube/events.h"
#include "src/kube/runner.h"

namespace rempart::perimeter {

// Thread-safe.
class AttestationReconciler {
 public:
  AttestationReconciler(cache::Caches& caches, kube::Api& api, kube::EventRecorder& events, Clock& clock,
                        AttestationBook& book)
      : caches_(caches), api_(api), events_(events), clock_(clock), book_(book) {}
  Result<kube::Outcome> Reconcile(kube::ReconcileContext& context);

 private:
  cache::Caches& caches_;
  kube::Api& api_;
  kube::EventRecorder& events_;
  Clock& clock_;
  AttestationBook& book_;
};

}  // namespace rempart::perimeter
