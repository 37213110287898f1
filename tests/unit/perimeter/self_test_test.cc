// When the gate is tested, what is sent, and what is made of the answers.
#include "operator/perimeter/self_test.h"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "operator/api/gate_object.h"
#include "tests/unit/kube/reconcile_fakes.h"
#include "tests/unit/perimeter/builders.h"

namespace rempart::perimeter {
namespace {

using namespace std::chrono_literals;
using test::Labelled;
using test::Next;
using test::Node;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using Kind = ProbeProblem::Kind;

const std::string kUser = "system:serviceaccount:rempart-system:rempart";

api::SovereignRegion Enforcing() {
  auto region = test::Region();
  region.rules.enforcement = api::RegionRules::Enforcement::kEnforce;
  return region;
}

// Judges as the gate's policies would: by the evaluator.
struct FakeGate final : kube::test::ApiWithoutWatches {
  Result<kube::Reply> Do(const Call& call, std::stop_token) override {
    sent.push_back(call.target);
    EXPECT_THAT(call.target, HasSubstr("dryRun=All"));
    if (meanwhile) std::exchange(meanwhile, nullptr)();
    if (away) return Fail(Error::Transient("the server is away"));
    if (!denied.empty()) return Fail(Error{ErrorKind::kDenied, denied, "Forbidden", 403});
    if (!not_served.empty() && call.target.contains("/binding")) return Fail(Error::NotFound(not_served));
    const auto region = Enforcing();
    for (const auto& probe : rules::ProbesOf(region, rules::RulesOf(region, {kUser}),
                                             rules::ParametersOf(region, {"fr-1"}), rules::Sender::Of(kUser))
                                 .probes) {
      const auto like = probe.CallIn("acme");
      if (like.body != call.body || like.method != call.method) continue;
      if (probe.rule.empty() || open.contains(probe.rule)) return kube::Reply{201, "{}"};
      const std::string policy = api::GateObjectName(region.meta.key.name, rules::RequestsOf(probe.gate).name);
      return Fail(Error{ErrorKind::kDenied,
                        fmt::format("ValidatingAdmissionPolicy '{0}' with binding '{0}' denied request: {1} x: no",
                                    policy, probe.rule),
                        "Forbidden", 403});
    }
    ADD_FAILURE() << "no probe: " << call.method << " " << call.target << " " << call.body;
    return Fail(Error::NotFound("?"));
  }
  std::set<std::string> open;  // rules that let everything in
  bool away = false;
  std::string not_served;           // the answer to bindings
  std::string denied;               // the answer to all
  std::function<void()> meanwhile;  // once
  std::vector<std::string> sent;
};

struct SelfTestTest : ::testing::Test {
  SelfTestTest() {
    caches.regions.Put(Next(Enforcing()));
    caches.nodes.Put(Next(Labelled(Node("fr-1"))));
    Namespace("acme");
  }
  void Namespace(const std::string& name) {
    api::Namespace ns;
    ns.meta.key.name = name;
    ns.labels = {{"rempart.dev/region", "france"}, {"kubernetes.io/metadata.name", name}};
    caches.namespaces.Put(Next(ns));
  }
  Result<kube::Outcome> Look() {
    gate.sent.clear();
    kube::test::FakeContext context({"", "france"});
    return self_test.Reconcile(context);
  }
  // As the gate's writer does.
  void Write(std::int64_t generation = 3, const std::string& uid = "uid-of-france") {
    proofs.NoteWrite("france", clock.Mono());
    proofs.NoteCarriedOut("france", uid, generation, clock.Mono());
  }
  // After the API server had time to see the gate.
  void Settle() {
    Write();
    clock.Advance(kGateSettles);
  }

