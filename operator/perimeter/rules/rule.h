// The rules of the perimeter, each written once: for which requests it is, what must hold, and what is said where it
// does not. policies.h makes admission policies of them, judge.h judges documents by them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "operator/api/hosting_profile.h"
#include "operator/api/sovereign_region.h"
#include "operator/perimeter/rules/expr.h"

namespace rempart::rules {

// One admission policy each: the API server converts an object anew for every policy, which costs more than all the
// rules within. Network policies have two: one sees deletions, of which the other's rules could read nothing.
enum class Gate : std::uint8_t {
  kPods,       // pods and their ephemeral containers
  kBindings,   // pods/binding, bindings
  kAccess,     // pods/exec, attach, portforward, proxy; services/proxy
  kNodes,      // all: one outside must not make itself look like one of the region's
  kNamespace,  // the region's namespaces
  kServices,
  kEndpoints,  // endpointslices, endpoints
  kClaims,     // persistentvolumeclaims
  kStores,     // external-secrets.io SecretStore, ExternalSecret, PushSecret
  kRempart,    // rempart.dev
  kGuards,     // the operator's own network policies; deletions too, of which other rules could read nothing
  kPolicies,   // networkpolicies, also those of network plugins, and what these look up
  kIngresses,
  kGateways,       // gateway.networking.k8s.io
  kRoutes,         // of the same
  kClasses,        // storageclasses of the region's names
  kVolumes,        // persistentvolumes of such classes
  kClusterStores,  // external-secrets.io ClusterSecretStore
  kSnapshots,      // snapshot.storage.k8s.io
};
inline constexpr int kGates = 19;

// What volumes and claims had for spec.storageClassName once; Kubernetes still takes its word over that field's
// (component-helpers, storage/volume, GetPersistentVolumeClaimClass), also where it is "".
inline constexpr std::string_view kOldStorageClass = "volume.beta.kubernetes.io/storage-class";
// By which the controller of volumes remembers that it bound a claim: it compares nothing of such a one with its
// volume.
inline constexpr std::string_view kBindCompleted = "pv.kubernetes.io/bind-completed";

// Annotations of pods by which a meta plugin gives them networks beside the cluster's, and another default one.
inline constexpr std::string_view kPodNetworks = "k8s.v1.cni.cncf.io/networks";
inline constexpr std::string_view kPodDefaultNetwork = "v1.multus-cni.io/default-network";

// Which requests a gate sees.
struct GateRequests {
  struct Resources {
    std::string_view group;  // "" is the core group
    std::vector<std::string_view> versions, resources;
  };
  std::string_view name;  // of the policy: "<region>.<name>.rempart.dev"
  std::vector<Resources> resources;
  std::vector<std::string_view> operations;
  // What a region's namespaces are is told by their labels.
  enum class Scope : std::uint8_t { kNamespaces, kNamespaceObjects, kCluster } scope;
  // A request of which nothing is asked.
  Bool free;
};
const GateRequests& RequestsOf(Gate gate);

// What a rule is asked of: the value at a path, or each of those at a path with one "*" for all elements of a list.
struct Subject {
  std::vector<std::string> path;  // {"spec", "containers", "*", "image"}
  // Few elements have the member behind "*". The server need not look at the others: the rules must hold for "".
  bool sparse = false;
  // The server says null where the list has no element: its type there has no omitempty.
  bool nullable = false;
  std::string ToString() const;  // spec.containers[*].image
};

struct Sentence {
  std::string en, fr;
};

struct Rule {
  std::string id;  // "RP-101"
  Gate gate;
  std::vector<Subject> subjects;  // none: the request as a whole
  bool texts = true;              // whether the values are texts (absent: "") or objects
  Bool holds;                     // over It(), and object, oldObject, request, params
  Text shown;                     // of It(), for the message; null node: nothing
  Sentence wrong;                 // "is not a node of region france"
  Sentence fix;                   // "take it out: the scheduler chooses one"
  std::string clauses;            // "SecNumCloud 3.2: 19.2.b"
  bool needs_request = false;     // asks who does it, which a manifest does not tell
  bool audit_only = false;        // no policy: refusing it would not keep it from running
  std::string implied_by;  // another rule's id: where that one is asked too the server asks it alone, and tells of both
};

// What `holds` is asked of.
inline Item It() { return Variable("it"); }

// What a region's rules are made from, besides its spec.
struct RuleContext {
  std::string operator_user;  // "system:serviceaccount:rempart-system:rempart"
  // Regions and zones where its nodes can be (api::PlacesOf), sorted, each once; and the keys of the other labels by
  // which its profile tells its nodes from another provider's.
  struct Places {
    std::vector<std::string> regions, zones, labels;
  };
  // Not given where the profile that the region names is not at hand: then what the region itself lists is all that
  // is known, and where it lists nothing, nothing is asked of topologies. Given and empty: no place is the region's.
  std::optional<Places> places = {};
  bool other_regions = false;  // the cluster has, with nodes, which carry no taint of those outside
};

// What each pod of a region has to select nodes by: its label.
inline constexpr char kSelectorRule[] = "RP-103";
// Whether pods have to. Where nodes outside carry the taint it does that job, and asks nothing of who writes pods; but
// it is not on the nodes of other regions.
bool NeedsSelector(const api::SovereignRegion& region, const RuleContext& context);

// The same of a region and its profile, see api::PlacesOf.
RuleContext::Places RulePlacesOf(const api::SovereignRegion& region, const api::HostingProfile* profile);

// The rules that a region asks for, in the order of their ids. Pure.
std::vector<Rule> RulesOf(const api::SovereignRegion& region, const RuleContext& context);

}  // namespace rempart::rules
