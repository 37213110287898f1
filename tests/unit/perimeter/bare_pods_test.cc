// Pods without the region's selector on a node that it lost: which they are, and that they are moved.
#include "operator/perimeter/bare_pods.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "operator/perimeter/node_reconciler.h"
#include "tests/unit/kube/reconcile_fakes.h"
#include "tests/unit/perimeter/builders.h"

namespace rempart::perimeter {
namespace {

using namespace std::chrono_literals;
using test::Frankfurt;
using test::Lost;
using test::Next;
using test::Region;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;
using ::testing::StartsWith;

Json PodJson(const std::string& ns, const std::string& name, const Json& extra = Json::object()) {
  Json pod = {{"metadata",
               {{"namespace", ns},
                {"name", name},
                {"uid", "uid-of-" + name},
                {"resourceVersion", "7"},
                {"creationTimestamp", "2026-11-22T09:00:00Z"}}},
              {"spec", {{"nodeName", "de-1"}}},
              {"status", {{"phase", "Running"}}}};
  pod.merge_patch(extra);
  return pod;
}

// Lists pods, and lets everything else through.
struct FakeApi final : kube::test::ApiWithoutWatches {
  Result<kube::Reply> Do(const Call& call, std::stop_token) override {
    const std::string path = call.target.substr(0, call.target.find('?'));
    calls.push_back(call.method + " " + path);
    bodies.push_back(call.body);
    if (call.method != "GET") return kube::Reply{200, R"({"metadata":{"resourceVersion":"1000"}})", {}};
    if (refuse) return Fail(*refuse);
    EXPECT_THAT(call.target, HasSubstr("fieldSelector=spec.nodeName%3Dde-1"));
    EXPECT_FALSE(call.obey_retry_after) << "a worker does not wait here";
    const Json list = {{"metadata", Json::object()}, {"items", pods}};
    return kube::Reply{200, list.dump(), {}};
  }
  std::vector<Json> pods;
  std::vector<std::string> calls, bodies;
  std::optional<Error> refuse;
};

struct BarePodsTest : ::testing::Test {
  BarePodsTest() {
    for (const char* name : {"acme", "other"}) {
      api::Namespace ns;
      ns.meta.key.name = name;
      ns.meta.uid = std::string("uid-of-") + name;
      if (std::string(name) == "acme") ns.labels.emplace(std::string(api::kRegionLabel), "france");
      caches.namespaces.Put(Next(ns));
    }
    region.rules.enforcement = api::RegionRules::Enforcement::kEnforce;
    region.grace_period = 0s;
    api.pods = {PodJson("acme", "bare"), PodJson("other", "elsewhere"),
                PodJson("acme", "selects", {{"spec", {{"nodeSelector", {{api::kNodeRegionLabel, "france"}}}}}}),
                PodJson("acme", "mirror", {{"metadata", {{"annotations", {{"kubernetes.io/config.mirror", "x"}}}}}}),
                PodJson("acme", "claims", {{"metadata", {{"labels", {{api::kWorkloadLabel, "no-such"}}}}}})};
  }
  std::vector<std::string> Evicted() {
    caches.regions.Put(Next(region));
    caches.nodes.Put(Next(Lost(Frankfurt("de-1"), "france", lost)));
    api.calls.clear();
    api.bodies.clear();
    kube::test::FakeContext context({"", "de-1"});
    outcome = reconciler.Reconcile(context);
    std::vector<std::string> evicted;
    for (const std::string& call : api.calls)
      if (call.ends_with("/eviction")) evicted.push_back(call);
    return evicted;
  }

