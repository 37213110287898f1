// Whom the client trusts, and what it presents.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <mutex>
#include <thread>
#include <vector>

#include "tests/unit/http/fixture.h"

namespace rempart::http::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

RawServer::Behaviour Hello() {
  return RawServer::Loop([](Connection& connection, const SeenRequest&) { connection.Answer("hello"); });
}

// Each request over a connection of its own.
RawServer::Behaviour NameOfThePeer() {
  return RawServer::Loop([](Connection& connection, const SeenRequest&) {
    connection.Answer(connection.PeerName(), "200 OK", "Connection: close\r\n");
  });
}

RawServer::Options With(const Certificate& certificate) { return {.certificate = certificate}; }

Error ErrorOf(const RawServer& server, const std::string& host = "") {
  const auto response = Connect(server, host)->Send({.target = "/"}, {});
  if (!response) return response.error();
  ADD_FAILURE() << "the certificate was accepted";
  return {};
}

TEST(ClientTls, RefusesAnotherAuthority) {
  const Certificate other = MakeAuthority("other authority");
  RawServer server(With(Issue(other, {.addresses = {"127.0.0.1"}})), Hello());
  const Error error = ErrorOf(server);
  EXPECT_EQ(error.kind, ErrorKind::kTransient);
  EXPECT_THAT(error.message, HasSubstr("TLS handshake failed: unable to get local issuer certificate"));
}

TEST(ClientTls, RefusesAnAuthorityOfTheSameName) {
  const Certificate impostor = MakeAuthority("test authority");
  RawServer server(With(Issue(impostor, {.addresses = {"127.0.0.1"}})), Hello());
  EXPECT_THAT(ErrorOf(server).message, HasSubstr("TLS handshake failed"));
}

TEST(ClientTls, RefusesSelfSigned) {
  RawServer server(With(MakeAuthority("127.0.0.1")), Hello());
  EXPECT_THAT(ErrorOf(server).message, HasSubstr("self-signed certificate"));
}

TEST(ClientTls, RefusesAnotherAddress) {
  RawServer server(With(Issue(Authority(), {.names = {"localhost"}, .addresses = {"192.0.2.1"}})), Hello());
  EXPECT_THAT(ErrorOf(server).message, HasSubstr("IP address mismatch"));
}

TEST(ClientTls, RefusesAnotherName) {
  RawServer server(With(Issue(Authority(), {.names = {"example.org"}, .addresses = {"127.0.0.1"}})), Hello());
  EXPECT_THAT(ErrorOf(server, "localhost").message, HasSubstr("hostname mismatch"));
}

TEST(ClientTls, DoesNotLookAtTheCommonName) {
  RawServer server(With(Issue(Authority(), {.common_name = "localhost", .names = {"example.org"}})), Hello());
  EXPECT_THAT(ErrorOf(server, "localhost").message, HasSubstr("hostname mismatch"));
  RawServer bare(With(Issue(Authority(), {.common_name = "localhost"})), Hello());
  EXPECT_THAT(ErrorOf(bare, "localhost").message, HasSubstr("hostname mismatch"));
}

TEST(ClientTls, RefusesExpiredAndNotYetValid) {
  RawServer expired(With(Issue(Authority(), {.addresses = {"127.0.0.1"}, .valid_until = -60})), Hello());
  EXPECT_THAT(ErrorOf(expired).message, HasSubstr("certificate has expired"));
  RawServer early(With(Issue(Authority(), {.addresses = {"127.0.0.1"}, .valid_from = 600})), Hello());
  EXPECT_THAT(ErrorOf(early).message, HasSubstr("certificate is not yet valid"));
}

TEST(ClientTls, RefusesAServerWithoutTls) {
  RawServer plain(
      {}, [](Connection& connection) { connection.Answer("client sent TLS to a plain port", "400 Bad Request"); });
  const auto client = MakeClient("https://127.0.0.1:" + std::to_string(plain.port()), {});
  ASSERT_TRUE(client);
  const auto response = (*client)->Send({.target = "/", .timeout = std::chrono::seconds(5)}, {});
  ASSERT_FALSE(response);
  EXPECT_EQ(response.error().kind, ErrorKind::kTransient);
  EXPECT_THAT(response.error().message, HasSubstr("wrong version number"));
}

