// Signed envelopes: DSSE 1.0 (https://github.com/secure-systems-lab/dsse, protocol.md and envelope.md). What is signed
// is the payload's type and bytes (PAE); what the envelope says beside them, key ids too, is nobody's word.
// Functions may be called from any thread.
#pragma once

#include <cstddef>
#include <nlohmann/json_fwd.hpp>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "src/base/json.h"
#include "src/base/result.h"
#include "src/crypto/private_key.h"
#include "src/crypto/public_key.h"

namespace rempart::crypto {

inline constexpr std::size_t kMaxDsseSignatures = 16;
inline constexpr std::size_t kMaxDssePayloadType = 256;  // bytes
inline constexpr std::size_t kMaxDsseKeyId = 256;        // bytes

struct DsseSignature {
  std::string key_id;     // a hint which key to try first, not authenticated; "" for none
  std::string signature;  // its bytes
  bool operator==(const DsseSignature&) const = default;
};

struct DsseEnvelope {
  std::string payload_type;  // never empty once decoded
  std::string payload;       // its bytes, which may be any
  std::vector<DsseSignature> signatures;
  bool operator==(const DsseEnvelope&) const = default;
};

// The JSON envelope. Base64 is standard or URL-safe; see DecodeBase64 for how strictly. Unknown members are left alone
// (other signers write some); a member that comes twice is not. At most `max_bytes` of text, 16 signatures, and as many
// bytes a field as the constants say. Errors: kInvalid, "field: what was found and what is wanted".
Result<DsseEnvelope> DecodeDsse(std::string_view json, std::size_t max_bytes = 1024 * 1024);
Json EncodeDsse(const DsseEnvelope& envelope);

// PAE: the bytes that are signed.
std::string PreAuthEncoding(std::string_view payload_type, std::string_view payload);

// Which of the keys signed the envelope: their places, ascending. Two keys that are the same (PublicKey::SameKey) are
// one, the first; more signatures by one key are one. Tries each key with each signature (at most 16 by keys.size()
// verifications), the one that the key id names first.
std::vector<std::size_t> SignersOf(const DsseEnvelope& envelope, std::span<const PublicKey> keys);

struct NamedKey {
  std::string name;
  PublicKey key;
};
// The names of the keys that signed, at least `threshold` different keys. Errors: kDenied (fewer did, and which),
// kInvalid (a threshold of zero, or one that the keys could not meet).
Result<std::vector<std::string>> VerifyDsse(const DsseEnvelope& envelope, std::span<const NamedKey> keys,
                                            std::size_t threshold);

// Errors: kInvalid (no type, or too many signatures), those of PrivateKey::Sign.
Result<DsseEnvelope> SignDsse(std::string payload_type, std::string payload, const PrivateKey& key);
// Adds the key's signature, for a threshold above one; where the key has signed already, nothing changes.
Status AddSignature(DsseEnvelope& envelope, const PrivateKey& key);

}  // namespace rempart::crypto
