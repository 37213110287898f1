// The plan for a namespace carried out: what is sent, put back, told of and taken away.
#include "operator/perimeter/guard_reconciler.h"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "tests/unit/kube/reconcile_fakes.h"
#include "tests/unit/perimeter/builders.h"

namespace rempart::perimeter {
namespace {

using test::Next;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

const std::string kPolicy = "/apis/networking.k8s.io/v1/namespaces/acme/networkpolicies";

// Keeps the two objects as the server would, and shows them to the caches, as its watches would.
struct FakeServer final : kube::test::ApiWithoutWatches {
  explicit FakeServer(cache::Caches& into) : caches(into) {
    ns = {{"metadata",
           {{"name", "acme"},
            {"uid", "uid-of-acme"},
            {"labels", {{"rempart.dev/region", "france"}, {"kubernetes.io/metadata.name", "acme"}}}}}};
    StoreNamespace();
  }
  Result<kube::Reply> Do(const Call& call, std::stop_token) override {
    const std::string path = call.target.substr(0, call.target.find('?'));
    calls.push_back(call.method + " " + path);
    const bool of_policy = path.starts_with(kPolicy);
    if (of_policy && refused) return Fail(Error(*refused));
    if (path == "/api/v1/namespaces/acme") {
      const Json patch = Json::parse(call.body);
      if (patch["metadata"]["resourceVersion"] != ns["metadata"]["resourceVersion"])
        return Fail(Error::Conflict("somebody else wrote"));
      ns.merge_patch(patch);
      StoreNamespace();
      return kube::Reply{200, ns.dump()};
    }
    if (call.method == "DELETE") {
      Forget();
      return kube::Reply{200, "{}"};
    }
    policy = Json::parse(call.body);
    policy["metadata"]["uid"] = "uid-of-policy";
    policy["spec"]["defaulted"] = true;
    StorePolicy();
    return kube::Reply{call.method == "POST" ? 201 : 200, policy.dump()};
  }
  // Each has a version of its own: what is written of one is no news of the other.
  void StoreNamespace() {
    ns["metadata"]["resourceVersion"] = std::to_string(++version);
    Put(ns, api::DecodeNamespace, caches.namespaces);
  }
  void StorePolicy() {
    policy["metadata"]["resourceVersion"] = std::to_string(++version);
    Put(policy, api::DecodeNetworkGuard, caches.network_guards);
  }
  template <class Decode, class Store>
  static void Put(const Json& object, Decode decode, Store& store) {
    kube::Document document;
    const auto view = document.Parse(object.dump());
    ASSERT_TRUE(view);
    auto decoded = decode(*view);
    ASSERT_TRUE(decoded) << decoded.error().message;
    store.Put(std::move(*decoded));
  }
  void Forget() {
    policy = nullptr;
    caches.network_guards.Remove({"acme", "rempart-default-deny"}, 0);
  }

  cache::Caches& caches;
  Json ns, policy;
  std::uint64_t version = 100;
  std::optional<Error> refused;  // of network policies
  std::vector<std::string> calls;
};

struct Events final : kube::EventRecorder {
  void Record(kube::Event event) override { notes.push_back(event.reason + ": " + event.note); }
  std::vector<std::string> notes;
};

struct GuardReconcilerTest : ::testing::Test {
  GuardReconcilerTest() {
    auto region = test::Region();
    region.rules.enforcement = api::RegionRules::Enforcement::kEnforce;
    region.rules.network.emplace().egress = std::vector<api::RegionRules::Egress>{{"10.0.0.0/8", {}}};
    caches.regions.Put(Next(region));
  }
  std::vector<std::string> Look() {
    server.calls.clear();
    kube::test::FakeContext context({"", "acme"});
    outcome = reconciler.Reconcile(context).has_value();
    return server.calls;
  }
  Json Label(const char* name) { return server.ns["metadata"]["labels"].value(name, Json()); }

