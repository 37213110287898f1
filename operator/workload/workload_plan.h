// What is to be done about one TenantWorkload. Pure: what was observed and the time in, a plan out.
#pragma once

#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "operator/api/hosting_profile.h"
#include "operator/api/observed.h"
#include "operator/api/sovereign_region.h"
#include "operator/api/tenant_workload.h"
#include "src/base/json.h"
#include "src/kube/events.h"

namespace rempart::workload {

using WorkloadPtr = std::shared_ptr<const api::TenantWorkload>;
using RegionPtr = std::shared_ptr<const api::SovereignRegion>;
using ChildPtr = std::shared_ptr<const api::Child>;
using PodPtr = std::shared_ptr<const api::Pod>;

struct PodPlace {
  PodPtr pod;
  std::string zone;           // of the node it sits on; "" while it waits or when the node is unknown
  bool on_qualified = false;  // its node carries the qualification for the pod's region
};

// What applying the child came to, once it was tried in this round.
struct ApplyOutcome {
  ChildPtr child;  // as the server now has it; null when it failed
  std::optional<Error> error;
};

struct WorkloadObservation {
  WorkloadPtr workload;
  std::string region_name;        // spec.region or the namespace's label; "" for neither
  RegionPtr region;               // null: there is none of that name
  api::ProfilePtr profile;        // that the region names; null for none
  bool region_has_nodes = false;  // any, labelled already or about to be
  ChildPtr child;                 // of the declared kind and the workload's name, whoever owns it
  // Controlled by this workload, of another kind: its kind was changed, and they are to be deleted.
  std::vector<ChildPtr> other_children;
  std::vector<PodPlace> pods;  // its pods
  api::Language language() const { return region ? region->rules.language : api::Language::kEnglish; }
};

// How a Job ended.
enum class Ended { kNo, kComplete, kFailed };

// First half: what the child should be. `apply` is carried out, then the second half says what the status is.
struct ChildPlan {
  enum class Do {
    kNothing,  // in step already, or nothing may be done (see `stalled`)
    kCreate,   // apply that only creates, see kube::kOnlyCreate
    kUpdate,   // apply with force: the child is ours
    kAdopt,    // apply with force: it carries the adopt annotation
  } action = Do::kNothing;
  std::string desired;           // the object to apply, see RenderChild
  std::string desired_digest;    // DigestOf(desired)
  bool drifted = false;          // kUpdate because the child was changed by hand, not because the workload changed
  std::vector<ChildPtr> remove;  // to be deleted (foreground, with uid precondition)
  // Children of ours that do not hold their pods to the region they were made for, because somebody changed them. They
  // are put right (HoldPatch) whatever else can or cannot be done: nobody else would. One that `action` updates is
  // among them: where that fails, this much is done.
  struct Hold {
    ChildPtr child;
    std::string region;  // "" where it is not known any more
  };
  std::vector<Hold> hold;
  struct Why {
    std::string reason, message;
  };
  // Why nothing can be done until somebody changes something; what exists stays as it is, but for `hold`.
  std::optional<Why> stalled;
  std::optional<Why> waiting;  // what has to pass first, by itself: an old child that is going
  // A Job that ended and was then removed, as its ttlSecondsAfterFinished asks: it is not run again unless the workload
  // asks for something else.
  Ended ended = Ended::kNo;
  // What would be tried, and on what: the same attempt gets the same refusal from the server (see HoldOff). "" for
  // kNothing.
  std::string attempt;
};
// `applied`: the desired digest and child digest that were last known to belong together (status.child.applied, or the
// operator's memory).
struct Applied {
  std::string desired_digest;  // of what we asked for
  std::string child_digest;    // of what the server made of it
  std::string region{};        // that it was asked for in
};
// What holds after a plan that left the child alone because it was in step; else `applied` as it was.
Applied AppliedAfter(const WorkloadObservation& observed, const ChildPlan& plan, Applied applied);
// `known_digest`: the desired digest that an earlier call came to for the same WishVersion, "" for none; where the
// child is in step with it, nothing is made again.
ChildPlan PlanChild(const WorkloadObservation& observed, const Applied& applied, const std::string& known_digest = {});

// Stands for all that the desired child depends on. "" where it must be made each time: for a Job, whose end is looked
// for in it, and without a region.
std::string WishVersion(const WorkloadObservation& observed);

// How long the same attempt is not worth repeating after this outcome: for good (Duration::max()) where an immutable
// field or somebody else's object is in the way, minutes where the server refused or forbade, nullopt where it may
// succeed at once or by the runner's back-off.
std::optional<Duration> HoldOff(const ApplyOutcome& outcome);

// What is written to status.child.applied, and read back after a restart: "<desired>-<child>", and for a Job that ended
// "-complete" or "-failed"; the region is in status.child.region. Anything unreadable gives empty strings.
Applied ReadApplied(const std::string& status_json);

struct StatusPlan {
  Json status_patch;  // kube::StatusPatch from the observed status to the desired one
  std::vector<kube::Event> events;
  // Set where the server refused: that may pass without anything that is watched changing (a policy, a quota).
  std::optional<Duration> look_again;
};
// status: {observedGeneration, replicas, ready, updated, selector, nodes: {<zone>: n}, child: {apiVersion, kind, name,
// uid, region, applied}, conditions [Ready, Placed, Reconciling, Stalled]}. `nodes` and `child` are left out where
// there are none; a zone that is not known is "unknown". `applied`: as it is after `outcome`. Null for a workload that
// is being deleted.
StatusPlan PlanStatus(const WorkloadObservation& observed, const ChildPlan& plan,
                      const std::optional<ApplyOutcome>& outcome, const Applied& applied, WallTime now);

}  // namespace rempart::workload
