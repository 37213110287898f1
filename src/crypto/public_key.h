// Public keys that signatures are verified with, and nothing weaker than these.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "src/base/result.h"

struct evp_pkey_st;  // OpenSSL's EVP_PKEY

namespace rempart::crypto {

enum class KeyKind {
  kEd25519,    // RFC 8032, pure: the message itself is signed
  kEcdsaP256,  // FIPS 186-5 with SHA-256; a signature is DER (RFC 3279, section 2.2.3)
  kEcdsaP384,  // the same with SHA-384
  kRsaPss,     // RFC 8017, section 8.1: SHA-256, MGF1 with SHA-256, a salt of 32 bytes; 2,048 to 8,192 bits
};
const char* ToString(KeyKind kind);  // "Ed25519", "ECDSA P-256", "ECDSA P-384", "RSA-PSS"

inline constexpr std::size_t kMaxPublicKeyPem = 4096;  // bytes; RSA of 8,192 bits takes about 1,500
inline constexpr std::size_t kMaxSignature = 1024;     // bytes; as long as the largest RSA modulus

// Does not change once it is made; copies share the key. May be used from several threads at once.
class PublicKey {
 public:
  // One PEM block "PUBLIC KEY" (RFC 7468, section 13) and nothing but white space beside it. Errors: kInvalid, saying
  // what was found instead and what to give. Refused: other algorithms, curves and sizes, an RSA exponent below 65537,
  // an id-RSASSA-PSS key (RFC 4055) whose parameters exclude the use above, and whatever is not the one DER encoding
  // of its key (compressed points, spelled-out curves), so that a key has one id.
  static Result<PublicKey> FromPem(std::string_view pem);
  static Result<PublicKey> FromDer(std::string_view spki);  // DER SubjectPublicKeyInfo (RFC 5280, section 4.1.2.7)

  KeyKind kind() const { return kind_; }
  // SHA-256 of the DER SubjectPublicKeyInfo in 64 lower-case hex digits.
  const std::string& id() const { return id_; }
  const std::string& ToDer() const { return der_; }
  std::string ToPem() const;

  // Whether the same private key belongs to both. Ids do not tell that of an RSA key, which can be written with two
  // algorithm identifiers.
  bool SameKey(const PublicKey& other) const { return key_bits_ == other.key_bits_; }

  // Whether `signature` is one of `message` by this key. Never an error: what cannot be verified is not verified.
  bool Verify(std::string_view message, std::string_view signature) const;

 private:
  PublicKey() = default;

  KeyKind kind_ = KeyKind::kEd25519;
  std::shared_ptr<evp_pkey_st> key_;
  std::string der_, id_;
  std::string key_bits_;  // SHA-256 of the subjectPublicKey alone
};

}  // namespace rempart::crypto
