#include "src/http/tls.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <utility>
#include <vector>

namespace rempart::http {
namespace {

using BioPtr = std::unique_ptr<BIO, decltype(&BIO_free)>;
using KeyPtr = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;
using CertificatePtr = std::unique_ptr<X509, decltype(&X509_free)>;

BioPtr ReadFrom(const std::string& text) {
  return BioPtr(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())), BIO_free);
}

// Encrypted keys would otherwise be asked for at the terminal.
int NoPassphrase(char*, int, int, void*) { return -1; }

// The first error of this thread's, all of which are forgotten; "" for none.
std::string TakeError() {
  const char* reason = ERR_reason_error_string(ERR_get_error());
  ERR_clear_error();
  return reason == nullptr ? "" : reason;
}

// Reads certificates until the end of the text. Errors: kInvalid.
Result<std::vector<CertificatePtr>> ReadCertificates(const std::string& pem, const char* what) {
  std::vector<CertificatePtr> certificates;
  const auto bio = ReadFrom(pem);
  ERR_clear_error();
  while (X509* certificate = PEM_read_bio_X509(bio.get(), nullptr, NoPassphrase, nullptr))
    certificates.emplace_back(certificate, X509_free);
  const unsigned long end = ERR_peek_last_error();
  const bool at_end = ERR_GET_LIB(end) == ERR_LIB_PEM && ERR_GET_REASON(end) == PEM_R_NO_START_LINE;
  const std::string why = TakeError();
  if (at_end && !certificates.empty()) return certificates;
  return Fail(Error::Invalid(std::string(what) +
                             " is not a list of PEM certificates: " + (at_end ? "no certificate in it" : why)));
}

// The authorities of the system, parsed once a process.
X509_STORE* SystemAuthorities() {
  static X509_STORE* const store = [] {
    X509_STORE* made = X509_STORE_new();
    if (made != nullptr) X509_STORE_set_default_paths(made);
    ERR_clear_error();
    return made;
  }();
  return store;
}

Status Trust(SSL_CTX* context, const std::string& ca_pem) {
  if (ca_pem.empty()) {
    SSL_CTX_set1_cert_store(context, SystemAuthorities());
    return {};
  }
  const auto certificates = ReadCertificates(ca_pem, "certificate authority");
  if (!certificates) return Fail(certificates.error());
  X509_STORE* store = SSL_CTX_get_cert_store(context);
  for (const auto& certificate : *certificates) {
    if (X509_STORE_add_cert(store, certificate.get()) != 1)
      return Fail(Error::Internal("certificate authority: " + TakeError()));
  }
  // Each certificate given is an end of trust, also an intermediate one: kubeconfig files are used like that.
  X509_STORE_set_flags(store, X509_V_FLAG_PARTIAL_CHAIN);
  return {};
}

// The name or address to be found in the server's certificate; its common name is not looked at.
bool Expect(SSL_CTX* context, const Origin& origin) {
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
  X509_VERIFY_PARAM* wanted = SSL_CTX_get0_param(context);
  X509_VERIFY_PARAM_set_hostflags(wanted, X509_CHECK_FLAG_NEVER_CHECK_SUBJECT | X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
  return (origin.is_address ? X509_VERIFY_PARAM_set1_ip_asc(wanted, origin.host.c_str())
                            : X509_VERIFY_PARAM_set1_host(wanted, origin.host.data(), origin.host.size())) == 1;
}

}  // namespace

// An identity as it was read.
struct TlsSettings::Presented {
  Identity identity;
  std::vector<CertificatePtr> certificates;  // its own first
  KeyPtr key;

  Status To(SSL* ssl) const {
    bool taken = SSL_use_certificate(ssl, certificates.front().get()) == 1 && SSL_use_PrivateKey(ssl, key.get()) == 1;
    for (std::size_t i = 1; i < certificates.size(); ++i)
      taken = taken && SSL_add1_chain_cert(ssl, certificates[i].get()) == 1;
    return taken ? Status() : Fail(Error::Invalid("client certificate: " + TakeError()));
  }
};

void SslFree::operator()(SSL* ssl) const { SSL_free(ssl); }

Result<std::unique_ptr<const TlsSettings>> TlsSettings::Make(const Origin& origin, const std::string& ca_pem) {
  std::unique_ptr<TlsSettings> settings(new TlsSettings(origin));
  SSL_CTX* context = settings->context_ = SSL_CTX_new(TLS_client_method());
  if (context == nullptr || SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) != 1 || !Expect(context, origin))
    return Fail(Error::Internal("cannot set TLS up: " + TakeError()));
  if (auto status = Trust(context, ca_pem); !status) return Fail(std::move(status).error());
  // No sessions are resumed: one made with an identity that was replaced must not live on.
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  // An idle connection holds no buffers; a record is received at one go, its length included.
  SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE);
  SSL_CTX_set_read_ahead(context, 1);
  return settings;
}

TlsSettings::~TlsSettings() { SSL_CTX_free(context_); }

// Of connections with the same identity, the first reads it: a start opens dozens, and a key also costs its first
// signature more than later ones.
Result<std::shared_ptr<const TlsSettings::Presented>> TlsSettings::Read(const Identity& identity) const {
  const std::scoped_lock lock(mutex_);
  if (presented_ && presented_->identity.certificate_pem == identity.certificate_pem &&
      presented_->identity.key_pem == identity.key_pem)
    return presented_;
  auto certificates = ReadCertificates(identity.certificate_pem, "client certificate");
  if (!certificates) return Fail(std::move(certificates).error());
  KeyPtr key(PEM_read_bio_PrivateKey(ReadFrom(identity.key_pem).get(), nullptr, NoPassphrase, nullptr), EVP_PKEY_free);
  if (!key) return Fail(Error::Invalid("client key is not an unencrypted PEM key: " + TakeError()));
  if (X509_check_private_key(certificates->front().get(), key.get()) != 1) {
    ERR_clear_error();
    return Fail(Error::Invalid("client key does not belong to the client certificate"));
  }
  presented_ = std::make_shared<const Presented>(identity, *std::move(certificates), std::move(key));
  return presented_;
}

Result<SslPtr> TlsSettings::NewConnection(const Identity& identity) const {
  SslPtr ssl(SSL_new(context_));
  if (!ssl || (!origin_.is_address && SSL_set_tlsext_host_name(ssl.get(), origin_.host.c_str()) != 1))
    return Fail(Error::Internal("cannot set TLS up: " + TakeError()));
  if (!identity.certificate_pem.empty() || !identity.key_pem.empty()) {
    const auto presented = Read(identity);
    if (!presented) return Fail(presented.error());
    if (auto status = (*presented)->To(ssl.get()); !status) return Fail(std::move(status).error());
  }
  return ssl;
}

std::string WhyTlsFailed(const SSL* ssl) {
  const std::string why = TakeError();
  const long verdict = SSL_get_verify_result(ssl);
  return verdict == X509_V_OK ? why : X509_verify_cert_error_string(verdict);
}

}  // namespace rempart::http
