// What an attestation's status says.
#include "operator/perimeter/attestation_plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "operator/perimeter/attestation_reconciler.h"
#include "tests/unit/kube/reconcile_fakes.h"
#include "tests/unit/perimeter/attesting.h"

namespace rempart::perimeter {
namespace {

using namespace test;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

api::Node Identified() {
  api::Node node = Node("fr-par-1");
  const NodeIdentity machine = Machine();
  node.provider_id = machine.provider_id;
  node.system_uuid = machine.system_uuid;
  node.machine_id = machine.machine_id;
  return node;
}

api::SovereignRegion Asking(std::string name = "france", std::size_t authorities = 1) {
  api::SovereignRegion region = Region(std::move(name));
  region.attestation = Policy(authorities);
  return region;
}

AttestationObservation Seen(api::NodeAttestation attestation, std::vector<RegionPtr> regions = Ptrs(Asking())) {
  AttestationObservation observed;
  observed.attestation = Ptr(std::move(attestation));
  observed.node = Ptr(Identified());
  observed.regions = std::move(regions);
  observed.attestations = Attestations({observed.attestation});
  return observed;
}

Json Valid(const AttestationPlan& plan) {
  const Json conditions = plan.status_patch.value("conditions", Json::array());
  EXPECT_EQ(conditions.size(), 1u);
  return conditions.empty() ? Json() : conditions[0];
}

TEST(AttestationPlan, OneThatHoldsSaysWhatWasSigned) {
  api::NodeAttestation attestation = Signed(Statement());
  attestation.meta.generation = 4;
  const AttestationPlan plan = PlanAttestation(Seen(attestation), kNow);
  const Json& status = plan.status_patch;
  EXPECT_EQ(status["observedGeneration"], 4);
  EXPECT_EQ(status["country"], "FR");
  EXPECT_EQ(status["site"], "Paris, DC3");
  EXPECT_EQ(status["host"], "Hébergeur SAS");
  EXPECT_EQ(status["issuedAt"], "2026-11-21T10:23:00Z");
  EXPECT_EQ(status["expiresAt"], "2027-01-20T10:23:00Z");
  EXPECT_EQ(status["validUntil"], "2027-01-20T10:23:00Z");
  EXPECT_EQ(status["authorities"], Json::array({"authority-0"}));
  EXPECT_EQ(Valid(plan)["status"], "True");
  EXPECT_EQ(Valid(plan)["reason"], "Attested");
  EXPECT_THAT(Valid(plan)["message"].get<std::string>(),
              HasSubstr("by region france: NodeAttestation attestation-of-"));
  ASSERT_EQ(plan.events.size(), 2u);
  EXPECT_EQ(plan.events[0].regarding.kind, "NodeAttestation");
  EXPECT_EQ(plan.events[1].regarding.kind, "Node");
  EXPECT_EQ(plan.look_again, kExpiryLook);

  attestation.status_json = status.dump();
  const AttestationPlan again = PlanAttestation(Seen(attestation), kNow + 1min);
  EXPECT_TRUE(again.status_patch.is_null());
  EXPECT_THAT(again.events, IsEmpty());
}

TEST(AttestationPlan, ItsEndIsToldAndSoIsWhatWasSigned) {
  HostingClaim claim = Hosted();
  claim.expires_at = kNow + 10s;
  api::NodeAttestation attestation = Signed(Statement(claim));
  AttestationPlan plan = PlanAttestation(Seen(attestation), kNow);
  EXPECT_EQ(Valid(plan)["reason"], "ExpiringSoon");
  EXPECT_EQ(Valid(plan)["status"], "True");
  EXPECT_EQ(plan.look_again, 10s);
  attestation.status_json = plan.status_patch.dump();
  plan = PlanAttestation(Seen(attestation), kNow + 10s);
  EXPECT_EQ(Valid(plan)["status"], "False");
  EXPECT_EQ(Valid(plan)["reason"], "Expired");
  EXPECT_FALSE(plan.status_patch.contains("country")) << "what was signed is still told";
  EXPECT_EQ(plan.look_again, std::nullopt);
  ASSERT_EQ(plan.events.size(), 2u);
  EXPECT_EQ(plan.events[1].reason, "AttestationExpired");
  EXPECT_EQ(plan.events[1].type, kube::Event::Type::kWarning);
}

TEST(AttestationPlan, WhatNobodyKnownSignedIsNotTold) {
  api::NodeAttestation attestation = Signed(Statement(), {1});
  attestation.status_json = R"({"country":"FR","authorities":["authority-0"],"site":"forged"})";
  const AttestationPlan plan = PlanAttestation(Seen(attestation), kNow);
  EXPECT_EQ(Valid(plan)["reason"], "UntrustedSignature");
  for (const char* member : {"country", "authorities", "site"}) EXPECT_TRUE(plan.status_patch.at(member).is_null());
}

TEST(AttestationPlan, ReasonsOfItsOwn) {
  AttestationObservation observed = Seen(Signed(Statement()));
  observed.node = nullptr;
  EXPECT_EQ(Valid(PlanAttestation(observed, kNow))["reason"], "NoSuchNode");
  EXPECT_EQ(Valid(PlanAttestation(Seen(Signed(Statement()), Ptrs(Region())), kNow))["reason"], "NoAuthorities");
  api::NodeAttestation invalid = Signed(Statement());
  invalid.invalid = "spec.envelope: is missing";
  EXPECT_EQ(Valid(PlanAttestation(Seen(invalid), kNow))["message"], "spec.envelope: is missing");
  observed = Seen(Signed(Statement()));
  HostingClaim german = Hosted();
  german.country = "DE";
  api::NodeAttestation other = Signed(Statement(german));
  other.meta.key.name = "other";
  observed.attestations = Attestations({observed.attestation, Ptr(other)});
  EXPECT_EQ(Valid(PlanAttestation(observed, kNow))["reason"], "AttestationsDisagree");
}

TEST(AttestationPlan, TheNodesOwnRegionJudgesElseTheOneThatItIsNearestTo) {
  auto younger = Asking("younger", 2);
  const auto regions = Ptrs(Asking(), younger);
  AttestationObservation observed = Seen(Signed(Statement(), {1}), regions);
  EXPECT_THAT(Valid(PlanAttestation(observed, kNow))["message"].get<std::string>(), HasSubstr("by region younger: "));
  observed.node = Ptr(Labelled(Identified()));
  EXPECT_EQ(Valid(PlanAttestation(observed, kNow))["reason"], "UntrustedSignature") << "france has it";
}

TEST(AttestationReconciler, WritesItsStatusOnce) {
  struct Writing final : kube::test::ApiWithoutWatches {
    Result<kube::Reply> Do(const Call& call, std::stop_token) override {
      calls.push_back(call.method + " " + call.target.substr(0, call.target.find('?')));
      body = Json::parse(call.body);
      return kube::Reply{200, R"({"metadata":{"resourceVersion":"1000"}})"};
    }
    std::vector<std::string> calls;
    Json body;
  } api;
  SimClock clock;
  cache::Caches caches;
  kube::test::NoEvents events;
  AttestationBook book;
  AttestationReconciler reconciler{caches, api, events, clock, book};
  const auto look = [&] {
    kube::test::FakeContext context({"", "attestation-of-fr-par-1"});
    return reconciler.Reconcile(context);
  };
  EXPECT_TRUE(look()) << "gone";
  HostingClaim claim = Hosted();
  claim.issued_at = clock.Now();
  claim.expires_at = clock.Now() + 30s;
  api::NodeAttestation attestation = Signed(Statement(claim));
  caches.regions.Put(Next(Asking()));
  caches.nodes.Put(Next(Identified()));
  caches.attestations.Put(Next(attestation));
  auto outcome = look();
  ASSERT_TRUE(outcome);
  EXPECT_EQ(outcome->requeue_after, 20s) << "then it expires soon";
  ASSERT_EQ(api.calls.size(), 1u);
  EXPECT_EQ(api.calls[0], "PATCH /apis/rempart.dev/v1alpha1/nodeattestations/attestation-of-fr-par-1/status");
  attestation.status_json = api.body["status"].dump();
  caches.attestations.Put(Next(attestation));
  ASSERT_TRUE(look());
  EXPECT_EQ(api.calls.size(), 1u);
}

}  // namespace
}  // namespace rempart::perimeter
