// Which keys a change wakes.
#include <set>

#include "operator/cache/caches.h"

namespace rempart::cache {
namespace {

// A region's status counts things that change in bursts; one look a second is enough and keeps its status from being
// written at each step.
constexpr auto kRegionRefresh = std::chrono::seconds(1);
// An audit lists much of the cluster. One that failed has its own time to be tried again, which a crowd of namespaces
// must not take away from it.
constexpr auto kAuditRefresh = std::chrono::seconds(10);

// What of a node matters to anybody here. Heartbeats change none of it.
bool SameNode(const api::Node& a, const api::Node& b) {
  return a.meta.uid == b.meta.uid && a.topology_region == b.topology_region && a.topology_zone == b.topology_zone &&
         a.legacy_region == b.legacy_region && a.legacy_zone == b.legacy_zone && a.provider_id == b.provider_id &&
         a.system_uuid == b.system_uuid && a.machine_id == b.machine_id && a.location_labels == b.location_labels &&
         a.more_location_labels == b.more_location_labels && a.unschedulable == b.unschedulable &&
         a.taints == b.taints && a.region_label == b.region_label && a.country_label == b.country_label &&
         a.lost_since_label == b.lost_since_label && a.lost_region_label == b.lost_region_label &&
         a.cordoned_label == b.cordoned_label && a.meta.deleting == b.meta.deleting;
}

class Wiring {
 public:
  Wiring(Caches& caches, kube::Queue& queue, ControllerIds ids) : caches_(caches), queue_(queue), ids_(ids) {}

  void OnRegion(const RegionPtr& before, const RegionPtr& after) {
    const std::string& name = (after ? after : before)->meta.key.name;
    Region(name);
    const bool matters = !before || !after || before->meta.generation != after->meta.generation ||
                         before->meta.uid != after->meta.uid || before->meta.deleting != after->meta.deleting;
    if (!matters) return;  // its status only
    Gate(name);
    queue_.Add({ids_.self_test, {"", name}});  // which may have to be forgotten; else it waits for the gate
    queue_.Add({ids_.audit, {"", name}});
    for (const auto& ns : caches_.namespaces.List()) Guard(ns->meta.key.name);
    Everywhere(name);
    for (const auto& attestation : caches_.attestations.List()) Attestation(*attestation);  // whose word counts
  }

  // What is signed of a node matters to it, to the regions that take anybody's word, and to what else is said of it.
  void OnAttestation(const AttestationPtr& before, const AttestationPtr& after) {
    if (after) Attestation(*after);  // its status too: what somebody edits there is put right
    const bool same = before && after && before->meta.uid == after->meta.uid && before->node == after->node &&
                      before->digest == after->digest && before->invalid == after->invalid;
    if (same) return;
    std::set<std::string> nodes;
    for (const auto& one : {before, after})
      if (one && !one->node.empty()) nodes.insert(one->node);
    for (const auto& node : nodes) {
      Node(node);
      for (const auto& other : caches_.AttestationsOf(node)) Attestation(*other);
    }
    for (const auto& region : caches_.regions.List())
      if (!region->attestation.authorities.empty()) RegionSoon(region->meta.key.name);
  }

  // What a profile says matters to the regions that name it: to them as a change of their own.
  void OnProfile(const ProfilePtr& before, const ProfilePtr& after) {
    if (before && after && before->meta.uid == after->meta.uid && before->meta.generation == after->meta.generation)
      return;
    const std::string& name = (after ? after : before)->meta.key.name;
    for (const auto& region : caches_.regions.List()) {
      if (region->profile != name) continue;
      Region(region->meta.key.name);
      Gate(region->meta.key.name);  // whose rules name its places
      Everywhere(region->meta.key.name);
    }
  }

  void OnWorkload(const WorkloadPtr& before, const WorkloadPtr& after) {
    Workload((after ? after : before)->meta.key);
    std::set<std::string> regions;  // whose count of users changed
    const bool counted_before = before != nullptr, counted_after = after != nullptr;
    if (counted_before != counted_after || (before && before->region != after->region)) {
      if (before) regions.insert(caches_.RegionNameOf(*before));
      if (after) regions.insert(caches_.RegionNameOf(*after));
    }
    if (counted_before != counted_after) {  // pods that only their labels hold are held while it exists
      for (const auto& pod : caches_.PodsOfWorkload((after ? after : before)->meta.key)) {
        if (!pod->only_labelled()) continue;
        regions.insert(pod->region_label);
        if (!pod->node.empty()) Node(pod->node);
      }
    }
    for (const auto& region : regions)
      if (!region.empty()) RegionSoon(region);
  }

  void OnNamespace(const std::shared_ptr<const api::Namespace>& before,
                   const std::shared_ptr<const api::Namespace>& after) {
    const bool same_labels =
        before && after && before->labels == after->labels && before->meta.deleting == after->meta.deleting;
    if (!same_labels || before->guarded != after->guarded) Guard((after ? after : before)->meta.key.name);
    if (same_labels) return;
    for (const auto& region : caches_.regions.List()) {  // a region may select its namespaces by any label
      RegionSoon(region->meta.key.name);
      queue_.AddAfter({ids_.self_test, region->meta.key}, kRegionRefresh);
      queue_.AddAfter({ids_.audit, region->meta.key}, kAuditRefresh);
    }
    for (const auto& node : caches_.nodes.List())  // where pods of the namespace may be that are to be moved
      if (!node->lost_region_label.empty()) Node(node->meta.key.name);
    const std::string was = before ? before->region : "", is = after ? after->region : "";
    if (was == is) return;
    for (const auto& workload : caches_.workloads.List())
      if (workload->region.empty() && workload->meta.key.ns == (after ? after : before)->meta.key.name)
        Workload(workload->meta.key);
  }

