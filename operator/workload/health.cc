#include "operator/workload/health.h"

#include <fmt/format.h>

#include <algorithm>
#include <concepts>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "operator/workload/json_access.h"
#include "operator/workload/selection.h"

namespace rempart::workload {
namespace {

using Kind = api::ChildKind;

bool StaysOnQualified(const PodPlace& place) {
  return !place.pod->node.empty() && place.on_qualified && !place.pod->meta.deleting && !place.pod->ended();
}

// Whether there should be pods by now, had they a place.
bool WantsPods(const api::TenantWorkload& workload, const api::Child* child) {
  if (!child) return false;
  switch (workload.kind) {
    case Kind::kDeployment:
    case Kind::kStatefulSet:
      return workload.replicas > 0;
    case Kind::kDaemonSet:
      return true;
    case Kind::kJob:
      return !child->complete && !child->suspended && child->failure.empty();
    case Kind::kCronJob:
      return false;
  }
  return false;
}

std::string PodsText(std::integral auto n) { return n == 1 ? "1 pod" : fmt::format("{} pods", n); }

// Nobody evicts what no region holds. The pods looked at are those of a workload that exists.
bool Unheld(const api::Pod* pod) { return api::HeldTo(*pod, true).empty(); }

Verdict PodsOutside(const WorkloadObservation& observed, const std::vector<const api::Pod*>& outside) {
  std::vector<std::string> named;
  named.reserve(outside.size());
  for (const auto* pod : outside) named.push_back(fmt::format("{} on {}", pod->meta.key.name, pod->node));
  const bool stay = observed.region && observed.region->on_loss == api::SovereignRegion::OnLoss::kCordon;
  return {Verdict::kFalse, "PodsOutside",
          fmt::format("{} outside region {}: {}; {}", PodsText(outside.size()), observed.region_name, Listed(named, 5),
                      stay ? "the region's onLoss.action is Cordon, so they stay until they are deleted"
                      : std::ranges::all_of(outside, Unheld)
                          ? "they carry neither the region's node selector nor its label: delete them"
                          : "evicted after the region's onLoss.gracePeriod")};
}

Verdict PodsWaiting(const WorkloadObservation& observed, const std::vector<const api::Pod*>& waiting,
                    std::size_t zones_used) {
  const auto tried = std::ranges::find_if(waiting, [](const api::Pod* pod) { return !pod->waiting.empty(); });
  const std::string who = PodsText(waiting.size());
  if (tried == waiting.end()) return {Verdict::kFalse, "PodsWaiting", fmt::format("{} not scheduled yet", who)};
  const std::string words = fmt::format("{}: {}", (*tried)->meta.key.name, (*tried)->waiting);
  const int asked = observed.workload->placement.min_zones;
  if (zones_used > 0 && zones_used < static_cast<std::size_t>(std::max(asked, 0))) {
    return {Verdict::kFalse, "TooFewZones",
            fmt::format("{} waiting, because spec.placement.minZones is {} and pods found a node in {} only: lower it, "
                        "or add qualified nodes in another "
                        "zone. {}",
                        who, asked, zones_used == 1 ? "1 zone" : fmt::format("{} zones", zones_used), words)};
  }
  return {Verdict::kFalse, "PodsWaiting",
          fmt::format("{} waiting for a qualified node of region {}. {}", who, observed.region_name, words)};
}

// How many pods have to be of the newest template: fewer where the tenant's strategy holds some back.
std::int32_t MustBeUpdated(const Json& child_spec, Kind kind, std::int32_t pods) {
  const Json* strategy = Member(child_spec, "updateStrategy");
  if (TextAt(strategy, "type") == "OnDelete") return 0;
  if (kind != Kind::kStatefulSet) return pods;
  const Json* partition = Member(Member(strategy, "rollingUpdate"), "partition");
  if (!partition || !partition->is_number_integer()) return pods;
  return pods - static_cast<std::int32_t>(std::clamp<std::int64_t>(partition->get<std::int64_t>(), 0, pods));
}

// What a Deployment, StatefulSet or DaemonSet still has to do; nullopt for nothing.
std::optional<Verdict> Unfinished(const api::TenantWorkload& workload, const api::Child& child, std::int32_t pods) {
  const std::string_view kind = api::ResourceOf(workload.kind).kind;
  if (child.observed_generation < child.meta.generation)
    return Verdict{Verdict::kFalse, "RollingOut",
                   fmt::format("the {} controller has not seen the last change yet", kind)};
  Json child_spec;
  if (auto parsed = ParseJson(workload.child_json)) child_spec = std::move(*parsed);
  if (child.updated < MustBeUpdated(child_spec, workload.kind, pods)) {
    const std::string count = fmt::format("{} of {} updated to the newest template", child.updated, PodsText(pods));
    const Json* paused = Member(child_spec, "paused");
    if (workload.kind == Kind::kDeployment && paused && *paused == true)
      return Verdict{Verdict::kFalse, "Paused", count + "; spec.deployment.paused holds the others back"};
    return Verdict{Verdict::kFalse, "RollingOut", count};
  }
  if (workload.kind == Kind::kDeployment && child.replicas > child.updated)
    return Verdict{Verdict::kFalse, "RollingOut",
                   fmt::format("{} of an older template still to go", PodsText(child.replicas - child.updated))};
  if (child.ready < pods)
    return Verdict{Verdict::kFalse, "PodsNotReady", fmt::format("{} of {} ready", child.ready, PodsText(pods))};
  return std::nullopt;
}

Verdict ReadyPods(const api::TenantWorkload& workload, const api::Child& child) {
  const std::int32_t pods = workload.kind == Kind::kDaemonSet ? child.replicas : workload.replicas;
  auto unfinished = Unfinished(workload, child, pods);
  if (!unfinished) return {Verdict::kTrue, "Ready", fmt::format("{} of {} ready", child.ready, PodsText(pods))};
  if (!child.failure.empty()) {
    unfinished->reason = "ChildFailing";
    unfinished->message += fmt::format("; the {} says {}", api::ResourceOf(workload.kind).kind, child.failure);
  }
  return std::move(*unfinished);
}

}  // namespace

std::map<std::string, int> CountByZone(const WorkloadObservation& observed) {
  std::map<std::string, int> zones;
  for (const auto& place : observed.pods)
    if (StaysOnQualified(place)) ++zones[place.zone.empty() ? "unknown" : place.zone];
  return zones;
}

Verdict JudgePlaced(const WorkloadObservation& observed, const api::Child* child) {
  const api::TenantWorkload& workload = *observed.workload;
  std::vector<const api::Pod*> outside, waiting;
  std::size_t seated = 0, staying = 0, finished = 0;
  for (const auto& place : observed.pods) {
    const api::Pod& pod = *place.pod;
    if (pod.ended()) {
      ++finished;
    } else if (pod.node.empty()) {
      if (!pod.meta.deleting) waiting.push_back(&pod);
    } else if (!place.on_qualified) {
      outside.push_back(&pod);
    } else {
      ++seated;
      if (!pod.meta.deleting) ++staying;
    }
  }
  if (!outside.empty()) return PodsOutside(observed, outside);
  const bool waits = !waiting.empty() || (seated == 0 && WantsPods(workload, child));
  if (waits && observed.region && !observed.region_has_nodes) {
    return {Verdict::kFalse, "NoQualifiedNode",
            fmt::format("region {0} has no qualified node, so pods wait; kubectl describe sovereignregion {0} says why "
                        "nodes are outside",
                        observed.region_name)};
  }
  const std::size_t zones = CountByZone(observed).size();
  if (!waiting.empty()) return PodsWaiting(observed, waiting, zones);
  if (seated == 0) {
    if (finished > 0 && child && child->complete) return {Verdict::kTrue, "Finished", "every pod has finished"};
    return {Verdict::kUnknown, "NoPods", "there are no pods"};
  }
  // Fewer pods than zones cannot be in all of them.
  const std::size_t asked = std::min(static_cast<std::size_t>(std::max(workload.placement.min_zones, 1)), staying);
  if (zones < asked) {
    return {
        Verdict::kFalse, "TooFewZones",
        fmt::format(
            "spec.placement.minZones is {}, and the pods sit in {}: lower it, or add qualified nodes in another zone",
            workload.placement.min_zones, zones == 1 ? "1 zone" : fmt::format("{} zones", zones))};
  }
  return {Verdict::kTrue, "OnQualifiedNodes",
          fmt::format("every pod sits on a qualified node of region {}", observed.region_name)};
}

Verdict JudgeReady(const api::TenantWorkload& workload, const api::Child& child) {
  switch (workload.kind) {
    case Kind::kDeployment:
    case Kind::kStatefulSet:
    case Kind::kDaemonSet:
      return ReadyPods(workload, child);
    case Kind::kJob:
      if (child.complete) return {Verdict::kTrue, "Complete", "the Job has completed"};
      if (child.suspended)
        return {Verdict::kFalse, "Suspended", "spec.job.suspend is true: set it to false to run the Job"};
      return {Verdict::kFalse, "Running", "the Job has not completed yet"};
    case Kind::kCronJob:
      if (child.suspended)
        return {Verdict::kTrue, "Suspended", "the CronJob is there; spec.cronJob.suspend is true, so it starts no Job"};
      return {Verdict::kTrue, "Scheduled", "the CronJob is there"};
  }
  return {};
}

}  // namespace rempart::workload
