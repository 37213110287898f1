#include "operator/perimeter/self_test.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "operator/api/gate_object.h"
#include "operator/perimeter/namespaces.h"
#include "src/base/log.h"

namespace rempart::perimeter {
namespace {

// Names of those that objects can still be made in.
std::vector<std::string> UsableNamespaces(cache::Caches& caches, const api::SovereignRegion& region,
                                          const rules::PolicyContext& identity) {
  std::vector<NamespacePtr> usable;
  for (const auto& ns : caches.namespaces.List())
    if (!ns->meta.deleting) usable.push_back(ns);
  return NamespacesOf(region, {}, usable, identity).governed;
}

// A connection into a pod cannot be a dry run, and the operator has no right to one; nor has it to make what belongs to
// the whole cluster, since a volume could be made of any disk of a node.
bool CanBeSent(const rules::Probe& probe) {
  using rules::Gate;
  const bool of_the_cluster =
      probe.gate == Gate::kClasses || probe.gate == Gate::kVolumes || probe.gate == Gate::kClusterStores;
  return probe.unsent.empty() && probe.operation != "CONNECT" && !of_the_cluster;
}

// A resource that its group does not have, or a group that the server does not have; not a namespace that went.
bool IsNotServed(const Result<kube::Reply>& answer) {
  return !answer && answer.error().kind == ErrorKind::kNotFound &&
         (answer.error().message.contains("could not find the requested resource") ||
          answer.error().message.contains("404 page not found"));
}

// Of a namespace that comes or goes: it takes no new object, or has no account yet to run pods under.
bool IsPassing(const Error& error) {
  return IsOfWhatGoes(error) ||
         (error.kind == ErrorKind::kDenied && error.message.contains("error looking up service account"));
}

double Seconds(WallTime time) { return std::chrono::duration<double>(time.time_since_epoch()).count(); }

MetricLabels Labels(const std::string& region) { return {{"region", region}}; }

// Each may take as long as a request may: a worker has other things to do.
constexpr int kUnansweredAtMost = 3;

constexpr char kHeld[] = "rempart_gate_self_test_held_timestamp_seconds";
constexpr char kFailed[] = "rempart_gate_probe_failed";

}  // namespace

std::optional<ProbeProblem> JudgeAnswer(const rules::Probe& probe, const api::SovereignRegion& region,
                                        const Result<kube::Reply>& answer) {
  using Kind = ProbeProblem::Kind;
  const std::string gate(rules::RequestsOf(probe.gate).name);
  const std::string shown = probe.rule.empty() ? gate : probe.rule;
  const std::string said = answer ? "the API server let it in" : answer.error().message;
  switch (rules::WhatItTells(probe, region, answer)) {
    case rules::Told::kHolds:
      return std::nullopt;
    case rules::Told::kOpen:
      return ProbeProblem{Kind::kGotIn, shown, said};
    case rules::Told::kShut:
      return ProbeProblem{Kind::kRefused, shown, said};
    case rules::Told::kNothing:
      break;
  }
  const bool by_the_gate = said.contains(api::GateObjectName(region.meta.key.name, gate));
  return ProbeProblem{by_the_gate ? Kind::kNotByItsRule : Kind::kNotJudged, shown, said};
}

SelfTest::SelfTest(cache::Caches& caches, kube::Api& api, Clock& clock, Metrics& metrics, OperatorIdentity& identity,
                   GateProofs& proofs, std::function<void(const std::string& region)> wake_region)
    : caches_(caches),
      api_(api),
      clock_(clock),
      metrics_(metrics),
      identity_(identity),
      proofs_(proofs),
      wake_region_(std::move(wake_region)) {}

Result<kube::Outcome> SelfTest::Reconcile(kube::ReconcileContext& context) {
  const std::string& name = context.key().name;
  const auto region = caches_.regions.Get(context.key());
  if (!IsTested(region)) return NothingToTest(name);
  const auto identity = identity_.Get(*region, caches_, context.stop());
  if (!identity) return Fail(Error(identity.error()));

  const SelfTestObservation observed{region, proofs_.Written(name), UsableNamespaces(caches_, *region, *identity),
                                     proofs_.Get(name)};
  const MonoTime now = clock_.Mono();
  SelfTestMemory memory;
  {
    std::scoped_lock lock(mutex_);
    memory = memory_[name].tests;
  }
  const SelfTestPlan plan = PlanSelfTest(observed, memory, now);
  Remember(name, plan.memory);
  switch (plan.what) {
    case SelfTestPlan::Do::kWait:
      return plan.look_again ? kube::Outcome::Requeue(*plan.look_again) : kube::Outcome::AwaitChange();
    case SelfTestPlan::Do::kTellNoNamespace:
      Publish(name, {.uid = region->meta.uid, .generation = region->meta.generation, .no_namespace = true});
      return kube::Outcome::AwaitChange();
    case SelfTestPlan::Do::kSend:
      break;
  }
  auto proof = Send(*region, *identity, plan, context.stop());
  if (!proof) return Fail(std::move(proof.error()));
  const bool held = proof->problems.empty();
  const SelfTestResult result = AfterProbes(observed, plan, now, proofs_.Written(name), held);
  Remember(name, result.memory);
  if (result.told) {
    if (held)
      proof->held = clock_.Now();
    else if (observed.last && observed.last->uid == region->meta.uid)
      proof->held = observed.last->held;
    Publish(name, *std::move(proof));
  }
  return kube::Outcome::Requeue(result.look_again);
}

void SelfTest::Remember(const std::string& region, const SelfTestMemory& memory) {
  std::scoped_lock lock(mutex_);
  memory_[region].tests = memory;
}

Result<GateProof> SelfTest::Send(const api::SovereignRegion& region, const rules::PolicyContext& identity,
                                 const SelfTestPlan& how, std::stop_token stop) {
  GateProof proof{.uid = region.meta.uid, .generation = region.meta.generation, .held = {}, .ns = how.ns};
  std::vector<std::string> nodes;
  for (const auto& node : caches_.NodesWithLabel(region.meta.key.name)) nodes.push_back(node->meta.key.name);
  const auto probes =
      rules::ProbesOf(region, rules::RulesOf(region, identity.rules), rules::ParametersOf(region, nodes),
                      rules::Sender::Of(identity.rules.operator_user));
  for (const auto& missing : probes.missing)
    if (!missing.rule.empty() && !missing.audit_only) proof.not_probed.push_back(missing.rule);
  int unanswered_count = 0;
  for (const rules::Probe& probe : probes.probes) {
    if (!CanBeSent(probe)) {
      if (!probe.rule.empty()) proof.not_probed.push_back(probe.rule);
      continue;
    }
    const auto answer = api_.Do(probe.CallIn(how.ns), stop);
    // No answer shows nothing: asked again soon.
    const bool unanswered = !answer && (answer.error().kind == ErrorKind::kTransient || IsPassing(answer.error()));
    if (unanswered && !how.unanswered_tells) return Fail(Error::Transient(answer.error().message));
    if (!answer && answer.error().kind == ErrorKind::kCancelled) return Fail(Error(answer.error()));
    if (IsNotServed(answer)) {  // what does not exist cannot be made by anybody
      if (!probe.rule.empty()) proof.not_probed.push_back(probe.rule);
      continue;
    }
    if (auto problem = JudgeAnswer(probe, region, answer)) {
      proof.problems.push_back(*std::move(problem));
      unanswered_count += unanswered ? 1 : 0;
      if (how.settling || unanswered_count == kUnansweredAtMost) break;
    } else {
      ++(probe.rule.empty() ? proof.admitted : proof.refused);
    }
  }
  std::ranges::sort(proof.not_probed);
  return proof;
}

Result<kube::Outcome> SelfTest::NothingToTest(const std::string& region) {
  std::set<std::string> failed_rules;
  {
    std::scoped_lock lock(mutex_);
    if (const auto memory = memory_.find(region); memory != memory_.end()) {
      failed_rules = std::move(memory->second.failed_rules);
      memory_.erase(memory);
    }
  }
  for (const std::string& rule : failed_rules) metrics_.RemoveGauge(kFailed, {{"region", region}, {"rule", rule}});
  metrics_.RemoveGauge(kHeld, Labels(region));
  proofs_.ForgetProof(region);
  wake_region_(region);
  return kube::Outcome::AwaitChange();
}

void SelfTest::Publish(const std::string& region, GateProof proof) {
  std::set<std::string> failed;
  for (const ProbeProblem& problem : proof.problems) failed.insert(problem.rule);
  std::set<std::string> before;
  {
    std::scoped_lock lock(mutex_);
    before = std::exchange(memory_[region].failed_rules, failed);
  }
  for (const std::string& rule : before)
    if (!failed.contains(rule)) metrics_.RemoveGauge(kFailed, {{"region", region}, {"rule", rule}});
  for (const ProbeProblem& problem : proof.problems) {
    metrics_
        .GetGauge(kFailed, "1 while a probe of the gate does not do as it should.",
                  {{"region", region}, {"rule", problem.rule}})
        .Set(1);
    if (!before.contains(problem.rule))
      log::Error("the gate does not do as it should",
                 {{"region", region}, {"rule", problem.rule}, {"said", problem.message}});
  }
  if (proof.held) {
    metrics_.GetGauge(kHeld, "When every probe of the region's gate last did as it should.", Labels(region))
        .Set(Seconds(*proof.held));
  } else {  // of a namesake, or of when there was a namespace to guard
    metrics_.RemoveGauge(kHeld, Labels(region));
  }
  proofs_.Put(region, std::move(proof));
  wake_region_(region);
}

}  // namespace rempart::perimeter
