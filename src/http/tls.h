// TLS of the client (OpenSSL): whom it trusts, what it presents, and the strict check of the server's name.
#pragma once

#include <openssl/ossl_typ.h>

#include <memory>
#include <string>

#include "src/base/result.h"
#include "src/http/client.h"
#include "src/http/exchange.h"
#include "src/http/origin.h"

namespace rempart::http {

// A certificate, its chain and its key, decoded.
class ClientIdentity {
 public:
  // An empty identity is no identity: null. Errors: kInvalid, naming what is wrong, never showing it.
  static Result<std::shared_ptr<const ClientIdentity>> Parse(const Identity& identity);
  ~ClientIdentity();
  bool Install(SSL_CTX* context) const;

 private:
  ClientIdentity() = default;
  X509* certificate_ = nullptr;
  std::vector<X509*> chain_;
  EVP_PKEY* key_ = nullptr;
};

// What the connections of one client share. Immutable, so thread-safe.
class TlsSettings {
 public:
  static Result<std::shared_ptr<const TlsSettings>> Make(const Origin& origin, const std::string& ca_pem);
  ~TlsSettings();

  // For each new connection: TLS 1.2 or newer, the authorities, the name to be found in the certificate, the identity.
  bool Configure(SSL_CTX* context, const ClientIdentity* identity) const;

  // Makes `exchange` the one that is told of bytes on this connection, and why it was refused.
  void Attach(SSL* connection, const std::shared_ptr<Exchange>& exchange) const;

 private:
  TlsSettings() = default;
  Origin origin_;
  X509_STORE* authorities_ = nullptr;
};

// "certificate has expired" for an OpenSSL error code, or the text of an errno.
std::string TextOfIoError(unsigned long code);

// While one lives on a thread, SSL_CTX_set_default_verify_paths does nothing on it. cpprestsdk calls that for each
// connection, before its callback lets Configure replace the authorities; where the system's bundle is one file, it
// would be parsed each time (30 ms and 1 MB), to be thrown away.
class SkipDefaultAuthorities {
 public:
  SkipDefaultAuthorities();
  ~SkipDefaultAuthorities();
  SkipDefaultAuthorities(const SkipDefaultAuthorities&) = delete;
  SkipDefaultAuthorities& operator=(const SkipDefaultAuthorities&) = delete;
  static int skipped();  // how often it did nothing so far, for tests
};

}  // namespace rempart::http
