#include "operator/perimeter/node_reconciler.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "src/base/log.h"
#include "src/kube/apply.h"

namespace rempart::perimeter {
namespace {

kube::ObjectRef RefOf(const api::Pod& pod) { return {"v1", "Pod", pod.meta.key.ns, pod.meta.key.name, pod.meta.uid}; }

// What a disruption budget answers: not now.
bool BudgetHolds(const Error& error) { return error.http_status == 429; }

}  // namespace

NodeReconciler::NodeReconciler(cache::Caches& caches, kube::Api& api, kube::EventRecorder& events, Clock& clock,
                               Metrics& metrics)
    : caches_(caches), api_(api), events_(events), clock_(clock) {
  const std::string name = "rempart_evictions_total",
                    help = "Pods moved off nodes that lost their qualification, by how it went.";
  evicted_ = metrics.GetCounter(name, help, {{"outcome", "evicted"}});
  forced_ = metrics.GetCounter(name, help, {{"outcome", "deleted_after_deadline"}});
  refused_ = metrics.GetCounter(name, help, {{"outcome", "held_by_budget"}});
}

Result<kube::Outcome> NodeReconciler::Reconcile(kube::ReconcileContext& context) {
  NodeObservation observed;
  observed.node = caches_.nodes.Get(context.key());
  if (!observed.node) return kube::Outcome::AwaitChange();
  observed.regions = caches_.RegionsByAge();
  observed.leaving = caches_.RegionsLeaving();
  observed.pods = caches_.PodsOnNode(context.key().name);
  for (const auto& pod : observed.pods) {
    if (!pod->region.empty() || pod->region_label.empty()) continue;
    const kube::ObjectKey workload{pod->meta.key.ns, pod->workload};
    if (caches_.workloads.Get(workload)) observed.workloads.insert(workload);
  }
  NodePlan plan = PlanNode(observed, clock_.Now());

  if (!plan.patch.is_null()) {
    auto reply =
        api_.Patch(api::kNodes, context.key(), kube::PatchType::kMerge, plan.patch.dump(), false, context.stop());
    if (!reply && reply.error().kind == ErrorKind::kNotFound) return kube::Outcome::AwaitChange();
    if (!reply) return Fail(std::move(reply.error()));
    if (auto version = kube::ResourceVersionOf(reply->body)) context.Wrote(caches_.nodes, *version);
    log::Info("node changed", {{"node", context.key().name}, {"patch", plan.patch.dump()}});
  }
  // Events after the write that they tell of: a lost race tells nothing.
  for (auto& event : plan.events) events_.Record(std::move(event));

  std::optional<Error> failed;
  for (const auto& eviction : plan.evictions) {
    auto done = Evict(eviction, context);
    if (!done && done.error().kind == ErrorKind::kCancelled) return Fail(std::move(done.error()));
    if (!done) failed = std::move(done.error());  // the others still go
  }
  if (failed) return Fail(std::move(*failed));
  if (plan.look_again) return kube::Outcome::Requeue(*plan.look_again);
  return kube::Outcome::AwaitChange();
}

Status NodeReconciler::Evict(const Eviction& eviction, kube::ReconcileContext& context) {
  const api::Pod& pod = *eviction.pod;
  const Json preconditions = {{"uid", pod.meta.uid}};
  kube::Api::Call call;
  if (eviction.force) {
    call.method = "DELETE";
    call.target = api::kPods.Path(pod.meta.key.ns, pod.meta.key.name);
    call.doing = "delete pod " + pod.meta.key.ToString();
    call.body = Json{{"apiVersion", "v1"},
                     {"kind", "DeleteOptions"},
                     {"gracePeriodSeconds", eviction.grace_seconds},
                     {"preconditions", preconditions}}
                    .dump();
  } else {
    call.method = "POST";
    call.target = api::kPods.Path(pod.meta.key.ns, pod.meta.key.name, "eviction");
    call.doing = "evict pod " + pod.meta.key.ToString();
    call.body = Json{{"apiVersion", "policy/v1"},
                     {"kind", "Eviction"},
                     {"metadata", {{"name", pod.meta.key.name}, {"namespace", pod.meta.key.ns}}},
                     {"deleteOptions", {{"preconditions", preconditions}}}}
                    .dump();
  }
  call.obey_retry_after = false;  // a budget's 429 is an answer, not a plea to wait on this worker
  auto reply = api_.Do(call, context.stop());
  if (!reply) {
    const Error& error = reply.error();
    if (error.kind == ErrorKind::kNotFound || error.kind == ErrorKind::kConflict)
      return {};  // gone, or another pod of that name by now
    if (BudgetHolds(error) && !eviction.force) {
      refused_.Add();
      log::Info("a disruption budget holds the pod until the deadline", {{"pod", pod.meta.key.ToString()}});
      return {};
    }
    return Fail(std::move(reply.error()));
  }
  (eviction.force ? forced_ : evicted_).Add();
  log::Warn(eviction.force ? "pod deleted: deadline passed" : "pod evicted",
            {{"pod", pod.meta.key.ToString()}, {"node", pod.node}, {"region", eviction.region}, {"why", eviction.why}});

  const std::string reason = eviction.force ? "DeletedAfterDeadline" : "EvictedFromLostNode";
  const std::string note = fmt::format("pod {} on node {}: {}", pod.meta.key.ToString(), pod.node, eviction.why);
  auto tell = [&](kube::ObjectRef regarding) {
    events_.Record({std::move(regarding), kube::Event::Type::kWarning, reason, "Evict", note, RefOf(pod)});
  };
  tell(RefOf(pod));
  if (const auto workload = caches_.workloads.Get({pod.meta.key.ns, pod.workload}))
    tell({api::kWorkloads.ApiVersion(), "TenantWorkload", pod.meta.key.ns, pod.workload, workload->meta.uid});
  if (const auto region = caches_.regions.Get({"", eviction.region}))
    tell({api::kRegions.ApiVersion(), "SovereignRegion", "", eviction.region, region->meta.uid});
  return {};
}

}  // namespace rempart::perimeter
