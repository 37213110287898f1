#include "operator/perimeter/self_test_plan.h"

#include <algorithm>

namespace rempart::perimeter {
namespace {

using Do = SelfTestPlan::Do;

// Before that, probes of the new rules would be sent to a gate of the old ones.
bool IsCarriedOut(const SelfTestObservation& observed, const std::optional<GateWritten>& written) {
  const auto& meta = observed.region->meta;
  return written && written->uid == meta.uid && written->generation == meta.generation;
}

// A namespace that comes or goes wakes the test; it changes nothing of what was shown a moment ago.
bool IsStillShown(const SelfTestObservation& observed, const SelfTestMemory& memory) {
  const auto& meta = observed.region->meta;
  const auto& last = observed.last;
  return last && last->problems.empty() && last->no_namespace == observed.namespaces.empty() &&
         last->generation == meta.generation && last->uid == meta.uid && memory.tested &&
         *memory.tested > observed.written->at;
}

bool DidNotHold(const SelfTestObservation& observed) {
  return observed.last && observed.last->uid == observed.region->meta.uid && !observed.last->problems.empty();
}

// What is written after something was told is perhaps what mends it, and has all the time that a first write has. What
// goes on being written does not begin anew.
MonoTime DoubtSince(const SelfTestObservation& observed, const SelfTestMemory& memory, MonoTime now) {
  const bool of_what_was_told = memory.tested && memory.doubt_since && *memory.doubt_since <= *memory.tested;
  if (!memory.doubt_since || (of_what_was_told && observed.written->at > *memory.tested)) return now;
  return *memory.doubt_since;
}

}  // namespace

bool IsTested(const RegionPtr& region) {
  return region && !region->meta.deleting && SpecProblem(*region).empty() &&
         region->rules.enforcement == api::RegionRules::Enforcement::kEnforce;
}

SelfTestPlan PlanSelfTest(const SelfTestObservation& observed, const SelfTestMemory& memory, MonoTime now) {
  SelfTestPlan plan{.memory = memory};
  if (!IsCarriedOut(observed, observed.written)) return plan;
  if (IsStillShown(observed, memory) && now - *memory.tested < kSelfTestPeriod) {
    plan.look_again = *memory.tested + kSelfTestPeriod - now;
    return plan;
  }
  if (observed.namespaces.empty()) {
    plan.what = Do::kTellNoNamespace;
    plan.memory.doubt_since.reset();
    return plan;
  }
  const MonoTime doubt_since = DoubtSince(observed, memory, now);
  const bool in_doubt_for_long = now - doubt_since >= kDoubtEnds;
  plan.what = Do::kSend;
  const bool again =
      DidNotHold(observed) && std::ranges::find(observed.namespaces, observed.last->ns) != observed.namespaces.end();
  plan.ns = again ? observed.last->ns : observed.namespaces[plan.memory.sent++ % observed.namespaces.size()];
  plan.settling = now - observed.written->at < kGateSettles && !in_doubt_for_long;
  plan.unanswered_tells = in_doubt_for_long;
  plan.memory.doubt_since = doubt_since;
  return plan;
}

SelfTestResult AfterProbes(const SelfTestObservation& observed, const SelfTestPlan& plan, MonoTime began,
                           const std::optional<GateWritten>& written, bool held) {
  SelfTestResult result{.look_again = kSettlingPeriod, .memory = plan.memory};
  const bool in_doubt_for_long = plan.unanswered_tells;
  const bool of_two_gates = written != observed.written && !in_doubt_for_long;
  if (!IsCarriedOut(observed, written) || of_two_gates || (!held && plan.settling)) return result;
  result.told = true;
  result.look_again = held ? kSelfTestPeriod : kSelfTestFailedPeriod;
  result.memory.tested = began;
  if (held) result.memory.doubt_since.reset();
  return result;
}

}  // namespace rempart::perimeter
