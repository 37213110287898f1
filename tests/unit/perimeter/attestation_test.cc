#include "operator/perimeter/attestation.h"

#include <gtest/gtest.h>

#include "tests/unit/perimeter/attesting.h"

namespace rempart::perimeter {
namespace {

using namespace test;

TEST(Attestation, Holds) {
  const AttestationVerdict verdict = Judged(Signed(Statement()));
  EXPECT_EQ(verdict.attested, Attested::kHolds);
  EXPECT_TRUE(verdict.holds());
  EXPECT_EQ(verdict.message,
            "NodeAttestation attestation-of-fr-par-1: hosted in FR (\"Paris, DC3\", \"Hébergeur SAS\"), signed by "
            "authority-0, until 2027-01-20T10:23:00Z");
  EXPECT_EQ(verdict.attestation, "attestation-of-fr-par-1");
  EXPECT_EQ(verdict.claim, Hosted());
  EXPECT_EQ(verdict.signers, std::vector<std::string>{"authority-0"});
  EXPECT_EQ(verdict.holds_until, Hosted().expires_at);
  EXPECT_EQ(verdict.look_again, Hosted().expires_at - 24h * 7);
}

TEST(Attestation, NoneIsNotAttested) {
  const AttestationVerdict verdict =
      Judge(static_cast<const api::NodeAttestation*>(nullptr), Machine(), Policy(), kNow);
  EXPECT_EQ(verdict.attested, Attested::kNotAttested);
  EXPECT_EQ(
      verdict.message,
      "no NodeAttestation names node \"fr-par-1\": have an authority attest it (kubectl rempart attest node fr-par-1)");
  EXPECT_FALSE(verdict.holds());
  EXPECT_FALSE(verdict.Admits(Policy()));
  EXPECT_EQ(verdict.look_again, std::nullopt);
}

TEST(Attestation, WhereNoneIsRequiredNoneIsNeeded) {
  api::AttestationPolicy policy = Policy();
  policy.required = false;
  const auto other = Signed(Statement(), {2});
  EXPECT_TRUE(Judge(static_cast<const api::NodeAttestation*>(nullptr), Machine(), policy, kNow).Admits(policy));
  EXPECT_TRUE(Judged(other, policy).Admits(policy));
  EXPECT_FALSE(Judged(other, policy).holds()) << "it proves nothing";
  EXPECT_FALSE(Judged(other, policy).claim) << "nor is it told what it says";
}

// A copy of an attestation, on whatever differs from the machine that it was made for.
TEST(Attestation, ACopyIsWorthless) {
  const auto attestation = Signed(Statement());
  NodeIdentity node = Machine();
  node.system_uuid.back() = '3';
  const AttestationVerdict verdict = Judged(attestation, Policy(), kNow, node);
  EXPECT_EQ(verdict.attested, Attested::kWrongNode);
  EXPECT_TRUE(
      verdict.message.starts_with("NodeAttestation attestation-of-fr-par-1: it was made for another machine: provider "
                                  "id, system UUID or machine id "
                                  "of node \"fr-par-1\" are not those that were signed (digest "))
      << verdict.message;
  EXPECT_FALSE(verdict.claim);
  EXPECT_FALSE(verdict.Admits(Policy()));
  node = Machine();
  node.machine_id += "0";
  EXPECT_EQ(Judged(attestation, Policy(), kNow, node).attested, Attested::kWrongNode);
  node = Machine();
  node.provider_id.clear();
  EXPECT_EQ(Judged(attestation, Policy(), kNow, node).attested, Attested::kWrongNode);
  std::swap(node.system_uuid, node.machine_id);
  EXPECT_EQ(Judged(attestation, Policy(), kNow, node).attested, Attested::kWrongNode);
}

TEST(Attestation, NamesMustAgree) {
  // The object names the node, what is signed names another: somebody pointed a copy at a machine with copied ids.
  auto pointed = Signed(Statement(), {0}, "fr-par-2");
  AttestationVerdict verdict = Judged(pointed, Policy(), kNow, Machine("fr-par-2"));
  EXPECT_EQ(verdict.attested, Attested::kWrongNode);
  EXPECT_EQ(
      verdict.message,
      "NodeAttestation attestation-of-fr-par-2: the signed statement names node \"fr-par-1\", this is \"fr-par-2\": "
      "attest it anew (kubectl rempart attest node fr-par-2)");
  verdict = Judged(pointed);
  EXPECT_EQ(verdict.attested, Attested::kWrongNode);
  EXPECT_TRUE(verdict.message.starts_with(
      "NodeAttestation attestation-of-fr-par-2: spec.nodeName names node \"fr-par-2\", this is \"fr-par-1\""));
}

TEST(Attestation, ANodeWithoutIdsCannotBeAttested) {
  NodeIdentity node = Machine();
  node.machine_id.clear();
  const AttestationVerdict verdict = Judged(Signed(Statement()), Policy(), kNow, node);
  EXPECT_EQ(verdict.attested, Attested::kNodeUnidentified);
  EXPECT_TRUE(verdict.message.find("status.nodeInfo.machineID: is empty") != std::string::npos) << verdict.message;
  node = Machine();
  node.system_uuid.clear();
  EXPECT_EQ(Judged(Signed(Statement()), Policy(), kNow, node).attested, Attested::kNodeUnidentified);
}

TEST(Attestation, WhoSignedIsWhatCounts) {
  const struct {
    std::vector<std::size_t> by;
    std::size_t known, threshold;
    Attested expected;
  } kCases[] = {
      {{}, 1, 1, Attested::kUntrustedSignature},
      {{1}, 1, 1, Attested::kUntrustedSignature},
      {{0}, 1, 1, Attested::kHolds},
      {{1, 0}, 1, 1, Attested::kHolds},
      {{0}, 3, 2, Attested::kThresholdNotMet},
      {{3, 2}, 3, 2, Attested::kThresholdNotMet},
      {{2, 0}, 3, 2, Attested::kHolds},
      {{0, 1, 2}, 3, 2, Attested::kHolds},
      {{0, 1}, 3, 3, Attested::kThresholdNotMet},
      {{0}, 0, 1, Attested::kUntrustedSignature},
      {{0, 1, 2}, 3, 0, Attested::kThresholdNotMet},  // no schema lets that through
  };
  for (const auto& c : kCases) {
    const AttestationVerdict verdict = Judged(Signed(Statement(), c.by), Policy(c.known, c.threshold));
    EXPECT_EQ(verdict.attested, c.expected) << verdict.message;
    EXPECT_EQ(verdict.claim.has_value(), c.expected == Attested::kHolds);
  }
  EXPECT_EQ(Judged(Signed(Statement(), {3}), Policy(2)).message,
            "NodeAttestation attestation-of-fr-par-1: none of the region's authorities signed it: have one of these do "
            "so: authority-0, authority-1");
  EXPECT_EQ(Judged(Signed(Statement(), {1}), Policy(3, 2)).message,
            "NodeAttestation attestation-of-fr-par-1: 1 of the 2 authorities that are needed signed it (authority-1): "
            "have another authority sign it too");
}

TEST(Attestation, OneAuthorityCountsOnce) {
  auto attestation = Signed(Statement());
  attestation.envelope.signatures.push_back(attestation.envelope.signatures[0]);
  attestation.envelope.signatures[1].key_id = Key(1).public_key().id();
  EXPECT_EQ(Judged(attestation, Policy(2, 2)).attested, Attested::kThresholdNotMet);
}

TEST(Attestation, AnExpiredAuthorityDoesNotCount) {
  api::AttestationPolicy policy = Policy(2, 2);
  policy.authorities[1].valid_until = kNow + 1s;
  const auto attestation = Signed(Statement(), {0, 1});
  EXPECT_TRUE(Judged(attestation, policy).holds());
  EXPECT_TRUE(Judged(attestation, policy, kNow + 1s - 1ns).holds());
  const AttestationVerdict verdict = Judged(attestation, policy, kNow + 1s);
  EXPECT_EQ(verdict.attested, Attested::kThresholdNotMet);
  EXPECT_EQ(
      verdict.message,
      "NodeAttestation attestation-of-fr-par-1: 1 of the 2 authorities that are needed signed it (authority-0); no "
      "longer counted: authority-1 (key valid until 2026-11-22T10:23:01Z): have another authority sign it too");
  policy = Policy(1);
  policy.authorities[0].valid_until = kNow;
  EXPECT_EQ(Judged(Signed(Statement()), policy).attested, Attested::kThresholdNotMet);
}

// It holds as long as enough keys count: of three, two of which are needed, until the second end.
TEST(Attestation, TheEndOfKeysEndsIt) {
  api::AttestationPolicy policy = Policy(3, 2);
  policy.authorities[0].valid_until = kNow + 5h;
  policy.authorities[1].valid_until = kNow + 10h;
  policy.authorities[2].valid_until = kNow + 20h;
  const auto all = Signed(Statement(), {0, 1, 2});
  EXPECT_EQ(Judged(all, policy).holds_until, kNow + 10h);
  EXPECT_TRUE(Judged(all, policy, kNow + 10h - 1ns).holds());
  EXPECT_EQ(Judged(all, policy, kNow + 10h).attested, Attested::kThresholdNotMet);
  policy.authorities[2].valid_until.reset();
  policy.authorities[1].valid_until.reset();
  EXPECT_EQ(Judged(all, policy).holds_until, Hosted().expires_at);
  EXPECT_EQ(Judged(Signed(Statement(), {0, 1}), policy).holds_until, kNow + 5h);
}

TEST(Attestation, ToTheNanosecond) {
  const auto attestation = Signed(Statement());
  const WallTime issued = Hosted().issued_at, expires = Hosted().expires_at;
  EXPECT_EQ(Judged(attestation, Policy(), issued - 1ns).attested, Attested::kNotYetValid);
  EXPECT_EQ(Judged(attestation, Policy(), issued).attested, Attested::kHolds);
  EXPECT_EQ(Judged(attestation, Policy(), expires - 24h * 7 - 1ns).attested, Attested::kHolds);
  EXPECT_EQ(Judged(attestation, Policy(), expires - 24h * 7).attested, Attested::kExpiringSoon);
  EXPECT_EQ(Judged(attestation, Policy(), expires - 1ns).attested, Attested::kExpiringSoon);
  EXPECT_EQ(Judged(attestation, Policy(), expires).attested, Attested::kExpired);
  EXPECT_EQ(Judged(attestation, Policy(), issued - 1ns).look_again, issued);
  EXPECT_EQ(Judged(attestation, Policy(), expires - 1ns).look_again, expires);
  EXPECT_EQ(Judged(attestation, Policy(), expires).look_again, std::nullopt);
  EXPECT_EQ(
      Judged(attestation, Policy(), expires).message,
      "NodeAttestation attestation-of-fr-par-1: it expired at 2027-01-20T10:23:00Z: attest it anew (kubectl rempart "
      "attest node fr-par-1)");
  EXPECT_EQ(Judged(attestation, Policy(), issued - 1s).message,
            "NodeAttestation attestation-of-fr-par-1: it was issued at 2026-11-21T10:23:00Z, which is still to come: "
            "wait, or set the clock right");
  EXPECT_TRUE(
      Judged(attestation, Policy(), expires - 1h)
          .message.starts_with("NodeAttestation attestation-of-fr-par-1: it holds only until 2027-01-20T10:23:00Z: "
                               "attest it anew"));
}

TEST(Attestation, TheRegionsMaxAgeEndsIt) {
  api::AttestationPolicy policy = Policy();
  policy.max_age = 24h * 30;
  const auto attestation = Signed(Statement());
  const WallTime old = Hosted().issued_at + policy.max_age;
  EXPECT_EQ(Judged(attestation, policy).holds_until, old);
  EXPECT_EQ(Judged(attestation, policy, old - 1ns).attested, Attested::kExpiringSoon);
  EXPECT_EQ(Judged(attestation, policy, old).attested, Attested::kTooOld);
  EXPECT_EQ(
      Judged(attestation, policy, old).message,
      "NodeAttestation attestation-of-fr-par-1: it was issued at 2026-11-21T10:23:00Z, longer ago than "
      "spec.hosting.attestation.maxAge, which is 720h0m0s: attest it anew (kubectl rempart attest node fr-par-1)");
  EXPECT_EQ(Judged(attestation, policy, Hosted().expires_at).attested, Attested::kExpired);
  policy.max_age = std::chrono::hours(400'000);  // the longest that a region can say, from the latest issuedAt
  HostingClaim late = Hosted();
  late.issued_at = std::chrono::sys_days(std::chrono::year(2199) / 12 / 31);
  late.expires_at = late.issued_at + 23h;
  EXPECT_TRUE(Judged(Signed(Statement(late)), policy, late.issued_at + 1h).holds());
}

TEST(Attestation, AShortOneWarnsInItsLastThird) {
  HostingClaim claim = Hosted();
  claim.issued_at = kNow;
  claim.expires_at = kNow + 3h;
  const auto attestation = Signed(Statement(claim));
  EXPECT_EQ(Judged(attestation, Policy(), kNow + 2h - 1ns).attested, Attested::kHolds);
  EXPECT_EQ(Judged(attestation, Policy(), kNow + 2h).attested, Attested::kExpiringSoon);
  EXPECT_TRUE(Judged(attestation, Policy(), kNow + 2h).Admits(Policy()));
}

TEST(Attestation, WhatIsSignedButNoStatementIsMalformed) {
  EXPECT_EQ(Judged(Signed("{}")).attested, Attested::kMalformed);
  EXPECT_EQ(
      Judged(Signed("{}")).message,
      "NodeAttestation attestation-of-fr-par-1: statement._type: is missing: give https://in-toto.io/Statement/v1");
  // Nobody known signed it: not a word of it is read.
  EXPECT_EQ(Judged(Signed("{", {2})).attested, Attested::kUntrustedSignature);
  api::NodeAttestation other_type = Signed(Statement());
  other_type.envelope.payload_type = "text/plain";
  EXPECT_EQ(Judged(other_type).attested, Attested::kUntrustedSignature) << "the type is signed too";
  other_type.envelope.signatures.clear();
  ASSERT_TRUE(crypto::AddSignature(other_type.envelope, Key(0)));
  EXPECT_EQ(Judged(other_type).message,
            "NodeAttestation attestation-of-fr-par-1: spec.envelope.payloadType: \"text/plain\" is not "
            "application/vnd.in-toto+json");
  api::NodeAttestation invalid = Signed(Statement());
  invalid.invalid = "spec.envelope: payload: not valid base64";
  EXPECT_EQ(Judged(invalid).attested, Attested::kMalformed);
  EXPECT_EQ(Judged(invalid).message,
            "NodeAttestation attestation-of-fr-par-1: spec.envelope: payload: not valid base64");
}

// Each bit of what was signed, and of its signature.
TEST(Attestation, NoBitCanBeChanged) {
  const auto good = Signed(Statement());
  const auto flip = [](std::string& bytes, std::size_t at, int bit) {
    bytes[at] = static_cast<char>(bytes[at] ^ (1 << bit));
  };
  for (std::size_t i = 0; i < good.envelope.payload.size(); ++i) {
    auto changed = good;
    flip(changed.envelope.payload, i, static_cast<int>(i % 8));
    EXPECT_EQ(Judged(changed).attested, Attested::kUntrustedSignature) << "byte " << i;
  }
  for (std::size_t i = 0; i < good.envelope.signatures[0].signature.size(); ++i) {
    auto changed = good;
    flip(changed.envelope.signatures[0].signature, i, static_cast<int>(i % 8));
    EXPECT_EQ(Judged(changed).attested, Attested::kUntrustedSignature) << "byte " << i;
  }
}

TEST(Attestation, OpenedOnceItIsJudgedOften) {
  const OpenedAttestation opened = Open(Signed(Statement(), {1, 0}), Policy(3));
  EXPECT_EQ(opened.signers, (std::vector<std::size_t>{0, 1}));
  EXPECT_EQ(opened.problem, "");
  EXPECT_EQ(Judge(&opened, Machine(), Policy(3), kNow).attested, Attested::kHolds);
  EXPECT_EQ(Judge(&opened, Machine(), Policy(3), Hosted().expires_at).attested, Attested::kExpired);
  // With a policy that it was not opened with, places beyond the list count for nobody.
  EXPECT_FALSE(Judge(&opened, Machine(), Policy(0), kNow).holds());
}

class Several : public ::testing::Test {
 protected:
  void Add(const std::string& name, const HostingClaim& claim, std::size_t by = 0) {
    api::NodeAttestation attestation = Signed(Statement(claim), {by});
    attestation.meta.key.name = name;
    all_.push_back(std::make_shared<OpenedAttestation>(Open(attestation, Policy())));
  }
  AttestationVerdict JudgeAll(WallTime now = kNow) const { return Judge(all_, Machine(), Policy(), now); }
  static HostingClaim Until(WallTime end, std::string country = "FR") {
    HostingClaim claim = Hosted();
    claim.expires_at = end;
    claim.country = std::move(country);
    return claim;
  }

  std::vector<OpenedPtr> all_;
};

TEST_F(Several, NoneIsNone) { EXPECT_EQ(JudgeAll().attested, Attested::kNotAttested); }

TEST_F(Several, TheOneThatHoldsLongestCounts) {
  Add("b", Until(kNow + 1h));
  Add("a", Until(kNow + 24h * 50));
  Add("c", Until(kNow + 24h * 40));
  EXPECT_EQ(JudgeAll().attestation, "a");
  EXPECT_EQ(JudgeAll().attested, Attested::kHolds);
  EXPECT_EQ(JudgeAll().look_again, kNow + 1h) << "the soonest change of any";
  EXPECT_EQ(JudgeAll(kNow + 24h * 45).attestation, "a");
}

TEST_F(Several, WhatDoesNotHoldDoesNoHarm) {
  Add("expired", Until(kNow - 1h, "DE"));
  Add("foreign", Until(kNow + 24h, "DE"), 2);
  EXPECT_EQ(JudgeAll().attested, Attested::kExpired);
  EXPECT_EQ(JudgeAll().attestation, "expired") << "nearest to holding";
  Add("good", Until(kNow + 24h * 50));
  EXPECT_EQ(JudgeAll().attested, Attested::kHolds);
  EXPECT_EQ(JudgeAll().claim->country, "FR");
}

TEST_F(Several, ThoseThatHoldMustAgree) {
  Add("a", Until(kNow + 24h * 50));
  Add("b", Until(kNow + 24h * 30, "DE"));
  Add("c", Until(kNow + 24h * 40));
  const AttestationVerdict verdict = JudgeAll();
  EXPECT_EQ(verdict.attested, Attested::kDisagree);
  EXPECT_EQ(verdict.message, "NodeAttestations a (FR) and b (DE) both hold and disagree: delete the one that is wrong");
  EXPECT_FALSE(verdict.holds());
  EXPECT_FALSE(verdict.claim);
  EXPECT_EQ(JudgeAll(kNow + 24h * 30).attested, Attested::kHolds) << "once the other has expired";
}

TEST_F(Several, OfMoreThanAreJudgedNoneCounts) {
  for (std::size_t i = 0; i < kMaxAttestationsOfNode; ++i) Add("a" + std::to_string(i), Hosted());
  EXPECT_TRUE(JudgeAll().holds());
  Add("b", Until(kNow + 24h, "DE"));
  EXPECT_EQ(JudgeAll().attested, Attested::kTooMany) << "what is left out may disagree";
  EXPECT_EQ(JudgeAll().message,
            "33 NodeAttestations name node \"fr-par-1\", of which at most 32 are judged: delete those that are not "
            "needed");
}

TEST(Attestation, EveryReasonHasAName) {
  std::set<std::string> names;
  for (int i = 0; i <= static_cast<int>(Attested::kHolds); ++i) names.insert(ToString(static_cast<Attested>(i)));
  EXPECT_EQ(names.size(), 13u);
  EXPECT_FALSE(names.contains("Unknown"));
}

TEST(Attestation, MessagesAreBounded) {
  HostingClaim claim = Hosted();
  claim.site = std::string(256, 's');
  claim.host = std::string(256, 'h');
  api::NodeAttestation attestation =
      Signed(Statement(claim, Machine(std::string(253, 'n'))), {0}, std::string(253, 'n'));
  attestation.meta.key.name = std::string(253, 'a');
  const AttestationVerdict verdict = Judged(attestation, Policy(), kNow, Machine(std::string(253, 'n')));
  EXPECT_TRUE(verdict.holds());
  EXPECT_LE(verdict.message.size(), 512u);
}

}  // namespace
}  // namespace rempart::perimeter
