#include "operator/perimeter/guard_reconciler.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <utility>

#include "operator/perimeter/namespaces.h"
#include "src/base/log.h"

namespace rempart::perimeter {

GuardReconciler::GuardReconciler(cache::Caches& caches, kube::Api& api, kube::EventRecorder& events, Clock& clock,
                                 Metrics& metrics, OperatorIdentity& identity, WriteFailures& failures)
    : caches_(caches), api_(api), events_(events), clock_(clock), identity_(identity), failures_(failures) {
  restored_ = metrics.GetCounter(
      "rempart_guards_restored_total",
      "Pod Security labels and default-deny network policies that were edited or deleted by hand and put back.");
}

Result<kube::Outcome> GuardReconciler::Reconcile(kube::ReconcileContext& context) {
  const std::string& name = context.key().name;
  const auto ns = caches_.namespaces.Get(context.key());
  if (!ns) {  // what was in it went with it
    Forget(name);
    failures_.NoteGuards(name, "", {}, clock_.Mono());
    return kube::Outcome::AwaitChange();
  }
  const auto identity = identity_.Get(context.stop());
  if (!identity) return Fail(Error(identity.error()));

  const Governor governor = GovernorOf(ns, caches_.RegionsByAge(), *identity);
  const auto policy = caches_.network_guards.Get({name, std::string(api::kDefaultDenyName)});
  const GuardPlan plan = PlanGuards(ns, governor, policy, Remembered(name));
  // Neither depends on the other, and what keeps one from being written must not put the other off.
  Status done;  // the first error
  const auto note = [&done](Status one) {
    if (done) done = std::move(one);
  };
  if (!plan.policy.empty()) note(WritePolicy(name, *governor.region, plan, context));
  if (plan.remove_policy) note(RemovePolicy(*policy, context));
  if (!plan.namespace_patch.is_null()) note(PatchNamespace(*ns, governor.region, plan, context));
  if (!governor.unsure && (done || !IsOfWhatGoes(done.error())))
    failures_.NoteGuards(name, governor.region ? governor.region->meta.key.name : "", done, clock_.Mono());
  if (!done) return Fail(std::move(done.error()));
  return kube::Outcome::AwaitChange();
}

Status GuardReconciler::PatchNamespace(const api::Namespace& ns, const RegionPtr& region, const GuardPlan& plan,
                                       kube::ReconcileContext& context) {
  const std::string& name = ns.meta.key.name;
  auto reply = api_.Patch(api::kNamespaces, ns.meta.key, kube::PatchType::kMerge, plan.namespace_patch.dump(), false,
                          context.stop());
  if (!reply) return Fail(std::move(reply.error()));
  const auto view = kube::ParseOnThread(reply->body);
  if (!view) return Fail(Error(view.error()).While("read the answer"));
  const auto meta = kube::DecodeMeta(*view);
  if (!meta) return Fail(Error(meta.error()));
  context.Wrote(caches_.namespaces, meta->resource_version);
  log::Info("the namespace's labels were written", {{"namespace", name}});
  if (plan.labels_restored && region)
    TellRestored(
        *region,
        api::Say(region->rules.language, "Pod Security's labels of namespace {} were changed by hand and put back",
                 "les étiquettes Pod Security de l'espace de noms {} ont été modifiées à la main, et remises", name),
        {api::kNamespaces.ApiVersion(), std::string(api::kNamespaces.kind), "", name, ns.meta.uid});
  return {};
}

Status GuardReconciler::WritePolicy(const std::string& ns, const api::SovereignRegion& region, const GuardPlan& plan,
                                    kube::ReconcileContext& context) {
  const kube::ObjectKey key{ns, std::string(api::kDefaultDenyName)};
  auto reply = plan.create ? api_.Create(api::kNetworkPolicies, ns, plan.policy, context.stop())
                           : api_.Replace(api::kNetworkPolicies, key, plan.policy, context.stop());
  if (!reply) return Fail(std::move(reply.error()));
  const auto view = kube::ParseOnThread(reply->body);
  if (!view) return Fail(Error(view.error()).While("read the answer"));
  auto stored = api::DecodeNetworkGuard(*view);
  if (!stored) return Fail(std::move(stored.error()));
  context.Wrote(caches_.network_guards, stored->meta.resource_version);
  Remember(ns, {plan.wanted_digest, stored->digest});
  log::Info("the namespace's network policy was written", {{"namespace", ns}});
  if (plan.policy_restored)
    TellRestored(
        region,
        plan.create ? api::Say(region.rules.language, "NetworkPolicy {} was deleted by hand and put back",
                               "NetworkPolicy {} a été supprimée à la main, et remise", key.ToString())
                    : api::Say(region.rules.language, "NetworkPolicy {} was changed by hand and put back",
                               "NetworkPolicy {} a été modifiée à la main, et remise", key.ToString()),
        {api::kNetworkPolicies.ApiVersion(), std::string(api::kNetworkPolicies.kind), ns, key.name, stored->meta.uid});
  return {};
}

Status GuardReconciler::RemovePolicy(const api::NetworkGuard& policy, kube::ReconcileContext& context) {
  const Json options = {{"apiVersion", "v1"}, {"kind", "DeleteOptions"}, {"preconditions", {{"uid", policy.meta.uid}}}};
  auto reply = api_.Delete(api::kNetworkPolicies, policy.meta.key, options.dump(), context.stop());
  if (!reply && reply.error().kind != ErrorKind::kNotFound && reply.error().kind != ErrorKind::kConflict)
    return Fail(std::move(reply.error()));
  Forget(policy.meta.key.ns);
  log::Info("the namespace no longer needs its network policy", {{"namespace", policy.meta.key.ns}});
  return {};
}

void GuardReconciler::TellRestored(const api::SovereignRegion& region, const std::string& note,
                                   const kube::ObjectRef& object) {
  restored_.Add();
  log::Warn("a guard of a namespace was changed by hand and is put back",
            {{"kind", object.kind}, {"namespace", object.ns}, {"name", object.name}});
  events_.Record(
      {{api::kRegions.ApiVersion(), std::string(api::kRegions.kind), "", region.meta.key.name, region.meta.uid},
       kube::Event::Type::kWarning,
       "GuardRestored",
       "Restore",
       note,
       object});
}

GuardMemory GuardReconciler::Remembered(const std::string& ns) {
  std::scoped_lock lock(mutex_);
  const auto found = memory_.find(ns);
  return found == memory_.end() ? GuardMemory{} : found->second;
}

void GuardReconciler::Remember(const std::string& ns, GuardMemory memory) {
  std::scoped_lock lock(mutex_);
  memory_[ns] = std::move(memory);
}

void GuardReconciler::Forget(const std::string& ns) {
  std::scoped_lock lock(mutex_);
  memory_.erase(ns);
}

}  // namespace rempart::perimeter
