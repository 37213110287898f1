// Policies, bindings and parameters: what is written, in which order, put back, left alone and taken away.
#include "operator/perimeter/gate_reconciler.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <set>

#include "tests/unit/kube/reconcile_fakes.h"
#include "tests/unit/perimeter/builders.h"

namespace rempart::perimeter {
namespace {

using test::Labelled;
using test::Next;
using test::Node;
using test::Region;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

// Stores what is written, as the server would, and shows it to the caches, as its watches would.
struct FakeServer final : kube::test::ApiWithoutWatches {
  explicit FakeServer(cache::Caches& into) : caches(into) {}

  Result<kube::Reply> Do(const Call& call, std::stop_token) override {
    if (failing) return Fail(Error::Transient("the server is away"));
    const std::string path = call.target.substr(0, call.target.find('?'));
    const auto kind = KindOf(path);
    if (call.method == "DELETE") {
      const std::string name = path.substr(path.rfind('/') + 1);
      calls.push_back(fmt::format("delete {} {}", api::ResourceOf(kind).plural, name));
      Forget(kind, name);
      return kube::Reply{200, "{}"};
    }
    Json object = Json::parse(call.body);
    const std::string name = object["metadata"]["name"];
    calls.push_back(
        fmt::format("{} {} {}", call.method == "POST" ? "create" : "replace", api::ResourceOf(kind).plural, name));
    if (const auto no = refused.find({kind, name}); no != refused.end()) return Fail(Error(no->second));
    Json& stored = objects[{kind, name}];
    if (call.method == "PUT" && object["metadata"]["resourceVersion"] != stored["metadata"]["resourceVersion"])
      return Fail(Error::Conflict("somebody else wrote"));
    object["metadata"]["uid"] =
        call.method == "POST" ? fmt::format("uid-{}", ++version) : stored["metadata"]["uid"].get<std::string>();
    object["spec"]["defaulted"] = "by the server";
    stored = object;
    Store(kind, name);
    return kube::Reply{200, stored.dump()};
  }

  // With a new version, seen by the caches.
  void Store(api::GateKind kind, const std::string& name) {
    Json& stored = objects[{kind, name}];
    stored["metadata"]["resourceVersion"] = std::to_string(++version);
    kube::Document document;
    const auto view = document.Parse(stored.dump());
    ASSERT_TRUE(view);
    auto object = api::DecodeGateObject(kind, *view);
    ASSERT_TRUE(object) << object.error().message;
    caches.Gate(kind).Put(std::move(*object));
  }
  void Edit(api::GateKind kind, const std::string& name, const Json& patch) {
    objects[{kind, name}].merge_patch(patch);
    Store(kind, name);
  }
  void Forget(api::GateKind kind, const std::string& name) {
    objects.erase({kind, name});
    caches.Gate(kind).Remove({"", name}, 0);
  }
  static api::GateKind KindOf(const std::string& path) {
    if (path.find("perimeterparameters") != std::string::npos) return api::GateKind::kParameters;
    const bool binding = path.find("policybindings") != std::string::npos;
    if (path.find("/mutating") != std::string::npos)
      return binding ? api::GateKind::kMutationBinding : api::GateKind::kMutation;
    return binding ? api::GateKind::kBinding : api::GateKind::kPolicy;
  }

  cache::Caches& caches;
  std::map<std::pair<api::GateKind, std::string>, Json> objects;
  std::uint64_t version = 100;
  bool failing = false;
  std::map<std::pair<api::GateKind, std::string>, Error> refused;
  std::vector<std::string> calls;
};

struct Events final : kube::EventRecorder {
  void Record(kube::Event event) override { notes.push_back(event.reason + ": " + event.note); }
  std::vector<std::string> notes;
};

struct GateReconcilerTest : ::testing::Test {
  std::vector<std::string> Look() {
    server.calls.clear();
    kube::test::FakeContext context({"", "france"});
    outcome = reconciler.Reconcile(context).has_value();
    return server.calls;
  }
  void Put(const api::SovereignRegion& region) { caches.regions.Put(Next(region)); }

