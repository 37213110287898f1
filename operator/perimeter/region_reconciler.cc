#include "operator/perimeter/region_reconciler.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "operator/perimeter/attestation_check.h"
#include "operator/perimeter/region_plan.h"
#include "src/base/log.h"
#include "src/kube/apply.h"
#include "src/kube/status.h"

namespace rempart::perimeter {
namespace {

constexpr std::size_t kNamed = 100;  // users, pods

RegionObservation Observe(const cache::Caches& caches, AttestationBook& book, RegionPtr region) {
  RegionObservation observed;
  const std::string& name = region->meta.key.name;
  observed.region = std::move(region);
  observed.regions = caches.RegionsByAge();
  observed.leaving = caches.RegionsLeaving();
  observed.nodes = caches.nodes.List();
  observed.profiles = caches.ProfilesOf(observed.regions);
  if (AnyTakesWord(observed.regions)) observed.attestations = Attestations(caches.attestations.List(), &book);
  for (const auto& workload : caches.WorkloadsOfRegion(name)) {
    ++observed.user_count;
    observed.users.push_back(workload->meta.key.ToString());
  }
  for (const auto& pod : caches.PodsOfRegion(name)) {
    ++observed.pod_count;
    if (observed.region->meta.deleting) observed.pods.push_back(pod->meta.key.ToString());  // told only then
    if (!pod->node.empty() && !caches.OnQualifiedNode(*pod)) ++observed.pods_outside;
  }
  for (auto* names : {&observed.users, &observed.pods}) {
    std::ranges::sort(*names);
    if (names->size() > kNamed) names->resize(kNamed);
  }
  observed.labelled_nodes = caches.NodesWithLabel(name).size();
  return observed;
}

}  // namespace

RegionReconciler::RegionReconciler(cache::Caches& caches, kube::Api& api, kube::EventRecorder& events, Clock& clock,
                                   Metrics& metrics, RegionNodes& region_nodes, AttestationBook& book,
                                   OperatorIdentity& identity, const GateProofs& proofs, const WriteFailures& failures,
                                   const AuditSummaries& audits, Wake wake)
    : caches_(caches),
      api_(api),
      events_(events),
      clock_(clock),
      metrics_(metrics),
      region_nodes_(region_nodes),
      book_(book),
      identity_(identity),
      proofs_(proofs),
      failures_(failures),
      audits_(audits),
      wake_(std::move(wake)) {}

Result<kube::Outcome> RegionReconciler::Reconcile(kube::ReconcileContext& context) {
  const auto region = caches_.regions.Get(context.key());
  if (!region) {
    NoteNodes(context.key().name, false);
    metrics_.RemoveGauge("rempart_region_nodes", {{"region", context.key().name}, {"state", "qualified"}});
    metrics_.RemoveGauge("rempart_region_nodes", {{"region", context.key().name}, {"state", "outside"}});
    return kube::Outcome::AwaitChange();
  }
  RegionObservation observed = Observe(caches_, book_, region);
  observed.proof = proofs_.Get(region->meta.key.name);
  observed.unwritten = failures_.Of(region->meta.key.name);
  observed.audit = audits_.Get(region->meta.key.name);
  // Where the server does not say who we are, what else there is to say of the region is said all the same.
  if (const auto identity = identity_.Get(context.stop())) {
    auto namespaces = NamespacesOf(*region, observed.regions, caches_.namespaces.List(), *identity);
    if (namespaces.known) observed.namespaces = std::move(namespaces);
  }
  RegionPlan plan = PlanRegion(observed, clock_.Now());
  CountMetrics(region->meta.key.name, observed.labelled_nodes,
               observed.nodes.size() - std::min(observed.nodes.size(), observed.labelled_nodes));
  NoteNodes(region->meta.key.name, region_nodes_.AnyOf(region->meta.key.name));

  if (region->meta.deleting && !observed.InUse() && observed.labelled_nodes > 0) wake_.nodes(region->meta.key.name);
  if (plan.wake_nodes) wake_.nodes(region->meta.key.name);

  // First: what follows tells the world of the region, which must not be gone by then without having waited.
  if (plan.finalizer == true) {
    const auto version = WriteFinalizer(*region, true, context);
    if (!version) return Fail(Error(version.error()));
    // The status is written from what is seen then; a dry run changes nothing, and is seen never.
    if (*version != region->meta.resource_version) return kube::Outcome::AwaitChange();
  }
  if (!plan.status_patch.is_null()) {
    auto written = kube::PatchStatus(api_, api::kRegions, region->meta.key, region->meta.resource_version,
                                     std::move(plan.status_patch), context.stop());
    if (!written && written.error().kind == ErrorKind::kNotFound)
      return kube::Outcome::AwaitChange();  // gone meanwhile
    if (!written) return Fail(std::move(written.error()));
    context.Wrote(caches_.regions, *written);
  }
  for (auto& event : plan.events) events_.Record(std::move(event));  // what a status says that was written
  // Last: taking the finalizer off may end the object.
  if (plan.finalizer == false) {
    if (auto done = WriteFinalizer(*region, false, context); !done) return Fail(std::move(done.error()));
  }
  if (plan.look_again) return kube::Outcome::Requeue(*plan.look_again);
  return kube::Outcome::AwaitChange();
}

// A plain list that others have entries in, replaced as it was seen. Not by server-side apply, which could not take off
// a finalizer that came with the manifest of a region: from a backup, or copied from a region that has it.
Result<std::uint64_t> RegionReconciler::WriteFinalizer(const api::SovereignRegion& region, bool present,
                                                       kube::ReconcileContext& context) {
  Json finalizers = region.others_finalizers;
  if (present) finalizers.push_back(api::kRegionFinalizer);
  const Json body = {
      {"metadata",
       {{"resourceVersion", std::to_string(region.meta.resource_version)}, {"finalizers", std::move(finalizers)}}}};
  auto reply = api_.Patch(api::kRegions, region.meta.key, kube::PatchType::kMerge, body.dump(), false, context.stop());
  if (!reply && reply.error().kind == ErrorKind::kNotFound) return 0;  // gone: what taking the last finalizer off does
  if (!reply) return Fail(std::move(reply.error()));
  const auto version = kube::ResourceVersionOf(reply->body);
  if (version) context.Wrote(caches_.regions, *version);
  log::Info(present ? "finalizer added" : "finalizer taken off", {{"region", region.meta.key.name}});
  return version.value_or(0);
}

void RegionReconciler::CountMetrics(const std::string& region, std::size_t qualified, std::size_t outside) {
  const std::string help = "Nodes of the cluster, by whether they are in the region.";
  metrics_.GetGauge("rempart_region_nodes", help, {{"region", region}, {"state", "qualified"}})
      .Set(static_cast<double>(qualified));
  metrics_.GetGauge("rempart_region_nodes", help, {{"region", region}, {"state", "outside"}})
      .Set(static_cast<double>(outside));
}

void RegionReconciler::NoteNodes(const std::string& region, bool any) {
  bool changed = false;
  {
    std::scoped_lock lock(mutex_);
    auto [entry, added] = has_nodes_.try_emplace(region, any);
    changed = added ? any : entry->second != any;  // none known so far is none: who was judged by it has to be woken
    entry->second = any;
    if (!any && !caches_.regions.Get({"", region})) has_nodes_.erase(region);
  }
  if (changed) wake_.workloads(region);
}

}  // namespace rempart::perimeter
