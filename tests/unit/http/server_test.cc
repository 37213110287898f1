// The server, spoken to byte by byte over a real socket.
#include "src/http/server.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "src/http/client.h"

namespace rempart::http {
namespace {

using std::chrono::milliseconds;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

class Peer {
 public:
  explicit Peer(int port, bool ipv6 = false) : fd_(socket(ipv6 ? AF_INET6 : AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in v4{.sin_family = AF_INET,
                   .sin_port = htons(static_cast<std::uint16_t>(port)),
                   .sin_addr = {htonl(INADDR_LOOPBACK)}};
    sockaddr_in6 v6{
        .sin6_family = AF_INET6, .sin6_port = htons(static_cast<std::uint16_t>(port)), .sin6_addr = in6addr_loopback};
    const int done = ipv6 ? connect(fd_, reinterpret_cast<sockaddr*>(&v6), sizeof v6)
                          : connect(fd_, reinterpret_cast<sockaddr*>(&v4), sizeof v4);
    EXPECT_EQ(done, 0);
  }
  ~Peer() { close(fd_); }
  Peer(const Peer&) = delete;
  Peer& operator=(const Peer&) = delete;

  bool Send(const std::string& text) {
    return send(fd_, text.data(), text.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(text.size());
  }
  // All until the server closes; "reset" appended when it did so with a reset. Gives up after 20 s without a byte.
  std::string ReadAll() {
    std::string text;
    char block[4096];
    for (;;) {
      if (!Readable(20'000)) return text + "<silence>";
      const ssize_t got = recv(fd_, block, sizeof block, 0);
      if (got < 0) return text + "<reset>";
      if (got == 0) return text;
      text.append(block, static_cast<std::size_t>(got));
    }
  }
  // Until `end` was read.
  std::string ReadUntil(const std::string& end) {
    std::string text;
    char byte = 0;
    while (!text.ends_with(end) && Readable(20'000) && recv(fd_, &byte, 1, 0) == 1) text += byte;
    return text;
  }
  bool Readable(int ms) {
    pollfd p{.fd = fd_, .events = POLLIN, .revents = 0};
    return poll(&p, 1, ms) == 1;
  }
  void HalfClose() { shutdown(fd_, SHUT_WR); }

 private:
  const int fd_;
};

std::unique_ptr<Server> Start(ServerLimits limits = {}, const std::string& address = "127.0.0.1:0") {
  auto server = Server::Listen(
      address,
      [](const std::string& path) -> ServerReply {
        if (path == "/metrics") return {200, "text/plain; version=0.0.4", "up 1\n"};
        if (path == "/large") return {200, "text/plain", std::string(20'000'000, 'x')};
        if (path == "/some") return {200, "text/plain", std::string(1'000'000, 'x')};
        if (path == "/throws") throw std::runtime_error("handler's own fault");
        return {404, "text/plain; charset=utf-8", "no " + path + "\n"};
      },
      limits);
  EXPECT_TRUE(server) << server.error().ToString();
  return server ? *std::move(server) : nullptr;
}

TEST(Server, AnswersGet) {
  const auto server = Start();
  Peer peer(server->port());
  peer.Send("GET /metrics?x=y HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
  const std::string answer = peer.ReadAll();
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 200 OK\r\n"));
  EXPECT_THAT(answer, HasSubstr("Content-Type: text/plain; version=0.0.4\r\n"));
  EXPECT_THAT(answer, HasSubstr("Content-Length: 5\r\n"));
  EXPECT_THAT(answer, EndsWith("\r\n\r\nup 1\n"));
}

TEST(Server, AnswersHeadWithoutABody) {
  const auto server = Start();
  Peer peer(server->port());
  peer.Send("HEAD /metrics HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
  const std::string answer = peer.ReadAll();
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 200 OK\r\n"));
  EXPECT_THAT(answer, HasSubstr("Content-Length: 5\r\n"));
  EXPECT_THAT(answer, EndsWith("\r\n\r\n"));
}

TEST(Server, KeepsConnectionsAliveAndTakesPipelines) {
  const auto server = Start();
  Peer peer(server->port());
  for (int i = 0; i < 100; ++i) {
    peer.Send("GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n");
    EXPECT_THAT(peer.ReadUntil("up 1\n"), StartsWith("HTTP/1.1 200 OK\r\n"));
  }
  peer.Send("GET /a HTTP/1.1\r\nHost: a\r\n\r\nGET /b HTTP/1.1\r\nHost: a\r\n\r\nGET /c HTTP/1.0\r\n\r\n");
  const std::string answer = peer.ReadAll();
  EXPECT_THAT(answer, HasSubstr("no /a\nHTTP/1.1 404 Not Found\r\n"));
  EXPECT_THAT(answer, HasSubstr("no /b\n"));
  EXPECT_THAT(answer, EndsWith("no /c\n"));
}

TEST(Server, RefusesOtherMethods) {
  const auto server = Start();
  for (const std::string method : {"POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "CONNECT", "BREW"}) {
    Peer peer(server->port());
    peer.Send(method + " /metrics HTTP/1.1\r\nHost: a\r\n\r\n");
    const std::string answer = peer.ReadAll();
    EXPECT_THAT(answer, StartsWith("HTTP/1.1 405 Method Not Allowed\r\n")) << method;
    EXPECT_THAT(answer, HasSubstr("Allow: GET, HEAD\r\n"));
    EXPECT_THAT(answer, HasSubstr("Connection: close\r\n"));
  }
}

TEST(Server, RefusesBodies) {
  const auto server = Start();
  for (const std::string framing :
       {"Content-Length: 5\r\n\r\nhello", "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"}) {
    Peer peer(server->port());
    peer.Send("GET /metrics HTTP/1.1\r\nHost: a\r\n" + framing);
    EXPECT_THAT(peer.ReadAll(), StartsWith("HTTP/1.1 413 ")) << framing;
  }
}

TEST(Server, RefusesLargeHeadersAndDeliversTheRefusal) {
  const auto server = Start();
  {
    Peer peer(server->port());
    peer.Send("GET /metrics HTTP/1.1\r\nHost: a\r\nX: " + std::string(7000, 'x') + "\r\nConnection: close\r\n\r\n");
    EXPECT_THAT(peer.ReadAll(), StartsWith("HTTP/1.1 200 OK\r\n"));
  }
  for (const std::size_t size : {std::size_t{9'000}, std::size_t{100'000}}) {
    Peer peer(server->port());
    peer.Send("GET /metrics HTTP/1.1\r\nHost: a\r\nX: " + std::string(size, 'x') + "\r\n\r\n");
    peer.HalfClose();
    const std::string answer = peer.ReadAll();
    EXPECT_THAT(answer, StartsWith("HTTP/1.1 431 ")) << size;
    EXPECT_THAT(answer, EndsWith("\n")) << "ended by a reset";
  }
  Peer target(server->port());
  target.Send("GET /" + std::string(20'000, 'p') + " HTTP/1.1\r\nHost: a\r\n\r\n");
  target.HalfClose();
  EXPECT_THAT(target.ReadAll(), StartsWith("HTTP/1.1 431 "));
}

TEST(Server, RefusesWhatIsNotHttp) {
  const auto server = Start();
  for (const std::string& text :
       {std::string("hello\r\n\r\n"), std::string("GET /\r\n\r\n"), std::string("\x16\x03\x01\x02\x00\x01\x00", 7),
        std::string("GET / HTTP/1.1\r\nA B: c\r\n\r\n"), std::string("GET / HTTP/3.0\r\n\r\n"),
        std::string("GET / HTTP/1.1\r\nContent-Length: x\r\n\r\n")}) {
    Peer peer(server->port());
    peer.Send(text);
    EXPECT_THAT(peer.ReadAll(), StartsWith("HTTP/1.1 400 ")) << text;
  }
}

TEST(Server, AHandlersExceptionIsAnInternalError) {
  const auto server = Start();
  Peer peer(server->port());
  peer.Send("GET /throws HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
  const std::string answer = peer.ReadAll();
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 500 "));
  EXPECT_THAT(answer, Not(HasSubstr("own fault")));
}

TEST(Server, CutsSlowRequests) {
  const auto server = Start({.request_time = milliseconds(300)});
  Peer slow(server->port());
  std::jthread drip([&](std::stop_token stop) {
    slow.Send("GET /metrics HTTP/1.1\r\n");
    while (!stop.stop_requested() && slow.Send("X: y\r\n")) std::this_thread::sleep_for(milliseconds(20));
  });
  EXPECT_THAT(slow.ReadUntil("long\n"), StartsWith("HTTP/1.1 408 Request Timeout\r\n"));
  drip.request_stop();
  Peer silent(server->port());
  EXPECT_EQ(silent.ReadAll(), "") << "a connection without a request is closed without a word";
  Peer kept(server->port());
  kept.Send("GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_THAT(kept.ReadAll(), EndsWith("up 1\n")) << "and so is one that has had its answer";
}

TEST(Server, CutsClientsThatDoNotReadTheAnswer) {
  const auto server = Start({.connections = 1, .request_time = milliseconds(300)});
  Peer peer(server->port());
  peer.Send("GET /large HTTP/1.1\r\nHost: a\r\n\r\n");
  ASSERT_TRUE(peer.Readable(20'000));
  // Not read for the time of a request: what is left of it is cut.
  std::this_thread::sleep_for(milliseconds(700));
  EXPECT_LT(peer.ReadAll().size(), 20'000'000U);
}

TEST(Server, TheOldestConnectionGivesWay) {
  const auto server = Start({.connections = 64});
  std::vector<std::unique_ptr<Peer>> peers;
  for (int i = 0; i < 70; ++i) peers.push_back(std::make_unique<Peer>(server->port()));
  peers.back()->Send("GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_THAT(peers.back()->ReadUntil("up 1\n"), StartsWith("HTTP/1.1 200 OK\r\n"));
  for (int i = 0; i < 70; ++i) {
    if (i < 6) {
      EXPECT_EQ(peers[static_cast<std::size_t>(i)]->ReadAll(), "") << i;
    } else {
      EXPECT_FALSE(peers[static_cast<std::size_t>(i)]->Readable(0)) << i;
    }
  }
}

TEST(Server, SurvivesClientsThatGoAway) {
  const auto server = Start();
  for (int i = 0; i < 200; ++i) {
    Peer peer(server->port());
    if (i % 3 == 0) continue;
    peer.Send(i % 3 == 1 ? "GET /so" : "GET /some HTTP/1.1\r\nHost: a\r\n\r\n");
  }
  Peer peer(server->port());
  peer.Send("GET /metrics HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
  EXPECT_THAT(peer.ReadAll(), EndsWith("up 1\n"));
}

TEST(Server, StopsAtOnceWithConnectionsOpen) {
  auto server = Start();
  std::vector<std::unique_ptr<Peer>> peers;
  for (int i = 0; i < 20; ++i) {
    peers.push_back(std::make_unique<Peer>(server->port()));
    peers.back()->Send(i % 2 == 0 ? "GET /met" : "GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n");
  }
  EXPECT_THAT(peers.back()->ReadUntil("up 1\n"), StartsWith("HTTP/1.1 200 OK\r\n"));
  const int port = server->port();
  const auto start = std::chrono::steady_clock::now();
  server.reset();
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(2));
  const auto again = Start({}, "127.0.0.1:" + std::to_string(port));
  EXPECT_NE(again, nullptr) << "the port is free at once";
}

TEST(Server, ListensOnEveryInterface) {
  const auto server = Start({}, ":0");
  Peer v4(server->port());
  v4.Send("GET /metrics HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
  EXPECT_THAT(v4.ReadAll(), EndsWith("up 1\n"));
  const auto v6 = Start({}, "[::1]:0");
  Peer peer(v6->port(), true);
  peer.Send("GET /metrics HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
  EXPECT_THAT(peer.ReadAll(), EndsWith("up 1\n"));
}

TEST(Server, SaysWhyItCannotListen) {
  const Handler handler = [](const std::string&) { return ServerReply{}; };
  for (const std::string address : {"", "8080", "host:80", "127.0.0.1:", "127.0.0.1:x", "127.0.0.1:65536",
                                    "127.0.0.1:-1", "::1:80", "[127.0.0.1]:80", "1.2.3:80", "192.0.2.77:0"}) {
    const auto server = Server::Listen(address, handler);
    ASSERT_FALSE(server) << address;
    EXPECT_EQ(server.error().kind, ErrorKind::kInvalid) << server.error().ToString();
  }
  const auto first = Start();
  const auto second = Server::Listen("127.0.0.1:" + std::to_string(first->port()), handler);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().kind, ErrorKind::kTransient);
}

TEST(Server, ServesOurClient) {
  const auto server = Start();
  auto client = MakeClient("http://127.0.0.1:" + std::to_string(server->port()), {});
  ASSERT_TRUE(client);
  for (int i = 0; i < 10; ++i) {
    const auto some = (*client)->Send({.target = "/some"}, {});
    ASSERT_TRUE(some) << some.error().ToString();
    EXPECT_EQ(some->body.size(), 1'000'000U);
    const auto head = (*client)->Send({.method = "HEAD", .target = "/metrics"}, {});
    ASSERT_TRUE(head) << head.error().ToString();
    EXPECT_EQ(head->status, 200);
  }
}

}  // namespace
}  // namespace rempart::http
