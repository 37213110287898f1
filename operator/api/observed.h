// What the operator keeps of objects that others own: nodes, pods, namespaces, and the children of workloads. Small on
// purpose: a cached pod costs hundreds of bytes.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "operator/api/names.h"
#include "operator/api/tenant_workload.h"
#include "src/base/result.h"
#include "src/kube/decode.h"
#include "src/kube/label_selector.h"
#include "src/kube/object.h"

namespace rempart::api {

struct Label {
  std::string key, value;
  auto operator<=>(const Label&) const = default;
};

// Whether a label of this key says where its node is, so that a HostingProfile may ask for it:
// topology.<domain>/<name>, where cloud controllers and storage drivers write it, and
// …node-restriction.kubernetes.io/<name>, which a kubelet cannot set on its own node. Not those that are kept by
// themselves (topology.kubernetes.io/region and zone), nor ours.
bool IsLocationLabel(std::string_view key);

struct Taint {
  std::string key, value, effect, time_added;
  auto operator<=>(const Taint&) const = default;
};

// A label that is there but cannot be read (no string, or above 1 KiB) becomes "(unreadable)", which equals no label's
// value; an id that cannot be read becomes "".
struct Node {
  kube::Meta meta;
  std::string topology_region, topology_zone;  // labels; "" where not set
  std::string legacy_region, legacy_zone;      // failure-domain.beta.kubernetes.io/*: a source that may disagree
  std::string provider_id;
  std::string system_uuid, machine_id;  // status.nodeInfo, as the kubelet says: what an attestation is bound to
  // Its location labels by key, those without a value left out: the first kMaxLocationLabels of them, since a kubelet
  // may set any number. Which ones profiles ask for does not matter here: profiles change, and nodes are not read again
  // then.
  std::vector<Label> location_labels;
  bool more_location_labels = false;  // it has others that were left out
  bool unschedulable = false;
  std::vector<Taint> taints;
  // our labels as they stand ("" where not set)
  std::string region_label, country_label, lost_since_label, lost_region_label, cordoned_label;
};
inline constexpr std::size_t kMaxLocationLabels = 8;
Result<Node> DecodeNode(kube::View object);

// Kept for pods that a region holds: their nodeSelector names a region (immutable, so a tenant cannot hide a pod by
// relabelling it), or they carry our workload label. Others are kNotFound: the store leaves them out.
struct Pod {
  kube::Meta meta;
  std::string node;          // spec.nodeName; "" while it waits
  std::string region;        // spec.nodeSelector[kNodeRegionLabel]
  std::string workload;      // label kWorkloadLabel
  std::string region_label;  // label kRegionLabel, which the child's template gives its pods; "" without `workload`
  enum class Phase : std::uint8_t { kPending, kRunning, kSucceeded, kFailed, kUnknown } phase = Phase::kPending;
  bool ended() const { return phase == Phase::kSucceeded || phase == Phase::kFailed; }
  // Has no selector, and its labels say whose it is; whether that counts, see HeldTo.
  bool only_labelled() const { return region.empty() && !region_label.empty(); }
  bool ready = false;
  // How long it may take to end, seconds: metadata.deletionGracePeriodSeconds while it is being deleted, until then
  // spec.terminationGracePeriodSeconds (Kubernetes' default: 30).
  std::int64_t grace_seconds = 30;
  std::string waiting;  // PodScheduled=False: its message, cut at 256; else ""
};
Result<Pod> DecodePod(kube::View object);     // kNotFound for one that is of no region
Result<Pod> DecodeAnyPod(kube::View object);  // also of one without selector or labels

// The region that the pod is held to, "" for none: what its nodeSelector names; else what its label says, provided that
// the TenantWorkload that it names exists (`workload_exists`). A pod of ours may have lost its selector, where the
// child was edited while nobody watched; a stranger's pod that carries the labels is left alone.
inline const std::string& HeldTo(const Pod& pod, bool workload_exists) {
  return pod.only_labelled() && workload_exists ? pod.region_label : pod.region;
}

struct Namespace {
  kube::Meta meta;
  std::string region;   // label rempart.dev/region
  kube::Labels labels;  // all: a region may select its namespaces by any
  std::string guarded;  // annotation kPodSecurityAnnotation
};
Result<Namespace> DecodeNamespace(kube::View object);

// A Deployment, StatefulSet, DaemonSet, Job or CronJob, whoever made it: any might stand in a workload's way. Digest
// and status are read only where there is a sign of us: it is controlled by a TenantWorkload, or carries our workload
// label or adopt annotation. Where its pods may go is read of all: signs can be taken off by hand.
struct Child {
  kube::Meta meta;
  ChildKind kind = ChildKind::kDeployment;
  std::string controller_uid;           // of the owner reference with controller: true; "" for none
  bool controller_is_workload = false;  // that owner is a TenantWorkload
  bool adopt = false;                   // annotation rempart.dev/adopt: "true"
  // Digest of everything of it that we govern, as the server stores it: spec, our labels and annotations, owner
  // references. Two objects with the same digest are the same to us; any edit by hand changes it. "" for objects that
  // have no sign of us.
  std::string digest;
  std::string region_label;          // its own label kRegionLabel
  std::string node_selector_region;  // template's nodeSelector[kNodeRegionLabel]
  bool sets_node_name = false;       // template's spec.nodeName is set
  std::int64_t observed_generation = 0;
  // As the kind's status has them. DaemonSet: replicas are those desired. Job: replicas are its active pods, nothing is
  // updated or available. CronJob: replicas are its active Jobs, the rest is 0.
  std::int32_t replicas = 0, ready = 0, updated = 0, available = 0;
  // Deployment: Progressing=False / ReplicaFailure=True; Job: Failed=True. "" or "Reason: message", cut at 256.
  std::string failure;
  bool complete = false;   // Job: Complete=True
  bool suspended = false;  // Job, CronJob
};
Result<Child> DecodeChild(ChildKind kind, kube::View object);

}  // namespace rempart::api
