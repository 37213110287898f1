// What attestations do to a node's verdict, to what is done about it, and to its region.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "operator/perimeter/attestation_check.h"
#include "operator/perimeter/node_plan.h"
#include "operator/perimeter/region_plan.h"
#include "tests/unit/perimeter/attesting.h"

namespace rempart::perimeter {
namespace {

using namespace test;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// A node of the region "france" with the ids of Machine().
api::Node Identified(const std::string& name = "fr-par-1") {
  api::Node node = Node(name);
  const NodeIdentity machine = Machine(name);
  node.provider_id = "kwok://" + name;
  node.system_uuid = machine.system_uuid;
  node.machine_id = machine.machine_id;
  return node;
}

HostingClaim Claiming(std::string country, WallTime end = kNow + 24h * 59) {
  HostingClaim claim = Hosted();
  claim.country = std::move(country);
  claim.expires_at = end;
  return claim;
}

api::NodeAttestation Attesting(const api::Node& node, const HostingClaim& claim = Hosted(), std::size_t by = 0,
                               const std::string& name = "a") {
  api::NodeAttestation attestation = Signed(Statement(claim, IdentityOf(node)), {by}, node.meta.key.name);
  attestation.meta.key.name = name;
  return attestation;
}

api::SovereignRegion Asking(bool required = true, std::size_t authorities = 1) {
  api::SovereignRegion region = Region();
  region.attestation = Policy(authorities);
  region.attestation.required = required;
  return region;
}

template <class... More>
Evidence With(More... attestations) {
  std::vector<AttestationPtr> all;
  (all.push_back(Ptr(std::move(attestations))), ...);
  return {{}, kNow, Attestations(std::move(all))};
}

TEST(AttestedNode, WhereRequiredItIsInOnceAttested) {
  const api::Node node = Identified();
  EXPECT_EQ(Qualify(node, Asking(), Evidence{{}, kNow}).outside, Outside::kNotAttested);
  EXPECT_TRUE(Qualify(node, Asking(), With(Attesting(node))).qualified());
  EXPECT_EQ(Qualify(node, Asking(), With(Attesting(node, Hosted(), 1))).outside, Outside::kAttestationInvalid)
      << "signed by somebody else";
  api::SovereignRegion two = Asking(true, 2);
  two.attestation.threshold = 2;
  EXPECT_EQ(Qualify(node, two, With(Attesting(node), Attesting(node, Hosted(), 1, "b"))).outside,
            Outside::kAttestationInvalid)
      << "two statements with one signature each are not one with two";
}

TEST(AttestedNode, AttestedOrNotItsLabelsMustSaySoToo) {
  api::Node node = Identified();
  const auto attestation = Attesting(node);
  node.topology_zone = "de-fra-1";
  EXPECT_EQ(Qualify(node, Asking(), With(attestation)).outside, Outside::kUnknownLocation);
}

TEST(AttestedNode, ACopyIsWorthless) {
  const api::Node node = Identified(), other = Identified("fr-par-2");
  api::NodeAttestation copy = Attesting(node);
  copy.node = "fr-par-2";
  const Verdict verdict = Qualify(other, Asking(), With(copy));
  EXPECT_EQ(verdict.outside, Outside::kAttestationInvalid);
  EXPECT_THAT(verdict.message, HasSubstr("the signed statement names node \"fr-par-1\""));
  api::Node renamed = node;  // the same name on another machine
  renamed.system_uuid = "another";
  EXPECT_EQ(Qualify(renamed, Asking(), With(Attesting(node))).outside, Outside::kAttestationInvalid);
  renamed = node;
  renamed.provider_id = "kwok://another";
  EXPECT_EQ(Qualify(renamed, Asking(), With(Attesting(node))).outside, Outside::kAttestationInvalid);
}

TEST(AttestedNode, ExpiredIsOutside) {
  const api::Node node = Identified();
  Evidence evidence = With(Attesting(node, Claiming("FR", kNow + 1s)));
  EXPECT_TRUE(Qualify(node, Asking(), evidence).qualified());
  evidence.now = kNow + 1s;
  const Verdict verdict = Qualify(node, Asking(), evidence);
  EXPECT_EQ(verdict.outside, Outside::kAttestationExpired);
  EXPECT_THAT(verdict.message, HasSubstr("it expired at 2026-11-22T10:23:01Z: attest it anew"));
  EXPECT_TRUE(Qualify(node, Asking(false), evidence).qualified()) << "not required: it proves nothing, costs nothing";
}

TEST(AttestedNode, OneThatContradictsTheRegionIsOutsideThoughNoneIsRequired) {
  const api::Node node = Identified();
  for (const bool required : {true, false}) {
    const Verdict verdict = Qualify(node, Asking(required), With(Attesting(node, Claiming("DE"))));
    EXPECT_EQ(verdict.outside, Outside::kAttestedElsewhere);
    EXPECT_EQ(
        verdict.message,
        "is in country \"DE\" by NodeAttestation a (authority-0), spec.country is FR: correct its labels, or have "
        "it attested anew");
    EXPECT_EQ(
        Qualify(node, Asking(required), With(Attesting(node), Attesting(node, Claiming("DE", kNow + 24h), 0, "b")))
            .outside,
        Outside::kAttestationsDisagree);
  }
  EXPECT_TRUE(Qualify(node, Asking(false), With(Attesting(node, Claiming("DE"), 1))).qualified())
      << "whoever signed it is nobody to the region";
  EXPECT_TRUE(Qualify(node, Region(), With(Attesting(node, Claiming("DE")))).qualified())
      << "a region without authorities takes nobody's word";
}

TEST(AttestedNode, MoreThanAreJudgedAreNotOpened) {
  const api::Node node = Identified();
  std::vector<AttestationPtr> all;
  for (std::size_t i = 0; i <= kMaxAttestationsOfNode; ++i) {
    auto one = Attesting(node);
    one.meta.key.name = "a" + std::to_string(i);
    all.push_back(Ptr(std::move(one)));
  }
  EXPECT_EQ(Qualify(node, Asking(false), {{}, kNow, Attestations(all)}).outside, Outside::kAttestationsDisagree);
  all.pop_back();
  EXPECT_TRUE(Qualify(node, Asking(), {{}, kNow, Attestations(all)}).qualified());
}

// The node's own plan.
NodePlan PlanAt(WallTime now, const api::Node& node, api::NodeAttestation attestation,
                api::SovereignRegion region = Asking()) {
  NodeObservation observed;
  observed.node = Ptr(node);
  observed.regions = Ptrs(std::move(region));
  observed.attestations = Attestations(Ptrs(std::move(attestation)));
  return PlanNode(observed, now);
}

TEST(AttestedNodePlan, LooksAgainWhenTheVerdictChanges) {
  const api::Node node = Identified();
  HostingClaim claim = Claiming("FR", kNow + 30s);
  claim.issued_at = kNow + 10s;
  const auto attestation = Attesting(node, claim);
  EXPECT_EQ(PlanAt(kNow, node, attestation).look_again, 10s) << "not yet valid";
  EXPECT_TRUE(PlanAt(kNow, node, attestation).patch.is_null());
  const NodePlan in = PlanAt(kNow + 10s, node, attestation);
  EXPECT_EQ(Patched(node, in.patch).region_label, "france");
  EXPECT_LE(in.look_again, 20s);
  const api::Node labelled = Labelled(node);
  EXPECT_EQ(PlanAt(kNow + 30s - 1ns, labelled, attestation).look_again, 1ns);
  const NodePlan out = PlanAt(kNow + 30s, labelled, attestation);
  EXPECT_EQ(Patched(labelled, out.patch).region_label, "");
  EXPECT_EQ(Patched(labelled, out.patch).lost_region_label, "france");
  EXPECT_EQ(out.look_again, std::nullopt);
  EXPECT_EQ(out.attested_until, kNow + 30s) << "an alert looks for a time that has passed";
}

TEST(AttestedNodePlan, LooksEachHourAtMostAndOnlyWhereSomethingEnds) {
  const api::Node node = Labelled(Identified());
  EXPECT_EQ(PlanAt(kNow, node, Attesting(node)).look_again, kExpiryLook);
  EXPECT_EQ(PlanAt(kNow, node, Attesting(node, Hosted(), 1)).look_again, std::nullopt) << "nobody knows who signed it";
  EXPECT_EQ(PlanAt(kNow, node, Attesting(node, Hosted(), 1)).attested_until, std::nullopt);
  EXPECT_EQ(PlanAt(kNow, node, Attesting(node)).attested_until, Hosted().expires_at);
  api::SovereignRegion region = Asking();
  region.attestation.authorities[0].valid_until = kNow + 1min;
  EXPECT_EQ(PlanAt(kNow, node, Attesting(node), region).look_again, 1min) << "the key ends before the statement";
  region = Asking();
  region.attestation.max_age = 24h + 2min;
  EXPECT_EQ(PlanAt(kNow, node, Attesting(node), region).look_again, 2min);
  EXPECT_EQ(PlanAt(kNow, node, Attesting(node), region).attested_until, kNow + 2min);
}

// The region's.
RegionObservation Seen(const std::vector<api::Node>& nodes, std::vector<AttestationPtr> attestations,
                       api::SovereignRegion region = Asking()) {
  RegionObservation observed;
  observed.region = Ptr(std::move(region));
  observed.regions = {observed.region};
  for (const auto& node : nodes) observed.nodes.push_back(Ptr(node));
  observed.attestations = Attestations(std::move(attestations));
  return observed;
}

Json Expiring(const RegionPlan& plan) {
  for (const Json& condition : plan.status_patch.value("conditions", Json::array()))
    if (condition["type"] == "AttestationsExpiring") return condition;
  return nullptr;
}

TEST(AttestedRegion, SaysWhatExpiresSoonWellAhead) {
  const api::Node one = Identified("fr-par-1"), two = Identified("fr-par-2");
  HostingClaim claim = Hosted();
  claim.issued_at = kNow;
  claim.expires_at = kNow + 90s;
  const std::vector<AttestationPtr> attestations = {Ptr(Attesting(one)), Ptr(Attesting(two, claim))};
  RegionPlan plan = PlanRegion(Seen({one, two}, attestations), kNow);
  EXPECT_EQ(Expiring(plan)["status"], "False");
  EXPECT_EQ(Expiring(plan)["reason"], "NoneSoon");
  EXPECT_EQ(plan.look_again, 60s) << "two thirds of the shorter one's time";

  plan = PlanRegion(Seen({one, two}, attestations), kNow + 60s);
  EXPECT_EQ(Expiring(plan)["status"], "True");
  EXPECT_EQ(Expiring(plan)["message"],
            "1 node is soon no longer attested: fr-par-2 at 2026-11-22T10:24:30Z; attest them anew (kubectl rempart "
            "attest node)");
  EXPECT_EQ(plan.look_again, 30s);
  ASSERT_EQ(plan.events.size(), 2u) << "Ready's, and this one's";
  EXPECT_EQ(plan.events[1].reason, "AttestationsExpiring");
  EXPECT_EQ(plan.events[1].type, kube::Event::Type::kWarning);

  // The node's own reconcile takes its label off; here it is no longer counted.
  plan = PlanRegion(Seen({one, two}, attestations), kNow + 90s);
  EXPECT_EQ(Expiring(plan)["status"], "False");
  EXPECT_EQ(plan.status_patch["nodes"]["qualified"], 1);
  EXPECT_EQ(plan.status_patch["outside"][0]["reason"], "AttestationExpired");
}

TEST(AttestedRegion, TheConditionIsThereWhereAWordIsTakenAndPutRightWhereItWas) {
  const api::Node node = Identified();
  EXPECT_TRUE(Expiring(PlanRegion(Seen({node}, {}, Region()), kNow)).is_null());
  api::SovereignRegion before = Region();
  before.status_json = R"({"conditions":[{"type":"AttestationsExpiring","status":"True","reason":"ExpiringSoon"}]})";
  EXPECT_EQ(Expiring(PlanRegion(Seen({node}, {}, before), kNow))["reason"], "NoAuthorities");
}

TEST(AttestedRegion, WhatIsSaidAgainIsNoEventAgain) {
  const api::Node node = Identified();
  HostingClaim claim = Hosted();
  claim.issued_at = kNow - 1h;
  claim.expires_at = kNow + 60s;
  const std::vector<AttestationPtr> attestations = {Ptr(Attesting(node, claim))};
  api::SovereignRegion region = Asking();
  const RegionPlan first = PlanRegion(Seen({node}, attestations, region), kNow);
  EXPECT_EQ(first.events.size(), 2u);
  region.status_json = first.status_patch.dump();
  const RegionPlan second = PlanRegion(Seen({node}, attestations, region), kNow + 1s);
  EXPECT_THAT(second.events, IsEmpty());
  EXPECT_TRUE(second.status_patch.is_null());
}

}  // namespace
}  // namespace rempart::perimeter
