// How soon a child that somebody edited or deleted by hand is as it was. A second is promised, for every kind of child
// and every kind of edit. Each of them has its own median, so that none may be slow every time.
#include <algorithm>
#include <map>

#include "tests/cluster/suite.h"

namespace rempart::test {
namespace {

using Milliseconds = std::chrono::milliseconds;

constexpr std::size_t kTries = 3;  // the median, since other tests share the machine

struct Edit {
  const char* what;
  Json patch;
};

struct Kind {
  const char* name;   // of the workload
  const char* field;  // of its spec
  const kube::Resource* resource;
  Json spec;
  std::vector<Edit> edits;
};

Json InSpec(const Json& spec) { return {{"spec", spec}}; }
Json InTemplate(const Json& pod_spec) { return InSpec({{"template", {{"spec", pod_spec}}}}); }

void ExpectMedianBelowASecond(std::vector<Milliseconds> took) {
  ASSERT_EQ(took.size(), kTries);
  std::ranges::sort(took);
  EXPECT_LT(took[kTries / 2].count(), 1000)
      << "ms, the median; from " << took.front().count() << " to " << took.back().count();
}

class RestoreTest : public ClusterTest {
 protected:
  void SetUp() override {
    ClusterTest::SetUp();
    MakeNodes({"a", "foreign"});
    MakeRegionOf({"a"});
    ASSERT_TRUE(AwaitNodeLabel(NodeName("a"), api::kNodeRegionLabel, region_));
  }

  std::vector<Kind> Kinds() const {
    const Json sidecar = Json::array({{{"name", "app"}, {"image", "registry.example/app:1"}},
                                      {{"name", "spy"}, {"image", "registry.example/spy:1"}}});
    const Json anywhere = Json::array({{{"operator", "Exists"}}});
    const Edit scaled{"a value changed", InSpec({{"replicas", 5}})};
    const Edit let_loose{"our selector taken out", InTemplate({{"nodeSelector", nullptr}})};
    std::vector<Kind> kinds = {
        {"deploy",
         "deployment",
         &api::kDeployments,
         Json::object(),
         {scaled,
          let_loose,
          {"a field added", InTemplate({{"nodeName", NodeName("foreign")}})},
          {"a container added", InTemplate({{"containers", sidecar}})},
          {"tolerations added", InTemplate({{"tolerations", anywhere}})}}},
        {"stateful", "statefulSet", &api::kStatefulSets, {{"serviceName", "stateful"}}, {scaled, let_loose}},
        {"daemon", "daemonSet", &api::kDaemonSets, Json::object(), {let_loose}},
        {"once", "job", &api::kJobs, {{"parallelism", 2}}, {{"a value changed", InSpec({{"parallelism", 1}})}}},
        // The one state in which a Job's template can be changed.
        {"held", "job", &api::kJobs, {{"suspend", true}}, {let_loose}},
        {"cron",
         "cronJob",
         &api::kCronJobs,
         {{"schedule", "0 0 1 1 *"}},
         {{"a value changed", InSpec({{"schedule", "0 0 2 1 *"}})},
          {"our selector taken out", InSpec({{"jobTemplate", InTemplate({{"nodeSelector", nullptr}})}})}}}};
    for (auto& kind : kinds) {
      const Json other = {{std::string(api::kRegionLabel), "another"}};
      kind.edits.push_back({"a label changed", {{"metadata", {{"labels", other}}}}});
      const Json none = {{std::string(api::kWorkloadLabel), nullptr}};
      kind.edits.push_back(
          {"owner and label taken out", {{"metadata", {{"ownerReferences", nullptr}, {"labels", none}}}}});
    }
    return kinds;
  }

  void Make(const Kind& kind) {
    Json workload = MakeWorkload(ns_, kind.name, region_);
    workload["spec"][kind.field] = kind.spec;
    Create(workload);
  }

