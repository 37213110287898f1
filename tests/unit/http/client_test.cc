// The client's requests and answers, over TLS unless a test is about something else.
#include "src/http/client.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>
#include <vector>

#include "tests/unit/http/fixture.h"

namespace rempart::http::testing {
namespace {

using ::testing::HasSubstr;

TEST(Headers, AreFoundInAnyCase) {
  const Headers headers = {{"Content-Type", "a"}, {"X-B", "b"}, {"content-type", "c"}};
  ASSERT_NE(Find(headers, "CONTENT-type"), nullptr);
  EXPECT_EQ(*Find(headers, "CONTENT-type"), "a");
  EXPECT_EQ(*Find(headers, "x-b"), "b");
  EXPECT_EQ(Find(headers, "x-"), nullptr);
  EXPECT_EQ(Find({}, ""), nullptr);
}

TEST(Client, SendsMethodTargetHeadersAndBody) {
  std::vector<SeenRequest> seen;
  RawServer server(WithTls(), RawServer::Loop([&](Connection& connection, const SeenRequest& request) {
                     seen.push_back(request);
                     connection.Answer("answer to " + request.line, "201 Created", "X-Some: Thing\r\n");
                   }));
  const auto client = Connect(server);
  for (const std::string method : {"GET", "POST", "PATCH", "PUT", "DELETE"}) {
    Request request{.method = method, .target = "/api/v1/a%2Fb//c:d?x=%20y&fieldSelector=a%3Db,c&z"};
    request.headers = {
        {"Content-Type", "application/apply-patch+yaml"}, {"Accept", "application/json"}, {"X-Empty", ""}};
    if (method != "GET" && method != "DELETE") request.body = "body of " + method;
    const auto response = client->Send(request, {});
    ASSERT_TRUE(response) << response.error().ToString();
    EXPECT_EQ(response->status, 201);
    EXPECT_EQ(response->body, "answer to " + method + " /api/v1/a%2Fb//c:d?x=%20y&fieldSelector=a%3Db,c&z HTTP/1.1");
    ASSERT_NE(Find(response->headers, "x-sOME"), nullptr);
    EXPECT_EQ(*Find(response->headers, "x-sOME"), "Thing");
    const SeenRequest& at_server = seen.back();
    EXPECT_EQ(at_server.body, request.body);
    EXPECT_EQ(at_server.Header("content-type"), "application/apply-patch+yaml");
    EXPECT_EQ(at_server.Header("accept"), "application/json");
    EXPECT_EQ(at_server.Header("host"), "127.0.0.1:" + std::to_string(server.port()));
    EXPECT_EQ(at_server.Header("transfer-encoding"), "");
    EXPECT_EQ(at_server.Header("accept-encoding"), "");
  }
  EXPECT_EQ(server.connections(), 1) << "the connection is kept and used again";
}

TEST(Client, CarriesLargeBodiesBothWays) {
  RawServer server(WithTls(), RawServer::Loop([](Connection& connection, const SeenRequest& request) {
                     connection.Answer(request.body);
                   }));
  const auto client = Connect(server);
  Request request{.method = "POST", .target = "/"};
  for (int i = 0; request.body.size() < 3'000'000; ++i) request.body += std::to_string(i) + ",";
  const auto response = client->Send(request, {});
  ASSERT_TRUE(response) << response.error().ToString();
  EXPECT_EQ(response->body, request.body);
}

TEST(Client, ReadsChunksAndBodiesWithoutLength) {
  RawServer server(WithTls(), [](Connection& connection) {
    connection.Read();
    connection.Write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    connection.Chunk("one,");
    connection.Chunk(std::string(100'000, 'x'));
    connection.Write("0\r\n\r\n");
    connection.Read();
    connection.Write("HTTP/1.1 200 OK\r\n\r\nuntil the end");
    connection.CloseNotify();
  });
  const auto client = Connect(server);
  auto response = client->Send({.target = "/"}, {});
  ASSERT_TRUE(response) << response.error().ToString();
  EXPECT_EQ(response->body, "one," + std::string(100'000, 'x'));
  response = client->Send({.target = "/"}, {});
  ASSERT_TRUE(response) << response.error().ToString();
  EXPECT_EQ(response->body, "until the end");
  EXPECT_EQ(server.connections(), 1);
}

TEST(Client, TakesAnswersWithoutBody) {
  RawServer server(WithTls(), RawServer::Loop([](Connection& connection, const SeenRequest& request) {
                     if (request.line.starts_with("HEAD"))
                       connection.Write("HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n");
                     else
                       connection.Write("HTTP/1.1 204 No Content\r\n\r\n");
                   }));
  const auto client = Connect(server);
  auto response = client->Send({.method = "HEAD", .target = "/"}, {});
  ASSERT_TRUE(response) << response.error().ToString();
  EXPECT_EQ(*Find(response->headers, "content-length"), "99999999999");
  response = client->Send({.method = "DELETE", .target = "/"}, {});
  ASSERT_TRUE(response) << response.error().ToString();
  EXPECT_EQ(response->status, 204);
  EXPECT_EQ(response->body, "");
  EXPECT_EQ(server.connections(), 1);
}

TEST(Client, AnyStatusIsAnAnswerAndRedirectsAreNotFollowed) {
  RawServer server(WithTls(), RawServer::Loop([](Connection& connection, const SeenRequest& request) {
                     const std::string status = request.line.substr(5, 3);
                     connection.Answer("{}", status + " Some Reason", "Location: https://127.0.0.1:1/\r\n");
                   }));
  const auto client = Connect(server);
  for (const int status : {200, 301, 302, 307, 404, 409, 410, 422, 429, 500, 503}) {
    const auto response = client->Send({.target = "/" + std::to_string(status)}, {});
    ASSERT_TRUE(response) << response.error().ToString();
    EXPECT_EQ(response->status, status);
    EXPECT_EQ(response->body, "{}");
  }
  EXPECT_EQ(server.connections(), 1);
}

TEST(Client, DoesNotDecompress) {
  RawServer server(WithTls(), RawServer::Loop([](Connection& connection, const SeenRequest&) {
                     connection.Answer("\x1f\x8b rest", "200 OK", "Content-Encoding: gzip\r\n");
                   }));
  const auto response = Connect(server)->Send({.target = "/"}, {});
  ASSERT_TRUE(response) << response.error().ToString();
  EXPECT_EQ(response->body, "\x1f\x8b rest");
}

TEST(Client, IgnoresProxiesOfTheEnvironment) {
  setenv("https_proxy", "http://127.0.0.1:1", 1);
  setenv("HTTPS_PROXY", "http://127.0.0.1:1", 1);
  RawServer server(WithTls(), RawServer::Loop([](Connection& c, const SeenRequest&) { c.Answer("direct"); }));
  const auto response = Connect(server)->Send({.target = "/"}, {});
  unsetenv("https_proxy");
  unsetenv("HTTPS_PROXY");
  ASSERT_TRUE(response) << response.error().ToString();
  EXPECT_EQ(response->body, "direct");
}

TEST(Client, TwentyAtOnce) {
  RawServer server(WithTls(), RawServer::Loop([](Connection& connection, const SeenRequest& request) {
                     connection.Answer(request.body);
                   }));
  const auto client = Connect(server);
  std::atomic<int> good{0};
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < 20; ++t) {
      threads.emplace_back([&, t] {
        for (int i = 0; i < 25; ++i) {
          const std::string body = std::to_string(t) + "/" + std::to_string(i) + std::string(2000, 'b');
          const auto response = client->Send({.method = "PATCH", .target = "/", .body = body}, {});
          if (response && response->body == body) ++good;
        }
      });
    }
  }
  EXPECT_EQ(good, 500);
  EXPECT_LE(server.connections(), 20) << "one connection a sender is enough";
}

TEST(Client, NamesTheServerAndTheHost) {
  std::string asked, host;
  RawServer server(WithTls(), RawServer::Loop([&](Connection& connection, const SeenRequest& request) {
                     asked = connection.ServerName();
                     host = request.Header("host");
                     connection.Answer("");
                   }));
  // "localhost" is ::1 first in many places, where nobody listens: the next address must be tried.
  const auto response = Connect(server, "localhost")->Send({.target = "/"}, {});
  ASSERT_TRUE(response) << response.error().ToString();
  EXPECT_EQ(asked, "localhost");
  EXPECT_EQ(host, "localhost:" + std::to_string(server.port()));
}

TEST(Client, ConnectsOverIpv6) {
  auto options = WithTls();
  options.ipv6 = true;
  std::string host;
  RawServer server(options, RawServer::Loop([&](Connection& connection, const SeenRequest& request) {
                     host = request.Header("host");
                     connection.Answer("six");
                   }));
  const auto response = Connect(server)->Send({.target = "/x"}, {});
  ASSERT_TRUE(response) << response.error().ToString();
  EXPECT_EQ(response->body, "six");
  EXPECT_EQ(host, "[::1]:" + std::to_string(server.port()));
}

TEST(Client, SpeaksPlainHttpToLoopback) {
  RawServer server({}, RawServer::Loop([](Connection& c, const SeenRequest& r) { c.Answer(r.body); }));
  for (const std::string host : {"127.0.0.1", "localhost"}) {
    auto client = MakeClient(server.origin(host), {});
    ASSERT_TRUE(client) << client.error().ToString();
    const auto response = (*client)->Send({.method = "POST", .target = "/", .body = "plain"}, {});
    ASSERT_TRUE(response) << response.error().ToString();
    EXPECT_EQ(response->body, "plain");
  }
}

TEST(Client, RefusesOriginsThatItMustNotTalkTo) {
  for (const std::string origin : {"http://192.0.2.1:80",
                                   "http://example.org",
                                   "http://[2001:db8::1]:80",
                                   "ftp://localhost",
                                   "localhost:80",
                                   "",
                                   "https://",
                                   "https://host:0",
                                   "https://host:65536",
                                   "https://host:x",
                                   "https://user@host",
                                   "https://host/path",
                                   "https://host?query",
                                   "https://ho st",
                                   "https://[::1",
                                   "https://::1:443",
                                   "https://[host]:1",
                                   "https://[fe80::1%25lo]",
                                   "https://host:1:2",
                                   "http://localhost.example.org",
                                   "https://a\r\nb"}) {
    const auto client = MakeClient(origin, {});
    ASSERT_FALSE(client) << origin;
    EXPECT_EQ(client.error().kind, ErrorKind::kInvalid);
    EXPECT_THAT(client.error().message, HasSubstr("expected https://host:port"));
  }
}

TEST(Client, RefusesRequestsThatWouldBreakOutOfTheirPlace) {
  RawServer server(WithTls(), RawServer::Loop([](Connection& c, const SeenRequest&) { c.Answer(""); }));
  const auto client = Connect(server);
  const std::vector<std::pair<Request, std::string>> bad = {
      {{.method = "GET / HTTP/1.1\r\nX: y\r\n\r\nGET", .target = "/"}, "method"},
      {{.method = "CONNECT", .target = "/"}, "method"},
      {{.target = ""}, "target"},
      {{.target = "//evil/x"}, "target"},
      {{.target = "/a b"}, "target"},
      {{.target = "/a\r\nX: y"}, "target"},
      {{.target = "/a#b"}, "target"},
      {{.target = "/%4"}, "percent-encoding"},
      {{.target = "/", .headers = {{"A\r\nB", "c"}}}, "header name"},
      {{.target = "/", .headers = {{"A", "c\r\nB: d"}}}, "header A"},
      {{.target = "/", .headers = {{"content-LENGTH", "5"}}}, "content-LENGTH"},
      {{.target = "/", .headers = {{"Host", "other"}}}, "Host"},
      {{.target = "/", .timeout = std::chrono::milliseconds(0)}, "timeout"},
  };
  for (const auto& [request, field] : bad) {
    const auto response = client->Send(request, {});
    ASSERT_FALSE(response) << field;
    EXPECT_EQ(response.error().kind, ErrorKind::kInvalid);
    EXPECT_THAT(response.error().message, HasSubstr(field));
  }
  EXPECT_EQ(server.connections(), 0);
}

}  // namespace
}  // namespace rempart::http::testing