TEST(ClientTls, TrustsTheSystemOnlyWhenNoAuthorityIsGiven) {
  const auto options = WithTls();
  RawServer server(options, Hello());
  // The test's authority is not among the system's.
  const auto client = MakeClient(server.origin(), {});
  ASSERT_TRUE(client);
  const auto response = (*client)->Send({.target = "/"}, {});
  ASSERT_FALSE(response);
  EXPECT_THAT(response.error().message, HasSubstr("TLS handshake failed"));
}

TEST(ClientTls, AcceptsChainsAndIntermediateAuthorities) {
  const Certificate intermediate = MakeAuthority("intermediate", &Authority());
  Certificate leaf = Issue(intermediate, {.addresses = {"127.0.0.1"}});
  RawServer bare(With(leaf), Hello());
  EXPECT_THAT(ErrorOf(bare).message, HasSubstr("unable to get local issuer certificate"));
  auto client = MakeClient(bare.origin(), {.ca_pem = intermediate.certificate_pem});
  ASSERT_TRUE(client);
  EXPECT_TRUE((*client)->Send({.target = "/"}, {})) << "an intermediate authority may be the end of trust";
  leaf.certificate_pem += intermediate.certificate_pem;
  RawServer chain(With(leaf), Hello());
  EXPECT_TRUE(Connect(chain)->Send({.target = "/"}, {}));
}

TEST(ClientTls, AcceptsSeveralAuthorities) {
  RawServer server(WithTls(), Hello());
  const std::string both =
      "some text before\n" + MakeAuthority("another").certificate_pem + "\n" + Authority().certificate_pem;
  auto client = MakeClient(server.origin(), {.ca_pem = both});
  ASSERT_TRUE(client) << client.error().ToString();
  EXPECT_TRUE((*client)->Send({.target = "/"}, {}));
}

TEST(ClientTls, RefusesMalformedAuthorities) {
  std::string broken = Authority().certificate_pem;
  broken[broken.size() / 2] = '!';
  for (const std::string& pem :
       {std::string("nonsense"), broken, Authority().key_pem, Authority().certificate_pem + broken}) {
    const auto client = MakeClient("https://127.0.0.1:1", {.ca_pem = pem});
    ASSERT_FALSE(client);
    EXPECT_EQ(client.error().kind, ErrorKind::kInvalid);
    EXPECT_THAT(client.error().message, HasSubstr("certificate authority"));
  }
}

TEST(ClientTls, PresentsItsCertificateAndANewOneOnTheNextConnection) {
  const Certificate client_authority = MakeAuthority("client authority");
  auto options = WithTls();
  options.client_ca_pem = client_authority.certificate_pem;
  RawServer server(options, RawServer::Loop([](Connection& connection, const SeenRequest& request) {
                     const bool last = request.line.starts_with("GET /last");
                     connection.Answer(connection.PeerName(), "200 OK", last ? "Connection: close\r\n" : "");
                   }));
  const Certificate intermediate = MakeAuthority("client intermediate", &client_authority);
  const Certificate first = Issue(client_authority, {.common_name = "first"});
  Certificate second = Issue(intermediate, {.common_name = "second"});
  second.certificate_pem += intermediate.certificate_pem;
  Identity current{first.certificate_pem, first.key_pem};
  int reads = 0;
  auto client = MakeClient(server.origin(), {.ca_pem = Authority().certificate_pem,
                                             .identity = [&]() -> Result<Identity> { return ++reads, current; }});
  ASSERT_TRUE(client) << client.error().ToString();
  std::vector<std::string> names;
  const auto send = [&](const std::string& target) {
    const auto response = (*client)->Send({.target = target}, {});
    names.push_back(response ? response->body : response.error().ToString());
  };
  send("/");
  current = {second.certificate_pem, second.key_pem};
  send("/last");
  send("/");
  send("/");
  EXPECT_THAT(names, ElementsAre("first", "first", "second", "second"));
  EXPECT_EQ(reads, 2) << "read for each new connection, and only then";
  EXPECT_EQ(server.connections(), 2);
}

