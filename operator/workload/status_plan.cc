// PlanStatus: what is said about a workload, and which events are sent.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <utility>

#include "operator/api/conditions.h"
#include "operator/api/names.h"
#include "operator/workload/child.h"
#include "operator/workload/health.h"
#include "operator/workload/json_access.h"
#include "operator/workload/workload_plan.h"
#include "src/base/text.h"
#include "src/kube/status.h"

namespace rempart::workload {
namespace {

using Why = ChildPlan::Why;
using Do = ChildPlan::Do;
using api::Language;
using api::Say;

// Only these stalls are worth an event; the others are said by the condition alone.
constexpr std::array<std::string_view, 4> kStallsWithEvent = {"PlacementRefused", "NameTaken", "ImmutableField",
                                                              "RegionNotFound"};

std::string Named(const api::TenantWorkload& workload) {
  return fmt::format("{} {}", api::ResourceOf(workload.kind).kind, workload.meta.key.ToString());
}

// The API server's words for a change that an existing object cannot take. It has no reason of its own for them: they
// come as 422 Invalid, like any other mistake in the object.
bool SaysImmutable(const Error& error) {
  constexpr std::array<std::string_view, 5> kWords = {"is immutable",
                                                      "updates to statefulset spec for fields other than",
                                                      "may not be changed", "cannot be changed", "may not change"};
  return error.kind == ErrorKind::kInvalid && std::ranges::any_of(kWords, [&](std::string_view words) {
           return error.message.find(words) != std::string::npos;
         });
}

Why Immutable(const api::TenantWorkload& workload, const Error& error, Language language) {
  const kube::Resource& resource = api::ResourceOf(workload.kind);
  const std::string_view plural = resource.plural;  // kubectl takes it as well as the singular
  return {
      "ImmutableField",
      Say(language,
          "{} cannot be changed like this, because one of the fields is immutable: delete it (kubectl delete {} {} -n "
          "{}{}); it is made anew from the workload. The server said: {}",
          "{} ne peut être modifié ainsi, car l'un des champs est immuable : supprimez-le (kubectl delete {} {} -n "
          "{}{}) ; "
          "il sera refait d'après la charge. Le serveur a dit : {}",
          Named(workload), plural.substr(0, plural.size() - 1), workload.meta.key.name, workload.meta.key.ns,
          workload.kind == api::ChildKind::kStatefulSet ? Say(language, ", with --cascade=orphan to keep its pods",
                                                              ", avec --cascade=orphan pour garder ses pods")
                                                        : "",
          CleanText(error.message, 600))};
}

Why JobFailed(const api::TenantWorkload& workload, const std::string& failure, Language language) {
  std::string message = Say(language, "{} failed{}", "{} a échoué{}", Named(workload),
                            failure.empty() ? "" : fmt::format(" ({})", failure));
  // A Job that is removed by itself is not made anew when it is gone.
  message += RemovedAfterEnd(workload)
                 ? Say(language, ": change spec.template to run it again", " : changez spec.template pour le relancer")
                 : Say(language, ": delete it to run it again (kubectl delete job {} -n {})",
                       " : supprimez-le pour le relancer (kubectl delete job {} -n {})", workload.meta.key.name,
                       workload.meta.key.ns);
  return {"JobFailed", std::move(message)};
}

// What nobody but the tenant or an admin can resolve.
std::optional<Why> StalledBy(const WorkloadObservation& observed, const ChildPlan& plan,
                             const std::optional<ApplyOutcome>& outcome, const api::Child* child) {
  const api::TenantWorkload& workload = *observed.workload;
  const Language language = observed.language();
  if (plan.stalled) return plan.stalled;
  if (outcome && outcome->error) {
    const Error& error = *outcome->error;
    if (plan.action != Do::kCreate && SaysImmutable(error)) return Immutable(workload, error, language);
    if (error.kind == ErrorKind::kInvalid)
      return Why{"ChildRefused", Say(language, "the API server refuses {}: {}", "le serveur d'API refuse {} : {}",
                                     Named(workload), error.message)};
    if (error.kind == ErrorKind::kDenied)
      return Why{"ChildForbidden", Say(language, "the API server forbids {}: {}", "le serveur d'API interdit {} : {}",
                                       Named(workload), error.message)};
    return std::nullopt;
  }
  const bool failed = child && child->kind == api::ChildKind::kJob && !child->failure.empty();
  if (failed || plan.ended == Ended::kFailed) return JobFailed(workload, failed ? child->failure : "", language);
  return std::nullopt;
}

struct Verdicts {
  Verdict ready, placed, reconciling, stalled;
};

Verdicts Judge(const WorkloadObservation& observed, const ChildPlan& plan, const std::optional<ApplyOutcome>& outcome,
               const api::Child* child) {
  const api::TenantWorkload& workload = *observed.workload;
  const Language language = observed.language();
  Verdicts v;
  v.placed = JudgePlaced(observed, child);
  v.reconciling = {Verdict::kFalse, "Settled", ""};
  v.stalled = {Verdict::kFalse, "NotStalled", ""};
  if (const auto stalled = StalledBy(observed, plan, outcome, child)) {
    v.stalled = {Verdict::kTrue, stalled->reason, stalled->message};
    v.ready = {Verdict::kFalse, stalled->reason, stalled->message};
    v.reconciling.reason = "Stalled";
    return v;
  }
  if (outcome && outcome->error) {
    v.ready = {Verdict::kFalse, "ApplyFailed",
               Say(language, "{} could not be applied and is tried again: {}",
                   "{} n'a pu être appliqué, nouvel essai en cours : {}", Named(workload), outcome->error->message)};
  } else if (plan.ended == Ended::kComplete) {
    v.ready = {Verdict::kTrue, "Complete", Say(language, "the Job has completed", "le Job est terminé")};
    if (v.placed.status == Verdict::kUnknown)
      v.placed = {Verdict::kTrue, "Finished", Say(language, "every pod has finished", "tous les pods ont fini")};
  } else if (plan.waiting) {
    v.ready = {Verdict::kFalse, plan.waiting->reason, plan.waiting->message};
  } else if (!child || (plan.action != Do::kNothing && !outcome)) {
    v.ready = {Verdict::kFalse, "Applying",
               Say(language, "{} is to be applied", "{} est à appliquer", Named(workload))};
  } else {
    v.ready = JudgeReady(workload, *child, language);
    // Where the pods cannot be placed, that is why they are not ready; and a workload outside its region is never
    // ready.
    if (v.placed.status == Verdict::kFalse) v.ready = v.placed;
  }
  const bool settled = v.ready.status == Verdict::kTrue || v.ready.reason == "Suspended";
  if (!settled) v.reconciling = {Verdict::kTrue, v.ready.reason, v.ready.message};
  return v;
}

Json ChildJson(const api::Child& child, const Applied& applied) {
  const kube::Resource& resource = api::ResourceOf(child.kind);
  Json json = {{"apiVersion", resource.ApiVersion()},
               {"kind", resource.kind},
               {"name", child.meta.key.name},
               {"uid", child.meta.uid}};
  AppliedText text{applied.desired_digest, applied.child_digest, ""};
  if (child.kind == api::ChildKind::kJob && child.complete) text.ended = "complete";
  if (child.kind == api::ChildKind::kJob && !child.failure.empty()) text.ended = "failed";
  if (!applied.region.empty()) json["region"] = applied.region;
  if (std::string value = text.ToString(); !value.empty()) json["applied"] = std::move(value);
  return json;
}

std::string StalledBefore(const Json& status) {
  const Json* conditions = Member(status, "conditions");
  if (!conditions || !conditions->is_array()) return {};
  for (const auto& condition : *conditions)
    if (TextAt(&condition, "type") == "Stalled" && TextAt(&condition, "status") == "True")
      return TextAt(&condition, "reason");
  return {};
}

std::vector<kube::Event> Events(const WorkloadObservation& observed, const ChildPlan& plan,
                                const std::optional<ApplyOutcome>& outcome, const Verdict& stalled,
                                const Json& before) {
  const api::TenantWorkload& workload = *observed.workload;
  const std::string named = Named(workload), stalled_before = StalledBefore(before);
  const Language language = observed.language();
  std::vector<kube::Event> events;
  const auto send = [&](kube::Event::Type type, std::string reason, std::string action, const std::string& note) {
    kube::Event event;
    event.regarding = {api::kWorkloads.ApiVersion(), std::string(api::kWorkloads.kind), workload.meta.key.ns,
                       workload.meta.key.name, workload.meta.uid};
    event.type = type;
    event.reason = std::move(reason);
    event.action = std::move(action);
    event.note = CleanText(note, 1'000);
    if (outcome && outcome->child) {
      const kube::Resource& resource = api::ResourceOf(outcome->child->kind);
      const kube::Meta& meta = outcome->child->meta;
      event.related =
          kube::ObjectRef{resource.ApiVersion(), std::string(resource.kind), meta.key.ns, meta.key.name, meta.uid};
    }
    events.push_back(std::move(event));
  };
  using Type = kube::Event::Type;

  for (const auto& [child, region] : plan.hold) {
    send(Type::kWarning, "ChildRestored", "Restore",
         Say(language, "the pod template of {} {} was changed by hand and holds its pods to region {} again",
             "le modèle de pod de {} {} a été modifié à la main et tient de nouveau ses pods à la région {}",
             api::ResourceOf(child->kind).kind, child->meta.key.ToString(), region.empty() ? "-" : region));
  }
  if (outcome && outcome->child && !outcome->error) {
    const Json* child_before = Member(before, "child");
    const bool had_one =
        !TextAt(child_before, "uid").empty() && TextAt(child_before, "kind") == api::ResourceOf(workload.kind).kind;
    if (plan.action == Do::kUpdate && plan.drifted) {
      send(Type::kWarning, "ChildRestored", "Restore",
           Say(language, "{} was changed by hand and has been put back", "{} a été modifié à la main, et remis en état",
               named));
    } else if (plan.action == Do::kCreate && had_one) {
      // Who was told to delete it has done as told.
      const bool as_told = stalled_before == "ImmutableField" || stalled_before == "JobFailed";
      send(as_told ? Type::kNormal : Type::kWarning, "ChildRestored", "Restore",
           Say(language, "{} was deleted and has been made anew", "{} a été supprimé, et refait", named));
    } else if (plan.action == Do::kAdopt) {
      send(Type::kNormal, "AdoptedChild", "Adopt",
           Say(language, "{} carried {}: \"true\" and has been taken over", "{} portait {} : \"true\", et a été repris",
               named, api::kAdoptAnnotation));
    }
  }
  const bool tells = std::ranges::find(kStallsWithEvent, stalled.reason) != kStallsWithEvent.end();
  if (stalled.status == Verdict::kTrue && tells && stalled.reason != stalled_before)
    send(Type::kWarning, stalled.reason, "Refuse", stalled.message);
  return events;
}

api::Condition ToCondition(std::string_view type, const Verdict& verdict) {
  constexpr std::array<const char*, 3> kText = {"True", "False", "Unknown"};
  return {std::string(type), kText[verdict.status], verdict.reason, verdict.message};
}

}  // namespace

std::optional<Duration> HoldOff(const ApplyOutcome& outcome) {
  if (!outcome.error) return std::nullopt;
  if (SaysImmutable(*outcome.error)) return Duration::max();
  switch (outcome.error->kind) {
    case ErrorKind::kInvalid:
      return std::chrono::minutes(5);
    case ErrorKind::kDenied:
    case ErrorKind::kNotFound:
    case ErrorKind::kGone:
      return std::chrono::minutes(1);
    default:
      return std::nullopt;
  }
}

StatusPlan PlanStatus(const WorkloadObservation& observed, const ChildPlan& plan,
                      const std::optional<ApplyOutcome>& outcome, const Applied& applied, WallTime now) {
  const api::TenantWorkload& workload = *observed.workload;
  StatusPlan result;
  if (workload.meta.deleting) return result;

  const Json before = api::StatusBefore(workload.status_json);

  const api::Child* child = nullptr;
  if (outcome && outcome->child) {
    child = outcome->child.get();
  } else if (observed.child && IsChildOf(*observed.child, workload)) {
    child = observed.child.get();
  }
  const Verdicts verdicts = Judge(observed, plan, outcome, child);

  Json status = {{"observedGeneration", workload.meta.generation},
                 {"replicas", child ? child->replicas : 0},
                 {"ready", child ? child->ready : 0},
                 {"updated", child ? child->updated : 0}};
  if (std::string selector = PodSelectorText(workload); !selector.empty()) status["selector"] = std::move(selector);
  constexpr std::size_t kMaxZones = 1000;  // what the schema takes
  if (const auto zones = CountByZone(observed); !zones.empty() && zones.size() <= kMaxZones) status["nodes"] = zones;
  const bool job_ended =
      !ReadAppliedText(workload.status_json).ended.empty() && (plan.ended != Ended::kNo || plan.stalled);
  if (child) {
    status["child"] = ChildJson(*child, applied);
  } else if (job_ended || (observed.child && WasMadeFor(*observed.child, workload))) {
    // What tells, also after a restart, that the Job ended, or that a child that somebody else controls by now is to be
    // held all the same.
    status["child"] = before["child"];
  }
  const Json* conditions_before = Member(before, "conditions");
  status["conditions"] =
      api::ConditionsJson({ToCondition("Ready", verdicts.ready), ToCondition("Placed", verdicts.placed),
                           ToCondition("Reconciling", verdicts.reconciling), ToCondition("Stalled", verdicts.stalled)},
                          conditions_before ? *conditions_before : Json(), workload.meta.generation, now);

  result.events = Events(observed, plan, outcome, verdicts.stalled, before);
  result.status_patch = kube::StatusPatch(before, std::move(status), {"nodes", "child", "selector"});
  if (outcome) {
    const auto hold_off = HoldOff(*outcome);
    if (hold_off && *hold_off != Duration::max()) result.look_again = hold_off;
  }
  return result;
}

}  // namespace rempart::workload
