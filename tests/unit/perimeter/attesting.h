// Authorities, and what they sign: for tables of attestations.
#pragma once

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <set>

#include "operator/perimeter/attestation.h"
#include "src/crypto/dsse.h"
#include "src/crypto/private_key.h"
#include "tests/unit/perimeter/builders.h"

namespace rempart::perimeter::test {

// Authority n's key, made once a program.
inline const crypto::PrivateKey& Key(std::size_t n) {
  static const auto* const keys = [] {
    auto* made = new std::vector<crypto::PrivateKey>;
    for (int i = 0; i < 4; ++i) made->push_back(crypto::PrivateKey::Generate().value());
    return made;
  }();
  return (*keys)[n];
}

inline NodeIdentity Machine(std::string name = "fr-par-1") {
  return {std::move(name), "scaleway://instance/fr-par-1/11111111", "4C4C4544-0042-3510-8052-B4C04F4E3332",
          "b2c1f0a9e8d74c6f9a1e3d5c7b9f0a2e"};
}

inline HostingClaim Hosted() { return {"FR", "Paris, DC3", "Hébergeur SAS", kNow - 24h, kNow + 24h * 59}; }

inline std::string Statement(const HostingClaim& claim = Hosted(), const NodeIdentity& node = Machine()) {
  const auto statement = MakeStatement(node, claim);
  EXPECT_TRUE(statement) << statement.error().message;
  return statement.value_or("");
}

inline api::NodeAttestation Signed(const std::string& payload, const std::vector<std::size_t>& by = {0},
                                   std::string node = "fr-par-1") {
  api::NodeAttestation attestation;
  attestation.meta.key.name = "attestation-of-" + node;
  attestation.node = std::move(node);
  attestation.envelope = {std::string(kStatementPayloadType), payload, {}};
  for (const std::size_t n : by) EXPECT_TRUE(crypto::AddSignature(attestation.envelope, Key(n)));
  return attestation;
}

// Names authority-0 to authority-(n-1).
inline api::AttestationPolicy Policy(std::size_t n = 1, std::size_t threshold = 1) {
  api::AttestationPolicy policy;
  policy.required = true;
  policy.threshold = threshold;
  for (std::size_t i = 0; i < n; ++i)
    policy.authorities.push_back({"authority-" + std::to_string(i), Key(i).public_key(), std::nullopt});
  return policy;
}

inline AttestationVerdict Judged(const api::NodeAttestation& attestation,
                                 const api::AttestationPolicy& policy = Policy(), WallTime now = kNow,
                                 const NodeIdentity& node = Machine()) {
  return Judge(&attestation, node, policy, now);
}

}  // namespace rempart::perimeter::test