TEST(ClientTls, SaysWhyAnIdentityIsOfNoUse) {
  const Certificate other = Issue(Authority(), {});
  const Certificate good = Issue(Authority(), {});
  RawServer server(WithTls(), Hello());
  const auto error_with = [&](Result<Identity> identity) {
    auto client =
        MakeClient(server.origin(), {.ca_pem = Authority().certificate_pem, .identity = [&] { return identity; }});
    const auto response = (*client)->Send({.target = "/"}, {});
    return response ? "accepted" : response.error().ToString();
  };
  EXPECT_THAT(error_with(Identity{"junk", good.key_pem}),
              HasSubstr("client certificate is not a list of PEM certificates"));
  EXPECT_THAT(error_with(Identity{good.certificate_pem, ""}), HasSubstr("client key is not an unencrypted PEM key"));
  EXPECT_THAT(error_with(Identity{good.certificate_pem, other.key_pem}), HasSubstr("does not belong"));
  EXPECT_THAT(error_with(Fail(Error::Denied("no file"))), HasSubstr("reading the client certificate: no file (denied"));
  EXPECT_EQ(error_with(Identity{}), "accepted") << "an empty identity is none";
}

// What was read once is kept: it must stand for nothing but itself.
TEST(ClientTls, RefusesAnotherKeyForACertificateThatWasOfUse) {
  const Certificate good = Issue(Authority(), {.common_name = "good"});
  const Certificate other = Issue(Authority(), {});
  auto options = WithTls();
  options.client_ca_pem = Authority().certificate_pem;
  RawServer server(options, NameOfThePeer());
  Identity current{good.certificate_pem, good.key_pem};
  auto client =
      MakeClient(server.origin(), {.ca_pem = Authority().certificate_pem, .identity = [&] { return current; }});
  ASSERT_TRUE(client) << client.error().ToString();
  const auto answer = [&] {
    const auto response = (*client)->Send({.target = "/"}, {});
    return response ? response->body : response.error().ToString();
  };
  EXPECT_EQ(answer(), "good");
  EXPECT_EQ(answer(), "good");
  current.key_pem = other.key_pem;
  EXPECT_THAT(answer(), HasSubstr("does not belong"));
  EXPECT_THAT(answer(), HasSubstr("does not belong"));
  current.key_pem = good.key_pem;
  EXPECT_EQ(answer(), "good");
  current = {};
  EXPECT_THAT(answer(), HasSubstr("certificate required"));
}

TEST(ClientTls, PresentsOneIdentityOnManyThreads) {
  const Certificate own = Issue(Authority(), {.common_name = "own"});
  auto options = WithTls();
  options.client_ca_pem = Authority().certificate_pem;
  RawServer server(options, NameOfThePeer());
  auto client = MakeClient(server.origin(), {.ca_pem = Authority().certificate_pem, .identity = [&] {
                                               return Identity{own.certificate_pem, own.key_pem};
                                             }});
  ASSERT_TRUE(client) << client.error().ToString();
  std::atomic<int> presented = 0;
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 16; ++i)
      threads.emplace_back([&] {
        const auto response = (*client)->Send({.target = "/"}, {});
        if (response && response->body == "own") ++presented;
      });
  }
  EXPECT_EQ(presented, 16);
}

TEST(ClientTls, SaysThatACertificateIsMissing) {
  auto options = WithTls();
  options.client_ca_pem = Authority().certificate_pem;
  RawServer server(options, Hello());
  const Error error = ErrorOf(server);
  EXPECT_EQ(error.kind, ErrorKind::kTransient);
  EXPECT_THAT(error.message, HasSubstr("certificate required"));
}

}  // namespace
}  // namespace rempart::http::testing
