// Everything the operator watches, and which keys a change wakes. Reconcilers observe the stores alone, and read
// no object from the API server; but for the auditor, which lists what is not watched, and the plain pods of a lost
// node.
#pragma once

#include <array>
#include <atomic>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "operator/api/gate_object.h"
#include "operator/api/hosting_profile.h"
#include "operator/api/network_guard.h"
#include "operator/api/node_attestation.h"
#include "operator/api/observed.h"
#include "operator/api/sovereign_region.h"
#include "operator/api/tenant_workload.h"
#include "src/kube/queue.h"
#include "src/kube/store.h"

namespace rempart::cache {

using RegionPtr = std::shared_ptr<const api::SovereignRegion>;
using api::AttestationPtr;
using api::ProfilePtr;
using WorkloadPtr = std::shared_ptr<const api::TenantWorkload>;
using NodePtr = std::shared_ptr<const api::Node>;
using PodPtr = std::shared_ptr<const api::Pod>;
using ChildPtr = std::shared_ptr<const api::Child>;
using GateObjectPtr = std::shared_ptr<const api::GateObject>;

// Thread-safe, as its stores are.
class Caches {
 public:
  Caches();

  kube::Store<api::SovereignRegion> regions;
  kube::Store<api::HostingProfile> profiles;
  kube::Store<api::NodeAttestation> attestations;
  kube::Store<api::TenantWorkload> workloads;
  kube::Store<api::Namespace> namespaces;
  kube::Store<api::Node> nodes;
  kube::Store<api::Pod> pods;
  kube::Store<api::NetworkGuard> network_guards;  // of our name alone
  std::array<std::unique_ptr<kube::Store<api::Child>>, api::kChildKinds> children;
  std::array<std::unique_ptr<kube::Store<api::GateObject>>, api::kGateKinds> gate;
  kube::Store<api::GateObject>& Gate(api::GateKind kind) { return *gate[static_cast<std::size_t>(kind)]; }
  kube::Store<api::Child>& Children(api::ChildKind kind) { return *children[static_cast<std::size_t>(kind)]; }
  const kube::Store<api::Child>& Children(api::ChildKind kind) const {
    return *children[static_cast<std::size_t>(kind)];
  }

  // All regions, the older first.
  std::vector<RegionPtr> RegionsByAge() const;
  // The profile that the region names; null where it names none, or there is none of that name.
  ProfilePtr ProfileOf(const api::SovereignRegion& region) const;
  // Those that these regions name and that exist, each once.
  std::vector<ProfilePtr> ProfilesOf(const std::vector<RegionPtr>& regions) const;
  // Those that are about the node, by name, whoever signed them.
  std::vector<AttestationPtr> AttestationsOf(const std::string& node) const;
  // Whether a TenantWorkload names the region, or a pod that has not ended is held to it: the pods of a workload that
  // was moved to a region that does not exist, or deleted without its child, must not fall to a later region of the
  // name.
  bool InUse(const std::string& region) const;
  // Names of the regions that are being deleted and no longer in use: they give their nodes up.
  std::set<std::string, std::less<>> RegionsLeaving() const;
  // The region that a workload is for: its own field, or its namespace's label; "" for neither.
  std::string RegionNameOf(const api::TenantWorkload& workload) const;
  std::vector<WorkloadPtr> WorkloadsOfRegion(const std::string& region) const;
  std::vector<GateObjectPtr> GateOf(const std::string& region) const;
  std::vector<NodePtr> NodesWithLabel(const std::string& region) const;
  bool AnyNodeWithLabel(const std::string& region) const;
  std::vector<PodPtr> PodsOnNode(const std::string& node) const;
  std::vector<PodPtr> PodsOfWorkload(const kube::ObjectKey& key) const;
  // Those that the region holds, see HeldTo, and that have not ended.
  std::vector<PodPtr> PodsOfRegion(const std::string& region) const;
  // The region that the pod is held to, "" for none, see api::HeldTo.
  std::string HeldTo(const api::Pod& pod) const;
  // Whether the pod sits on a node that carries the qualification for the region that the pod is held to.
  bool OnQualifiedNode(const api::Pod& pod) const;

  // Whether the server has mutating admission policies; not until told so. Told before the reflectors start; any thread
  // may ask.
  void ServeMutation() { mutation_served_ = true; }
  bool mutation_served() const { return mutation_served_; }

  // Every store with the resource it watches, of what the server serves, for reflectors, readiness and metrics.
  struct Watched {
    kube::Resource resource;
    kube::WatchSink* sink;
    kube::StoreProgress* progress;
    std::string field_selector{};
  };
  std::vector<Watched> All();

 private:
  int workload_by_region_, workload_without_region_, node_by_region_, pod_by_node_, pod_by_workload_, pod_by_region_,
      pod_by_region_label_, attestation_by_node_;
  std::array<int, api::kGateKinds> gate_by_region_{};
  std::atomic<bool> mutation_served_ = false;
};

// Which controller has which number in the queue.
struct ControllerIds {
  std::uint8_t region, node, workload, gate, self_test, audit, attestation, guard;
};

// Registers listeners that add to `queue` what a change concerns, and no more: heartbeats of nodes wake nobody, and
// counts in a region's status are refreshed at most once a second. Call before the reflectors start.
void WireCaches(Caches& caches, kube::Queue& queue, ControllerIds ids);

}  // namespace rempart::cache
