// What is to be done about one TenantWorkload. Pure: what was observed and the time in, a plan out.
#pragma once

#include <nlohmann/json.hpp>
#include <memory>
#include <optional>
#include <string>
#include <vector>

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
  std::string zone;         // of the node it sits on; "" while it waits or when the node is unknown
  bool on_qualified = false;  // its node carries the qualification for the pod's region
};

// What applying the child came to, once it was tried in this round.
struct ApplyOutcome {
  ChildPtr child;                // as the server now has it; null when it failed
  std::optional<Error> error;
  bool foreign = false;          // an object of that name turned out to be somebody else's
};

struct WorkloadObservation {
  WorkloadPtr workload;
  std::string region_name;               // spec.region or the namespace's label; "" for neither
  RegionPtr region;                      // null: there is none of that name
  std::size_t qualified_nodes = 0;       // of that region
  ChildPtr child;                        // of the declared kind and the workload's name, whoever owns it
  std::vector<ChildPtr> other_children;  // controlled by this workload, of another kind (the kind was changed): to be deleted
  std::vector<PodPlace> pods;            // its pods
};

// First half: what the child should be. `apply` is carried out, then the second half says what the status is.
struct ChildPlan {
  enum class Do {
    kNothing,  // in step already, or nothing may be done (see `stalled`)
    kCreate,   // apply without force; an answer 200 instead of 201 means that somebody else's object was hit
    kUpdate,   // apply with force: the child is ours
    kAdopt,    // apply with force: it carries the adopt annotation
  } action = Do::kNothing;
  Json desired;                         // the object to apply
  std::string desired_digest;           // DigestOf(desired)
  bool drifted = false;                 // kUpdate because the child was changed by hand, not because the workload changed
  std::vector<ChildPtr> remove;         // to be deleted (foreground, with uid precondition)
  struct Stalled { std::string reason, message; };
  std::optional<Stalled> stalled;       // why nothing can be done
};
// `applied`: the desired digest and child digest that were last known to belong together (status.child.applied, or the runner's memory).
struct Applied {
  std::string desired_digest;  // of what we asked for
  std::string child_digest;    // of what the server made of it
};
ChildPlan PlanChild(const WorkloadObservation& observed, const Applied& applied);
// What is written to status.child.applied, and read back after a restart: "<desired>-<child>".
Applied ReadApplied(const std::string& status_json);

struct StatusPlan {
  Json status;  // the whole desired status, or null when it equals the observed one
  std::vector<kube::Event> events;
  std::optional<Duration> look_again;
};
// status: {observedGeneration, replicas, ready, updated, selector, nodes: {<zone>: n}, child: {apiVersion, kind, name, uid, applied}, conditions [Ready, Placed, Reconciling, Stalled]}.
StatusPlan PlanStatus(const WorkloadObservation& observed, const ChildPlan& plan, const std::optional<ApplyOutcome>& outcome,
                      const Applied& applied, WallTime now);

}  // namespace rempart::workload
