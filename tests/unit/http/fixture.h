// What most of these tests begin with: an authority, a server certificate for loopback, a client that trusts it.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "src/http/client.h"
#include "tests/unit/http/certificates.h"
#include "tests/unit/http/raw_server.h"

namespace rempart::http::testing {

inline const Certificate& Authority() {
  static const Certificate authority = MakeAuthority("test authority");
  return authority;
}

inline RawServer::Options WithTls() {
  static const Certificate certificate =
      Issue(Authority(), {.names = {"localhost"}, .addresses = {"127.0.0.1", "::1"}});
  return {.certificate = certificate};
}

inline std::unique_ptr<Client> Connect(const RawServer& server, const std::string& host = "") {
  auto client = MakeClient(server.origin(host), {.ca_pem = Authority().certificate_pem});
  EXPECT_TRUE(client) << client.error().ToString();
  return client ? *std::move(client) : nullptr;
}

}  // namespace rempart::http::testing
