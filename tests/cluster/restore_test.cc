// How soon a child that somebody deleted is there again.
#include <algorithm>

#include "tests/cluster/suite.h"

namespace rempart::test {
namespace {

class RestoreTest : public ClusterTest {
 protected:
  void SetUp() override {
    ClusterTest::SetUp();
    MakeNodes({"a"});
    MakeRegionOf({"a"});
    ASSERT_TRUE(AwaitNodeLabel(NodeName("a"), api::kNodeRegionLabel, region_));
  }
  // The workload's status names the child that is there now: the operator is through with the last change.
  std::string AwaitChild(const std::string& workload, const std::string& not_this_uid) {
    const auto pointer = Json::json_pointer("/status/child/uid");
    const auto told = cluster().Await(api::kWorkloads, {ns_, workload}, [&](const Json& w) {
      const std::string uid = w.is_object() ? w.value(pointer, "") : "";
      return !uid.empty() && uid != not_this_uid;
    });
    return told ? told->value(pointer, "") : "";
  }
};

TEST_F(RestoreTest, DeletedChildrenAreBackWithinASecond) {
  struct Row {
    const char* name;
    const char* kind;
    const kube::Resource* resource;
    Json spec;
  };
  std::vector<std::chrono::steady_clock::duration> took;
  for (const auto& [name, kind, resource, spec] :
       std::vector<Row>{{"deploy", "deployment", &api::kDeployments, Json::object()},
                        {"stateful", "statefulSet", &api::kStatefulSets, {{"serviceName", "stateful"}}},
                        {"daemon", "daemonSet", &api::kDaemonSets, Json::object()}}) {
    Json workload = MakeWorkload(ns_, name, region_);
    workload["spec"][kind] = spec;
    Create(workload);
    std::string uid = AwaitChild(name, "");
    for (int i = 0; i < 3; ++i) {
      ASSERT_NE(uid, "") << name;
      ASSERT_TRUE(cluster().Delete(*resource, {ns_, name}));
      const auto deleted = std::chrono::steady_clock::now();
      const auto back = cluster().Await(*resource, {ns_, name}, [&](const Json& child) {
        return child.is_object() && child["metadata"]["uid"] != uid;
      });
      took.push_back(std::chrono::steady_clock::now() - deleted);
      ASSERT_TRUE(back) << name;
      EXPECT_EQ((*back)["spec"]["template"]["spec"]["nodeSelector"][std::string(api::kNodeRegionLabel)], region_);
      uid = AwaitChild(name, uid);
    }
  }
  // As for edits: the median, since other tests share the machine.
  const auto median = took.begin() + static_cast<std::ptrdiff_t>(took.size() / 2);
  std::ranges::nth_element(took, median);
  EXPECT_LT(*median, std::chrono::seconds(1)) << "the median of " << took.size();
}

}  // namespace
}  // namespace rempart::test
