#include "tests/unit/http/certificates.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>

#include <memory>
#include <stdexcept>

namespace rempart::http::testing {
namespace {

using X509Ptr = std::unique_ptr<X509, decltype(&X509_free)>;
using KeyPtr = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;
using BioPtr = std::unique_ptr<BIO, decltype(&BIO_free)>;

void Check(bool ok, const char* what) {
  if (!ok) throw std::runtime_error(what);
}

std::string Text(BIO* bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  return std::string(data, static_cast<std::size_t>(size));
}

void AddExtension(X509* certificate, X509* issuer, int nid, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str());
  Check(extension != nullptr, value.c_str());
  X509_add_ext(certificate, extension, -1);
  X509_EXTENSION_free(extension);
}

Certificate Make(const Leaf& leaf, bool is_authority, const Certificate* parent) {
  const KeyPtr key(EVP_EC_gen("P-256"), EVP_PKEY_free);
  const X509Ptr certificate(X509_new(), X509_free);
  Check(key && certificate, "out of memory");
  X509_set_version(certificate.get(), X509_VERSION_3);
  std::uint64_t serial = 0;
  RAND_bytes(reinterpret_cast<unsigned char*>(&serial), sizeof serial);
  ASN1_INTEGER_set_uint64(X509_get_serialNumber(certificate.get()), serial >> 1);
  X509_gmtime_adj(X509_getm_notBefore(certificate.get()), leaf.valid_from);
  X509_gmtime_adj(X509_getm_notAfter(certificate.get()), leaf.valid_until);
  X509_set_pubkey(certificate.get(), key.get());
  X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate.get()), "CN", MBSTRING_UTF8,
                             reinterpret_cast<const unsigned char*>(leaf.common_name.c_str()), -1, -1, 0);

  X509Ptr issuer(nullptr, X509_free);
  KeyPtr issuer_key(nullptr, EVP_PKEY_free);
  if (parent != nullptr) {
    const BioPtr certificate_bio(BIO_new_mem_buf(parent->certificate_pem.data(), -1), BIO_free);
    const BioPtr key_bio(BIO_new_mem_buf(parent->key_pem.data(), -1), BIO_free);
    issuer.reset(PEM_read_bio_X509(certificate_bio.get(), nullptr, nullptr, nullptr));
    issuer_key.reset(PEM_read_bio_PrivateKey(key_bio.get(), nullptr, nullptr, nullptr));
    Check(issuer && issuer_key, "cannot read the issuer");
  }
  X509* by = issuer ? issuer.get() : certificate.get();
  X509_set_issuer_name(certificate.get(), X509_get_subject_name(by));
  AddExtension(certificate.get(), by, NID_basic_constraints, is_authority ? "critical,CA:TRUE" : "critical,CA:FALSE");
  std::string alternatives;
  for (const auto& name : leaf.names) alternatives += (alternatives.empty() ? "DNS:" : ",DNS:") + name;
  for (const auto& address : leaf.addresses) alternatives += (alternatives.empty() ? "IP:" : ",IP:") + address;
  if (!alternatives.empty()) AddExtension(certificate.get(), by, NID_subject_alt_name, alternatives);
  Check(X509_sign(certificate.get(), issuer_key ? issuer_key.get() : key.get(), EVP_sha256()) > 0, "cannot sign");

  const BioPtr certificate_bio(BIO_new(BIO_s_mem()), BIO_free);
  const BioPtr key_bio(BIO_new(BIO_s_mem()), BIO_free);
  PEM_write_bio_X509(certificate_bio.get(), certificate.get());
  PEM_write_bio_PrivateKey(key_bio.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr);
  return {Text(certificate_bio.get()), Text(key_bio.get())};
}

}  // namespace

Certificate MakeAuthority(const std::string& common_name, const Certificate* parent) {
  return Make({.common_name = common_name}, true, parent);
}

Certificate Issue(const Certificate& authority, const Leaf& leaf) { return Make(leaf, false, &authority); }

}  // namespace rempart::http::testing