  void OnNode(const NodePtr& before, const NodePtr& after) {
    if (before && after && SameNode(*before, *after)) return;
    const std::string& name = (after ? after : before)->meta.key.name;
    Node(name);
    for (const auto& attestation : caches_.AttestationsOf(name)) Attestation(*attestation);
    const std::string was = before ? before->region_label : "", is = after ? after->region_label : "";
    for (const std::string& region : {was, is}) {
      if (region.empty()) continue;
      Gate(region);  // the nodes that its parameters list
      if (was != is) queue_.Add({ids_.audit, {"", region}});
    }
    for (const auto& region : caches_.regions.List()) {
      RegionSoon(region->meta.key.name);
      if (was != is) Gate(region->meta.key.name);  // whether others have nodes matters to the rules of each
    }
    for (const auto& pod : caches_.PodsOnNode(name))  // their places change with it
      if (!pod->workload.empty()) Workload({pod->meta.key.ns, pod->workload});
  }

  void OnPod(const PodPtr& before, const PodPtr& after) {
    const PodPtr& pod = after ? after : before;
    if (!pod->workload.empty()) Workload({pod->meta.key.ns, pod->workload});
    if (before && before->workload != pod->workload && !before->workload.empty())
      Workload({before->meta.key.ns, before->workload});
    PodPlaced(*pod);
    if (before && before != pod && (before->region_label != pod->region_label || before->workload != pod->workload))
      PodPlaced(*before);  // who held it until now
  }

  void OnGateObject(const GateObjectPtr& before, const GateObjectPtr& after) { Gate((after ? after : before)->region); }

  void OnNetworkGuard(const std::shared_ptr<const api::NetworkGuard>& before,
                      const std::shared_ptr<const api::NetworkGuard>& after) {
    Guard((after ? after : before)->meta.key.ns);
  }

  // A child has its workload's name, whatever its kind.
  void OnChild(const ChildPtr& before, const ChildPtr& after) {
    const ChildPtr& child = after ? after : before;
    if (caches_.workloads.Get(child->meta.key)) Workload(child->meta.key);
  }

 private:
  // Whom else it concerns that this region holds other nodes than before. The older region wins a node, so that is all
  // nodes, and what the other regions have.
  void Everywhere(const std::string& region) {
    for (const auto& node : caches_.nodes.List()) Node(node->meta.key.name);
    for (const auto& other : caches_.regions.List())
      if (other->meta.key.name != region) Region(other->meta.key.name);
    WorkloadsOf(region);
  }
  void PodPlaced(const api::Pod& pod) {
    const std::string region = caches_.HeldTo(pod);
    if (region.empty()) return;
    const auto holder = caches_.regions.Get({"", region});
    if (holder && holder->meta.deleting) RegionSoon(region);  // it waits for its last pod
    if (pod.node.empty()) return;
    if (caches_.OnQualifiedNode(pod)) return;  // nothing for its node or region to do
    Node(pod.node);
    RegionSoon(region);
  }
  void Region(const std::string& name) { queue_.Add({ids_.region, {"", name}}); }
  void RegionSoon(const std::string& name) { queue_.AddAfter({ids_.region, {"", name}}, kRegionRefresh); }
  void Node(const std::string& name) { queue_.Add({ids_.node, {"", name}}); }
  void Attestation(const api::NodeAttestation& attestation) { queue_.Add({ids_.attestation, attestation.meta.key}); }
  void Gate(const std::string& region) { queue_.Add({ids_.gate, {"", region}}); }
  void Guard(const std::string& ns) { queue_.Add({ids_.guard, {"", ns}}); }
  void Workload(const kube::ObjectKey& key) { queue_.Add({ids_.workload, key}); }
  void WorkloadsOf(const std::string& region) {
    for (const auto& workload : caches_.WorkloadsOfRegion(region)) Workload(workload->meta.key);
  }

  Caches& caches_;
  kube::Queue& queue_;
  ControllerIds ids_;
};

}  // namespace

void WireCaches(Caches& caches, kube::Queue& queue, ControllerIds ids) {
  auto wiring = std::make_shared<Wiring>(caches, queue, ids);
  caches.regions.AddListener([wiring](const auto& before, const auto& after) { wiring->OnRegion(before, after); });
  caches.profiles.AddListener([wiring](const auto& before, const auto& after) { wiring->OnProfile(before, after); });
  caches.attestations.AddListener(
      [wiring](const auto& before, const auto& after) { wiring->OnAttestation(before, after); });
  caches.workloads.AddListener([wiring](const auto& before, const auto& after) { wiring->OnWorkload(before, after); });
  caches.namespaces.AddListener(
      [wiring](const auto& before, const auto& after) { wiring->OnNamespace(before, after); });
  caches.nodes.AddListener([wiring](const auto& before, const auto& after) { wiring->OnNode(before, after); });
  caches.pods.AddListener([wiring](const auto& before, const auto& after) { wiring->OnPod(before, after); });
  caches.network_guards.AddListener(
      [wiring](const auto& before, const auto& after) { wiring->OnNetworkGuard(before, after); });
  for (auto& objects : caches.gate)
    objects->AddListener([wiring](const auto& before, const auto& after) { wiring->OnGateObject(before, after); });
  for (auto& children : caches.children)
    children->AddListener([wiring](const auto& before, const auto& after) { wiring->OnChild(before, after); });
}

}  // namespace rempart::cache