  SimClock clock;
  const WallTime lost = clock.Now() - 1min;
  Metrics metrics;
  cache::Caches caches;
  FakeApi api;
  kube::test::NoEvents events;
  AttestationBook book;
  OperatorIdentity identity{[](std::stop_token) -> Result<std::string> { return "operator"; }};
  BarePods bare_pods{caches, api, identity};
  NodeReconciler reconciler{caches, api, events, clock, metrics, book, &bare_pods};
  api::SovereignRegion region = Region();
  Result<kube::Outcome> outcome = kube::Outcome::AwaitChange();
};

TEST_F(BarePodsTest, AreThoseOfTheRegionsNamespacesThatNothingElseHolds) {
  caches.regions.Put(Next(region));
  const auto found = bare_pods.On("de-1", region, {});
  ASSERT_TRUE(found) << found.error().message;
  std::vector<std::string> names;
  for (const auto& pod : *found) {
    names.push_back(pod->meta.key.ToString());
    EXPECT_EQ(pod->region, "france");
    EXPECT_EQ(pod->node, "de-1");
  }
  EXPECT_THAT(names, ElementsAre("acme/bare", "acme/claims")) << "a label that names no workload is no way to stay";
}

TEST_F(BarePodsTest, AreMovedOffALostNodeWhereTheRegionEnforces) {
  EXPECT_THAT(Evicted(), ElementsAre("POST /api/v1/namespaces/acme/pods/bare/eviction",
                                     "POST /api/v1/namespaces/acme/pods/claims/eviction"));
  ASSERT_TRUE(outcome);
  EXPECT_EQ(outcome->requeue_after, 5s);
  region.rules.enforcement = api::RegionRules::Enforcement::kWarn;
  EXPECT_THAT(Evicted(), IsEmpty()) << "what tenants apply themselves is the gate's, by its mode";
  region.rules.enforcement = api::RegionRules::Enforcement::kEnforce;
  region.on_loss = api::SovereignRegion::OnLoss::kCordon;
  EXPECT_THAT(Evicted(), IsEmpty());
}

// However long ago the node was lost: budgets hold from when such pods were first found there.
TEST_F(BarePodsTest, AreNotDeletedByForceAtFirstSight) {
  region.grace_period = 30s;
  region.deadline = 40s;
  EXPECT_THAT(Evicted(), SizeIs(2)) << "lost a minute ago";
  EXPECT_THAT(api.calls, Not(Contains(StartsWith("DELETE"))));
  clock.Advance(40s);
  EXPECT_THAT(Evicted(), IsEmpty());
  EXPECT_THAT(api.calls, Contains("DELETE /api/v1/namespaces/acme/pods/bare"));
}

TEST_F(BarePodsTest, AreAskedForWhenTheGraceIsOver) {
  region.grace_period = 2min;
  EXPECT_THAT(Evicted(), IsEmpty());
  EXPECT_THAT(api.calls, Not(Contains(StartsWith("GET"))));
  ASSERT_TRUE(outcome);
  EXPECT_EQ(outcome->requeue_after, 1min);
  clock.Advance(1min);
  api.pods.clear();
  EXPECT_THAT(Evicted(), IsEmpty());
  EXPECT_THAT(api.calls, Contains(StartsWith("GET")));
}

// A region that has the node now must not make the loss forgotten while such pods may be there.
TEST_F(BarePodsTest, ALossIsRememberedThoughAnotherRegionHasTheNode) {
  caches.regions.Put(Next(test::Germany()));
  EXPECT_THAT(Evicted(), SizeIs(2));
  EXPECT_THAT(api.bodies, Not(Contains(HasSubstr("lost-region")))) << "the record stays";
}

// The node's place speaks for the region that lost it: only who has it now says why the pod goes.
TEST(PlanBareEvictions, SayWhichRegionHasTheNodeNow) {
  const SimClock clock;
  const auto france = std::make_shared<const api::SovereignRegion>(Region());
  const auto other = std::make_shared<const api::SovereignRegion>(test::Germany());
  const auto pod = std::make_shared<const api::Pod>(test::Pod("bare", "fr-1"));
  const auto evictions = PlanBareEvictions({pod}, test::Node("fr-1"), {france, clock.Now(), other}, clock.Now(),
                                           Evidence{{}, clock.Now(), {}});
  ASSERT_THAT(evictions, SizeIs(1));
  EXPECT_EQ(evictions[0].why, "region " + other->meta.key.name + ", which is older, claims the node");
}

TEST_F(BarePodsTest, OfANodeThatIsTheRegionsAreNotAskedFor) {
  caches.regions.Put(Next(region));
  caches.nodes.Put(Next(test::Labelled(test::Node("fr-1"))));
  kube::test::FakeContext context({"", "fr-1"});
  EXPECT_TRUE(reconciler.Reconcile(context));
  EXPECT_THAT(api.calls, IsEmpty());
}

TEST_F(BarePodsTest, ThatCannotBeListedHoldNothingElseUp) {
  api.refuse = Error::Transient("later");
  api::Pod held = test::Pod("held", "de-1");
  held.meta.created = clock.Now() - 1h;
  caches.pods.Put(Next(held));
  EXPECT_THAT(Evicted(), ElementsAre("POST /api/v1/namespaces/acme/pods/held/eviction"));
  ASSERT_TRUE(outcome) << "what is known goes on at its own pace";
  EXPECT_EQ(outcome->requeue_after, 5s);
}

}  // namespace
}  // namespace rempart::perimeter
