#include "operator/api/attestation_policy.h"

#include <gtest/gtest.h>

#include "operator/api/sovereign_region.h"
#include "src/crypto/private_key.h"
#include "tests/unit/api/decoding.h"

namespace rempart::api {
namespace {

using namespace std::chrono_literals;

std::string Key(int n) {
  static const auto* const keys = [] {
    auto* made = new std::vector<std::string>;
    for (int i = 0; i < 20; ++i) made->push_back(crypto::PrivateKey::Generate()->public_key().ToPem());
    return made;
  }();
  return (*keys)[static_cast<std::size_t>(n)];
}

Json Authorities(int n) {
  Json all = Json::array();
  for (int i = 0; i < n; ++i) all.push_back({{"name", "authority-" + std::to_string(i)}, {"publicKey", Key(i)}});
  return all;
}

Json Region(const Json& attestation) {
  Json region = {{"metadata", MetaJson("france")},
                 {"spec",
                  {{"country", "FR"},
                   {"hosting",
                    {{"locations", Json::array({{{"region", "r"}, {"zones", {"z"}}, {"country", "FR"}}})},
                     {"attestation", attestation}}}}}};
  return region;
}

Json Good() {
  Json policy = {{"required", true}, {"maxAge", "720h"}, {"threshold", 2}, {"authorities", Authorities(3)}};
  policy["authorities"][1]["validUntil"] = "2027-01-01T00:00:00Z";
  return policy;
}

SovereignRegion Read(const Json& attestation) { return Decoded(Region(attestation), DecodeSovereignRegion).value(); }
std::string Invalid(const Json& attestation) { return Read(attestation).invalid; }

TEST(AttestationPolicy, ReadsAll) {
  const SovereignRegion region = Read(Good());
  EXPECT_EQ(region.invalid, "");
  const AttestationPolicy& policy = region.attestation;
  EXPECT_TRUE(policy.required);
  EXPECT_EQ(policy.max_age, 720h);
  EXPECT_EQ(policy.threshold, 2u);
  ASSERT_EQ(policy.authorities.size(), 3u);
  EXPECT_EQ(policy.authorities[1].name, "authority-1");
  EXPECT_EQ(policy.authorities[1].key.id(), crypto::PublicKey::FromPem(Key(1))->id());
  EXPECT_EQ(policy.authorities[1].valid_until, WallTime(std::chrono::sys_days(std::chrono::year(2027) / 1 / 1)));
  EXPECT_EQ(policy.authorities[0].valid_until, std::nullopt);
}

// Who signed is remembered by it.
TEST(AttestationPolicy, ItsDigestIsOfTheKeysInTheirOrderAlone) {
  const auto digest = [](const Json& policy) { return Read(policy).attestation.digest; };
  const std::string whole = digest(Good());
  EXPECT_EQ(whole.size(), 32u);
  Json policy = Good();
  policy["maxAge"] = "1h";
  policy["threshold"] = 1;
  policy["required"] = false;
  policy["authorities"][0]["name"] = "another";
  policy["authorities"][0]["validUntil"] = "2027-01-01T00:00:00Z";
  EXPECT_EQ(digest(policy), whole);
  std::swap(policy["authorities"][0], policy["authorities"][1]);
  EXPECT_NE(digest(policy), whole) << "places in the list are what is remembered";
  policy = Good();
  policy["authorities"][0]["publicKey"] = Key(7);
  EXPECT_NE(digest(policy), whole);
  EXPECT_EQ(digest({{"required", false}}), "");
}

TEST(AttestationPolicy, DefaultsAreTheSchemas) {
  Json absent = Region({});
  absent["spec"]["hosting"].erase("attestation");
  for (const Json& object : {absent, Region(nullptr), Region(Json::object())}) {
    const SovereignRegion region = Decoded(object, DecodeSovereignRegion).value();
    EXPECT_EQ(region.invalid, "");
    EXPECT_FALSE(region.attestation.required);
    EXPECT_EQ(region.attestation.max_age, Duration::zero());
    EXPECT_EQ(region.attestation.threshold, 1u);
    EXPECT_TRUE(region.attestation.authorities.empty());
  }
}

TEST(AttestationPolicy, ARefusalSaysFieldAndFix) {
  const std::string at = "spec.hosting.attestation";
  const std::string list = at + ".authorities";
  const std::pair<Json, std::string> kCases[] = {
      {7, at + ": 7 is not an object"},
      {With(Good(), "/required", "yes"), at + ".required: \"yes\" is neither true nor false"},
      {With(Good(), "/maxAge", "0s"),
       at + ".maxAge: is zero, which no attestation could meet: give a longer time, like 720h, or leave it out"},
      {With(Good(), "/maxAge", 720), at + ".maxAge: 720 is not a duration"},
      {With(Good(), "/threshold", 0), at + ".threshold: 0 is not a whole number from 1 to 16"},
      {With(Good(), "/threshold", 17), at + ".threshold: 17 is not a whole number from 1 to 16"},
      {With(Good(), "/threshold", 4),
       at + ".threshold: 4 is more than there are authorities, of which there are 3: name more, or ask for less"},
      {With(Good(), "/authorities", Json::array()), list + ": has 0 elements: give 1 to 16, each an object with name"},
      {Without(Good(), "/authorities"), list + ": is missing: give at least 1, each an object with name and publicKey"},
      {With(Good(), "/authorities/0", "x"), list + "[0]: \"x\" is not an object"},
      {With(Good(), "/authorities/0/name", "a b"), list + "[0].name: \"a b\" is not an authority's name: 1 to 63"},
      {With(Good(), "/authorities/2/name", "authority-0"),
       list + "[2].name: \"authority-0\" is there twice: name it once"},
      {With(Good(), "/authorities/2/publicKey", Key(0)),
       list + "[2].publicKey: is the key of authority \"authority-0\" as well: give each a key of its own"},
      {Without(Good(), "/authorities/0/publicKey"), list + "[0].publicKey: is missing: give a public key in PEM"},
      {With(Good(), "/authorities/0/publicKey", 7), list + "[0].publicKey: 7 is not a public key in PEM"},
      {With(Good(), "/authorities/0/publicKey", "ssh-ed25519 AAAA"),
       list + "[0].publicKey: not one PEM block: give an Ed25519, ECDSA P-256"},
      {With(Good(), "/authorities/0/publicKey", std::string(5000, 'x')), list + "[0].publicKey: 5000 bytes"},
      {With(Good(), "/authorities/1/validUntil", "tomorrow"),
       list + "[1].validUntil: \"tomorrow\" is not an RFC 3339 time"},
      {With(Good(), "/authorities/1/validUntil", 1767225600), list + "[1].validUntil: 1767225600 is not a time"},
  };
  for (const auto& [policy, expected] : kCases) {
    const std::string invalid = Invalid(policy);
    EXPECT_TRUE(invalid.starts_with(expected)) << invalid;
    EXPECT_LT(invalid.size(), 400u);
  }
}

TEST(AttestationPolicy, APrivateKeyStaysOutOfTheMessage) {
  const auto key = crypto::PrivateKey::Generate().value();
  const auto pem = key.ToPem().value();
  const std::string invalid = Invalid(With(Good(), "/authorities/0/publicKey", std::string(pem.view())));
  EXPECT_TRUE(invalid.starts_with("spec.hosting.attestation.authorities[0].publicKey: this is a private key"))
      << invalid;
  EXPECT_EQ(invalid.find(pem.view().substr(30, 30)), std::string::npos);
}

TEST(AttestationPolicy, BoundsAuthorities) {
  EXPECT_EQ(Invalid({{"threshold", 16}, {"authorities", Authorities(16)}}), "");
  EXPECT_TRUE(Invalid({{"authorities", Authorities(17)}})
                  .starts_with("spec.hosting.attestation.authorities: has 17 elements: give 0 to 16"));
}

}  // namespace
}  // namespace rempart::api
