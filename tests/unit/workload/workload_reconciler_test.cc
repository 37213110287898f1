// The reconciler with an API server in memory that takes applies, and caches that see what the test lets them see.
#include "operator/workload/workload_reconciler.h"

#include <gtest/gtest.h>

#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "src/kube/decode.h"
#include "tests/unit/kube/reconcile_fakes.h"
#include "tests/unit/workload/builders.h"

namespace rempart::workload {
namespace {

// Objects by path; an apply is a merge, which is what it comes to where nobody else writes.
class ApplyingApi final : public kube::test::ApiWithoutWatches {
 public:
  Result<kube::Reply> Do(const Call& call, std::stop_token) override {
    calls.push_back(call.method + " " + call.target.substr(0, call.target.find('?')));
    std::string path = call.target.substr(0, call.target.find('?'));
    if (refuse) {
      if (auto error = refuse(call)) return Fail(std::move(*error));
    }
    if (path.ends_with("/status")) path.resize(path.size() - std::string_view("/status").size());
    const bool created = !objects.contains(path);
    Json& object = objects[path];
    if (before_write) std::exchange(before_write, {})(object);
    const Json body = Json::parse(call.body);
    const auto precondition = body.value("/metadata/resourceVersion"_json_pointer, Json());
    if (!created && !precondition.is_null() && precondition != object["metadata"]["resourceVersion"])
      return Fail(Error::Conflict("the object has been modified"));
    object.merge_patch(body);
    if (created) object["metadata"]["uid"] = "uid-of-child-" + std::to_string(version);
    object["metadata"]["resourceVersion"] = std::to_string(++version);
    return kube::Reply{created ? 201 : 200, object.dump()};
  }
  std::vector<std::string> calls;
  std::map<std::string, Json> objects;
  std::function<std::optional<Error>(const Call&)> refuse;
  std::function<void(Json&)> before_write;  // what somebody else does a moment before the next call
  std::uint64_t version = 100;
};

const std::string kWorkloadPath = "/apis/rempart.dev/v1alpha1/namespaces/acme/tenantworkloads/web";
const std::string kChildPath = "/apis/apps/v1/namespaces/acme/deployments/web";

struct WorkloadReconcilerTest : ::testing::Test {
  WorkloadReconcilerTest() {
    caches.regions.Put(test::Region());
    api.objects[kWorkloadPath] = {
        {"apiVersion", "rempart.dev/v1alpha1"},
        {"kind", "TenantWorkload"},
        {"metadata",
         {{"name", "web"}, {"namespace", "acme"}, {"uid", "u"}, {"resourceVersion", "100"}, {"generation", 1}}},
        {"spec",
         {{"region", "france"},
          {"replicas", 2},
          {"template", {{"spec", {{"containers", Json::array({{{"name", "a"}, {"image", "i"}}})}}}}}}}};
    Show();
  }

  // The caches see what the server has.
  void Show() {
    kube::Document document;
    for (const auto& [path, object] : api.objects) {
      const std::string text = object.dump();
      const kube::View view = *document.Parse(text);
      if (path == kWorkloadPath) caches.workloads.Apply(view);
      if (path == kChildPath) caches.Children(api::ChildKind::kDeployment).Apply(view);
    }
  }
  // One look; what it called.
  std::vector<std::string> Look() {
    api.calls.clear();
    kube::test::FakeContext context({"acme", "web"});
    const auto outcome = reconciler.Reconcile(context);
    EXPECT_TRUE(outcome) << outcome.error().ToString();
    return api.calls;
  }
  Json& Child() { return api.objects.at(kChildPath); }
  void ChangedByHand(Json& object, const std::string& pointer, Json value) {
    object[Json::json_pointer(pointer)] = std::move(value);
    object["metadata"]["generation"] = object["metadata"].value("generation", 1) + 1;
    object["metadata"]["resourceVersion"] = std::to_string(++api.version);
  }

  const std::vector<std::string> kStatusOnly = {"PATCH " + kWorkloadPath + "/status"};
  const std::vector<std::string> kChildAndStatus = {"PATCH " + kChildPath, "PATCH " + kWorkloadPath + "/status"};

