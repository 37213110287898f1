#include "src/http/tls.h"

#include <dlfcn.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <atomic>
#include <cstring>
#include <system_error>
#include <utility>
#include <vector>

namespace rempart::http {
namespace {

thread_local bool skip_default_authorities = false;
std::atomic<int> skipped_default_authorities{0};

using BioPtr = std::unique_ptr<BIO, decltype(&BIO_free)>;

BioPtr ReadFrom(const std::string& text) {
  return BioPtr(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())), BIO_free);
}

// Encrypted keys would otherwise be asked for at the terminal.
int NoPassphrase(char*, int, int, void*) { return -1; }

std::string LastError() {
  const unsigned long code = ERR_get_error();
  ERR_clear_error();
  return code == 0 ? "not a PEM block" : TextOfIoError(code);
}

// Reads certificates until the end of the text. Errors: kInvalid.
Result<std::vector<X509*>> ReadCertificates(const std::string& pem, const char* what) {
  std::vector<X509*> certificates;
  const auto bio = ReadFrom(pem);
  ERR_clear_error();
  while (X509* certificate = PEM_read_bio_X509(bio.get(), nullptr, NoPassphrase, nullptr))
    certificates.push_back(certificate);
  const unsigned long end = ERR_peek_last_error();
  const bool at_end = ERR_GET_LIB(end) == ERR_LIB_PEM && ERR_GET_REASON(end) == PEM_R_NO_START_LINE;
  if (at_end && !certificates.empty()) {
    ERR_clear_error();
    return certificates;
  }
  const std::string why = at_end ? "no certificate in it" : LastError();
  ERR_clear_error();
  for (X509* certificate : certificates) X509_free(certificate);
  return Fail(Error::Invalid(std::string(what) + " is not a list of PEM certificates: " + why));
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

// Who is told of what happens on a connection; kept in the SSL object.
struct Link {
  std::weak_ptr<Exchange> exchange;
};

void FreeLink(void*, void* link, CRYPTO_EX_DATA*, int, long, void*) { delete static_cast<Link*>(link); }

int LinkIndex() {
  static const int index = SSL_get_ex_new_index(0, nullptr, nullptr, nullptr, FreeLink);
  return index;
}

Link* LinkOf(const SSL* connection) { return static_cast<Link*>(SSL_get_ex_data(connection, LinkIndex())); }

// Sees each read of encrypted bytes: only here can an answer be bounded that the library gathers before it hands it
// out.
long OnBio(BIO* bio, int operation, const char*, std::size_t, int, long, int result, std::size_t* processed) {
  if (operation != (BIO_CB_READ | BIO_CB_RETURN) || result <= 0 || processed == nullptr) return result;
  auto* link = reinterpret_cast<Link*>(BIO_get_callback_arg(bio));
  const auto exchange = link->exchange.lock();
  if (!exchange || exchange->OnWireBytes(*processed)) return result;
  BIO_clear_retry_flags(bio);
  return -1;
}

// Takes the place of the library's own check, which falls back to the certificate's common name.
int Verify(X509_STORE_CTX* context, void*) {
  X509_STORE_CTX_set_verify_cb(context, [](int ok, X509_STORE_CTX*) { return ok; });
  const int verdict = X509_verify_cert(context);
  if (verdict == 1) return 1;
  const auto* connection = static_cast<SSL*>(X509_STORE_CTX_get_ex_data(context, SSL_get_ex_data_X509_STORE_CTX_idx()));
  if (Link* link = connection == nullptr ? nullptr : LinkOf(connection); link != nullptr) {
    if (const auto exchange = link->exchange.lock())
      exchange->tls_note = X509_verify_cert_error_string(X509_STORE_CTX_get_error(context));
  }
  return 0;
}

}  // namespace

std::string TextOfIoError(unsigned long code) {
  // OpenSSL's codes carry a library in their upper bits; errno values are small.
  if (ERR_GET_LIB(code) != 0) {
    if (const char* reason = ERR_reason_error_string(code); reason != nullptr) return reason;
  }
  return code != 0 && code < 4096 ? std::generic_category().message(static_cast<int>(code)) : "";
}

Result<std::shared_ptr<const ClientIdentity>> ClientIdentity::Parse(const Identity& identity) {
  if (identity.certificate_pem.empty() && identity.key_pem.empty()) return nullptr;
  std::shared_ptr<ClientIdentity> parsed(new ClientIdentity());
  auto certificates = ReadCertificates(identity.certificate_pem, "client certificate");
  if (!certificates) return Fail(std::move(certificates).error());
  parsed->certificate_ = certificates->front();
  parsed->chain_.assign(certificates->begin() + 1, certificates->end());
  parsed->key_ = PEM_read_bio_PrivateKey(ReadFrom(identity.key_pem).get(), nullptr, NoPassphrase, nullptr);
  if (parsed->key_ == nullptr) return Fail(Error::Invalid("client key is not an unencrypted PEM key: " + LastError()));
  if (X509_check_private_key(parsed->certificate_, parsed->key_) != 1) {
    ERR_clear_error();
    return Fail(Error::Invalid("client key does not belong to the client certificate"));
  }
  return parsed;
}

