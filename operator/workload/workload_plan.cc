// PlanChild: which object is wanted, whose the present one is, what is to be done. PlanStatus is in status_plan.cc.
#include "operator/workload/workload_plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <utility>

#include "operator/api/names.h"
#include "operator/perimeter/qualification.h"
#include "operator/workload/child.h"
#include "operator/workload/json_access.h"
#include "operator/workload/placement.h"

namespace rempart::workload {
namespace {

using Why = ChildPlan::Why;
using Do = ChildPlan::Do;
using api::Language;
using api::Say;

std::string Lower(std::string_view text) {
  std::string lower(text);
  std::ranges::transform(lower, lower.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return lower;
}

std::string Named(const api::Child& child) {
  return fmt::format("{} {}", api::ResourceOf(child.kind).kind, child.meta.key.ToString());
}

std::optional<Why> RegionTrouble(const WorkloadObservation& observed) {
  const std::string& name = observed.region_name;
  if (name.empty()) {
    return Why{
        "RegionNotSet",
        fmt::format(
            "no region is named: set spec.region, or label the namespace (kubectl label namespace {} {}=<region>)",
            observed.workload->meta.key.ns, api::kRegionLabel)};
  }
  if (!observed.region) {
    return Why{
        "RegionNotFound",
        // English, as all that is said where there is no region to ask for its language.
        fmt::format("there is no SovereignRegion \"{}\": create it, or name another in {}", name,
                    observed.workload->region.empty() ? "the namespace's label rempart.dev/region" : "spec.region")};
  }
  const auto trouble = perimeter::TroubleOf(*observed.region, observed.profile.get());
  if (!trouble) return std::nullopt;
  return Why{"RegionInvalid", Say(observed.language(), "SovereignRegion {} cannot be used: {}",
                                  "SovereignRegion {} est inutilisable : {}", name, trouble.message)};
}

Why PlacementRefused(const std::vector<Refusal>& refusals, Language language) {
  constexpr std::size_t kShown = 5;
  std::string message;
  for (std::size_t i = 0; i < std::min(refusals.size(), kShown); ++i)
    message += fmt::format("{}{} {}", i == 0 ? "" : ". ", refusals[i].field, refusals[i].message);
  if (refusals.size() > kShown) message += Say(language, ". And {} more", ". Et {} de plus", refusals.size() - kShown);
  return {"PlacementRefused", std::move(message)};
}

Why NameTaken(const api::Child& child, Language language) {
  const std::string kind = Lower(api::ResourceOf(child.kind).kind);
  if (!child.controller_uid.empty()) {
    return {
        "NameTaken",
        Say(language,
            "{} exists and is controlled by another object (uid {}), so it is never taken over: name the workload "
            "differently, or delete that object with its controller",
            "{} existe et dépend d'un autre objet (uid {}), il n'est donc jamais repris : nommez la charge autrement, "
            "ou supprimez cet objet et ce qui le contrôle",
            Named(child), child.controller_uid)};
  }
  return {
      "NameTaken",
      Say(language,
          "{} exists and is not this workload's: name the workload differently, delete it, or let it be taken over "
          "(kubectl annotate {} {} -n {} {}=true)",
          "{} existe et n'est pas à cette charge : nommez la charge autrement, supprimez-le, ou permettez sa reprise "
          "(kubectl annotate {} {} -n {} {}=true)",
          Named(child), kind, child.meta.key.name, child.meta.key.ns, api::kAdoptAnnotation)};
}

// What stands under the child's name, and is not ours.
void PlanForeign(const api::Child& child, Language language, ChildPlan& plan) {
  if (child.controller_is_workload) {
    // Only an earlier workload of this name can control it; Kubernetes removes what an owner that is gone has left.
    plan.waiting =
        Why{"WaitingForOldChild",
            Say(language, "{} belongs to an earlier TenantWorkload of this name (uid {}) and is to be collected first",
                "{} est à un TenantWorkload antérieur de ce nom (uid {}) et doit d'abord être ramassé", Named(child),
                child.controller_uid)};
  } else if (child.controller_uid.empty() && child.adopt) {
    plan.action = Do::kAdopt;
  } else {
    plan.stalled = NameTaken(child, language);
  }
}

void PlanOurs(const api::Child& child, const std::string& uid, const std::string& region, const Applied& applied,
              ChildPlan& plan) {
  const bool same_wish = applied.desired_digest == plan.desired_digest;
  // The last three do not rest on a digest: whatever was written down, the child holds its pods to the region, or is
  // put right.
  const bool untouched = !child.digest.empty() && child.digest == applied.child_digest && child.controller_uid == uid &&
                         child.node_selector_region == region && !child.sets_node_name;
  if (same_wish && untouched) return;
  plan.action = Do::kUpdate;
  plan.drifted = same_wish;
}

// How a Job that is gone, or going, ended; kNo where it did not end by itself, or another one is asked for now. Without
// this, every Job with a ttlSecondsAfterFinished would run again whenever that has passed.
Ended HowItEnded(const WorkloadObservation& observed, const ChildPlan& plan) {
  if (!RemovedAfterEnd(*observed.workload)) return Ended::kNo;
  const api::Child* child = observed.child.get();
  if (child && (!child->meta.deleting || !IsChildOf(*child, *observed.workload))) return Ended::kNo;
  const AppliedText before = ReadAppliedText(observed.workload->status_json);
  if (before.desired_digest != plan.desired_digest) return Ended::kNo;
  if (before.ended == "complete" || (child && child->complete)) return Ended::kComplete;
  if (before.ended == "failed" || (child && !child->failure.empty())) return Ended::kFailed;
  return Ended::kNo;
}

// Whether the object was made by us for this workload. Somebody may have given it another controller since: then it is
// no longer ours to apply, but its pods are still those that the region was promised to hold.
bool MadeByUs(const api::Child& child, const api::TenantWorkload& workload) {
  return child.controller_uid == workload.meta.uid || WasMadeFor(child, workload);
}

// Whether the template can still be changed. A Job's cannot, but while it is suspended; what runs of it was made
// before.
bool CanBeHeld(const api::Child& child) {
  return !child.meta.deleting && (child.kind != api::ChildKind::kJob || child.suspended);
}

// The region that the child was made for: as it was written down, or else as it can be told.
std::string RegionToHold(const WorkloadObservation& observed, const api::Child& child, const Applied& applied) {
  if (!applied.region.empty()) return applied.region;
  if (!RegionTrouble(observed)) return observed.region->meta.key.name;
  return child.region_label;
}

std::vector<ChildPlan::Hold> PlanHold(const WorkloadObservation& observed, const Applied& applied) {
  std::vector<ChildPlan::Hold> hold;
  const auto look = [&](const ChildPtr& child) {
    if (!child || !CanBeHeld(*child) || !MadeByUs(*child, *observed.workload)) return;
    std::string region = RegionToHold(observed, *child, applied);
    const bool held = region.empty() || child->node_selector_region == region;
    if (!held || child->sets_node_name) hold.push_back({child, std::move(region)});
  };
  look(observed.child);
  for (const auto& other : observed.other_children) look(other);
  return hold;
}

bool InStep(const WorkloadObservation& observed, const Applied& applied, const std::string& known_digest) {
  const api::Child* child = observed.child.get();
  if (known_digest.empty() || !child || child->meta.deleting || !observed.other_children.empty() || !observed.region)
    return false;
  if (child->controller_uid != observed.workload->meta.uid) return false;
  ChildPlan plan;
  plan.desired_digest = known_digest;
  PlanOurs(*child, observed.workload->meta.uid, observed.region->meta.key.name, applied, plan);
  return plan.action == Do::kNothing;
}

ChildPlan PlanWish(const WorkloadObservation& observed, const Applied& applied, const std::string& known_digest) {
  const api::TenantWorkload& workload = *observed.workload;
  ChildPlan plan;
  if (workload.meta.deleting) return plan;  // the child goes with its owner
  const auto stalled = [&](std::string reason, std::string message) {
    plan.stalled = Why{std::move(reason), std::move(message)};
    return plan;
  };
  if (InStep(observed, applied, known_digest)) {
    plan.desired_digest = known_digest;
    return plan;
  }
  if (!workload.invalid.empty()) return stalled("InvalidSpec", workload.invalid);
  if (auto trouble = RegionTrouble(observed)) {
    plan.stalled = std::move(trouble);
    return plan;
  }

  const api::SovereignRegion& region = *observed.region;
  auto pod_template = ReadPodTemplate(workload.template_json);
  if (!pod_template) return stalled("InvalidSpec", "spec.template: " + pod_template.error().message);
  if (const auto refusals = CheckPlacement(workload, pod_template->judged, region, observed.profile.get());
      !refusals.empty()) {
    plan.stalled = PlacementRefused(refusals, region.rules.language);
    return plan;
  }
  auto desired = RenderChild(workload, *std::move(pod_template), region);
  if (!desired) return stalled("InvalidSpec", desired.error().message);
  plan.desired = std::move(*desired);
  plan.desired_digest = DigestOf(plan.desired);

  plan.ended = HowItEnded(observed, plan);
  if (plan.ended != Ended::kNo) return plan;
  const api::Child* child = observed.child.get();
  const bool ours = child && IsChildOf(*child, workload);
  if (region.meta.deleting && (!ours || child->meta.deleting))
    return stalled(
        "RegionDeleting",
        Say(region.rules.language, "SovereignRegion {} is being deleted and takes no new child: name another region",
            "SovereignRegion {} est en cours de suppression et n'admet plus rien : nommez une autre région",
            observed.region_name));
  if (child && child->meta.deleting) {
    plan.waiting = Why{"WaitingForOldChild",
                       Say(region.rules.language, "{} is being deleted, and is made anew once it is gone",
                           "{} est en cours de suppression, et sera refait quand il aura disparu", Named(*child))};
  } else if (ours) {
    PlanOurs(*child, workload.meta.uid, region.meta.key.name, applied, plan);
  } else if (child) {
    PlanForeign(*child, region.rules.language, plan);
  } else {
    plan.action = Do::kCreate;
  }
  if (plan.stalled) return plan;  // children of another kind stay until their successor may be made

  // The kind was changed. Both at a time would run the pods twice, so the new one waits until the old is gone.
  for (const auto& other : observed.other_children) {
    if (!other->meta.deleting) plan.remove.push_back(other);
    plan.waiting =
        Why{"WaitingForOldChild",
            Say(region.rules.language,
                "{} is being removed, because the workload is now a {}; that is made once it is gone",
                "{} est retiré, car la charge est maintenant un {} ; celui-ci sera fait quand il aura disparu",
                Named(*other), api::ResourceOf(workload.kind).kind)};
    if (plan.action != Do::kUpdate) plan.action = Do::kNothing;
  }
  if (plan.action != Do::kNothing) {
    plan.attempt = plan.desired_digest;
    if (child) plan.attempt += fmt::format(" on {} {}", child->meta.uid, child->digest);
  }
  return plan;
}

}  // namespace

std::string WishVersion(const WorkloadObservation& observed) {
  const api::TenantWorkload& workload = *observed.workload;
  if (!observed.region || workload.kind == api::ChildKind::kJob) return {};
  std::string version = fmt::format("{} {} {} {}", workload.meta.uid, workload.meta.generation,
                                    observed.region->meta.uid, observed.region->meta.generation);
  // Also where there is none of the name: the region is then in trouble.
  if (const auto& profile = observed.profile)
    version += fmt::format(" {} {}", profile->meta.uid, profile->meta.generation);
  return version;
}

ChildPlan PlanChild(const WorkloadObservation& observed, const Applied& applied, const std::string& known_digest) {
  ChildPlan plan = PlanWish(observed, applied, known_digest);
  plan.hold = PlanHold(observed, applied);
  return plan;
}

Applied AppliedAfter(const WorkloadObservation& observed, const ChildPlan& plan, Applied applied) {
  const bool in_step = plan.action == Do::kNothing && !plan.stalled && !plan.waiting && plan.ended == Ended::kNo &&
                       observed.child && observed.region && !observed.workload->meta.deleting;
  if (in_step) applied.region = observed.region->meta.key.name;
  return applied;
}

Applied ReadApplied(const std::string& status_json) {
  AppliedText read = ReadAppliedText(status_json);
  return {std::move(read.desired_digest), std::move(read.child_digest), std::move(read.region)};
}

}  // namespace rempart::workload
