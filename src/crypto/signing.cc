#include "src/crypto/signing.h"

#include <openssl/rsa.h>

namespace rempart::crypto {

namespace {

const char* DigestOf(KeyKind kind) {
  switch (kind) {
    case KeyKind::kEd25519:
      return nullptr;  // has its own within
    case KeyKind::kEcdsaP384:
      return "SHA384";
    case KeyKind::kEcdsaP256:
    case KeyKind::kRsaPss:
      break;
  }
  return "SHA256";
}

using Init = decltype(&EVP_DigestVerifyInit_ex);

bool Start(Init init, EVP_MD_CTX* context, KeyKind kind, EVP_PKEY* key) {
  EVP_PKEY_CTX* settings = nullptr;  // the context's
  if (init(context, &settings, DigestOf(kind), nullptr, nullptr, key, nullptr) != 1) return false;
  return kind != KeyKind::kRsaPss || (EVP_PKEY_CTX_set_rsa_padding(settings, RSA_PKCS1_PSS_PADDING) > 0 &&
                                      EVP_PKEY_CTX_set_rsa_mgf1_md_name(settings, "SHA256", nullptr) > 0 &&
                                      EVP_PKEY_CTX_set_rsa_pss_saltlen(settings, RSA_PSS_SALTLEN_DIGEST) > 0);
}

}  // namespace

bool StartVerifying(EVP_MD_CTX* context, KeyKind kind, EVP_PKEY* key) {
  return Start(EVP_DigestVerifyInit_ex, context, kind, key);
}

bool StartSigning(EVP_MD_CTX* context, KeyKind kind, EVP_PKEY* key) {
  return Start(EVP_DigestSignInit_ex, context, kind, key);
}

}  // namespace rempart::crypto
