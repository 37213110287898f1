// The order of the region's writes, and whom it wakes.
#include "operator/perimeter/region_reconciler.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tests/unit/kube/reconcile_fakes.h"
#include "tests/unit/perimeter/builders.h"

namespace rempart::perimeter {
namespace {

using test::Frankfurt;
using test::Labelled;
using test::Next;
using test::Node;
using test::Pod;
using test::Region;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

struct FakeApi final : kube::test::ApiWithoutWatches {
  Result<kube::Reply> Do(const Call& call, std::stop_token) override {
    const Json body = Json::parse(call.body);
    if (gone) return Fail(Error::NotFound("there is no such region"));
    if (body.contains("status")) {
      calls.push_back("status");
    } else {
      calls.push_back("finalizers " + body["metadata"]["finalizers"].dump());
    }
    EXPECT_TRUE(body["metadata"].contains("resourceVersion")) << "lists are replaced whole";
    return kube::Reply{200, Json{{"metadata", {{"resourceVersion", std::to_string(version)}}}}.dump()};
  }
  std::uint64_t version = 1000;  // of each answer
  bool gone = false;
  std::vector<std::string> calls;
};

struct RegionReconcilerTest : ::testing::Test {
  // What was called and woken.
  std::vector<std::string> Look() {
    api.calls.clear();
    kube::test::FakeContext context({"", "france"});
    EXPECT_TRUE(reconciler.Reconcile(context));
    return api.calls;
  }
  // Whom a look wakes.
  std::vector<std::string> Woken() {
    woken.clear();
    Look();
    return woken;
  }

  SimClock clock;
  Metrics metrics;
  cache::Caches caches;
  AttestationBook book;
  RegionNodes region_nodes{caches, clock, book};
  FakeApi api;
  kube::test::NoEvents events;
  std::vector<std::string> woken;
  OperatorIdentity identity{
      [](std::stop_token) -> Result<std::string> { return "system:serviceaccount:ours:rempart"; }};
  GateProofs proofs;
  WriteFailures failures{[](const std::string&) {}};
  AuditSummaries audits;
  RegionReconciler reconciler{caches,
                              api,
                              events,
                              clock,
                              metrics,
                              region_nodes,
                              book,
                              identity,
                              proofs,
                              failures,
                              audits,
                              {[this](const std::string& region) { woken.push_back("workloads of " + region); },
                               [this](const std::string& region) { woken.push_back("nodes of " + region); }}};
};

TEST_F(RegionReconcilerTest, TheFinalizerIsTheFirstWriteAndTheLast) {
  auto region = Region();
  region.has_finalizer = false;
  region.others_finalizers = {"their/own"};
  caches.regions.Put(Next(region));
  EXPECT_THAT(Look(), ElementsAre(R"(finalizers ["their/own","rempart.dev/in-use"])"))
      << "the status is written from what is seen with it";
  region.has_finalizer = true;
  caches.regions.Put(Next(region));
  EXPECT_THAT(Look(), ElementsAre("status"));
  region.meta.deleting = true;
  caches.regions.Put(Next(region));
  EXPECT_THAT(Look(), ElementsAre(R"(finalizers ["their/own"])"));
}

TEST_F(RegionReconcilerTest, ARegionThatIsGoneByTheWriteIsNoFailure) {
  auto region = Region();
  for (const bool has_finalizer : {false, true}) {
    region.has_finalizer = has_finalizer;
    caches.regions.Put(Next(region));
    api.gone = true;
    Look();  // which expects success
  }
}

TEST_F(RegionReconcilerTest, ADryRunGoesOnToTheStatus) {
  auto region = Region();
  region.has_finalizer = false;
  caches.regions.Put(Next(region));
  api.version = caches.regions.Get({"", "france"})->meta.resource_version;  // nothing was changed
  EXPECT_THAT(Look(), ElementsAre(R"(finalizers ["rempart.dev/in-use"])", "status"));
}

TEST_F(RegionReconcilerTest, AFirstNodeWakesTheWorkloadsToo) {
  caches.regions.Put(Next(Region()));
  caches.nodes.Put(Next(Node("fr-1")));
  EXPECT_THAT(Woken(), ElementsAre("workloads of france")) << "they may have been judged before, with no node";
  EXPECT_THAT(Woken(), IsEmpty());
  caches.nodes.Remove({"", "fr-1"}, 0);
  EXPECT_THAT(Woken(), ElementsAre("workloads of france"));
  EXPECT_THAT(Woken(), IsEmpty());
  caches.nodes.Put(Next(Node("fr-1")));
  EXPECT_THAT(Woken(), ElementsAre("workloads of france"));
}

TEST_F(RegionReconcilerTest, AProfilesEndWakesTheNodes) {
  auto profile = test::Profile();
  profile.expires = clock.Now() + std::chrono::hours(1);
  caches.profiles.Put(Next(profile));
  caches.regions.Put(Next(test::ByProfile()));
  caches.nodes.Put(Next(Labelled(Node("fr-1"))));
  EXPECT_THAT(Woken(), ElementsAre("workloads of france"));
  EXPECT_THAT(Woken(), IsEmpty());
  clock.Advance(std::chrono::hours(1));
  EXPECT_THAT(Woken(), ElementsAre("nodes of france"));
  caches.nodes.Put(Next(Node("fr-1")));
  EXPECT_THAT(Woken(), ElementsAre("workloads of france")) << "its last node is lost";
}

TEST_F(RegionReconcilerTest, APodThatHasNotEndedHoldsTheRegionAndItsNodes) {
  auto region = Region();
  region.meta.deleting = true;
  caches.regions.Put(Next(region));
  caches.nodes.Put(Next(Labelled(Node("fr-1"))));
  caches.pods.Put(Next(Pod("p", "fr-1")));
  woken.clear();
  EXPECT_THAT(Look(), ElementsAre("status"));
  EXPECT_THAT(woken, ElementsAre("workloads of france")) << "its nodes are not";
  caches.pods.Remove({"acme", "p"}, 0);
  EXPECT_THAT(Woken(), ElementsAre("nodes of france"));
  caches.nodes.Put(Next(Node("fr-1")));
  woken.clear();
  EXPECT_THAT(Look(), ElementsAre("finalizers []"));
}

}  // namespace
}  // namespace rempart::perimeter
