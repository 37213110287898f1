// Both halves of the plan in a row, with an answer of the server between them.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "tests/unit/kube/status_after.h"
#include "tests/unit/workload/builders.h"

namespace rempart::workload::test {

struct Planned : StatusPlan {
  Json status;  // as it then is; null where nothing is written
};
inline Planned StatusOf(const WorkloadObservation& observed, const ChildPlan& plan,
                        const std::optional<ApplyOutcome>& outcome, const Applied& applied, WallTime now = kNow) {
  Planned planned{PlanStatus(observed, plan, outcome, applied, now), {}};
  planned.status = kube::test::StatusAfter(observed.workload->status_json, planned.status_patch);
  return planned;
}

// Both halves, as the reconciler runs them; `answer` stands for the server where something is applied.
struct Round {
  ChildPlan plan;
  Planned result;
};
using Answer = std::function<ApplyOutcome(const ChildPlan&)>;
inline Round Play(const WorkloadObservation& observed, Applied applied, const Answer& answer = {},
                  WallTime now = kNow) {
  Round round;
  round.plan = PlanChild(observed, applied);
  std::optional<ApplyOutcome> outcome;
  if (answer && round.plan.action != Do::kNothing) outcome = answer(round.plan);
  if (outcome && outcome->child) applied = {round.plan.desired_digest, outcome->child->digest};
  round.result = StatusOf(observed, round.plan, outcome, applied, now);
  return round;
}
inline ApplyOutcome Failed(Error error) { return {nullptr, std::move(error)}; }
inline Answer FailWith(Error error) {
  return [error](const ChildPlan&) { return Failed(error); };
}
inline Answer Succeed(api::Child child) {
  return [child](const ChildPlan&) { return ApplyOutcome{Ptr(child), {}}; };
}
// The status as the next round observes it.
inline void Write(WorkloadObservation& observed, const Json& status) {
  test::Change(observed, [&](auto& w) { w.status_json = status.dump(); });
}
inline std::vector<std::string> EventsOf(const StatusPlan& plan) {
  std::vector<std::string> events;
  for (const auto& event : plan.events)
    events.push_back((event.type == kube::Event::Type::kWarning ? "Warning " : "Normal ") + event.reason);
  return events;
}
inline std::string States(const Json& status) {
  std::string text;
  for (const char* type : {"Ready", "Placed", "Reconciling", "Stalled"})
    text += (text.empty() ? "" : ", ") + StateOf(status, type);
  return text;
}

}  // namespace rempart::workload::test
