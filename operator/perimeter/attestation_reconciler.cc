#include "operator/perimeter/attestation_reconciler.h"

#include <utility>

#include "src/kube/status.h"

namespace rempart::perimeter {

Result<kube::Outcome> AttestationReconciler::Reconcile(kube::ReconcileContext& context) {
  const auto attestation = caches_.attestations.Get(context.key());
  if (!attestation || attestation->meta.deleting) return kube::Outcome::AwaitChange();
  AttestationObservation observed;
  observed.attestation = attestation;
  observed.regions = caches_.RegionsByAge();
  if (!attestation->node.empty()) {
    observed.node = caches_.nodes.Get({"", attestation->node});
    observed.attestations = Attestations(caches_.AttestationsOf(attestation->node), &book_);
  }
  AttestationPlan plan = PlanAttestation(observed, clock_.Now());
  if (!plan.status_patch.is_null()) {
    auto written = kube::PatchStatus(api_, api::kAttestations, attestation->meta.key,
                                     attestation->meta.resource_version, std::move(plan.status_patch), context.stop());
    if (!written && written.error().kind == ErrorKind::kNotFound) return kube::Outcome::AwaitChange();
    if (!written) return Fail(std::move(written.error()));
    context.Wrote(caches_.attestations, *written);
  }
  for (auto& event : plan.events) events_.Record(std::move(event));  // what a status says that was written
  if (plan.look_again) return kube::Outcome::Requeue(*plan.look_again);
  return kube::Outcome::AwaitChange();
}

}  // namespace rempart::perimeter