ClientIdentity::~ClientIdentity() {
  X509_free(certificate_);
  for (X509* certificate : chain_) X509_free(certificate);
  EVP_PKEY_free(key_);
}

bool ClientIdentity::Install(SSL_CTX* context) const {
  if (SSL_CTX_use_certificate(context, certificate_) != 1 || SSL_CTX_use_PrivateKey(context, key_) != 1) return false;
  for (X509* certificate : chain_) {
    if (SSL_CTX_add1_chain_cert(context, certificate) != 1) return false;
  }
  return true;
}

Result<std::shared_ptr<const TlsSettings>> TlsSettings::Make(const Origin& origin, const std::string& ca_pem) {
  std::shared_ptr<TlsSettings> settings(new TlsSettings());
  settings->origin_ = origin;
  if (ca_pem.empty()) {
    X509_STORE* system = SystemAuthorities();
    if (system == nullptr) return Fail(Error::Internal("out of memory"));
    X509_STORE_up_ref(system);
    settings->authorities_ = system;
    return settings;
  }
  auto certificates = ReadCertificates(ca_pem, "certificate authority");
  if (!certificates) return Fail(std::move(certificates).error());
  settings->authorities_ = X509_STORE_new();
  bool added = settings->authorities_ != nullptr;
  for (X509* certificate : *certificates) {
    added = added && X509_STORE_add_cert(settings->authorities_, certificate) == 1;
    X509_free(certificate);
  }
  if (!added) return Fail(Error::Internal("certificate authority: " + LastError()));
  // Each certificate given is an end of trust, also an intermediate one: kubeconfig files are used like that.
  X509_STORE_set_flags(settings->authorities_, X509_V_FLAG_PARTIAL_CHAIN);
  return settings;
}

TlsSettings::~TlsSettings() { X509_STORE_free(authorities_); }

bool TlsSettings::Configure(SSL_CTX* context, const ClientIdentity* identity) const {
  X509_STORE_up_ref(authorities_);
  SSL_CTX_set_cert_store(context, authorities_);  // the reference goes with it
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
  SSL_CTX_set_cert_verify_callback(context, Verify, nullptr);
  X509_VERIFY_PARAM* wanted = SSL_CTX_get0_param(context);
  X509_VERIFY_PARAM_set_hostflags(wanted, X509_CHECK_FLAG_NEVER_CHECK_SUBJECT | X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
  const int named = origin_.is_address ? X509_VERIFY_PARAM_set1_ip_asc(wanted, origin_.host.c_str())
                                       : X509_VERIFY_PARAM_set1_host(wanted, origin_.host.data(), origin_.host.size());
  return named == 1 && SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) == 1 &&
         (identity == nullptr || identity->Install(context));
}

void TlsSettings::Attach(SSL* connection, const std::shared_ptr<Exchange>& exchange) const {
  Link* link = LinkOf(connection);
  if (link == nullptr) {  // a new connection
    link = new Link();
    SSL_set_ex_data(connection, LinkIndex(), link);
    BIO* bio = SSL_get_rbio(connection);
    BIO_set_callback_arg(bio, reinterpret_cast<char*>(link));
    BIO_set_callback_ex(bio, OnBio);
    if (!origin_.is_address) SSL_set_tlsext_host_name(connection, origin_.host.c_str());
  }
  link->exchange = exchange;
}

SkipDefaultAuthorities::SkipDefaultAuthorities() { skip_default_authorities = true; }
SkipDefaultAuthorities::~SkipDefaultAuthorities() { skip_default_authorities = false; }
int SkipDefaultAuthorities::skipped() { return skipped_default_authorities.load(); }

}  // namespace rempart::http

// A definition in the program comes before that of a shared library, for the libraries' calls too.
extern "C" int SSL_CTX_set_default_verify_paths(SSL_CTX* context) {
  if (rempart::http::skip_default_authorities) {
    ++rempart::http::skipped_default_authorities;
    return 1;
  }
  using Function = int (*)(SSL_CTX*);
  static const auto original = reinterpret_cast<Function>(dlsym(RTLD_NEXT, "SSL_CTX_set_default_verify_paths"));
  return original == nullptr ? 0 : original(context);
}
