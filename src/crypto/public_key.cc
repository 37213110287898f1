#include "src/crypto/public_key.h"

#include <fmt/format.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/rsa.h>

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "src/base/text.h"
#include "src/crypto/base64.h"
#include "src/crypto/digest.h"
#include "src/crypto/evp.h"
#include "src/crypto/pem.h"
#include "src/crypto/signing.h"

namespace rempart::crypto {

namespace {

constexpr int kMinRsaBits = 2048;
constexpr int kMaxRsaBits = 8192;
constexpr int kMaxExponentBits = 64;  // more cost time and gain nothing; OpenSSL's own limit for large keys
constexpr std::string_view kAccepted = "give an Ed25519, ECDSA P-256, ECDSA P-384 or RSA key (2048 to 8192 bits)";

Error Refused(const std::string& found) { return Error::Invalid(fmt::format("{}: {}", found, kAccepted)); }

std::string EncodeSpki(const EVP_PKEY* key) {
  unsigned char* der = nullptr;
  const int size = i2d_PUBKEY(key, &der);
  if (size <= 0) return {};
  std::string text(reinterpret_cast<const char*>(der), static_cast<std::size_t>(size));
  OPENSSL_free(der);
  return text;
}

// Odd, from 65537 on (FIPS 186-5, appendix A.1.1), of at most 64 bits.
bool ExponentIsSound(const EVP_PKEY* key) {
  BIGNUM* raw = nullptr;
  if (EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_E, &raw) != 1) return false;
  const std::unique_ptr<BIGNUM, FreedBy<BN_free>> e(raw);
  return BN_is_odd(e.get()) == 1 && BN_num_bits(e.get()) >= 17 && BN_num_bits(e.get()) <= kMaxExponentBits;
}

Result<KeyKind> CheckRsa(EVP_PKEY* key) {
  const int bits = EVP_PKEY_get_bits(key);
  if (bits < kMinRsaBits || bits > kMaxRsaBits) return Fail(Refused(fmt::format("an RSA key of {} bits", bits)));
  if (!ExponentIsSound(key)) return Fail(Refused("an RSA key whose public exponent is not odd, from 65537 to 2^64"));
  // OpenSSL holds an id-RSASSA-PSS key to its parameters: where they exclude ours, this fails.
  const DigestContextPtr context(EVP_MD_CTX_new());
  if (!StartVerifying(context.get(), KeyKind::kRsaPss, key)) {
    ERR_clear_error();
    return Fail(
        Refused("an RSASSA-PSS key whose parameters are not SHA-256, MGF1 with SHA-256 and at most 32 bytes of salt"));
  }
  return KeyKind::kRsaPss;
}

// A curve that is spelled out, number by number, may be a known one but for a number (CVE-2020-0601), and gives a key
// more than one form.
bool CurveIsNamed(const X509_PUBKEY* spki) {
  X509_ALGOR* algorithm = nullptr;
  X509_PUBKEY_get0_param(nullptr, nullptr, nullptr, &algorithm, spki);
  int type = V_ASN1_UNDEF;
  X509_ALGOR_get0(nullptr, &type, nullptr, algorithm);
  return type == V_ASN1_OBJECT;
}

Result<KeyKind> CheckEc(const EVP_PKEY* key, const X509_PUBKEY* spki, std::string_view point) {
  if (!CurveIsNamed(spki)) return Fail(Refused("an EC key whose curve is spelled out instead of named"));
  std::array<char, 64> group{};
  std::size_t size = 0;
  if (EVP_PKEY_get_group_name(key, group.data(), group.size(), &size) != 1) {
    ERR_clear_error();
    return Fail(Refused("an EC key without a named curve"));
  }
  const std::string_view name(group.data(), size);
  std::optional<KeyKind> kind;
  if (name == SN_X9_62_prime256v1) kind = KeyKind::kEcdsaP256;
  if (name == SN_secp384r1) kind = KeyKind::kEcdsaP384;
  if (!kind) return Fail(Refused(fmt::format("an EC key on the curve {}", name)));
  if (!point.starts_with('\x04')) return Fail(Refused("an EC key whose point is compressed"));
  return *kind;
}

Result<KeyKind> CheckKind(EVP_PKEY* key, const X509_PUBKEY* spki, std::string_view key_bits) {
  if (EVP_PKEY_is_a(key, "ED25519") == 1) return KeyKind::kEd25519;
  if (EVP_PKEY_is_a(key, "EC") == 1) return CheckEc(key, spki, key_bits);
  if (EVP_PKEY_is_a(key, "RSA") == 1 || EVP_PKEY_is_a(key, "RSA-PSS") == 1) return CheckRsa(key);
  const char* name = EVP_PKEY_get0_type_name(key);
  return Fail(Refused(fmt::format("a key of another algorithm ({})", name == nullptr ? "unknown" : name)));
}

}  // namespace

