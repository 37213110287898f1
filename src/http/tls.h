// TLS of the client (OpenSSL): whom it trusts, what it presents, and the strict check of the server's name.
#pragma once

#include <openssl/ossl_typ.h>

#include <memory>
#include <mutex>
#include <string>

#include "src/base/result.h"
#include "src/http/client.h"
#include "src/http/origin.h"

namespace rempart::http {

struct SslFree {
  void operator()(SSL* ssl) const;
};
using SslPtr = std::unique_ptr<SSL, SslFree>;

// What the connections of one client share. Thread-safe.
class TlsSettings {
 public:
  // TLS 1.2 or newer; empty `ca_pem`: the authorities of the system. Errors: kInvalid.
  static Result<std::unique_ptr<const TlsSettings>> Make(const Origin& origin, const std::string& ca_pem);
  ~TlsSettings();
  TlsSettings(const TlsSettings&) = delete;
  TlsSettings& operator=(const TlsSettings&) = delete;

  // For one connection, which presents `identity` (an empty one is none). Errors: kInvalid, naming what is wrong with
  // it, never showing it.
  Result<SslPtr> NewConnection(const Identity& identity) const;

 private:
  struct Presented;
  explicit TlsSettings(const Origin& origin) : origin_(origin) {}
  Result<std::shared_ptr<const Presented>> Read(const Identity& identity) const;
  const Origin origin_;
  SSL_CTX* context_ = nullptr;
  mutable std::mutex mutex_;
  mutable std::shared_ptr<const Presented> presented_;  // read last; null for none
};

// "certificate has expired": what OpenSSL has to say about the last failure, on this thread; "" for nothing.
std::string WhyTlsFailed(const SSL* ssl);

}  // namespace rempart::http