  SimClock clock;
  Metrics metrics;
  cache::Caches caches;
  FakeGate gate;
  GateProofs proofs;
  OperatorIdentity identity{[](std::stop_token) -> Result<std::string> { return kUser; }};
  int woken = 0;
  SelfTest self_test{caches, gate, clock, metrics, identity, proofs, [this](const std::string&) { ++woken; }};
};

TEST_F(SelfTestTest, ShowsTheGateOnceAMinute) {
  EXPECT_TRUE(Look());
  EXPECT_THAT(gate.sent, IsEmpty()) << "there is no gate yet";
  Settle();
  EXPECT_EQ(Look()->requeue_after, kSelfTestPeriod);
  const auto proof = proofs.Get("france");
  ASSERT_TRUE(proof);
  EXPECT_EQ(proof->held, clock.Now());
  EXPECT_THAT(proof->problems, IsEmpty());
  EXPECT_GE(proof->refused, 4U);
  EXPECT_GE(proof->admitted, 2U);
  EXPECT_EQ(gate.sent.size(), proof->refused + proof->admitted);
  EXPECT_THAT(proof->not_probed, Contains("RP-201")) << "the operator itself may do it";
  EXPECT_EQ(woken, 1);
  EXPECT_THAT(metrics.Expose(), HasSubstr("rempart_gate_self_test_held_timestamp_seconds{region=\"france\"}"));

  clock.Advance(20s);
  EXPECT_EQ(Look()->requeue_after, 40s) << "a namespace that came wakes it, and changes nothing of what was shown";
  EXPECT_THAT(gate.sent, IsEmpty());
  clock.Advance(40s);
  EXPECT_EQ(Look()->requeue_after, kSelfTestPeriod);
  EXPECT_THAT(gate.sent, Not(IsEmpty()));
  Write();
  clock.Advance(1s);
  Look();
  EXPECT_THAT(gate.sent, Not(IsEmpty())) << "a changed gate is tested at once";
}

TEST_F(SelfTestTest, AFreshGateIsGivenTimeAndAnOpenOneIsTold) {
  gate.open = {"RP-104"};
  Write();
  EXPECT_EQ(Look()->requeue_after, kSettlingPeriod);
  EXPECT_FALSE(proofs.Get("france")) << "nothing is said before the server had time to see the policies";
  EXPECT_EQ(woken, 0);
  clock.Advance(kGateSettles);
  EXPECT_EQ(Look()->requeue_after, kSelfTestFailedPeriod);
  ASSERT_TRUE(proofs.Get("france"));
  EXPECT_THAT(proofs.Get("france")->problems,
              ElementsAre(ProbeProblem{Kind::kGotIn, "RP-104", "the API server let it in"}));
  EXPECT_FALSE(proofs.Get("france")->held);
  EXPECT_THAT(metrics.Expose(), HasSubstr("rempart_gate_probe_failed{region=\"france\",rule=\"RP-104\"} 1"));
  gate.open.clear();
  EXPECT_EQ(Look()->requeue_after, kSelfTestPeriod) << "looked at again without being asked";
  EXPECT_TRUE(proofs.Get("france")->held);
  EXPECT_THAT(metrics.Expose(), Not(HasSubstr("RP-104")));
}

TEST_F(SelfTestTest, NoAnswerShowsNothing) {
  Settle();
  Look();
  const auto held = proofs.Get("france")->held;
  gate.away = true;
  clock.Advance(kSelfTestPeriod);
  EXPECT_FALSE(Look());
  EXPECT_EQ(proofs.Get("france")->held, held) << "which grows old";
}

TEST_F(SelfTestTest, ProbesThatNeverGetAnAnswerAreNamed) {
  Settle();
  Look();
  gate.away = true;  // as to a webhook that is dead: each object is answered with 500
  clock.Advance(kSelfTestPeriod);
  EXPECT_FALSE(Look());
  EXPECT_THAT(proofs.Get("france")->problems, IsEmpty());
  clock.Advance(kDoubtEnds);
  EXPECT_EQ(Look()->requeue_after, kSelfTestFailedPeriod);
  const auto problems = proofs.Get("france")->problems;
  ASSERT_THAT(problems, Not(IsEmpty()));
  EXPECT_EQ(problems.front().kind, Kind::kNotJudged);
  EXPECT_EQ(problems.front().message, "the server is away");
  EXPECT_LE(gate.sent.size(), 3U) << "they may take long, each";
  gate.away = false;
  EXPECT_EQ(Look()->requeue_after, kSelfTestPeriod);
  EXPECT_THAT(proofs.Get("france")->problems, IsEmpty());
}

TEST_F(SelfTestTest, AGateThatIsWrittenAgainAndAgainIsToldToBeOpen) {
  gate.open = {"RP-104"};
  for (Duration passed{}; passed < kDoubtEnds; passed += kGateSettles / 2) {
    Write();
    EXPECT_EQ(Look()->requeue_after, kSettlingPeriod);
    clock.Advance(kGateSettles / 2);
  }
  Write();
  EXPECT_EQ(Look()->requeue_after, kSelfTestFailedPeriod);
  EXPECT_THAT(proofs.Get("france")->problems,
              ElementsAre(ProbeProblem{Kind::kGotIn, "RP-104", "the API server let it in"}));
}

// Else probes of rules that are new would be let in by the gate as it was.
TEST_F(SelfTestTest, ASpecIsTestedOnceItIsCarriedOut) {
  Settle();
  Look();
  gate.open = {"RP-104"};  // which the gate of before does not refuse
  auto region = Enforcing();
  region.meta.generation = 4;
  caches.regions.Put(Next(region));
  EXPECT_FALSE(Look()->requeue_after) << "woken by the gate's writer";
  EXPECT_THAT(gate.sent, IsEmpty());
  EXPECT_THAT(proofs.Get("france")->problems, IsEmpty());
  proofs.NoteWrite("france", clock.Mono());
  Look();
  EXPECT_THAT(gate.sent, IsEmpty()) << "a part of it is written";
  gate.open.clear();
  Write(4);
  EXPECT_EQ(Look()->requeue_after, kSelfTestPeriod);
  EXPECT_EQ(proofs.Get("france")->generation, 4);
  region.meta.uid = "made anew";
  caches.regions.Put(Next(region));
  Look();
  EXPECT_THAT(gate.sent, IsEmpty());
}

TEST_F(SelfTestTest, AGateThatChangesMeanwhileIsTestedAnew) {
  Settle();
  gate.open = {"RP-104"};
  gate.meanwhile = [this] { Write(4); };  // of a spec that asks for other rules
  EXPECT_EQ(Look()->requeue_after, kSettlingPeriod);
  EXPECT_FALSE(proofs.Get("france"));
  EXPECT_THAT(metrics.Expose(), Not(HasSubstr("RP-104")));
}

TEST_F(SelfTestTest, WhatANamesakeHasShownDoesNotCount) {
  proofs.Put("france", {.uid = "before", .generation = 3, .held = clock.Now()});
  gate.open = {"RP-104"};
  Settle();
  Look();
  EXPECT_THAT(proofs.Get("france")->problems, Not(IsEmpty()));
  EXPECT_FALSE(proofs.Get("france")->held);
}

TEST_F(SelfTestTest, WhatTheServerDoesNotServeNobodyCanMake) {
  for (const char* answer : {"probe bindings: the server could not find the requested resource",
                             "probe bindings: the server answered 404: 404 page not found"}) {
    gate.not_served = answer;
    Settle();
    EXPECT_EQ(Look()->requeue_after, kSelfTestPeriod) << answer;
    EXPECT_THAT(proofs.Get("france")->problems, IsEmpty()) << answer;
    EXPECT_THAT(proofs.Get("france")->not_probed, Contains("RP-102")) << answer;
  }
  gate.not_served = "namespaces acme not found";
  Settle();
  Look();
  EXPECT_THAT(proofs.Get("france")->problems, Not(IsEmpty()));
}

// Neither is the gate's doing, and both pass: the test is taken again before anything is said.
TEST_F(SelfTestTest, ANamespaceThatComesOrGoesShowsNothing) {
  for (const char* answer :
       {"pods \"probe\" is forbidden: unable to create new content in namespace acme because it is being terminated",
        "pods \"probe\" is forbidden: error looking up service account acme/default: serviceaccount \"default\" not "
        "found"}) {
    gate.denied = answer;
    Settle();
    const auto outcome = Look();
    ASSERT_FALSE(outcome) << answer;
    EXPECT_EQ(outcome.error().kind, ErrorKind::kTransient);
    EXPECT_FALSE(proofs.Get("france")) << answer;
  }
}

TEST_F(SelfTestTest, TakesTheNamespacesInTurn) {
  Namespace("beta");
  Settle();
  Look();
  EXPECT_THAT(gate.sent, Contains(HasSubstr("/namespaces/acme/")));
  clock.Advance(kSelfTestPeriod);
  Look();
  EXPECT_THAT(gate.sent, Contains(HasSubstr("/namespaces/beta/")));
  EXPECT_THAT(gate.sent, Not(Contains(HasSubstr("/namespaces/acme/"))));
}

TEST_F(SelfTestTest, WithoutANamespaceThereIsNothingToGuard) {
  caches.namespaces.Remove({"", "acme"}, 0);
  Settle();
  EXPECT_FALSE(Look()->requeue_after);
  EXPECT_THAT(gate.sent, IsEmpty());
  EXPECT_TRUE(proofs.Get("france")->no_namespace);
  Namespace("acme");
  EXPECT_EQ(Look()->requeue_after, kSelfTestPeriod);
}

// A series that stays would look like a gate that nobody shows to be shut any more.
TEST_F(SelfTestTest, TheTimeGoesWithTheLastNamespace) {
  const auto has_time = HasSubstr("rempart_gate_self_test_held_timestamp_seconds{");
  Settle();
  Look();
  EXPECT_THAT(metrics.Expose(), has_time);
  caches.namespaces.Remove({"", "acme"}, 0);
  clock.Advance(kSelfTestPeriod);
  Look();
  EXPECT_THAT(metrics.Expose(), Not(has_time));
  Namespace("acme");
  Look();
  EXPECT_THAT(metrics.Expose(), has_time);
}

TEST_F(SelfTestTest, ForgetsWhatNoLongerEnforces) {
  gate.open = {"RP-104"};
  Settle();
  Look();
  auto region = Enforcing();
  region.rules.enforcement = api::RegionRules::Enforcement::kWarn;
  caches.regions.Put(Next(region));
  EXPECT_FALSE(Look()->requeue_after);
  EXPECT_FALSE(proofs.Get("france"));
  EXPECT_THAT(metrics.Expose(), Not(HasSubstr("rempart_gate_probe_failed{")));
  EXPECT_THAT(gate.sent, IsEmpty());
  EXPECT_TRUE(proofs.Written("france")) << "that is the gate's writer's to forget";
}

}  // namespace
}  // namespace rempart::perimeter
