#include "operator/cache/caches.h"

#include <algorithm>
#include <utility>

namespace rempart::cache {

Caches::Caches()
    : regions("sovereignregions", api::DecodeSovereignRegion),
      profiles("hostingprofiles", api::DecodeHostingProfile),
      attestations("nodeattestations", api::DecodeNodeAttestation),
      workloads("tenantworkloads", api::DecodeTenantWorkload),
      namespaces("namespaces", api::DecodeNamespace),
      nodes("nodes", api::DecodeNode),
      pods("pods", api::DecodePod),
      network_guards("networkpolicies", api::DecodeNetworkGuard) {
  for (int k = 0; k < api::kChildKinds; ++k) {
    const auto kind = static_cast<api::ChildKind>(k);
    children[static_cast<std::size_t>(k)] =
        std::make_unique<kube::Store<api::Child>>(std::string(api::ResourceOf(kind).plural),
                                                  [kind](kube::View object) { return api::DecodeChild(kind, object); });
  }
  for (int k = 0; k < api::kGateKinds; ++k) {
    const auto kind = static_cast<api::GateKind>(k);
    auto& store = gate[static_cast<std::size_t>(k)];
    store = std::make_unique<kube::Store<api::GateObject>>(
        std::string(api::ResourceOf(kind).plural),
        [kind](kube::View object) { return api::DecodeGateObject(kind, object); });
    gate_by_region_[static_cast<std::size_t>(k)] =
        store->AddIndex([](const api::GateObject& object, const auto& emit) { emit(object.region); });
  }
  workload_by_region_ = workloads.AddIndex([](const api::TenantWorkload& w, const auto& emit) {
    if (!w.region.empty()) emit(w.region);
  });
  workload_without_region_ = workloads.AddIndex([](const api::TenantWorkload& w, const auto& emit) {
    if (w.region.empty()) emit(w.meta.key.ns);
  });
  attestation_by_node_ = attestations.AddIndex([](const api::NodeAttestation& a, const auto& emit) {
    if (!a.node.empty()) emit(a.node);
  });
  node_by_region_ = nodes.AddIndex([](const api::Node& n, const auto& emit) {
    if (!n.region_label.empty()) emit(n.region_label);
  });
  pod_by_node_ = pods.AddIndex([](const api::Pod& p, const auto& emit) {
    if (!p.node.empty()) emit(p.node);
  });
  pod_by_workload_ = pods.AddIndex([](const api::Pod& p, const auto& emit) {
    if (!p.workload.empty()) emit(p.meta.key.ns + "/" + p.workload);
  });
  pod_by_region_ = pods.AddIndex([](const api::Pod& p, const auto& emit) {
    if (!p.region.empty() && !p.ended()) emit(p.region);
  });
  pod_by_region_label_ = pods.AddIndex([](const api::Pod& p, const auto& emit) {
    if (p.only_labelled() && !p.ended()) emit(p.region_label);
  });
}

std::vector<RegionPtr> Caches::RegionsByAge() const {
  auto all = regions.List();
  api::SortByAge(all);
  return all;
}

ProfilePtr Caches::ProfileOf(const api::SovereignRegion& region) const {
  return region.profile.empty() ? nullptr : profiles.Get({"", region.profile});
}

std::vector<ProfilePtr> Caches::ProfilesOf(const std::vector<RegionPtr>& which) const {
  std::vector<ProfilePtr> named;
  for (const auto& region : which) {
    const auto same = [&](const ProfilePtr& profile) { return profile->meta.key.name == region->profile; };
    if (std::ranges::any_of(named, same)) continue;
    if (auto profile = ProfileOf(*region)) named.push_back(std::move(profile));
  }
  return named;
}

std::vector<AttestationPtr> Caches::AttestationsOf(const std::string& node) const {
  return attestations.ByIndex(attestation_by_node_, node);
}

bool Caches::InUse(const std::string& region) const {
  if (workloads.AnyByIndex(workload_by_region_, region) || pods.AnyByIndex(pod_by_region_, region)) return true;
  const auto by_label = pods.ByIndex(pod_by_region_label_, region);
  if (std::ranges::any_of(by_label, [this](const PodPtr& pod) { return !HeldTo(*pod).empty(); })) return true;
  const auto all = namespaces.List();
  return std::ranges::any_of(all, [&](const auto& ns) {
    return ns->region == region && workloads.AnyByIndex(workload_without_region_, ns->meta.key.name);
  });
}

std::set<std::string, std::less<>> Caches::RegionsLeaving() const {
  std::set<std::string, std::less<>> leaving;
  for (const auto& region : regions.List()) {
    const std::string& name = region->meta.key.name;
    if (region->meta.deleting && !InUse(name)) leaving.insert(name);
  }
  return leaving;
}

std::string Caches::RegionNameOf(const api::TenantWorkload& workload) const {
  if (!workload.region.empty()) return workload.region;
  const auto ns = namespaces.Get({"", workload.meta.key.ns});
  return ns ? ns->region : "";
}

std::vector<WorkloadPtr> Caches::WorkloadsOfRegion(const std::string& region) const {
  auto found = workloads.ByIndex(workload_by_region_, region);
  for (const auto& ns : namespaces.List()) {
    if (ns->region != region) continue;
    auto more = workloads.ByIndex(workload_without_region_, ns->meta.key.name);
    found.insert(found.end(), more.begin(), more.end());
  }
  return found;
}

std::vector<GateObjectPtr> Caches::GateOf(const std::string& region) const {
  std::vector<GateObjectPtr> all;
  for (std::size_t k = 0; k < gate.size(); ++k) {
    auto found = gate[k]->ByIndex(gate_by_region_[k], region);
    all.insert(all.end(), found.begin(), found.end());
  }
  return all;
}

std::vector<NodePtr> Caches::NodesWithLabel(const std::string& region) const {
  return nodes.ByIndex(node_by_region_, region);
}
bool Caches::AnyNodeWithLabel(const std::string& region) const { return nodes.AnyByIndex(node_by_region_, region); }
std::vector<PodPtr> Caches::PodsOnNode(const std::string& node) const { return pods.ByIndex(pod_by_node_, node); }
std::vector<PodPtr> Caches::PodsOfWorkload(const kube::ObjectKey& key) const {
  return pods.ByIndex(pod_by_workload_, key.ToString());
}
std::vector<PodPtr> Caches::PodsOfRegion(const std::string& region) const {
  auto found = pods.ByIndex(pod_by_region_, region);
  for (auto& pod : pods.ByIndex(pod_by_region_label_, region))
    if (!HeldTo(*pod).empty()) found.push_back(std::move(pod));
  return found;
}

std::string Caches::HeldTo(const api::Pod& pod) const {
  return api::HeldTo(pod, pod.only_labelled() && workloads.Get({pod.meta.key.ns, pod.workload}) != nullptr);
}

bool Caches::OnQualifiedNode(const api::Pod& pod) const {
  if (pod.node.empty()) return false;
  const std::string region = HeldTo(pod);
  if (region.empty()) return false;
  const auto node = nodes.Get({"", pod.node});
  return node && node->region_label == region;
}

std::vector<Caches::Watched> Caches::All() {
  std::vector<Watched> all = {
      {api::kRegions, &regions, &regions},
      {api::kProfiles, &profiles, &profiles},
      {api::kAttestations, &attestations, &attestations},
      {api::kWorkloads, &workloads, &workloads},
      {api::kNamespaces, &namespaces, &namespaces},
      {api::kNodes, &nodes, &nodes},
      {api::kPods, &pods, &pods},
      {api::kNetworkPolicies, &network_guards, &network_guards, "metadata.name=" + std::string(api::kDefaultDenyName)},
  };
  for (int k = 0; k < api::kChildKinds; ++k) {
    auto* store = children[static_cast<std::size_t>(k)].get();
    all.push_back({api::ResourceOf(static_cast<api::ChildKind>(k)), store, store});
  }
  for (int k = 0; k < api::kGateKinds; ++k) {
    const auto kind = static_cast<api::GateKind>(k);
    if (api::IsMutation(kind) && !mutation_served_) continue;
    auto* store = gate[static_cast<std::size_t>(k)].get();
    all.push_back({api::ResourceOf(kind), store, store});
  }
  return all;
}

}  // namespace rempart::cache
