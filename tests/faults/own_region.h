// What a test beside the scenario has for itself: a namespace, and regions with nodes, under names that nobody else
// has. Taken away at its end, whether an operator still runs or not.
#pragma once

#include <string>
#include <vector>

#include "src/kube/kubeconfig.h"
#include "tests/support/cluster.h"

namespace rempart::test {

// Where a FaultProxy leads: the control plane of `cluster`. Throws where its kubeconfig cannot be read.
kube::Config UpstreamOf(const Cluster& cluster);

class OwnRegion {
 public:
  // One region with a node in each of these zones; the namespace is labelled with it.
  OwnRegion(Cluster& cluster, const std::vector<std::string>& zones, const Json& extra_hosting = {});
  ~OwnRegion();
  OwnRegion(const OwnRegion&) = delete;
  OwnRegion& operator=(const OwnRegion&) = delete;

  const std::string& id() const { return id_; }  // in every name; the region's own
  const std::string& ns() const { return ns_; }
  std::string Node(const std::string& zone) const { return id_ + "-" + zone; }
  // Another region beside it, with a node in each of these zones; its name.
  std::string AddRegion(const std::string& name, const std::vector<std::string>& zones, const Json& extra_hosting = {});
  void Create(const Json& object);  // throws where that fails
  // Every workload of the namespace is Ready, all are there, and no region's status lags behind.
  bool AwaitSettled(std::size_t workloads);

 private:
  Cluster& cluster_;
  std::string id_, ns_;
  std::vector<std::string> regions_, nodes_;
};

}  // namespace rempart::test
