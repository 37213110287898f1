#include "tests/faults/own_region.h"

#include <algorithm>
#include <stdexcept>

namespace rempart::test {

kube::Config UpstreamOf(const Cluster& cluster) {
  auto config = kube::LoadConfig({cluster.kubeconfig(), ""}, [](const char*) { return std::nullopt; });
  if (!config) throw std::runtime_error(config.error().ToString());
  return *std::move(config);
}

OwnRegion::OwnRegion(Cluster& cluster, const std::vector<std::string>& zones, const Json& extra_hosting)
    : cluster_(cluster), id_(UniqueName("o")), ns_("ns-" + id_) {
  Create(MakeNamespace(ns_, id_));
  AddRegion(id_, zones, extra_hosting);
}

OwnRegion::~OwnRegion() {
  for (const auto& workload : cluster_.List(api::kWorkloads, ns_).value_or(std::vector<Json>{}))
    (void)cluster_.Delete(api::kWorkloads, {ns_, workload["metadata"]["name"]});
  (void)cluster_.Delete(api::kNamespaces, {"", ns_});
  for (const auto& region : regions_) {
    (void)cluster_.Delete(api::kRegions, {"", region});
    (void)cluster_.MergePatch(api::kRegions, {"", region}, {{"metadata", {{"finalizers", nullptr}}}});
  }
  for (const auto& node : nodes_) (void)cluster_.Delete(api::kNodes, {"", node});
}

std::string OwnRegion::AddRegion(const std::string& name, const std::vector<std::string>& zones,
                                 const Json& extra_hosting) {
  std::vector<std::string> places;
  for (const auto& zone : zones) {
    places.push_back(Node(zone));  // a node's zone has its name
    Create(MakeNode(Node(zone), id_, Node(zone), "kwok://" + Node(zone)));
    nodes_.push_back(Node(zone));
  }
  Create(MakeRegion(name, id_, places, extra_hosting));
  regions_.push_back(name);
  return name;
}

void OwnRegion::Create(const Json& object) {
  if (const auto made = cluster_.Create(object); !made) throw std::runtime_error(made.error().ToString());
}

bool OwnRegion::AwaitSettled(std::size_t workloads) {
  const auto ready = [&](const std::vector<Json>& all) {
    return all.size() == workloads &&
           std::ranges::all_of(all, [](const Json& w) { return HasCondition(w, "Ready", "True"); });
  };
  if (!cluster_.AwaitList(api::kWorkloads, ns_, "", ready, 60s)) return false;
  return std::ranges::all_of(regions_, [&](const std::string& region) {
    return cluster_
        .Await(
            api::kRegions, {"", region}, [](const Json& r) { return HasCondition(r, "Ready", "True"); }, 60s)
        .has_value();
  });
}

}  // namespace rempart::test