  SimClock clock;
  Metrics metrics;
  cache::Caches caches;
  perimeter::AttestationBook book;
  perimeter::RegionNodes region_nodes{caches, clock, book};
  ApplyingApi api;
  kube::test::NoEvents events;
  WorkloadReconciler reconciler{caches, api, events, clock, metrics, region_nodes};
};

TEST_F(WorkloadReconcilerTest, TwoCallsForANewWorkloadAndNoneAfter) {
  EXPECT_EQ(Look(), kChildAndStatus);
  Show();
  EXPECT_EQ(Look(), std::vector<std::string>{});
  EXPECT_EQ(Look(), std::vector<std::string>{});
}

TEST_F(WorkloadReconcilerTest, AChangeOfTheSpecThatCameBeforeTheStatusWriteIsSeen) {
  ASSERT_EQ(Look(), kChildAndStatus);
  Show();
  // The child's replicas change, so its status is to be written; just before that, somebody scales the workload.
  ChangedByHand(Child(), "/status", {{"readyReplicas", 1}, {"replicas", 1}});
  Show();
  api.before_write = [this](Json& workload) { ChangedByHand(workload, "/spec/replicas", 5); };
  kube::test::FakeContext context({"acme", "web"});
  const auto outcome = reconciler.Reconcile(context);
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().kind, ErrorKind::kConflict) << "what was read is not what would be written to";
  Show();
  EXPECT_EQ(Look(), kChildAndStatus);
  EXPECT_EQ(Child()["spec"]["replicas"], 5);
  EXPECT_EQ(api.objects.at(kWorkloadPath)["status"]["observedGeneration"], 2);
}

TEST_F(WorkloadReconcilerTest, AChildChangedByHandIsPutBackEachTime) {
  Look();
  for (const int by_hand : {7, 8}) {
    Show();
    ChangedByHand(Child(), "/spec/replicas", by_hand);
    Show();
    EXPECT_FALSE(Look().empty());
    EXPECT_EQ(Child()["spec"]["replicas"], 2);
  }
}

const Json::json_pointer kSelector("/spec/template/spec/nodeSelector/rempart.node-restriction.kubernetes.io~1region");
const Json::json_pointer kNodeName("/spec/template/spec/nodeName");

// What keeps the child from being applied.
struct Obstacle {
  const char* what;
  std::function<void(Json& workload)> change;
};

TEST_F(WorkloadReconcilerTest, AChildIsHeldToItsRegionWhileItsWorkloadIsStalled) {
  const Obstacle obstacles[] = {
      {"no such region", [](Json& w) { w["spec"]["region"] = "nowhere"; }},
      {"refused", [](Json& w) { w["spec"]["template"]["spec"]["nodeName"] = "par-1"; }},
      {"invalid", [](Json& w) { w["spec"]["replicas"] = -1; }},
      {"deleted", [](Json& w) { w["metadata"]["deletionTimestamp"] = "2026-11-22T10:00:00Z"; }},
  };
  ASSERT_EQ(Look(), kChildAndStatus);
  EXPECT_EQ(api.objects.at(kWorkloadPath)["status"]["child"]["region"], "france");
  Show();
  const Json spec = api.objects.at(kWorkloadPath)["spec"];
  for (const auto& [what, change] : obstacles) {
    SCOPED_TRACE(what);
    Json& workload = api.objects.at(kWorkloadPath);
    ChangedByHand(workload, "/spec", spec);
    change(workload);
    Show();
    Look();
    Show();
    EXPECT_TRUE(Look().empty());
    for (int way = 0; way < 2; ++way) {
      ChangedByHand(Child(), way == 0 ? kSelector.to_string() : kNodeName.to_string(), way == 0 ? "germany" : "ber-1");
      Show();
      EXPECT_EQ(Look().at(0), "PATCH " + kChildPath);
      EXPECT_EQ(Child().at(kSelector), "france");
      EXPECT_FALSE(Child().contains(kNodeName));
      Show();
      EXPECT_TRUE(Look().empty());
    }
  }
}

TEST_F(WorkloadReconcilerTest, AnOperatorThatStartsAnewHoldsItToo) {
  Look();
  Json& workload = api.objects.at(kWorkloadPath);
  ChangedByHand(workload, "/spec/region", "nowhere");
  Child().at(kSelector.parent_pointer()).clear();
  ChangedByHand(Child(), "/metadata/labels/rempart.dev~1region", "germany");
  Show();
  WorkloadReconciler anew{caches, api, events, clock, metrics, region_nodes};
  kube::test::FakeContext context({"acme", "web"});
  EXPECT_TRUE(anew.Reconcile(context));
  EXPECT_EQ(Child().at(kSelector), "france");
}

TEST_F(WorkloadReconcilerTest, AChildIsHeldWhereTheApplyIsRefused) {
  Look();
  Show();
  api.refuse = [](const kube::Api::Call& call) -> std::optional<Error> {
    if (call.target.find("/status") != std::string::npos || call.content_type.find("merge-patch") != std::string::npos)
      return std::nullopt;
    return Error::Invalid("spec.selector: field is immutable");
  };
  ChangedByHand(api.objects.at(kWorkloadPath), "/spec/replicas", 3);
  Show();
  EXPECT_EQ(Look(), kChildAndStatus);
  Show();
  ChangedByHand(Child(), kSelector.to_string(), "germany");
  Show();
  EXPECT_EQ(Look().at(1), "PATCH " + kChildPath);
  EXPECT_EQ(Child().at(kSelector), "france");
  EXPECT_EQ(Child()["spec"]["replicas"], 2) << "nothing else was changed";
  EXPECT_EQ(test::StateOf(api.objects.at(kWorkloadPath)["status"], "Stalled"), "True ImmutableField");
}

TEST_F(WorkloadReconcilerTest, AChildIsHeldUnderAnotherController) {
  Look();
  Show();
  ChangedByHand(Child(), "/metadata/ownerReferences",
                Json::array({{{"kind", "Other"}, {"uid", "other"}, {"controller", true}}}));
  Child()["metadata"].erase("labels");
  Child().at(kSelector.parent_pointer()).clear();
  for (int round = 0; round < 2; ++round) {
    Show();
    EXPECT_EQ(Look().at(0), "PATCH " + kChildPath) << round;
    EXPECT_EQ(Child().at(kSelector), "france");
    EXPECT_EQ(test::StateOf(api.objects.at(kWorkloadPath)["status"], "Stalled"), "True NameTaken");
    ChangedByHand(Child(), kNodeName.to_string(), "ber-1");
  }
  Show();
  Look();
  Show();
  EXPECT_TRUE(Look().empty());
}

TEST_F(WorkloadReconcilerTest, AChildThatCannotBeHeldIsLookedAtAgain) {
  Look();
  ChangedByHand(api.objects.at(kWorkloadPath), "/spec/region", "nowhere");
  Child().at(kSelector.parent_pointer()).clear();
  Show();
  api.refuse = [](const kube::Api::Call& call) -> std::optional<Error> {
    if (call.target.find("/deployments/") == std::string::npos) return std::nullopt;
    return Error::Denied("a policy forbids it");
  };
  for (int round = 0; round < 2; ++round) {
    api.calls.clear();
    kube::test::FakeContext context({"acme", "web"});
    const auto outcome = reconciler.Reconcile(context);
    ASSERT_TRUE(outcome);
    EXPECT_TRUE(outcome->requeue_after);
    EXPECT_EQ(api.calls.at(0), "PATCH " + kChildPath);
    Show();
  }
}

// Between the look and the write somebody makes an object of the name, which the apply would otherwise add ours to.
TEST_F(WorkloadReconcilerTest, WhatSomebodyMadeAMomentAgoIsNotTouched) {
  const Json theirs = {
      {"apiVersion", "apps/v1"},
      {"kind", "Deployment"},
      {"metadata", {{"name", "web"}, {"namespace", "acme"}, {"uid", "theirs"}, {"resourceVersion", "57"}}},
      {"spec", {{"paused", true}}}};
  api.objects[kChildPath] = theirs;
  kube::test::FakeContext context({"acme", "web"});
  const auto outcome = reconciler.Reconcile(context);
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().kind, ErrorKind::kConflict);
  EXPECT_EQ(Child(), theirs);
  Show();
  EXPECT_EQ(Look(), kStatusOnly);
  EXPECT_EQ(Child(), theirs);
  EXPECT_EQ(test::StateOf(api.objects.at(kWorkloadPath)["status"], "Stalled"), "True NameTaken");
}

