#include "src/crypto/private_key.h"

#include <fmt/format.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <openssl/x509.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "src/base/text.h"
#include "src/crypto/evp.h"
#include "src/crypto/pem.h"
#include "src/crypto/signing.h"

namespace rempart::crypto {

namespace {

constexpr unsigned kRsaBits = 3072;
constexpr int kRounds = 600'000;              // PBKDF2 with HMAC-SHA-256
constexpr std::size_t kMaxPassphrase = 1023;  // OpenSSL's buffer for one, less its terminating zero
constexpr std::string_view kProbe = "rempart: does this private key belong to its public key?";

struct Asking {
  const AskPassphrase& ask;
  bool asked = false;
  std::optional<Error> error;
};

// For pem_password_cb: OpenSSL wipes `buffer`.
int GivePassphrase(char* buffer, int size, int, void* data) {
  auto& asking = *static_cast<Asking*>(data);
  asking.asked = true;
  if (!asking.ask) {
    asking.error = Error::Invalid("the private key is encrypted: give its passphrase");
    return -1;
  }
  auto passphrase = asking.ask();
  if (!passphrase) {
    asking.error = std::move(passphrase).error();
    return -1;
  }
  const std::string_view text = passphrase->view();
  if (text.size() > kMaxPassphrase || text.size() > static_cast<std::size_t>(size)) {
    asking.error = Error::Invalid(fmt::format("the passphrase has more than {} bytes", kMaxPassphrase));
    return -1;
  }
  std::ranges::copy(text, buffer);  // not memcpy, to which an empty text has no address to give
  return static_cast<int>(text.size());
}

Error WrongBlock(std::string_view label) {
  constexpr std::string_view kWanted = "give one PEM block \"PRIVATE KEY\" or \"ENCRYPTED PRIVATE KEY\" (PKCS#8)";
  if (label.empty()) return Error::Invalid(fmt::format("not one PEM block: {}", kWanted));
  if (label.ends_with("PRIVATE KEY")) {  // "RSA PRIVATE KEY", "EC PRIVATE KEY"
    return Error::Invalid(
        fmt::format("a PEM block \"{}\", an older form: {}; openssl pkcs8 -topk8 -in OLD -out NEW makes one of it",
                    CleanText(label, 64), kWanted));
  }
  return Error::Invalid(fmt::format("a PEM block \"{}\": {}", CleanText(label, 64), kWanted));
}

Error Broken(const char* doing) { return Error::Internal(doing + TakeReason()); }

// A memory BIO wipes its buffer when it grows and when it goes.
Result<Secret> SecretOf(BIO* bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  if (size <= 0) return Fail(Broken("write a private key"));
  return Secret(std::string_view(data, static_cast<std::size_t>(size)));
}

}  // namespace

Result<PrivateKey> PrivateKey::Checked(std::shared_ptr<evp_pkey_st> key) {
  unsigned char* der = nullptr;
  const int size = i2d_PUBKEY(key.get(), &der);
  if (size <= 0) return Fail(Error::Invalid("the private key has no public half" + TakeReason()));
  auto public_key =
      PublicKey::FromDer(std::string_view(reinterpret_cast<const char*>(der), static_cast<std::size_t>(size)));
  OPENSSL_free(der);
  if (!public_key) return Fail(std::move(public_key).error());
  PrivateKey made(std::move(key), *std::move(public_key));
  // A file may hold halves that do not belong together: its signatures would be worth nothing, and might give the
  // private half away.
  const auto signature = made.Sign(kProbe);
  if (!signature || !made.public_key_.Verify(kProbe, *signature))
    return Fail(Error::Invalid("the private key does not belong to the public key beside it: the file is damaged"));
  return made;
}

Result<PrivateKey> PrivateKey::Generate(KeyKind kind) {
  ERR_clear_error();
  EVP_PKEY* key = nullptr;
  switch (kind) {
    case KeyKind::kEd25519:
      key = EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519");
      break;
    case KeyKind::kEcdsaP256:
      key = EVP_EC_gen("P-256");
      break;
    case KeyKind::kEcdsaP384:
      key = EVP_EC_gen("P-384");
      break;
    case KeyKind::kRsaPss:
      key = EVP_RSA_gen(kRsaBits);
      break;
  }
  if (key == nullptr) return Fail(Broken("make a private key"));
  return Checked(std::shared_ptr<EVP_PKEY>(KeyPtr(key)));
}

Result<PrivateKey> PrivateKey::FromPem(std::string_view pem, const AskPassphrase& ask) {
  if (pem.size() > kMaxPrivateKeyPem) {
    return Fail(
        Error::Invalid(fmt::format("{} bytes, a private key's PEM has at most {}", pem.size(), kMaxPrivateKeyPem)));
  }
  const PemBlock block = FindPem(pem);
  if (block.label != "PRIVATE KEY" && block.label != "ENCRYPTED PRIVATE KEY") return Fail(WrongBlock(block.label));
  ERR_clear_error();
  const BioPtr bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  Asking asking{ask};
  KeyPtr key(PEM_read_bio_PrivateKey(bio.get(), nullptr, GivePassphrase, &asking));
  if (asking.error) {
    ERR_clear_error();
    return Fail(*std::move(asking.error));
  }
  if (key == nullptr) {
    const std::string reason = TakeReason();
    return Fail(Error::Invalid((asking.asked ? "the private key cannot be decrypted: wrong passphrase, or damaged"
                                             : "the private key cannot be read") +
                               reason));
  }
  if (block.label.starts_with("ENCRYPTED") && !asking.asked)
    return Fail(Error::Invalid("the private key is labelled encrypted, but is not: protect it, or correct the label"));
  return Checked(std::shared_ptr<EVP_PKEY>(std::move(key)));
}

Result<Secret> PrivateKey::ToPem() const {
  ERR_clear_error();
  const BioPtr bio(BIO_new(BIO_s_mem()));
  if (bio == nullptr ||
      PEM_write_bio_PKCS8PrivateKey(bio.get(), key_.get(), nullptr, nullptr, 0, nullptr, nullptr) != 1)
    return Fail(Broken("write a private key"));
  return SecretOf(bio.get());
}

Result<Secret> PrivateKey::ToPem(const Secret& passphrase) const {
  const std::string_view text = passphrase.view();
  if (text.empty() || text.size() > kMaxPassphrase)
    return Fail(Error::Invalid(fmt::format("a passphrase has 1 to {} bytes", kMaxPassphrase)));
  ERR_clear_error();
  const Pkcs8Ptr plain(EVP_PKEY2PKCS8(key_.get()));  // its octets are wiped when it goes
  if (plain == nullptr) return Fail(Broken("encrypt a private key"));
  // Without a salt given, a random one is made; the PRF that goes with -1 is HMAC-SHA-256.
  const SealedPkcs8Ptr sealed(PKCS8_encrypt(-1, EVP_aes_256_cbc(), text.data(), static_cast<int>(text.size()), nullptr,
                                            0, kRounds, plain.get()));
  const BioPtr bio(BIO_new(BIO_s_mem()));
  if (sealed == nullptr || bio == nullptr || PEM_write_bio_PKCS8(bio.get(), sealed.get()) != 1)
    return Fail(Broken("encrypt a private key"));
  return SecretOf(bio.get());
}

Result<std::string> PrivateKey::Sign(std::string_view message) const {
  ERR_clear_error();
  const DigestContextPtr context(EVP_MD_CTX_new());
  std::string signature(kMaxSignature, '\0');
  std::size_t size = signature.size();
  if (context == nullptr || !StartSigning(context.get(), kind(), key_.get()) ||
      EVP_DigestSign(context.get(), Bytes(signature.data()), &size, Bytes(message.data()), message.size()) != 1) {
    return Fail(Broken("sign"));
  }
  signature.resize(size);
  return signature;
}

}  // namespace rempart::crypto
