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
using api::Language;
using api::Say;

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
  for (const auto* pod : outside)
    named.push_back(Say(observed.language(), "{} on {}", "{} sur {}", pod->meta.key.name, pod->node));
  const Language language = observed.language();
  const bool stay = observed.region && observed.region->on_loss == api::SovereignRegion::OnLoss::kCordon;
  return {Verdict::kFalse, "PodsOutside",
          Say(language, "{} outside region {}: {}; {}", "{} hors de la région {} : {} ; {}", PodsText(outside.size()),
              observed.region_name, Listed(named, language, 5),
              stay ? Say(language, "the region's onLoss.action is Cordon, so they stay until they are deleted",
                         "onLoss.action de la région est Cordon : rien n'est fait avant une suppression")
              : std::ranges::all_of(outside, Unheld)
                  ? Say(language, "they carry neither the region's node selector nor its label: delete them",
                        "ni sélecteur de nœud ni étiquette de la région : à supprimer")
                  : Say(language, "evicted after the region's onLoss.gracePeriod",
                        "éviction après onLoss.gracePeriod de la région"))};
}

Verdict PodsWaiting(const WorkloadObservation& observed, const std::vector<const api::Pod*>& waiting,
                    std::size_t zones_used) {
  const auto tried = std::ranges::find_if(waiting, [](const api::Pod* pod) { return !pod->waiting.empty(); });
  const Language language = observed.language();
  const std::string who = PodsText(waiting.size());
  if (tried == waiting.end())
    return {Verdict::kFalse, "PodsWaiting", Say(language, "{} not scheduled yet", "{} sans nœud encore", who)};
  const std::string words = fmt::format("{}: {}", (*tried)->meta.key.name, (*tried)->waiting);
  const int asked = observed.workload->placement.min_zones;
  if (zones_used > 0 && zones_used < static_cast<std::size_t>(std::max(asked, 0))) {
    return {Verdict::kFalse, "TooFewZones",
            Say(language,
                "{} waiting, because spec.placement.minZones is {} and pods found a node in {} only: lower it, or add "
                "qualified nodes in another zone. {}",
                "{} en attente, car spec.placement.minZones vaut {} et les pods n'ont trouvé de nœud que dans {} : "
                "abaissez-le, ou ajoutez des nœuds qualifiés dans une autre zone. {}",
                who, asked, zones_used == 1 ? "1 zone" : fmt::format("{} zones", zones_used), words)};
  }
  return {Verdict::kFalse, "PodsWaiting",
          Say(language, "{} waiting for a qualified node of region {}. {}",
              "{} en attente d'un nœud qualifié de la région {}. {}", who, observed.region_name, words)};
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

std::string ReadyText(const api::Child& child, std::int32_t pods, Language language) {
  return Say(language, "{} of {} ready", "{} sur {} : prêts", child.ready, PodsText(pods));
}

// What a Deployment, StatefulSet or DaemonSet still has to do; nullopt for nothing.
std::optional<Verdict> Unfinished(const api::TenantWorkload& workload, const api::Child& child, std::int32_t pods,
                                  Language language) {
  const std::string_view kind = api::ResourceOf(workload.kind).kind;
  if (child.observed_generation < child.meta.generation)
    return Verdict{Verdict::kFalse, "RollingOut",
                   Say(language, "the {} controller has not seen the last change yet",
                       "le contrôleur de {} n'a pas encore vu le dernier changement", kind)};
  Json child_spec;
  if (auto parsed = ParseJson(workload.child_json)) child_spec = std::move(*parsed);
  if (child.updated < MustBeUpdated(child_spec, workload.kind, pods)) {
    const std::string count = Say(language, "{} of {} updated to the newest template",
                                  "{} sur {} au modèle le plus récent", child.updated, PodsText(pods));
    const Json* paused = Member(child_spec, "paused");
    if (workload.kind == Kind::kDeployment && paused && *paused == true)
      return Verdict{Verdict::kFalse, "Paused",
                     count + Say(language, "; spec.deployment.paused holds the others back",
                                 " ; spec.deployment.paused retient les autres")};
    return Verdict{Verdict::kFalse, "RollingOut", count};
  }
  if (workload.kind == Kind::kDeployment && child.replicas > child.updated)
    return Verdict{Verdict::kFalse, "RollingOut",
                   Say(language, "{} of an older template still to go", "{} d'un modèle antérieur à retirer encore",
                       PodsText(child.replicas - child.updated))};
  if (child.ready < pods) return Verdict{Verdict::kFalse, "PodsNotReady", ReadyText(child, pods, language)};
  return std::nullopt;
}

Verdict ReadyPods(const api::TenantWorkload& workload, const api::Child& child, Language language) {
  const std::int32_t pods = workload.kind == Kind::kDaemonSet ? child.replicas : workload.replicas;
  auto unfinished = Unfinished(workload, child, pods, language);
  if (!unfinished) return {Verdict::kTrue, "Ready", ReadyText(child, pods, language)};
  if (!child.failure.empty()) {
    unfinished->reason = "ChildFailing";
    unfinished->message +=
        Say(language, "; the {} says {}", " ; le {} dit {}", api::ResourceOf(workload.kind).kind, child.failure);
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
  const Language language = observed.language();
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
    return {
        Verdict::kFalse, "NoQualifiedNode",
        Say(language,
            "region {0} has no qualified node, so pods wait; kubectl describe sovereignregion {0} says why nodes are "
            "outside",
            "la région {0} n'a aucun nœud qualifié, les pods attendent donc ; kubectl describe sovereignregion {0} dit "
            "pourquoi des nœuds sont dehors",
            observed.region_name)};
  }
  const std::size_t zones = CountByZone(observed).size();
  if (!waiting.empty()) return PodsWaiting(observed, waiting, zones);
  if (seated == 0) {
    if (finished > 0 && child && child->complete)
      return {Verdict::kTrue, "Finished", Say(language, "every pod has finished", "tous les pods ont fini")};
    return {Verdict::kUnknown, "NoPods", Say(language, "there are no pods", "il n'y a pas de pods")};
  }
  // Fewer pods than zones cannot be in all of them.
  const std::size_t asked = std::min(static_cast<std::size_t>(std::max(workload.placement.min_zones, 1)), staying);
  if (zones < asked) {
    return {
        Verdict::kFalse, "TooFewZones",
        Say(language,
            "spec.placement.minZones is {}, and the pods sit in {}: lower it, or add qualified nodes in another zone",
            "spec.placement.minZones vaut {}, et les pods sont dans {} : abaissez-le, ou ajoutez des nœuds qualifiés "
            "dans "
            "une autre zone",
            workload.placement.min_zones, zones == 1 ? "1 zone" : fmt::format("{} zones", zones))};
  }
  return {Verdict::kTrue, "OnQualifiedNodes",
          Say(language, "every pod sits on a qualified node of region {}",
              "chaque pod est sur un nœud qualifié de la région {}", observed.region_name)};
}

Verdict JudgeReady(const api::TenantWorkload& workload, const api::Child& child, Language language) {
  switch (workload.kind) {
    case Kind::kDeployment:
    case Kind::kStatefulSet:
    case Kind::kDaemonSet:
      return ReadyPods(workload, child, language);
    case Kind::kJob:
      if (child.complete)
        return {Verdict::kTrue, "Complete", Say(language, "the Job has completed", "le Job est terminé")};
      if (child.suspended)
        return {Verdict::kFalse, "Suspended",
                Say(language, "spec.job.suspend is true: set it to false to run the Job",
                    "spec.job.suspend vaut true : mettez-le à false pour lancer le Job")};
      return {Verdict::kFalse, "Running",
              Say(language, "the Job has not completed yet", "le Job n'est pas encore terminé")};
    case Kind::kCronJob:
      if (child.suspended)
        return {Verdict::kTrue, "Suspended",
                Say(language, "the CronJob is there; spec.cronJob.suspend is true, so it starts no Job",
                    "le CronJob est là ; spec.cronJob.suspend vaut true, il ne lance donc aucun Job")};
      return {Verdict::kTrue, "Scheduled", Say(language, "the CronJob is there", "le CronJob est là")};
  }
  return {};
}

}  // namespace rempart::workload
