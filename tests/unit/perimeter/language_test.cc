// What a region that speaks French says of nodes, attestations, its gate and itself.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <vector>

#include "operator/perimeter/gate_status.h"
#include "operator/perimeter/region_plan.h"
#include "tests/unit/api/language.h"
#include "tests/unit/kube/status_after.h"
#include "tests/unit/perimeter/attesting.h"
#include "tests/unit/perimeter/builders.h"

namespace rempart::perimeter {
namespace {

using namespace std::chrono_literals;
using api::test::IsFrench;
using test::Frankfurt;
using test::Labelled;
using test::Lost;
using test::Node;
using test::Place;
using test::Ptr;
using test::Ptrs;
using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr WallTime kNow = test::kNow;

api::SovereignRegion French(api::SovereignRegion region = test::Region()) {
  region.rules.language = region.attestation.language = api::Language::kFrench;
  return region;
}
template <class T>
T With(T object, const std::function<void(T&)>& change) {
  change(object);
  return object;
}

TEST(French, WhyANodeIsOutside) {
  const auto node = [](const std::function<void(api::Node&)>& change) { return With<api::Node>(Node("n"), change); };
  const auto region = [](const std::function<void(api::SovereignRegion&)>& change) {
    return With<api::SovereignRegion>(French(), change);
  };
  const auto profile = [](const std::function<void(api::HostingProfile&)>& change) {
    return With<api::HostingProfile>(test::Profile(), change);
  };
  struct Row {
    Outside outside;
    api::Node node;
    api::SovereignRegion region = French();
    std::vector<api::HostingProfile> profiles = {};
  };
  const auto by_profile = French(test::ByProfile());
  const std::vector<Row> rows = {
      {Outside::kNoLocation, node([](auto& n) { n.topology_zone = ""; })},
      {Outside::kLabelsDisagree, node([](auto& n) { n.legacy_zone = "fr-par-2"; })},
      {Outside::kUnknownLocation, Frankfurt()},
      {Outside::kUnknownLocation, node([](auto& n) { n.topology_zone = "FR-PAR-1"; })},
      {Outside::kOtherCountry, node([](auto&) {}), region([](auto& r) { r.locations[0].country = "DE"; })},
      {Outside::kOtherCountry, node([](auto&) {}),
       region([](auto& r) { r.locations.push_back(Place("fr-par", {"fr-par-1"}, "DE")); })},
      {Outside::kProviderMissing, node([](auto& n) { n.provider_id = ""; })},
      {Outside::kProviderMismatch, node([](auto& n) { n.provider_id = "aws://x"; })},
      {Outside::kProfileMissing, node([](auto&) {}), by_profile},
      {Outside::kProfileDefunct, node([](auto&) {}), by_profile, {profile([](auto& p) {
         p.state = api::HostingProfile::State::kDefunct;
         p.since = "2024-01-01";
       })}},
      {Outside::kProfileExpired, node([](auto&) {}), by_profile, {profile([](auto& p) { p.expires = kNow; })}},
      {Outside::kRefusedByProfile, node([](auto&) {}), by_profile, {profile([](auto& p) {
         p.refused = {api::HostingProfile::Refused{"fr-par", "pas en France"}};
       })}},
      {Outside::kUnknownLocation, Frankfurt(), by_profile, {test::Profile()}},
      {Outside::kUnknownLocation, node([](auto& n) { n.topology_region = "FR-PAR"; }), by_profile, {test::Profile()}},
      {Outside::kUnconfirmedLocation, node([](auto&) {}), by_profile, {profile([](auto& p) {
         p.locations[0].confirmed = false;
       })}},
      {Outside::kNodeLabelMissing, node([](auto&) {}), by_profile, {profile([](auto& p) {
         p.required_labels = {api::HostingProfile::RequiredLabel{"cloud.example/trusted", {"true"}}};
       })}},
      {Outside::kNodeLabelMismatch,
       node([](auto& n) {
         n.location_labels = {api::Label{"cloud.example/trusted", "no"}};
       }),
       by_profile,
       {profile([](auto& p) {
         p.required_labels = {api::HostingProfile::RequiredLabel{"cloud.example/trusted", {"oui", "1"}}};
       })}},
      {Outside::kNotAttested, node([](auto&) {}), region([](auto& r) {
         r.attestation = test::Policy();
         r.attestation.language = api::Language::kFrench;
       })},
  };
  for (const Row& row : rows) {
    Evidence evidence{{}, kNow, {}};
    for (const auto& one : row.profiles) evidence.profiles.push_back(Ptr(one));
    const Verdict verdict = Qualify(row.node, row.region, evidence);
    EXPECT_EQ(verdict.outside, row.outside) << verdict.message;
    EXPECT_THAT(verdict.message, IsFrench());
  }
}

TEST(French, WhatAnAttestationIsWorth) {
  auto policy = test::Policy(2, 2);
  policy.language = api::Language::kFrench;
  policy.authorities[1].valid_until = kNow - 1h;
  auto of_one = test::Policy();
  of_one.language = api::Language::kFrench;
  auto aged = of_one;
  aged.max_age = 1h;
  auto of_nobody = of_one;
  of_nobody.authorities.clear();
  const auto good = test::Signed(test::Statement());
  const auto of_another = test::Signed(test::Statement(test::Hosted(), test::Machine("fr-par-2")));
  auto another_machine = test::Machine();
  another_machine.machine_id = "ffffffffffffffffffffffffffffffff";
  const std::vector<std::pair<Attested, AttestationVerdict>> verdicts = {
      {Attested::kHolds, test::Judged(good, of_one)},
      {Attested::kExpiringSoon, test::Judged(good, of_one, test::Hosted().expires_at - 1h)},
      {Attested::kExpired, test::Judged(good, of_one, test::Hosted().expires_at)},
      {Attested::kTooOld, test::Judged(good, aged)},
      {Attested::kNotYetValid, test::Judged(good, of_one, test::Hosted().issued_at - 1h)},
      {Attested::kThresholdNotMet, test::Judged(test::Signed(test::Statement(), {0, 1}), policy)},
      {Attested::kUntrustedSignature, test::Judged(test::Signed(test::Statement(), {3}), of_one)},
      {Attested::kUntrustedSignature, test::Judged(good, of_nobody)},
      {Attested::kWrongNode, test::Judged(of_another, of_one)},
      {Attested::kWrongNode, test::Judged(good, of_one, kNow, another_machine)},
      {Attested::kTooMany, TooMany(test::Machine(), 40, api::Language::kFrench)},
  };
  for (const auto& [attested, verdict] : verdicts) {
    EXPECT_EQ(verdict.attested, attested) << verdict.message;
    EXPECT_THAT(verdict.message, IsFrench());
  }
}

TEST(French, EventsOnNodes) {
  auto cordoning = French();
  cordoning.on_loss = api::SovereignRegion::OnLoss::kCordon;
  auto held_by_us = Lost(Node("n"));
  held_by_us.unschedulable = true;
  held_by_us.cordoned_label = "true";
  const std::vector<std::tuple<std::string, api::Node, api::SovereignRegion>> rows = {
      {"NodeLost", Labelled(Frankfurt()), French()},
      {"NodeLost", Labelled(Frankfurt()), cordoning},
      {"NodeQualified", Node("n"), French()},
      {"NodeUncordoned", held_by_us, French()},
      {"NodeLabelsRestored", Labelled(Node("n"), "spain"), French()},
  };
  for (const auto& [reason, node, region] : rows) {
    NodeObservation observed;
    observed.node = Ptr(node);
    observed.regions = Ptrs(region);
    const NodePlan plan = PlanNode(observed, kNow);
    bool told = false;
    for (const kube::Event& event : plan.events) {
      told = told || event.reason == reason;
      EXPECT_THAT(event.note, IsFrench()) << event.reason;
    }
    EXPECT_TRUE(told) << reason;
  }
  NodeObservation lost;
  lost.node = Ptr(Labelled(Frankfurt()));
  lost.regions = Ptrs(French());
  EXPECT_THAT(PlanNode(lost, kNow).events.front().note,
              AllOf(HasSubstr("n'est plus dans la région france"), HasSubstr("ses pods sont évincés après 30s")));
}

TEST(French, ConditionsAndEventsOfTheRegion) {
  using Change = std::function<void(api::SovereignRegion&, RegionObservation&)>;
  const auto enforce = [](auto& r) { r.rules.enforcement = api::RegionRules::Enforcement::kEnforce; };
  const GateProof held{.uid = "uid-of-france", .generation = 3, .held = kNow, .refused = 7, .admitted = 3};
  GateProof failed = held;
  for (const auto kind : {ProbeProblem::Kind::kGotIn, ProbeProblem::Kind::kRefused, ProbeProblem::Kind::kNotByItsRule,
                          ProbeProblem::Kind::kNotJudged})
    failed.problems.push_back({kind, "RP-101", "x"});
  const std::vector<Change> changes = {
      [](auto&, auto&) {},
      [](auto&, auto& o) { o.nodes.clear(); },
      [](auto&, auto& o) { o.nodes = Ptrs(Frankfurt()); },
      [](auto&, auto& o) { o.pods_outside = 2; },
      [](auto& r, auto& o) {
        o.pods_outside = 1;
        r.on_loss = api::SovereignRegion::OnLoss::kCordon;
      },
      [](auto& r, auto&) { r.profile = "none"; },
      [](auto& r, auto&) { r.meta.deleting = true; },
      [](auto& r, auto& o) {
        r.meta.deleting = true;
        o.user_count = 0;
        o.users.clear();
        o.pod_count = 1;
        o.pods = {"acme/web-1"};
      },
      [](auto& r, auto& o) {
        r.meta.deleting = true;
        o.user_count = 0;
        o.users.clear();
      },
      [&](auto& r, auto&) { enforce(r); },
      [&](auto& r, auto& o) {
        enforce(r);
        o.proof = held;
      },
      [&](auto& r, auto& o) {
        enforce(r);
        o.proof = failed;
      },
      [&](auto& r, auto& o) {
        enforce(r);
        o.proof = held;
        o.unwritten.gate = "403";
      },
      [](auto& r, auto&) {
        r.attestation = test::Policy();
        r.attestation.required = false;
        r.attestation.language = api::Language::kFrench;
      },
  };
  for (const Change& change : changes) {
    api::SovereignRegion region = French();
    RegionObservation observed;
    observed.nodes = Ptrs(Labelled(Node("fr-1")));
    observed.labelled_nodes = 1;
    observed.users = {"acme/web"};
    observed.user_count = 1;
    change(region, observed);
    observed.region = Ptr(region);
    observed.regions = {observed.region};
    const RegionPlan plan = PlanRegion(observed, kNow);
    const Json status = kube::test::StatusAfter(region.status_json, plan.status_patch);
    for (const Json& condition : status.at("conditions"))
      EXPECT_THAT(condition.at("message").get<std::string>(), IsFrench()) << condition;
    EXPECT_FALSE(plan.events.empty());
    for (const kube::Event& event : plan.events) EXPECT_THAT(event.note, IsFrench()) << event.reason;
  }
}

}  // namespace
}  // namespace rempart::perimeter