  // The workload is at rest, with another child than that of this uid, which then is the new one's.
  void AwaitRest(const std::string& workload, std::string& uid) {
    const auto pointer = Json::json_pointer("/status/child/uid");
    const auto told = cluster().Await(api::kWorkloads, {ns_, workload}, [&](const Json& w) {
      return HasCondition(w, "Reconciling", "False", "Settled") && w.value(pointer, uid) != uid;
    });
    ASSERT_TRUE(told);
    uid = told->value(pointer, "");
  }
};

TEST_F(RestoreTest, EveryEditByHandIsPutBackWithinASecond) {
  for (const auto& kind : Kinds()) {
    SCOPED_TRACE(kind.name);
    const kube::ObjectKey key{ns_, kind.name};
    Make(kind);
    std::string uid;
    ASSERT_NO_FATAL_FAILURE(AwaitRest(kind.name, uid));
    const auto before = cluster().Get(*kind.resource, key);
    ASSERT_TRUE(before);
    const auto same = [&before](const Json& child) {
      return child.is_object() && child["spec"] == (*before)["spec"] &&
             child["metadata"].value("labels", Json()) == (*before)["metadata"]["labels"] &&
             child["metadata"].value("ownerReferences", Json()) == (*before)["metadata"]["ownerReferences"];
    };
    for (const auto& [what, patch] : kind.edits) {
      SCOPED_TRACE(what);
      std::vector<Milliseconds> took;
      while (took.size() < kTries) {
        const auto start = std::chrono::steady_clock::now();
        const auto edited = cluster().MergePatch(*kind.resource, key, patch);
        ASSERT_TRUE(edited) << edited.error().ToString();
        ASSERT_FALSE(same(*edited)) << "nothing was edited";
        ASSERT_TRUE(cluster().Await(*kind.resource, key, same));
        took.push_back(std::chrono::duration_cast<Milliseconds>(std::chrono::steady_clock::now() - start));
      }
      ExpectMedianBelowASecond(took);
    }
    const auto after = cluster().Get(*kind.resource, key);
    ASSERT_TRUE(after);
    EXPECT_EQ((*after)["metadata"]["uid"], uid) << "put back, not made anew";
  }
}

TEST_F(RestoreTest, EveryDeletedChildIsBackWithinASecond) {
  const auto kinds = Kinds();
  for (const auto& kind : kinds) Make(kind);
  std::map<std::string, std::string> uids;
  std::map<std::string, std::vector<Milliseconds>> took;
  for (std::size_t i = 0; i <= kTries; ++i) {
    for (const auto& kind : kinds) {
      SCOPED_TRACE(kind.name);
      // At rest each time, so that a Job that was deleted has run again. Besides, Kubernetes' own controllers lose
      // count of the pods where an object goes while they make some for it, and then make none for its successor for
      // minutes.
      std::string& uid = uids[kind.name];
      ASSERT_NO_FATAL_FAILURE(AwaitRest(kind.name, uid));
      if (i == kTries) continue;
      const auto start = std::chrono::steady_clock::now();
      ASSERT_TRUE(cluster().Delete(*kind.resource, {ns_, kind.name}));
      const auto back = cluster().Await(*kind.resource, {ns_, kind.name}, [&](const Json& child) {
        return child.is_object() && child["metadata"]["uid"] != uid;
      });
      took[kind.name].push_back(std::chrono::duration_cast<Milliseconds>(std::chrono::steady_clock::now() - start));
      ASSERT_TRUE(back);
      const Json& spec = (*back)["spec"];
      const Json& job_spec = spec.contains("jobTemplate") ? spec["jobTemplate"]["spec"] : spec;
      EXPECT_EQ(job_spec["template"]["spec"]["nodeSelector"][std::string(api::kNodeRegionLabel)], region_);
    }
  }
  for (const auto& kind : kinds) {
    SCOPED_TRACE(kind.name);
    ExpectMedianBelowASecond(took[kind.name]);
  }
}

}  // namespace
}  // namespace rempart::test
