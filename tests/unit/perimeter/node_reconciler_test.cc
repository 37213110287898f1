// What the node's reconciler asks of the API server, and what it makes of refusals.
#include "operator/perimeter/node_reconciler.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <nlohmann/json.hpp>

#include "tests/unit/kube/reconcile_fakes.h"
#include "tests/unit/perimeter/builders.h"

namespace rempart::perimeter {
namespace {

using namespace std::chrono_literals;
using test::Frankfurt;
using test::Labelled;
using test::Next;
using test::Pod;
using test::Region;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

// Answers 200 unless told otherwise.
struct FakeApi final : kube::test::ApiWithoutWatches {
  Result<kube::Reply> Do(const Call& call, std::stop_token) override {
    const std::string target = call.target.substr(0, call.target.find('?'));
    calls.push_back(call.method + " " + target.substr(target.rfind("v1/") + 3));
    bodies.push_back(Json::parse(call.body));
    if (auto error = refuse ? refuse(calls.back()) : std::nullopt) return Fail(*error);
    return kube::Reply{200, R"({"metadata":{"resourceVersion":"1000"}})"};
  }
  std::vector<std::string> calls;
  std::vector<Json> bodies;
  std::function<std::optional<Error>(const std::string& call)> refuse;
};

struct Events final : kube::EventRecorder {
  void Record(kube::Event event) override { told.push_back(event.reason); }
  std::vector<std::string> told;
};

struct NodeReconcilerTest : ::testing::Test {
  NodeReconcilerTest() {
    caches.regions.Put(Next(Region()));
    Put("p");
  }
  // A pod that is older than all.
  void Put(const std::string& name, std::int64_t grace = 30) {
    api::Pod pod = Pod(name, "de-1");
    pod.meta.created = clock.Now() - 1h;
    pod.grace_seconds = grace;
    caches.pods.Put(Next(pod));
  }
  Result<kube::Outcome> Look() {
    api.calls.clear();
    api.bodies.clear();
    events.told.clear();
    kube::test::FakeContext context({"", "de-1"});
    return reconciler.Reconcile(context);
  }

