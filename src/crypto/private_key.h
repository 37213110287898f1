// Private keys of people who sign (an attestation's authority, a release's approver): made, kept in a file, used. Keys
// of tenants' data are no business of this: they stay in an HSM.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "src/base/result.h"
#include "src/crypto/public_key.h"
#include "src/crypto/secret.h"

namespace rempart::crypto {

// Asked for a passphrase when one is needed, at most once a key; of at most 1,023 bytes. Its error is passed on.
using AskPassphrase = std::function<Result<Secret>()>;

inline constexpr std::size_t kMaxPrivateKeyPem = 32 * 1024;  // bytes; RSA of 8,192 bits takes about 6,500

// Does not change once it is made; OpenSSL wipes the key's numbers when the last copy goes. May be used from several
// threads at once.
class PrivateKey {
 public:
  // A new key; RSA has 3,072 bits. Errors: kInternal (no randomness).
  static Result<PrivateKey> Generate(KeyKind kind = KeyKind::kEd25519);

  // One PEM block "PRIVATE KEY" or "ENCRYPTED PRIVATE KEY" (PKCS#8: RFC 5958), of a kind that PublicKey takes. Errors:
  // kInvalid, without a byte of the key in the message; those of `ask`, which may be empty where no passphrase is to
  // be had.
  static Result<PrivateKey> FromPem(std::string_view pem, const AskPassphrase& ask = {});

  KeyKind kind() const { return public_key_.kind(); }
  const PublicKey& public_key() const { return public_key_; }

  // PKCS#8. With a passphrase it is encrypted: PBES2 (RFC 8018) with AES-256-CBC and PBKDF2 of HMAC-SHA-256, 600,000
  // rounds, which take about a quarter of a second. Errors: kInvalid (an empty or too long passphrase), kInternal.
  Result<Secret> ToPem() const;
  Result<Secret> ToPem(const Secret& passphrase) const;

  // What PublicKey::Verify takes. Errors: kInternal.
  Result<std::string> Sign(std::string_view message) const;

 private:
  PrivateKey(std::shared_ptr<evp_pkey_st> key, PublicKey public_key)
      : key_(std::move(key)), public_key_(std::move(public_key)) {}
  static Result<PrivateKey> Checked(std::shared_ptr<evp_pkey_st> key);

  std::shared_ptr<evp_pkey_st> key_;
  PublicKey public_key_;
};

}  // namespace rempart::crypto