  Metrics metrics;
  cache::Caches caches;
  FakeServer server{caches};
  Events events;
  bool outcome = false;
  int asked = 0;
  SimClock clock;
  OperatorIdentity identity{[this](std::stop_token) -> Result<std::string> {
    ++asked;
    return "system:serviceaccount:rempart-system:rempart";
  }};
  GateProofs proofs;
  int tests_woken = 0, told = 0;
  WriteFailures failures{[this](const std::string&) { ++told; }};
  GateReconciler reconciler{caches, server,   events,
                            clock,  metrics,  identity,
                            proofs, failures, [this](const std::string&) { ++tests_woken; }};
};

TEST_F(GateReconcilerTest, ParametersThenPoliciesThenBindingsAndThenNothing) {
  Put(Region());
  caches.nodes.Put(Next(Labelled(Node("n1"))));
  EXPECT_THAT(Look(), ElementsAre("create perimeterparameters france",
                                  "create validatingadmissionpolicies france.pods.rempart.dev",
                                  "create validatingadmissionpolicies france.bindings.rempart.dev",
                                  "create validatingadmissionpolicies france.nodes.rempart.dev",
                                  "create validatingadmissionpolicies france.namespaces.rempart.dev",
                                  "create validatingadmissionpolicybindings france.pods.rempart.dev",
                                  "create validatingadmissionpolicybindings france.bindings.rempart.dev",
                                  "create validatingadmissionpolicybindings france.nodes.rempart.dev",
                                  "create validatingadmissionpolicybindings france.namespaces.rempart.dev"));
  EXPECT_TRUE(outcome);
  const Json parameters = server.objects.at({api::GateKind::kParameters, "france"});
  EXPECT_EQ(parameters["spec"]["nodes"], Json({{"n1", true}}));
  const Json binding = server.objects.at({api::GateKind::kBinding, "france.pods.rempart.dev"});
  EXPECT_THAT(binding.dump(), HasSubstr(R"(["kube-system","rempart-system"])"))
      << "the operator's own namespace is exempt";
  EXPECT_THAT(Look(), IsEmpty());
  EXPECT_EQ(asked, 1);
  EXPECT_EQ(tests_woken, 1) << "after it was written, and not where nothing was";
}

TEST_F(GateReconcilerTest, OnlyWhatDiffersIsWritten) {
  Put(Region());
  Look();
  caches.nodes.Put(Next(Labelled(Node("n1"))));
  EXPECT_THAT(Look(), ElementsAre("replace perimeterparameters france"));
  auto region = Region();
  region.rules.enforcement = api::RegionRules::Enforcement::kEnforce;
  Put(region);
  EXPECT_THAT(Look(), ElementsAre("replace validatingadmissionpolicies france.pods.rempart.dev",
                                  "replace validatingadmissionpolicies france.bindings.rempart.dev",
                                  "replace validatingadmissionpolicies france.nodes.rempart.dev",
                                  "replace validatingadmissionpolicies france.namespaces.rempart.dev",
                                  "replace validatingadmissionpolicybindings france.pods.rempart.dev",
                                  "replace validatingadmissionpolicybindings france.bindings.rempart.dev",
                                  "replace validatingadmissionpolicybindings france.nodes.rempart.dev",
                                  "replace validatingadmissionpolicybindings france.namespaces.rempart.dev"));
  EXPECT_THAT(events.notes, IsEmpty()) << "nobody else changed anything";
}

TEST_F(GateReconcilerTest, EditsAreReplacedAndToldOf) {
  Put(Region());
  Look();
  const std::string pods = "france.pods.rempart.dev";
  server.Edit(api::GateKind::kPolicy, pods,
              {{"spec", {{"matchConditions", Json::array({{{"name", "broken-rule"}}, {{"name", "off"}}})}}}});
  EXPECT_THAT(Look(), ElementsAre("replace validatingadmissionpolicies " + pods));
  EXPECT_EQ(server.objects.at({api::GateKind::kPolicy, pods})["spec"]["matchConditions"].size(), 1U)
      << "what was added is gone, not only what was changed";
  server.Forget(api::GateKind::kBinding, pods);
  EXPECT_THAT(Look(), ElementsAre("create validatingadmissionpolicybindings " + pods));
  EXPECT_THAT(events.notes, ElementsAre("PolicyRestored: ValidatingAdmissionPolicy " + pods +
                                            " was changed by hand and has been put back",
                                        "PolicyRestored: ValidatingAdmissionPolicyBinding " + pods +
                                            " was deleted by hand and has been put back"));
  EXPECT_THAT(metrics.Expose(), HasSubstr("rempart_policies_restored_total 2\n"));
  // What is not ours to govern stays as others want it.
  server.Edit(api::GateKind::kPolicy, pods, {{"metadata", {{"labels", {{"team", "security"}}}}}});
  EXPECT_THAT(Look(), IsEmpty());
}

TEST_F(GateReconcilerTest, RulesThatAreNoLongerAskedForGo) {
  auto region = Region();
  region.rules.network.emplace();
  Put(region);
  EXPECT_THAT(Look(), Contains("create validatingadmissionpolicies france.services.rempart.dev"));
  region.rules.network.reset();
  Put(region);
  EXPECT_THAT(Look(), ElementsAre("delete validatingadmissionpolicybindings france.routes.rempart.dev",
                                  "delete validatingadmissionpolicybindings france.services.rempart.dev",
                                  "delete validatingadmissionpolicies france.routes.rempart.dev",
                                  "delete validatingadmissionpolicies france.services.rempart.dev"));
  EXPECT_THAT(Look(), IsEmpty());
}

// Where the server has mutating policies, what mends pods is written before what would refuse them.
TEST_F(GateReconcilerTest, PodsAreMendedWhereTheServerCanAndNoTaintDoesThatJob) {
  auto region = Region();
  region.rules.enforcement = api::RegionRules::Enforcement::kEnforce;
  Put(region);
  EXPECT_THAT(Look(), Not(Contains(HasSubstr("mutating")))) << "not served";
  caches.ServeMutation();
  EXPECT_THAT(Look(), ElementsAre("create mutatingadmissionpolicies france.placement.rempart.dev",
                                  "create mutatingadmissionpolicybindings france.placement.rempart.dev",
                                  "create mutatingadmissionpolicies france.pod-security.rempart.dev",
                                  "create mutatingadmissionpolicybindings france.pod-security.rempart.dev"));
  const Json policy = server.objects.at({api::GateKind::kMutation, "france.placement.rempart.dev"});
  EXPECT_EQ(policy["spec"]["failurePolicy"], "Ignore");
  EXPECT_THAT(Look(), IsEmpty());
  region.taint_outside_nodes = true;
  Put(region);
  EXPECT_THAT(Look(), Contains("delete mutatingadmissionpolicybindings france.placement.rempart.dev"));
  region.taint_outside_nodes = false;
  region.rules.enforcement = api::RegionRules::Enforcement::kWarn;
  Put(region);
  EXPECT_THAT(Look(), Not(Contains(HasSubstr("create mutating")))) << "a cluster that is only looked at is not changed";
}

// After a restart nothing is remembered: each object is written once, with what it has already.
TEST_F(GateReconcilerTest, ARestartWritesEachOnce) {
  Put(Region());
  const std::size_t all = Look().size();
  GateProofs nothing_known;
  GateReconciler second(caches, server, events, clock, metrics, identity, nothing_known, failures,
                        [](const std::string&) {});
  server.calls.clear();
  kube::test::FakeContext context({"", "france"});
  EXPECT_TRUE(second.Reconcile(context));
  EXPECT_EQ(server.calls.size(), all);
  for (const auto& call : server.calls) EXPECT_THAT(call, HasSubstr("replace"));
  EXPECT_THAT(events.notes, IsEmpty());
}

TEST_F(GateReconcilerTest, ATypoDoesNotOpenTheGate) {
  Put(Region());
  Look();
  auto region = Region();
  region.invalid = "spec.images.registries[0]: no";
  Put(region);
  EXPECT_THAT(Look(), IsEmpty());
}

TEST_F(GateReconcilerTest, FailuresAreTriedAgain) {
  Put(Region());
  server.failing = true;
  Look();
  EXPECT_FALSE(outcome);
  server.failing = false;
  EXPECT_EQ(Look().size(), 9U);
  EXPECT_TRUE(outcome);
}

// A rule that the server does not take must not keep the others from being held to.
TEST_F(GateReconcilerTest, WhatIsRefusedKeepsNothingElseFromBeingWrittenAndIsTold) {
  Put(Region());
  const auto bindings = std::pair(api::GateKind::kPolicy, std::string("france.bindings.rempart.dev"));
  server.refused.emplace(bindings, Error::Invalid("the cost of the rules is too high"));
  EXPECT_EQ(Look().size(), 9U) << "all of it is tried";
  EXPECT_FALSE(outcome) << "tried again, slowly";
  EXPECT_EQ(server.objects.size(), 8U);
  EXPECT_EQ(failures.Of("france").gate, "the cost of the rules is too high");
  EXPECT_EQ(told, 1);
  EXPECT_EQ(proofs.Written("france")->uid, "") << "the spec is not carried out";
  EXPECT_THAT(Look(), ElementsAre("create validatingadmissionpolicies france.bindings.rempart.dev"));
  EXPECT_EQ(told, 1) << "it said so";
  server.refused.clear();
  EXPECT_THAT(Look(), ElementsAre("create validatingadmissionpolicies france.bindings.rempart.dev"));
  EXPECT_TRUE(outcome);
  EXPECT_EQ(failures.Of("france"), WriteFailures::View());
  EXPECT_EQ(told, 2);
  EXPECT_EQ(proofs.Written("france")->generation, 3);
}

// A gate that enforces and has nothing to look things up in would refuse every pod.
TEST_F(GateReconcilerTest, WithoutParametersThereIsNoGate) {
  Put(Region());
  server.refused.emplace(std::pair(api::GateKind::kParameters, std::string("france")), Error::Denied("no right"));
  EXPECT_THAT(Look(), ElementsAre("create perimeterparameters france"));
  EXPECT_EQ(failures.Of("france").gate, "no right");
  server.refused.clear();
  EXPECT_EQ(Look().size(), 9U);
  // Old ones are parameters all the same.
  caches.nodes.Put(Next(Labelled(Node("n1"))));
  auto region = Region();
  region.rules.network.emplace();
  Put(region);
  server.refused.emplace(std::pair(api::GateKind::kParameters, std::string("france")), Error::Denied("no right"));
  EXPECT_THAT(Look(), Contains("create validatingadmissionpolicies france.services.rempart.dev"));
}

TEST_F(GateReconcilerTest, AFailureThatMayPassIsToldOnceItLasts) {
  Put(Region());
  server.failing = true;
  Look();
  EXPECT_EQ(failures.Of("france").gate, "");
  clock.Advance(kFailureLasts);
  Look();
  EXPECT_EQ(failures.Of("france").gate, "the server is away");
  caches.regions.Remove({"", "france"}, 0);
  Look();
  EXPECT_EQ(failures.Of("france").gate, "");
  EXPECT_FALSE(proofs.Written("france"));
}

// The self-test waits for it: probes of new rules would find the gate of the old ones.
TEST_F(GateReconcilerTest, TellsWhichSpecIsCarriedOut) {
  Put(Region());
  Look();
  EXPECT_EQ(proofs.Written("france")->uid, "uid-of-france");
  const MonoTime written = proofs.Written("france")->at;
  clock.Advance(std::chrono::minutes(1));
  auto region = Region();
  region.meta.generation = 4;
  Put(region);
  EXPECT_THAT(Look(), IsEmpty()) << "it asks for the same gate";
  EXPECT_EQ(proofs.Written("france")->generation, 4);
  EXPECT_EQ(proofs.Written("france")->at, written) << "nothing has to settle";
  EXPECT_EQ(tests_woken, 2);
  region.meta.generation = 5;
  region.invalid = "spec.images: no";
  Put(region);
  Look();
  EXPECT_EQ(proofs.Written("france")->generation, 4) << "what cannot be read is not carried out";
  EXPECT_EQ(tests_woken, 2);
}

TEST(GateObject, NamesTellTheRegion) {
  EXPECT_EQ(api::GateObjectName("france", "pods"), "france.pods.rempart.dev");
  for (const auto& [name, region] : {std::pair{"france.pods.rempart.dev", "france"},
                                     {"france.south.pods.rempart.dev", "france.south"},
                                     {"pods.rempart.dev", ""},
                                     {"france.pods.example.org", ""},
                                     {"", ""}})
    EXPECT_EQ(api::RegionOfGateObject(name), region) << name;
}

}  // namespace
}  // namespace rempart::perimeter