  SimClock clock;
  Metrics metrics;
  cache::Caches caches;
  FakeApi api;
  Events events;
  AttestationBook book;
  NodeReconciler reconciler{caches, api, events, clock, metrics, book};
};

TEST_F(NodeReconcilerTest, EvictsThoughTheNodesChangeIsRefused) {
  caches.nodes.Put(Next(Labelled(Frankfurt())));
  for (const Error& refusal : {Error{ErrorKind::kDenied, "no right", "Forbidden", 403, {}},
                               Error{ErrorKind::kInvalid, "a policy says no", "Invalid", 422, {}},
                               Error{ErrorKind::kTransient, "failed calling webhook", "InternalError", 500, {}}}) {
    api.refuse = [&](const std::string& call) {
      return call.starts_with("PATCH") ? std::optional(refusal) : std::nullopt;
    };
    auto outcome = Look();
    EXPECT_THAT(api.calls, ElementsAre("PATCH nodes/de-1"));
    EXPECT_THAT(events.told, ElementsAre("NodeChangeRefused")) << "and not NodeLost, which it is not yet";
    if (refusal.kind == ErrorKind::kTransient) {
      EXPECT_FALSE(outcome) << "tried again sooner than the grace ends";
    } else {
      ASSERT_TRUE(outcome);
      EXPECT_EQ(outcome->requeue_after, 30s);
    }
    clock.Advance(30s);
    outcome = Look();
    EXPECT_THAT(api.calls, ElementsAre("PATCH nodes/de-1", "POST namespaces/acme/pods/p/eviction"))
        << "the grace has not begun anew";
    ASSERT_TRUE(outcome);
    EXPECT_EQ(outcome->requeue_after, 5s);
    clock.Advance(570s);
    EXPECT_TRUE(Look());
    EXPECT_THAT(api.calls, ElementsAre("PATCH nodes/de-1", "DELETE namespaces/acme/pods/p"));

    api.refuse = {};
    EXPECT_TRUE(Look());
    EXPECT_EQ(api.bodies[0]["metadata"]["labels"][std::string(api::kNodeLostSinceLabel)],
              FormatLostSince(clock.Now() - 10min))
        << "what is recorded at last is when it was lost";
  }
}

TEST_F(NodeReconcilerTest, ARefusedChangeWithNobodyToEvictFails) {
  caches.nodes.Put(Next(Labelled(Frankfurt())));
  caches.pods.Remove({"acme", "p"}, 0);
  api.refuse = [](const std::string&) { return Error{ErrorKind::kDenied, "no right", "Forbidden", 403, {}}; };
  const auto outcome = Look();
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().kind, ErrorKind::kDenied);
  EXPECT_THAT(events.told, ElementsAre("NodeChangeRefused"));
}

TEST_F(NodeReconcilerTest, ARefusedChangeDoesNotWaitForALongGrace) {
  auto region = Region();
  region.grace_period = 1h;
  region.deadline = 2h;
  caches.regions.Put(Next(region));
  caches.nodes.Put(Next(Labelled(Frankfurt())));
  api.refuse = [](const std::string&) { return Error{ErrorKind::kDenied, "no right", "Forbidden", 403, {}}; };
  EXPECT_FALSE(Look()) << "the node still carries the label";
}

TEST_F(NodeReconcilerTest, ALostRaceEvictsNobody) {
  caches.nodes.Put(Next(Labelled(Frankfurt())));
  api.refuse = [](const std::string&) { return Error{ErrorKind::kConflict, "changed", "Conflict", 409, {}}; };
  EXPECT_FALSE(Look());
  EXPECT_THAT(events.told, IsEmpty());
}

TEST_F(NodeReconcilerTest, OneEvictionThatFailsHoldsUpNoOther) {
  caches.nodes.Put(Next(Frankfurt()));
  Put("q");
  for (const auto& [kind, status] :
       {std::pair{ErrorKind::kDenied, 403}, {ErrorKind::kInvalid, 422}, {ErrorKind::kTransient, 500}}) {
    api.refuse = [&](const std::string& call) {
      return call.ends_with("/p") ? std::optional(Error{kind, "no", "", status, {}}) : std::nullopt;
    };
    const auto outcome = Look();
    EXPECT_THAT(api.calls, ElementsAre("DELETE namespaces/acme/pods/p", "DELETE namespaces/acme/pods/q"));
    ASSERT_TRUE(outcome);
    EXPECT_EQ(outcome->requeue_after, 5s);
  }
  api.refuse = [](const std::string&) { return Error::Transient("no answer"); };
  const auto outcome = Look();
  EXPECT_EQ(api.calls.size(), 1u) << "the server does not answer: nobody else is asked";
  ASSERT_TRUE(outcome);
  EXPECT_EQ(outcome->requeue_after, 5s);
}

TEST_F(NodeReconcilerTest, ABudgetsAnswerIsNoOverload) {
  caches.nodes.Put(Next(Labelled(Frankfurt())));
  Put("q");
  const Error no_right{ErrorKind::kDenied, "no right", "Forbidden", 403, {}};  // so that the node stays as it is here
  api.refuse = [&](const std::string&) { return std::optional(no_right); };
  ASSERT_TRUE(Look());
  clock.Advance(30s);
  const std::string budget = "Cannot evict pod as it would violate the pod's disruption budget.";
  for (const auto& [message, asked, next] : {std::tuple{budget, 2U, 5s}, {std::string("too many requests"), 1U, 17s}}) {
    api.refuse = [&](const std::string& call) {
      return std::optional(
          call.ends_with("/eviction") ? Error{ErrorKind::kTransient, message, "TooManyRequests", 429, 17s} : no_right);
    };
    const auto outcome = Look();
    const auto evictions =
        std::ranges::count_if(api.calls, [](const std::string& call) { return call.ends_with("/eviction"); });
    EXPECT_EQ(evictions, asked) << message << ": an overloaded server is asked no more";
    ASSERT_TRUE(outcome) << message;
    EXPECT_EQ(outcome->requeue_after, next) << message;
  }
}

TEST_F(NodeReconcilerTest, AForcedDeletionGivesNoMoreThanHalfAMinute) {
  caches.nodes.Put(Next(Frankfurt()));
  Put("p", 31'536'000);
  Put("q", 5);
  ASSERT_TRUE(Look());
  ASSERT_THAT(api.calls, ElementsAre("DELETE namespaces/acme/pods/p", "DELETE namespaces/acme/pods/q"));
  EXPECT_EQ(api.bodies[0]["gracePeriodSeconds"], 30);
  EXPECT_EQ(api.bodies[0]["preconditions"]["uid"], "uid-of-p");
  EXPECT_EQ(api.bodies[1]["gracePeriodSeconds"], 5);
}

TEST_F(NodeReconcilerTest, EvictsThePodsOfAWorkloadThatItsLabelsHold) {
  caches.nodes.Put(Next(Frankfurt()));
  api::Pod bare = Pod("p", "de-1", "");
  bare.meta.created = clock.Now() - 1min;
  bare.region_label = "france";
  caches.pods.Put(Next(bare));
  ASSERT_TRUE(Look());
  EXPECT_THAT(api.calls, IsEmpty());
  api::TenantWorkload web;
  web.meta.key = {"acme", "web"};
  caches.workloads.Put(web);
  ASSERT_TRUE(Look());
  EXPECT_THAT(api.calls, ElementsAre("POST namespaces/acme/pods/p/eviction"));
  EXPECT_THAT(events.told, ElementsAre("EvictedFromLostNode", "EvictedFromLostNode", "EvictedFromLostNode"));
}

}  // namespace
}  // namespace rempart::perimeter
