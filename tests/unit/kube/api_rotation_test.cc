// Credentials and authorities that change while the Api is in use.
#include <gtest/gtest.h>

#include <thread>
#include <vector>

#include "src/kube/api.h"
#include "tests/unit/kube/api_fixture.h"
#include "tests/unit/kube/temp_dir.h"

namespace rempart::kube {
namespace {

using std::chrono::seconds;
using test::ApiTest;
using test::Header;
using test::TempDir;

const std::string kCa = "-----BEGIN CERTIFICATE-----\nMQ==\n-----END CERTIFICATE-----\n";
const std::string kOtherCa = "-----BEGIN CERTIFICATE-----\nMg==\n-----END CERTIFICATE-----\n";

class ApiRotationTest : public ApiTest {};

TEST_F(ApiRotationTest, A401WithAFixedTokenIsNotRepeated) {
  server_.Next(401, R"({"kind":"Status","message":"Unauthorized"})");
  const auto reply = Do("GET", "/x");
  EXPECT_EQ(reply.error().kind, ErrorKind::kDenied);
  EXPECT_EQ(reply.error().message, "do things: Unauthorized");
  EXPECT_EQ(server_.requests().size(), 1u);
}

TEST_F(ApiRotationTest, A401IsRepeatedOnceWithANewToken) {
  TempDir dir;
  config_.token.clear();
  config_.token_file = dir.Write("token", "t0");
  ASSERT_TRUE(Do("GET", "/x"));
  dir.Write("token", "t1");
  server_.Next(401);
  ASSERT_TRUE(Do("POST", "/x", "{}"));
  dir.Write("token", "t2");
  server_.Next(401);
  server_.Next(401);
  EXPECT_EQ(Do("GET", "/x").error().kind, ErrorKind::kDenied);
  std::vector<std::string> tokens;
  for (const auto& request : server_.requests()) tokens.push_back(Header(request, "authorization")->substr(7));
  EXPECT_EQ(tokens, (std::vector<std::string>{"t0", "t0", "t1", "t1", "t2"}));
  EXPECT_EQ(server_.opened().size(), 2u) << "a token needs no new connection";
}

TEST_F(ApiRotationTest, A401WithANewClientCertificateConnectsAnew) {
  UseExecToken(R"("clientCertificateData":"C0","clientKeyData":"K")");
  ASSERT_TRUE(Do("GET", "/x"));
  EXPECT_EQ(server_.tls().identity().value().certificate_pem, "C0");
  clock_.Advance(seconds(10));
  UseExecToken(R"("clientCertificateData":"C1","clientKeyData":"K")");
  server_.Next(401);
  ASSERT_TRUE(Do("GET", "/x"));
  EXPECT_EQ(server_.requests().size(), 3u);
  EXPECT_EQ(server_.opened().size(), 4u);
  EXPECT_EQ(server_.tls().identity().value().certificate_pem, "C1");
  // The same certificate, still refused: that is an answer.
  clock_.Advance(seconds(10));
  server_.Next(401);
  EXPECT_EQ(Do("GET", "/x").error().kind, ErrorKind::kDenied);
  EXPECT_EQ(server_.requests().size(), 4u);
  EXPECT_EQ(server_.opened().size(), 4u);
}

TEST_F(ApiRotationTest, CredentialsThatCannotBeHad) {
  UseExecToken("");
  plugin_output_.clear();
  const auto reply = Do("GET", "/x");
  ASSERT_FALSE(reply);
  EXPECT_EQ(reply.error().message, "do things: the plugin failed");
  EXPECT_EQ(server_.requests().size(), 0u);
}

TEST_F(ApiRotationTest, AChangedCaIsReadWhenConnectionsFail) {
  TempDir dir;
  config_.ca_pem = kCa;
  config_.ca_file = dir.Write("ca.crt", kCa);
  server_.Break(Error::Transient("certificate verify failed"));
  EXPECT_FALSE(Do("POST", "/x", "{}"));
  EXPECT_EQ(server_.opened().size(), 2u) << "the file says nothing new";
  dir.Write("ca.crt", kOtherCa);
  server_.Break(Error::Transient("certificate verify failed"));
  EXPECT_FALSE(Do("POST", "/x", "{}"));
  EXPECT_EQ(server_.opened().size(), 2u) << "looked at less than 10 s ago";
  clock_.Advance(seconds(10));
  server_.Break(Error::Transient("certificate verify failed"));
  EXPECT_TRUE(Do("GET", "/x")) << "a GET is sent again at once, over the new connection";
  ASSERT_EQ(server_.opened().size(), 4u);
  EXPECT_EQ(server_.opened()[3].ca_pem, kOtherCa);
}

TEST_F(ApiRotationTest, ACaFileThatCannotBeUsedChangesNothing) {
  TempDir dir;
  config_.ca_pem = kCa;
  config_.ca_file = dir / "ca.crt";
  (void)api();
  const auto fail = [&] {
    clock_.Advance(seconds(10));
    server_.Break(Error::Transient("reset"));
    return Do("POST", "/x", "{}").error().message;
  };
  EXPECT_EQ(fail(), "do things: reset") << "the file is not there";
  dir.Write("ca.crt", "rubbish");
  EXPECT_EQ(fail(), "do things: reset");
  dir.Write("ca.crt", kOtherCa);
  server_.RefuseClients(true);
  EXPECT_EQ(fail(), "do things: reset");
  EXPECT_TRUE(Do("GET", "/x")) << "the clients in use stay";
  EXPECT_EQ(server_.opened().size(), 2u);
  server_.RefuseClients(false);
  EXPECT_EQ(fail(), "do things: reset");
  EXPECT_EQ(server_.opened().size(), 4u);
}

TEST_F(ApiRotationTest, AStreamRenewsCredentialsOnce) {
  TempDir dir;
  config_.token.clear();
  config_.token_file = dir.Write("token", "t0");
  (void)Do("GET", "/x");
  dir.Write("token", "t1");
  server_.Next(401);
  EXPECT_TRUE(api().Stream("/w", seconds(1), [](std::string_view) { return true; }, {}));
  EXPECT_EQ(*Header(server_.requests().back(), "authorization"), "Bearer t1");
  server_.Next(401);
  EXPECT_EQ(api().Stream("/w", seconds(1), [](std::string_view) { return true; }, {}).error().kind, ErrorKind::kDenied);
}

TEST_F(ApiRotationTest, ManyThreadsWhileCredentialsAndCaRotate) {
  TempDir dir;
  config_.token.clear();
  config_.token_file = dir.Write("token", "t0");
  config_.ca_pem = kCa;
  config_.ca_file = dir.Write("ca.crt", kCa);
  (void)api();
  std::vector<std::jthread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&, i] {
      for (int n = 0; n < 50; ++n) {
        if (i == 0 && n % 5 == 0) dir.Write("token", "t" + std::to_string(n));
        if (i == 0 && n % 7 == 0) dir.Write("ca.crt", n % 2 ? kCa : kOtherCa);
        if (i == 1) clock_.Advance(seconds(3));
        if (n % 3 == 0) server_.Break(Error::Transient("reset"));
        if (n % 4 == 0) server_.Next(401);
        (void)Do("GET", "/x");
      }
    });
  }
  threads.clear();
  int failures = 0;  // of answers that are still in the script
  while (failures < 300 && !Do("GET", "/x")) ++failures;
  EXPECT_LT(failures, 300);
}

}  // namespace
}  // namespace rempart::kube