TEST_F(WorkloadReconcilerTest, ADeletedChildIsMadeAnew) {
  Look();
  Show();
  EXPECT_TRUE(Look().empty());
  api.objects.erase(kChildPath);
  caches.Children(api::ChildKind::kDeployment).Remove({"acme", "web"}, 0);
  api.version += 10;
  EXPECT_EQ(Look(), kChildAndStatus);
  EXPECT_TRUE(api.objects.contains(kChildPath));
}

TEST_F(WorkloadReconcilerTest, AChangedRegionIsSeen) {
  Look();
  Show();
  EXPECT_TRUE(Look().empty());
  auto region = test::Region();
  region.meta.generation = 2;
  region.invalid = "spec.country: is \"\"";
  caches.regions.Put(region);
  EXPECT_EQ(Look(), kStatusOnly);
}

TEST_F(WorkloadReconcilerTest, TheRegionsProfileIsSeen) {
  auto region = test::Region();
  region.profile = "cloud";
  region.meta.generation = 2;
  caches.regions.Put(region);
  EXPECT_EQ(Look(), kStatusOnly) << "there is no such profile: nothing is made";
  Show();
  EXPECT_TRUE(Look().empty());
  api::HostingProfile profile;
  profile.meta.key.name = "cloud";
  profile.meta.generation = 1;
  profile.locations = region.locations;
  caches.profiles.Put(profile);
  EXPECT_EQ(Look(), kChildAndStatus);
  Show();
  EXPECT_TRUE(Look().empty());
  caches.profiles.Remove({"", "cloud"}, 0);
  EXPECT_EQ(Look(), kStatusOnly) << "the child stays as it is";
}

TEST_F(WorkloadReconcilerTest, APodThatComesIsCounted) {
  Look();
  Show();
  EXPECT_TRUE(Look().empty());
  api::Node node;
  node.meta.key.name = "par-1";
  node.topology_zone = "fr-par-1";
  node.region_label = "france";
  caches.nodes.Put(node);
  api::Pod pod;
  pod.meta.key = {"acme", "web-1"};
  pod.workload = "web";
  pod.region = "france";
  pod.node = "par-1";
  caches.pods.Put(pod);
  EXPECT_EQ(Look(), kStatusOnly);
  EXPECT_EQ(api.objects.at(kWorkloadPath)["status"]["nodes"]["fr-par-1"], 1);
}

TEST_F(WorkloadReconcilerTest, AWorkloadThatIsGoneIsForgotten) {
  Look();
  caches.workloads.Remove({"acme", "web"}, 0);
  EXPECT_TRUE(Look().empty());
}

}  // namespace
}  // namespace rempart::workload
