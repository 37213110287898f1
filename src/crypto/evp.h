// OpenSSL as the files of this folder use it; no header of another folder includes this. OpenSSL's queue of errors is
// the thread's: whoever calls OpenSSL leaves it empty.
#pragma once

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

#include <memory>
#include <string>

namespace rempart::crypto {

template <auto Free>
struct FreedBy {
  template <class T>
  void operator()(T* p) const {
    Free(p);
  }
};
using BioPtr = std::unique_ptr<BIO, FreedBy<BIO_free_all>>;
using DigestContextPtr = std::unique_ptr<EVP_MD_CTX, FreedBy<EVP_MD_CTX_free>>;
using KeyContextPtr = std::unique_ptr<EVP_PKEY_CTX, FreedBy<EVP_PKEY_CTX_free>>;
using KeyPtr = std::unique_ptr<EVP_PKEY, FreedBy<EVP_PKEY_free>>;
using Pkcs8Ptr = std::unique_ptr<PKCS8_PRIV_KEY_INFO, FreedBy<PKCS8_PRIV_KEY_INFO_free>>;
using SealedPkcs8Ptr = std::unique_ptr<X509_SIG, FreedBy<X509_SIG_free>>;
using SpkiPtr = std::unique_ptr<X509_PUBKEY, FreedBy<X509_PUBKEY_free>>;

// The thread's first error, all of which are forgotten: " (reason)", or "" for none.
inline std::string TakeReason() {
  const char* reason = ERR_reason_error_string(ERR_get_error());
  ERR_clear_error();
  return reason == nullptr ? std::string() : " (" + std::string(reason) + ")";
}

inline const unsigned char* Bytes(const char* text) { return reinterpret_cast<const unsigned char*>(text); }
inline unsigned char* Bytes(char* text) { return reinterpret_cast<unsigned char*>(text); }

}  // namespace rempart::crypto