const char* ToString(KeyKind kind) {
  switch (kind) {
    case KeyKind::kEd25519:
      return "Ed25519";
    case KeyKind::kEcdsaP256:
      return "ECDSA P-256";
    case KeyKind::kEcdsaP384:
      return "ECDSA P-384";
    case KeyKind::kRsaPss:
      return "RSA-PSS";
  }
  return "unknown";
}

Result<PublicKey> PublicKey::FromPem(std::string_view pem) {
  if (pem.size() > kMaxPublicKeyPem) {
    return Fail(Refused(fmt::format("{} bytes, a public key's PEM has at most {}", pem.size(), kMaxPublicKeyPem)));
  }
  const PemBlock block = FindPem(pem);
  if (block.label.ends_with("PRIVATE KEY")) {
    return Fail(
        Error::Invalid("this is a private key, which may now be known to others: make a new one, and give only its "
                       "public half (PEM \"PUBLIC KEY\")"));
  }
  if (block.label != "PUBLIC KEY") {
    const std::string found = block.label.empty()
                                  ? "not one PEM block"
                                  : "a PEM block \"" + CleanText(block.label, 64) + "\" instead of \"PUBLIC KEY\"";
    return Fail(Refused(found));
  }
  std::string packed;
  std::ranges::copy_if(block.body, std::back_inserter(packed),
                       [](char c) { return c != '\n' && c != '\r' && c != ' ' && c != '\t'; });
  // PEM is in the standard alphabet; the decoder reads the other one too.
  if (packed.find_first_of("-_") != packed.npos) return Fail(Refused("not valid PEM (a character outside base64)"));
  const auto der = DecodeBase64(packed);
  if (!der) return Fail(Refused("the PEM block is " + der.error().message));
  return FromDer(*der);
}

Result<PublicKey> PublicKey::FromDer(std::string_view spki) {
  if (spki.size() > kMaxPublicKeyPem) return Fail(Refused(fmt::format("{} bytes of DER", spki.size())));
  ERR_clear_error();
  const unsigned char* at = Bytes(spki.data());
  const SpkiPtr parsed(d2i_X509_PUBKEY(nullptr, &at, static_cast<long>(spki.size())));
  if (parsed == nullptr || at != Bytes(spki.data()) + spki.size()) {
    ERR_clear_error();
    return Fail(Refused("not a DER SubjectPublicKeyInfo"));
  }
  const unsigned char* bits = nullptr;
  int bits_size = 0;
  X509_PUBKEY_get0_param(nullptr, &bits, &bits_size, nullptr, parsed.get());
  const std::string_view key_bits(reinterpret_cast<const char*>(bits), static_cast<std::size_t>(bits_size));

  KeyPtr key(X509_PUBKEY_get(parsed.get()));
  if (key == nullptr) return Fail(Refused("a public key that cannot be read" + TakeReason()));
  auto kind = CheckKind(key.get(), parsed.get(), key_bits);
  if (!kind) return Fail(std::move(kind).error());
  if (EncodeSpki(key.get()) != spki) {
    ERR_clear_error();
    return Fail(Refused("a public key that is not in its usual DER form"));
  }
  PublicKey made;
  made.kind_ = *kind;
  made.key_ = std::shared_ptr<EVP_PKEY>(std::move(key));
  made.der_ = std::string(spki);
  made.id_ = Sha256Hex(spki);
  made.key_bits_ = Sha256(key_bits);
  return made;
}

std::string PublicKey::ToPem() const { return WritePem("PUBLIC KEY", der_); }

bool PublicKey::Verify(std::string_view message, std::string_view signature) const {
  if (signature.empty() || signature.size() > kMaxSignature) return false;
  // An RSA signature is as long as the modulus (RFC 8017, 8.1.2, step 1). OpenSSL reads a shorter one as the number
  // that it is, so that one signature in 256, which begins with a zero, would verify without it too.
  const auto size = static_cast<std::size_t>(EVP_PKEY_get_size(key_.get()));
  if (kind_ == KeyKind::kRsaPss && signature.size() != size) return false;
  const DigestContextPtr context(EVP_MD_CTX_new());
  const bool verified = context != nullptr && StartVerifying(context.get(), kind_, key_.get()) &&
                        EVP_DigestVerify(context.get(), Bytes(signature.data()), signature.size(),
                                         Bytes(message.data()), message.size()) == 1;
  ERR_clear_error();
  return verified;
}

}  // namespace rempart::crypto
