#include "operator/perimeter/node_reconciler.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "src/base/log.h"
#include "src/kube/apply.h"

namespace rempart::perimeter {
namespace {

constexpr Duration kRetry = std::chrono::seconds(5);
constexpr Duration kSlowRetry =
    std::chrono::seconds(60);  // what the runner takes for an error that only a change helps

kube::ObjectRef RefOf(const api::Pod& pod) { return {"v1", "Pod", pod.meta.key.ns, pod.meta.key.name, pod.meta.uid}; }

// What a disruption budget answers: not now. An overloaded server says 429 too, and nothing of budgets.
bool BudgetHolds(const Error& error) { return error.http_status == 429 && error.message.contains("disruption budget"); }

// The server answered, and the same change will not pass soon: no right to it, refused by a policy, or an admission
// webhook that does not answer (500).
bool IsRefusal(const Error& error) {
  return error.kind == ErrorKind::kDenied || error.kind == ErrorKind::kInvalid ||
         (error.kind == ErrorKind::kTransient && error.http_status >= 500);
}

}  // namespace

NodeReconciler::NodeReconciler(cache::Caches& caches, kube::Api& api, kube::EventRecorder& events, Clock& clock,
                               Metrics& metrics, AttestationBook& book, BarePods* bare_pods)
    : caches_(caches),
      api_(api),
      events_(events),
      clock_(clock),
      metrics_(metrics),
      book_(book),
      bare_pods_(bare_pods) {
  const std::string name = "rempart_evictions_total",
                    help = "Pods moved off nodes that lost their qualification, by how it went.";
  evicted_ = metrics.GetCounter(name, help, {{"outcome", "evicted"}});
  forced_ = metrics.GetCounter(name, help, {{"outcome", "deleted_after_deadline"}});
  refused_ = metrics.GetCounter(name, help, {{"outcome", "held_by_budget"}});
  failed_ = metrics.GetCounter(name, help, {{"outcome", "failed"}});
}

Result<kube::Outcome> NodeReconciler::Reconcile(kube::ReconcileContext& context) {
  const auto node = caches_.nodes.Get(context.key());
  if (!node) {
    KeepInMind(context.key().name, std::nullopt);
    {
      std::scoped_lock lock(mutex_);
      bare_since_.erase(context.key().name);
    }
    MeasureExpiry(context.key().name, std::nullopt);
    return kube::Outcome::AwaitChange();
  }
  const NodeObservation observed = Observe(node);
  NodePlan plan = PlanNode(observed, clock_.Now());
  MeasureExpiry(context.key().name, plan.attested_until);
  auto outcome = CarryOut(*node, std::move(plan), context);
  if (!outcome || bare_pods_ == nullptr) return outcome;
  if (const auto next = MoveBarePods(observed, context))
    return kube::Outcome::Requeue(std::min(outcome->requeue_after.value_or(*next), *next));
  return outcome;
}

Result<kube::Outcome> NodeReconciler::CarryOut(const api::Node& node, NodePlan plan, kube::ReconcileContext& context) {
  const Status written = WriteNode(plan, context);
  if (!written && written.error().kind == ErrorKind::kNotFound) return kube::Outcome::AwaitChange();
  if (!written && !IsRefusal(written.error())) return Fail(written.error());
  KeepInMind(context.key().name, written ? std::nullopt : plan.loss);
  if (written) {
    // Events after the write that they tell of: a lost race tells nothing.
    for (auto& event : plan.events) events_.Record(std::move(event));
  } else {
    TellRefused(node, written.error());
  }

  auto outcome = EvictAll(plan, context);
  if (written || !outcome) return outcome;
  // Evictions set the pace, and the change is tried again with them, unless its own next try comes sooner.
  const bool soon =
      outcome->requeue_after && *outcome->requeue_after <= kSlowRetry && written.error().kind != ErrorKind::kTransient;
  if (!plan.evictions.empty() || soon) return outcome;
  return Fail(written.error());
}

NodeObservation NodeReconciler::Observe(cache::NodePtr node) {
  NodeObservation observed;
  observed.regions = caches_.RegionsByAge();
  observed.leaving = caches_.RegionsLeaving();
  observed.profiles = caches_.ProfilesOf(observed.regions);
  observed.attestations = Attestations(caches_.AttestationsOf(node->meta.key.name), &book_);
  observed.pods = caches_.PodsOnNode(node->meta.key.name);
  for (const auto& pod : observed.pods) {
    if (!pod->only_labelled()) continue;
    const kube::ObjectKey workload{pod->meta.key.ns, pod->workload};
    if (caches_.workloads.Get(workload)) observed.workloads.insert(workload);
  }
  {
    std::scoped_lock lock(mutex_);
    if (const auto it = unrecorded_.find(node->meta.key.name); it != unrecorded_.end())
      observed.unrecorded = it->second;
  }
  observed.node = std::move(node);
  return observed;
}

// After the node's own change and the pods that are known: what has to be asked for first must not hold those up.
std::optional<Duration> NodeReconciler::MoveBarePods(const NodeObservation& observed, kube::ReconcileContext& context) {
  const std::string& name = observed.node->meta.key.name;
  const WallTime now = clock_.Now();
  const Evidence evidence{observed.profiles, now, observed.attestations};
  const auto loss = BareLossOf(observed, evidence);
  if (!loss || now < loss->due) {
    std::scoped_lock lock(mutex_);
    bare_since_.erase(name);
    return loss ? std::optional<Duration>(loss->due - now) : std::nullopt;
  }
  const auto& [region, due, claim] = *loss;
  const auto pods = bare_pods_->On(name, *region, context.stop());
  if (!pods) {
    log::Warn("pods without the region's selector cannot be listed, trying again",
              {{"node", name}, {"region", region->meta.key.name}, {"error", pods.error()}});
    return pods.error().kind == ErrorKind::kTransient ? kRetry : kSlowRetry;
  }
  WallTime since = now;
  {
    std::scoped_lock lock(mutex_);
    if (pods->empty())
      bare_since_.erase(name);
    else
      since = bare_since_.try_emplace(name, now).first->second;
  }
  if (pods->empty()) {
    const WallTime end = Plus(due, kLateBinding);
    return now < end ? std::optional<Duration>(end - now) : std::nullopt;
  }
  NodePlan plan;
  plan.evictions = PlanBareEvictions(*pods, *observed.node, *loss, since, evidence);
  const auto done = EvictAll(plan, context);
  return done && done->requeue_after ? std::min(*done->requeue_after, kRetry) : kRetry;
}

Status NodeReconciler::WriteNode(const NodePlan& plan, kube::ReconcileContext& context) {
  if (plan.patch.is_null()) return {};
  auto reply =
      api_.Patch(api::kNodes, context.key(), kube::PatchType::kMerge, plan.patch.dump(), false, context.stop());
  if (!reply) return Fail(std::move(reply.error()));
  if (auto version = kube::ResourceVersionOf(reply->body)) context.Wrote(caches_.nodes, *version);
  log::Info("node changed", {{"node", context.key().name}, {"patch", plan.patch.dump()}});
  return {};
}

void NodeReconciler::TellRefused(const api::Node& node, const Error& error) {
  log::Error("the API server refuses a change of the node; pods are evicted all the same",
             {{"node", node.meta.key.name}, {"error", error}});
  events_.Record({{api::kNodes.ApiVersion(), std::string(api::kNodes.kind), "", node.meta.key.name, node.meta.uid},
                  kube::Event::Type::kWarning,
                  "NodeChangeRefused",
                  "Label",
                  error.message,
                  std::nullopt});
}

// One series a node that was ever attested, as long as both are there: one whose time has passed is what an alert looks
// for.
void NodeReconciler::MeasureExpiry(const std::string& node, std::optional<WallTime> until) {
  const std::string name = "rempart_attestation_expiry_timestamp_seconds";
  if (until) {
    metrics_
        .GetGauge(name, "Until when the node is attested, in seconds since the epoch; also once that has passed.",
                  {{"node", node}})
        .Set(std::chrono::duration<double>(until->time_since_epoch()).count());
  } else {
    metrics_.RemoveGauge(name, {{"node", node}});
  }
}

void NodeReconciler::KeepInMind(const std::string& node, std::optional<Loss> loss) {
  std::scoped_lock lock(mutex_);
  if (loss) {
    unrecorded_.insert_or_assign(node, *std::move(loss));
  } else {
    unrecorded_.erase(node);
  }
}

// One that fails holds up neither the others nor its own next try: what is refused now is asked again as what a budget
// holds is.
Result<kube::Outcome> NodeReconciler::EvictAll(const NodePlan& plan, kube::ReconcileContext& context) {
  auto look_again = plan.look_again;
  std::optional<Error> bug;
  for (const auto& eviction : plan.evictions) {
    auto done = Evict(eviction, context);
    if (done) continue;
    Error& error = done.error();
    if (error.kind == ErrorKind::kCancelled) return Fail(std::move(error));
    failed_.Add();
    log::Error("a pod cannot be moved off the node, trying again", {{"pod", eviction.pod->meta.key.ToString()},
                                                                    {"node", context.key().name},
                                                                    {"forced", eviction.force},
                                                                    {"error", error}});
    if (error.http_status == 429) {  // too much is asked of it already
      look_again = std::max<Duration>(kRetry, error.retry_after.value_or(std::chrono::milliseconds(0)));
      break;
    }
    look_again = std::min(look_again.value_or(kRetry), kRetry);
    const bool no_answer = error.kind == ErrorKind::kTransient && error.http_status == 0;
    if (error.kind == ErrorKind::kInternal || error.kind == ErrorKind::kGone) bug = std::move(error);
    if (no_answer) break;  // the others would wait for the server just as long
  }
  if (bug) return Fail(std::move(*bug));
  if (look_again) return kube::Outcome::Requeue(*look_again);
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
  call.obey_retry_after = false;  // a budget's 429 is an answer; an overloaded server's is obeyed by EvictAll
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
  const auto region = caches_.regions.Get({"", eviction.region});
  const std::string note = api::Say(region ? region->rules.language : api::Language::kEnglish, "pod {} on node {}: {}",
                                    "le pod {} sur le nœud {} : {}", pod.meta.key.ToString(), pod.node, eviction.why);
  auto tell = [&](kube::ObjectRef regarding) {
    events_.Record({std::move(regarding), kube::Event::Type::kWarning, reason, "Evict", note, RefOf(pod)});
  };
  tell(RefOf(pod));
  if (const auto workload = caches_.workloads.Get({pod.meta.key.ns, pod.workload}))
    tell({api::kWorkloads.ApiVersion(), "TenantWorkload", pod.meta.key.ns, pod.workload, workload->meta.uid});
  if (region) tell({api::kRegions.ApiVersion(), "SovereignRegion", "", eviction.region, region->meta.uid});
  return {};
}

}  // namespace rempart::perimeter
