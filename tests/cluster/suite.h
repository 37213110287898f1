// The operators that all cluster tests share: two of them, as the chart installs them, each with the chart's
// ServiceAccount token and nothing else, one leading. Started before the custom resource definitions are there, which
// they must survive. No test stops one of them, or depends on another test: they are run in any order, and in parts,
// see hack/test. Operators that are killed are those of tests/faults.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>

#include "tests/support/cluster.h"

namespace rempart::test {

class Suite : public ::testing::Environment {
 public:
  static Suite& Get();
  void SetUp() override;
  void TearDown() override;

  Cluster& cluster() { return *cluster_; }
  const std::string& ns() const { return ns_; }
  const std::string& role_kubeconfig() const { return role_kubeconfig_; }
  // How often the first operator had said so when the definitions were installed; nothing where they were there
  // already.
  std::optional<std::size_t> said_crds_missing() const { return said_crds_missing_; }
  // What the operator answers to a GET, with the status behind it: "health" or "metrics".
  Result<std::string> Serves(int index, const std::string& what, const std::string& path);
  // What the first one's /readyz was while the definitions were not there.
  const std::string& ready_without_definitions() const { return ready_without_definitions_; }
  std::string Logs();

 private:
  std::unique_ptr<Process> Start();

  std::unique_ptr<Cluster> cluster_;
  std::string ns_ = "rempart-system", role_kubeconfig_;
  std::optional<std::size_t> said_crds_missing_;
  std::string ready_without_definitions_;
  std::unique_ptr<Process> operators_[2];
};

// A test's own nodes, region and namespace; taken away at its end.
class ClusterTest : public ::testing::Test {
 protected:
  void SetUp() override;
  void TearDown() override;

  Cluster& cluster() { return Suite::Get().cluster(); }
  // Names: node("a") sits in zone("a") of this test's topology region.
  std::string Zone(const std::string& z) const { return id_ + "-" + z; }
  std::string NodeName(const std::string& z) const { return id_ + "-node-" + z; }
  void MakeNodes(const std::vector<std::string>& zones);
  void MakeRegionOf(const std::vector<std::string>& zones, const Json& extra_hosting = {});
  Json AwaitWorkload(const std::string& name, const std::string& condition, const std::string& status,
                     const std::string& reason = "");
  Json AwaitRegion(const std::string& condition, const std::string& status, const std::string& reason = "");
  // value: "" for none
  bool AwaitNodeLabel(const std::string& node, std::string_view label, const std::string& value,
                      std::chrono::milliseconds limit = 30s);
  std::vector<std::string> NodesOfPods(const std::string& workload);
  void Create(const Json& object);

  std::string id_, region_, ns_;
  std::vector<std::string> made_nodes_, made_regions_, made_profiles_;
};

}  // namespace rempart::test