  Metrics metrics;
  cache::Caches caches;
  FakeServer server{caches};
  Events events;
  bool outcome = false;
  OperatorIdentity identity{
      [](std::stop_token) -> Result<std::string> { return "system:serviceaccount:rempart-system:rempart"; }};
  SimClock clock;
  std::vector<std::string> woken;
  WriteFailures failures{[this](const std::string& region) { woken.push_back(region); }};
  GuardReconciler reconciler{caches, server, events, clock, metrics, identity, failures};
};

TEST_F(GuardReconcilerTest, WritesBothAndThenNothing) {
  EXPECT_THAT(Look(), ElementsAre("POST " + kPolicy, "PATCH /api/v1/namespaces/acme"));
  EXPECT_TRUE(outcome);
  EXPECT_EQ(Label("pod-security.kubernetes.io/enforce"), "restricted");
  EXPECT_THAT(Look(), IsEmpty());
  EXPECT_THAT(events.notes, IsEmpty());
}

TEST_F(GuardReconcilerTest, PutsBackWhatIsEditedOrDeletedAndTells) {
  Look();
  server.policy["spec"]["egress"].push_back(Json::object());
  server.StorePolicy();
  EXPECT_THAT(Look(), ElementsAre("PUT " + kPolicy + "/rempart-default-deny"));
  EXPECT_EQ(server.policy["spec"]["egress"].size(), 3U);
  server.Forget();
  EXPECT_THAT(Look(), ElementsAre("POST " + kPolicy));
  server.ns["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] = "privileged";
  server.StoreNamespace();
  EXPECT_THAT(Look(), ElementsAre("PATCH /api/v1/namespaces/acme"));
  EXPECT_EQ(Label("pod-security.kubernetes.io/enforce"), "restricted");
  EXPECT_THAT(events.notes,
              ElementsAre("GuardRestored: NetworkPolicy acme/rempart-default-deny was changed by hand and put back",
                          "GuardRestored: NetworkPolicy acme/rempart-default-deny was deleted by hand and put back",
                          "GuardRestored: Pod Security's labels of namespace acme were changed by hand and put back"));
  EXPECT_THAT(metrics.Expose(), HasSubstr("rempart_guards_restored_total 3"));
}

TEST_F(GuardReconcilerTest, ANamespaceThatLeavesGivesAllBack) {
  Look();
  server.ns["metadata"]["labels"]["rempart.dev/region"] = "another";
  server.StoreNamespace();
  EXPECT_THAT(Look(), ElementsAre("DELETE " + kPolicy + "/rempart-default-deny", "PATCH /api/v1/namespaces/acme"));
  EXPECT_TRUE(Label("pod-security.kubernetes.io/enforce").is_null());
  EXPECT_FALSE(server.ns["metadata"].value("annotations", Json::object()).contains("rempart.dev/pod-security"));
  EXPECT_THAT(Look(), IsEmpty());
  EXPECT_THAT(events.notes, IsEmpty());
}

TEST_F(GuardReconcilerTest, OneThatIsRefusedKeepsNotTheOtherFromBeingWrittenAndIsTold) {
  server.refused = Error::Denied("no right to network policies");
  EXPECT_THAT(Look(), ElementsAre("POST " + kPolicy, "PATCH /api/v1/namespaces/acme"));
  EXPECT_FALSE(outcome);
  EXPECT_EQ(Label("pod-security.kubernetes.io/enforce"), "restricted");
  EXPECT_EQ(failures.Of("france").namespaces, 1U);
  EXPECT_EQ(failures.Of("france").first, "acme: no right to network policies");
  Look();
  EXPECT_THAT(woken, ElementsAre("france")) << "it said so";
  server.refused.reset();
  EXPECT_THAT(Look(), ElementsAre("POST " + kPolicy));
  EXPECT_TRUE(outcome);
  EXPECT_EQ(failures.Of("france"), WriteFailures::View());
  EXPECT_THAT(woken, ElementsAre("france", "france"));
}

TEST_F(GuardReconcilerTest, WhatANamespaceOwesItsRegionGoesWithIt) {
  server.refused = Error::Denied("no right to network policies");
  Look();
  server.ns["metadata"]["labels"]["rempart.dev/region"] = "another";
  server.StoreNamespace();
  Look();
  EXPECT_EQ(failures.Of("france"), WriteFailures::View());
  server.ns["metadata"]["labels"]["rempart.dev/region"] = "france";
  server.StoreNamespace();
  Look();
  EXPECT_EQ(failures.Of("france").namespaces, 1U);
  caches.namespaces.Remove({"", "acme"}, 0);
  Look();
  EXPECT_EQ(failures.Of("france"), WriteFailures::View());
}

TEST_F(GuardReconcilerTest, ANamespaceThatGoesIsNoFailureOfTheRegion) {
  server.refused = Error::Denied("unable to create new content in namespace acme because it is being terminated");
  Look();
  EXPECT_FALSE(outcome);
  EXPECT_EQ(failures.Of("france"), WriteFailures::View());
}

TEST_F(GuardReconcilerTest, ANamespaceThatSomebodyElseWroteIsLookedAtAnew) {
  Look();
  server.ns["metadata"]["labels"].erase("pod-security.kubernetes.io/enforce");
  server.StoreNamespace();
  server.ns["metadata"]["resourceVersion"] = "999";  // written since, and not seen yet
  Look();
  EXPECT_FALSE(outcome);
  EXPECT_TRUE(Label("pod-security.kubernetes.io/enforce").is_null());
}

}  // namespace
}  // namespace rempart::perimeter
