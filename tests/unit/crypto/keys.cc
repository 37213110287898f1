#include "tests/unit/crypto/keys.h"

#include <openssl/pem.h>
#include <openssl/rsa.h>

#include <charconv>
#include <stdexcept>

#include "src/crypto/evp.h"
#include "src/crypto/pem.h"

namespace rempart::crypto::test {
namespace {

void Check(bool ok, const std::string& what) {
  if (!ok) throw std::runtime_error(what + TakeReason());
}

std::string TextOf(BIO* bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  return {data, static_cast<std::size_t>(size)};
}

}  // namespace

std::string FromHex(std::string_view hex) {
  std::string bytes;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2) {
    unsigned value = 0;
    Check(std::from_chars(hex.data() + i, hex.data() + i + 2, value, 16).ptr == hex.data() + i + 2, "not hex");
    bytes += static_cast<char>(value);
  }
  return bytes;
}

PrivateKey Ed25519FromSeed(std::string_view hex) {  // RFC 8410, section 7
  auto key = PrivateKey::FromPem(WritePem("PRIVATE KEY", FromHex("302e020100300506032b657004220420") + FromHex(hex)));
  Check(key.has_value(), "no Ed25519 key");
  return *std::move(key);
}

PublicKey Ed25519FromPoint(std::string_view hex) {  // RFC 8410, section 4
  auto key = PublicKey::FromDer(FromHex("302a300506032b6570032100") + FromHex(hex));
  Check(key.has_value(), "no Ed25519 key");
  return *std::move(key);
}

MadeKey OpensslKey(const std::string& algorithm, std::initializer_list<std::string_view> options) {
  const KeyContextPtr context(EVP_PKEY_CTX_new_from_name(nullptr, algorithm.c_str(), nullptr));
  Check(context != nullptr && EVP_PKEY_keygen_init(context.get()) == 1, algorithm);
  for (const std::string_view option : options) {
    const std::size_t colon = option.find(':');
    const std::string name(option.substr(0, colon)), value(option.substr(colon + 1));
    Check(EVP_PKEY_CTX_ctrl_str(context.get(), name.c_str(), value.c_str()) > 0, std::string(option));
  }
  EVP_PKEY* raw = nullptr;
  Check(EVP_PKEY_generate(context.get(), &raw) == 1, algorithm);
  const KeyPtr key(raw);
  const BioPtr public_bio(BIO_new(BIO_s_mem())), private_bio(BIO_new(BIO_s_mem()));
  Check(PEM_write_bio_PUBKEY(public_bio.get(), key.get()) == 1, "write");
  Check(PEM_write_bio_PKCS8PrivateKey(private_bio.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr) == 1,
        "write");
  return {TextOf(public_bio.get()), TextOf(private_bio.get())};
}

std::string OpensslSign(const std::string& private_pem, std::string_view message, const char* digest,
                        const char* padding, int salt) {
  const BioPtr bio(BIO_new_mem_buf(private_pem.data(), static_cast<int>(private_pem.size())));
  const KeyPtr key(PEM_read_bio_PrivateKey(bio.get(), nullptr, nullptr, nullptr));
  const DigestContextPtr context(EVP_MD_CTX_new());
  EVP_PKEY_CTX* settings = nullptr;
  Check(EVP_DigestSignInit_ex(context.get(), &settings, digest, nullptr, nullptr, key.get(), nullptr) == 1, "sign");
  if (padding != nullptr) {
    const bool pss = std::string_view(padding) == "pss";
    Check(EVP_PKEY_CTX_set_rsa_padding(settings, pss ? RSA_PKCS1_PSS_PADDING : RSA_PKCS1_PADDING) > 0, padding);
    if (pss) Check(EVP_PKEY_CTX_set_rsa_pss_saltlen(settings, salt) > 0, "salt");
  }
  std::string signature(kMaxSignature, '\0');
  std::size_t size = signature.size();
  Check(EVP_DigestSign(context.get(), Bytes(signature.data()), &size, Bytes(message.data()), message.size()) == 1,
        "sign");
  signature.resize(size);
  return signature;
}

}  // namespace rempart::crypto::test
