// What a region says of the proof of its gate.
#include "operator/perimeter/gate_status.h"

#include <gmock/gmock.h>

#include "operator/perimeter/region_plan.h"
#include "tests/unit/perimeter/builders.h"

namespace rempart::perimeter {
namespace {

using namespace std::chrono_literals;
using test::kNow;
using test::Labelled;
using test::Node;
using test::Ptr;
using test::Ptrs;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using State = GateView::State;
using Kind = ProbeProblem::Kind;

api::SovereignRegion Enforcing() {
  auto region = test::Region();
  region.rules.enforcement = api::RegionRules::Enforcement::kEnforce;
  return region;
}

GateProof Held(WallTime at = kNow) {
  return {.uid = "uid-of-france", .generation = 3, .held = at, .refused = 7, .admitted = 3, .not_probed = {"RP-703"}};
}

TEST(GateStatus, NothingToProveWhereNothingIsRefused) {
  auto region = Enforcing();
  for (const auto mode : {api::RegionRules::Enforcement::kAudit, api::RegionRules::Enforcement::kWarn}) {
    region.rules.enforcement = mode;
    const GateView view = ViewGate(region, Held(), "", nullptr, kNow);
    EXPECT_EQ(view.state, State::kNothingToProve);
    EXPECT_EQ(view.self_tested.status, "Unknown");
    EXPECT_EQ(view.self_tested.reason, "NotEnforced");
    EXPECT_TRUE(view.status.is_null());
  }
  EXPECT_EQ(
      ViewGate(Enforcing(), GateProof{.uid = "uid-of-france", .generation = 3, .no_namespace = true}, "", nullptr, kNow)
          .self_tested.reason,
      "NoNamespace");
}

TEST(GateStatus, AProofCountsForMinutesAndForItsGeneration) {
  const GateView view = ViewGate(Enforcing(), Held(), "", nullptr, kNow + 1min);
  EXPECT_EQ(view.state, State::kProven);
  EXPECT_EQ(view.self_tested.status, "True");
  EXPECT_EQ(view.look_again, 4min);
  EXPECT_EQ(view.status, Json::parse(R"({"refused": 7, "admitted": 3, "lastHeld": "2026-11-22T10:23:00Z",
                                         "notProbed": ["RP-703"]})"));
  EXPECT_EQ(ViewGate(Enforcing(), Held(), "", nullptr, kNow + 5min).state, State::kPending);
  auto changed = Enforcing();
  changed.meta.generation = 4;
  EXPECT_EQ(ViewGate(changed, Held(), "", nullptr, kNow).state, State::kPending);
  EXPECT_EQ(ViewGate(Enforcing(), std::nullopt, "", nullptr, kNow).state, State::kPending);
  auto namesake = Enforcing();
  namesake.meta.uid = "made anew";
  EXPECT_EQ(ViewGate(namesake, Held(), "", nullptr, kNow).state, State::kPending);
}

// An operator that starts, or takes the lead, does not take back what was shown a moment ago.
TEST(GateStatus, WhatAnotherOperatorHasShownCounts) {
  Json before = {{"gate", {{"lastHeld", "2026-11-22T10:23:00Z"}, {"refused", 7}}},
                 {"conditions", Json::array({{{"type", "SelfTested"},
                                              {"status", "True"},
                                              {"reason", "Proven"},
                                              {"message", "7 objects"},
                                              {"observedGeneration", 3}}})}};
  const GateView view = ViewGate(Enforcing(), std::nullopt, "", before, kNow + 2min);
  EXPECT_EQ(view.state, State::kProven);
  EXPECT_EQ(view.self_tested.message, "7 objects");
  EXPECT_EQ(view.status, before["gate"]);
  const auto pending = [&](const char* where, const Json& value) {
    Json other = before;
    other[Json::json_pointer(where)] = value;
    EXPECT_EQ(ViewGate(Enforcing(), std::nullopt, "", other, kNow + 2min).state, State::kPending) << where << value;
  };
  pending("/gate/lastHeld", "2026-11-22T10:17:00Z");
  pending("/gate/lastHeld", "2026-11-22T10:26:00Z");  // not yet
  pending("/gate/lastHeld", "1700-01-01T00:00:00Z");  // longer ago than nanoseconds can say
  pending("/gate/lastHeld", "1678-01-01T00:00:00Z");
  pending("/gate/lastHeld", "soon");
  pending("/gate/lastHeld", 7);
  pending("/gate", "shut");
  pending("/conditions", "good");
  pending("/conditions/0", nullptr);
  pending("/conditions/0/status", "False");
  pending("/conditions/0/observedGeneration", 2);
  pending("/conditions/0/message", nullptr);
}

TEST(GateStatus, NamesTheRulesTheWorstFirst) {
  GateProof proof = Held(kNow - 1min);
  proof.problems = {{Kind::kNotJudged, "RP-104", "no right"}, {Kind::kGotIn, "RP-101", "let in"}};
  const GateView view = ViewGate(Enforcing(), proof, "", nullptr, kNow);
  EXPECT_EQ(view.state, State::kFailed);
  EXPECT_EQ(view.self_tested.status, "False");
  EXPECT_EQ(view.self_tested.reason, "ProbeAdmitted");
  EXPECT_EQ(view.self_tested.message,
            "last held at 2026-11-22T10:22:00Z; RP-101: an object that it must refuse got in; RP-104: its object was "
            "not judged: no right");
  EXPECT_EQ(view.status["lastHeld"], "2026-11-22T10:22:00Z");
}

// Also where nothing is refused: a gate that is not there finds nothing to audit, and that looks like a clean cluster.
TEST(GateStatus, AGateThatCannotBeWrittenIsToldInEveryMode) {
  auto region = Enforcing();
  GateView view = ViewGate(region, Held(kNow - 1min), "no right", nullptr, kNow);
  EXPECT_EQ(view.state, State::kFailed);
  EXPECT_EQ(view.self_tested.status, "False");
  EXPECT_EQ(view.self_tested.reason, "GateNotWritten");
  EXPECT_EQ(view.self_tested.message,
            "what the spec asks for cannot all be written: no right; what there was before last held at "
            "2026-11-22T10:22:00Z");
  EXPECT_EQ(view.status["refused"], 7);
  GateProof open = Held();
  open.problems = {{Kind::kGotIn, "RP-101", "let in"}};
  EXPECT_THAT(ViewGate(region, open, "no right", nullptr, kNow).self_tested.message, HasSubstr("RP-101"));
  EXPECT_TRUE(ViewGate(region, std::nullopt, "no right", nullptr, kNow).status.is_null());
  for (const auto mode : {api::RegionRules::Enforcement::kAudit, api::RegionRules::Enforcement::kWarn}) {
    region.rules.enforcement = mode;
    view = ViewGate(region, std::nullopt, "no right", nullptr, kNow);
    EXPECT_EQ(view.self_tested.reason, "GateNotWritten");
    EXPECT_EQ(view.state, State::kFailed);
  }
}

TEST(GateStatus, ReadyFallsWithWhatCannotBeWritten) {
  RegionObservation observed;
  observed.region = Ptr(Enforcing());
  observed.regions = {observed.region};
  observed.nodes = Ptrs(Labelled(Node("fr-1")));
  observed.proof = Held();
  observed.namespaces.emplace().governed = {"acme", "beta"};
  const auto status = [&] { return PlanRegion(observed, kNow).status_patch; };
  EXPECT_EQ(status()["conditions"][0]["status"], "True");
  EXPECT_FALSE(status()["namespaces"].contains("unguarded"));
  observed.unwritten = {.namespaces = 1, .first = "acme: no right"};
  EXPECT_EQ(status()["conditions"][0]["status"], "False");
  EXPECT_EQ(status()["conditions"][0]["reason"], "GuardsNotWritten");
  EXPECT_EQ(status()["conditions"][0]["message"],
            "what is kept in 1 namespace of the region cannot be written: acme: no right");
  EXPECT_EQ(status()["namespaces"]["unguarded"], 1);
  EXPECT_EQ(status()["namespaces"]["firstUnguarded"], "acme: no right");
  observed.namespaces.reset();
  EXPECT_EQ(status()["namespaces"]["unguarded"], 1);
  observed.unwritten.gate = "the cost is too high";
  EXPECT_EQ(status()["conditions"][0]["reason"], "GateNotWritten");
  EXPECT_THAT(status()["conditions"][0]["message"].get<std::string>(), HasSubstr("the cost is too high"));
  EXPECT_EQ(status()["conditions"][3]["reason"], "GateNotWritten");
  observed.region = Ptr(test::Region());  // Audit
  EXPECT_EQ(status()["conditions"][0]["reason"], "GateNotWritten");
}

TEST(GateStatus, ReadyWaitsForTheProofAndFallsWithIt) {
  RegionObservation observed;
  observed.region = Ptr(Enforcing());
  observed.regions = {observed.region};
  observed.nodes = Ptrs(Labelled(Node("fr-1")));
  const auto condition = [&](std::size_t i) { return PlanRegion(observed, kNow).status_patch["conditions"][i]; };
  EXPECT_EQ(condition(0)["reason"], "GateNotProven");
  EXPECT_EQ(condition(1)["status"], "True") << "it is under way: Reconciling";
  observed.proof = Held();
  EXPECT_EQ(condition(0)["status"], "True");
  EXPECT_EQ(condition(3)["type"], "SelfTested");
  EXPECT_EQ(PlanRegion(observed, kNow).look_again, 5min);
  observed.proof->problems = {{Kind::kGotIn, "RP-101", "let in"}};
  EXPECT_EQ(condition(0)["status"], "False");
  EXPECT_EQ(condition(0)["reason"], "ProbeAdmitted");
  EXPECT_THAT(PlanRegion(observed, kNow).events.at(0).note, HasSubstr("RP-101"));
  EXPECT_EQ(PlanRegion(observed, kNow).events.size(), 1U) << "not once more for SelfTested";
  observed.region = Ptr(test::Region());  // Audit
  EXPECT_EQ(condition(0)["status"], "True");
}

// Ready says the same as before, or something else: an event names the rule all the same.
TEST(GateStatus, AFurtherRuleThatIsOpenIsToldByAnEvent) {
  RegionObservation observed;
  auto region = Enforcing();
  observed.region = Ptr(region);
  observed.proof = Held();
  observed.proof->problems = {{Kind::kGotIn, "RP-301", "let in"}};
  region.status_json = PlanRegion(observed, kNow).status_patch.dump();
  observed.region = Ptr(region);
  EXPECT_THAT(PlanRegion(observed, kNow).events, IsEmpty()) << "it was told";
  observed.proof->problems.push_back({Kind::kGotIn, "RP-104", "let in"});
  const auto further = PlanRegion(observed, kNow).events;
  ASSERT_EQ(further.size(), 1U);
  EXPECT_THAT(further[0].note, HasSubstr("RP-104"));
  EXPECT_EQ(further[0].type, kube::Event::Type::kWarning);
}

TEST(GateStatus, SaysWhereAndWhatNoProbeShows) {
  GateProof proof = Held(kNow - 1min);
  EXPECT_THAT(ViewGate(Enforcing(), proof, "", nullptr, kNow).self_tested.message,
              HasSubstr("; rules that no request of the operator's own can show: 1 (status.gate.notProbed)"));
  proof.not_probed.clear();
  EXPECT_THAT(ViewGate(Enforcing(), proof, "", nullptr, kNow).self_tested.message, Not(HasSubstr("notProbed")));
  EXPECT_THAT(ViewGate(Enforcing(), proof, "", nullptr, kNow).self_tested.message,
              ::testing::StartsWith("at " + FormatTime(kNow - 1min) + ", "))
      << "when it last held";
  proof.ns = "acme";
  proof.problems = {{Kind::kGotIn, "RP-101", "let in"}};
  EXPECT_THAT(ViewGate(Enforcing(), proof, "", nullptr, kNow).self_tested.message,
              HasSubstr("; in namespace acme: RP-101: an object"));
}

}  // namespace
}  // namespace rempart::perimeter
