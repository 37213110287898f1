// Two operators with a lease, as the chart installs them: one leads, and the other one takes over.
#include <gtest/gtest.h>
#include <signal.h>

#include <array>
#include <memory>
#include <string>

#include "tests/support/cluster.h"

namespace rempart::test {
namespace {

constexpr kube::Resource kLeases{"coordination.k8s.io", "v1", "leases", "Lease", true};

class FailOver : public ::testing::Test {
 protected:
  void SetUp() override {
    ns_ = UniqueName("fail-over");
    region_ = node_ = ns_;
    const std::string kubeconfig = InstallRole(cluster_, REMPART_SOURCE_DIR, ns_);
    for (auto& op : operators_) op = StartOperator(kubeconfig, {"--leader-elect=true", "--lease-namespace", ns_});
    ASSERT_TRUE(cluster_.Create(MakeNode(node_, region_, region_ + "-a", "kwok://" + node_)));
    ASSERT_TRUE(cluster_.Create(MakeRegion(region_, region_, {region_ + "-a"})));
    ASSERT_TRUE(AwaitLabel()) << Logs();
    leader_ = IndexOf(Holder());
    ASSERT_GE(leader_, 0) << "who leads is one of the two: " << Logs();
  }
  void TearDown() override {
    (void)cluster_.Delete(api::kRegions, {"", region_});
    EXPECT_TRUE(cluster_.Await(api::kRegions, {"", region_}, [](const Json& r) { return r.is_null(); })) << Logs();
    (void)cluster_.Delete(api::kNodes, {"", node_});
    for (auto& op : operators_) {
      if (!op || !op->Running()) continue;
      op->Signal(SIGTERM);
      EXPECT_EQ(op->Wait(30s), 0) << op->Output();
    }
    (void)cluster_.Delete(api::kNamespaces, {"", ns_});
  }

  bool AwaitLabel(std::chrono::milliseconds limit = 30s) {
    return cluster_
        .Await(
            api::kNodes, {"", node_},
            [this](const Json& n) {
              return n.is_object() && n["metadata"]["labels"].value(std::string(api::kNodeRegionLabel), "") == region_;
            },
            limit)
        .has_value();
  }
  // What somebody has to put right.
  void TakeLabelOff() {
    const Json label = {{std::string(api::kNodeRegionLabel), nullptr}};
    ASSERT_TRUE(cluster_.MergePatch(api::kNodes, {"", node_}, {{"metadata", {{"labels", label}}}}));
  }
  std::string Holder() {
    const auto lease = cluster_.Get(kLeases, {ns_, "rempart-operator"});
    return lease ? (*lease)["spec"].value("holderIdentity", "") : "";
  }
  // -1 for neither.
  int IndexOf(const std::string& holder) {
    for (int i : {0, 1})
      if (!holder.empty() && Operator(i).Output().find(holder) != std::string::npos) return i;
    return -1;
  }
  Process& Operator(int index) { return *operators_[static_cast<std::size_t>(index)]; }
  std::string Logs() { return Operator(0).Output() + "\n--- the other one:\n" + Operator(1).Output(); }

  Cluster cluster_;
  std::string ns_, region_, node_;
  std::array<std::unique_ptr<Process>, 2> operators_;
  int leader_ = -1;
};

TEST_F(FailOver, ALeaderThatDiesIsFollowedOnceItsLeaseHasRunOut) {
  Operator(leader_).Signal(SIGKILL);
  ASSERT_EQ(Operator(leader_).Wait(10s), 128 + SIGKILL);
  TakeLabelOff();
  EXPECT_TRUE(AwaitLabel(40s)) << Logs();
  EXPECT_EQ(IndexOf(Holder()), 1 - leader_) << Logs();
}

TEST_F(FailOver, ALeaderThatStopsHandsItsLeaseOver) {
  const std::string holder = Holder();
  Operator(leader_).Signal(SIGTERM);
  ASSERT_EQ(Operator(leader_).Wait(30s), 0) << Logs();
  EXPECT_NE(Holder(), holder) << "it must not have to run out";
  TakeLabelOff();
  EXPECT_TRUE(AwaitLabel()) << Logs();
  EXPECT_EQ(IndexOf(Holder()), 1 - leader_) << Logs();
}

}  // namespace
}  // namespace rempart::test
