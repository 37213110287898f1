// What is to be done about one node: keep our labels, taint and cordon right; evict tenants' pods once it lost its
// qualification. Pure: what was observed and the time in, a plan out. May be called from any thread.
//
// Who the node belongs to is Claim's answer. What follows from it:
//
// Labels: region and country name the region that claims the node, and are taken off a node that none claims.
//
// Loss: a node that carries both labels of a region (the operator always writes both) and is no longer claimed by it
// gets lost-since (now) and lost-region, until the region claims it again or is gone. A region label without the
// country label was put there by hand: it is just removed. A node that another region claims carries the record only
// while pods of the former region sit on it. Nothing is recorded for a region that is leaving.
//
// Cordon (onLoss.action: Cordon): a lost node that no region claims is made unschedulable, with label cordoned "true"
// where it was the operator that did it. Only then is it undone, once a region claims the node or the lost region no
// longer asks for it.
//
// Taint: while a region without trouble sets taintOutsideNodes, nodes that no region claims carry
// rempart.dev/outside=true:NoSchedule, others do not. That key is ours: anything else under it is put right. While none
// asks but some region is in trouble, it is left as it is. Other taints are never touched.
//
// A region in trouble (see Trouble): its nodes keep labels, record and cordon as they stand, and nothing is evicted on
// its account.
#pragma once

#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "operator/perimeter/eviction.h"
#include "operator/perimeter/lost_since.h"
#include "operator/perimeter/qualification.h"
#include "src/base/clock.h"
#include "src/base/json.h"
#include "src/kube/events.h"

namespace rempart::perimeter {

// A loss that is known but could not be recorded on the node, because the API server refuses the change: without a
// memory of it, the grace period would begin anew each round.
struct Loss {
  std::string region;
  WallTime since;
};

struct NodeObservation {
  NodePtr node;
  std::vector<RegionPtr> regions;  // all, oldest first, those being deleted too
  RegionNames leaving;             // those being deleted that nobody uses: they give their nodes up, see IsLeaving
  std::vector<PodPtr> pods;        // those of any region on this node
  // TenantWorkloads that exist, of those that the pods without a region in their nodeSelector name.
  std::set<kube::ObjectKey> workloads = {};
  std::optional<Loss> unrecorded = {};    // of this node
  std::vector<ProfilePtr> profiles = {};  // those that exist, of those that the regions name
  Attestations attestations = {};         // of this node
};

struct NodePlan {
  // A JSON merge patch with metadata.resourceVersion (a lost race is a conflict, and looked at again); null when
  // nothing differs. A merge patch and not server-side apply, because labels that somebody else set must be taken off
  // too, which apply cannot do.
  Json patch;
  // NodeQualified, NodeLost (on node and region), NodeLabelsRestored, NodeCordoned, NodeUncordoned: each tells of
  // something in the patch, so they are recorded once the patch has gone through.
  std::vector<kube::Event> events;
  std::optional<Loss> loss;         // what the patch records, if it does: to be kept in mind where it is refused
  std::vector<Eviction> evictions;  // due now
  // When the next eviction falls due (grace period or deadline), 5 s after one that a budget may refuse; or when an
  // attestation of the node begins to hold, or ends.
  std::optional<Duration> look_again;
  std::optional<WallTime> attested_until;  // see AttestedUntil
};

// Whether the region moves pods of its namespaces, too, that carry no selector of it (see bare_pods.h): it enforces,
// and evicts. The record of its loss of a node is then kept for as long as there may be such pods, though no cache has
// them.
bool MovesBarePods(const api::SovereignRegion& region);
// After the grace period: a pod may be bound that late by a scheduler that has not seen the node's change.
inline constexpr Duration kLateBinding = std::chrono::minutes(2);

// Until what expires has expired, a look is taken each hour, since clocks may be set.
inline constexpr Duration kExpiryLook = std::chrono::hours(1);

// Due for eviction is each pod on the node that has not ended and is not being deleted, whose region R (api::HeldTo) is
// another than the one that claims the node, once since + gracePeriod has passed; from since + deadline on by force. By
// then also those that are being deleted, unless they have no longer to end than a forced deletion would give them.
// `since` is the later of the pod's creation and lost-since (when lost-region is R), never in the future. A lost-since
// that cannot be read, or lies more than 5 minutes ahead, is taken off and counts as not there: the stricter reading.
// Nothing is evicted while R is unknown, leaving, in trouble, or has onLoss.action Cordon.
//
// When a profile's time is over is not a change that a node sees: its region looks at that time, and wakes its nodes.
NodePlan PlanNode(const NodeObservation& observed, WallTime now);

}  // namespace rempart::perimeter
