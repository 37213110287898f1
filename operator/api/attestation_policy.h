// spec.hosting.attestation of a SovereignRegion: whose word about where a node is hosted counts, and for how long. See
// crds/sovereignregion.md.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "operator/api/language.h"
#include "operator/api/spec_reader.h"
#include "src/base/clock.h"
#include "src/crypto/public_key.h"

namespace rempart::api {

inline constexpr std::size_t kMaxAuthorities = 16;

struct Authority {
  std::string name;  // no other of the region has it
  crypto::PublicKey key;
  std::optional<WallTime> valid_until;  // from then on its signatures do not count, whenever they were made
};

struct AttestationPolicy {
  bool required = false;               // whether a node without an attestation that holds is outside
  Duration max_age{0};                 // since issuedAt; zero: none, what counts is expiresAt alone
  std::size_t threshold = 1;           // how many different authorities have to have signed
  std::vector<Authority> authorities;  // of different keys; at least `threshold` where there are any
  // SHA-256 of all that decides who signed an envelope: the keys, in their order. "" where there is none, or where the
  // policy was not read from an object.
  std::string digest;
  Language language = Language::kEnglish;  // the region's: of what is said of attestations
};

// What is not there is as above. What is refused is told to the reader, and what was read so far is returned.
AttestationPolicy ReadAttestationPolicy(const Field& at, SpecReader& reader);

}  // namespace rempart::api
