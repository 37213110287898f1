// A requested stop ends a call in whatever phase it is, soon, and closes its connection.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <thread>

#include "src/http/resolver.h"
#include "tests/unit/http/fixture.h"

namespace rempart::http::testing {
namespace {

using std::chrono::milliseconds;

// Ten times as long as a stop may take on a busy machine, and far below every time-out here.
constexpr auto kSoon = std::chrono::seconds(5);

Patience Within(milliseconds time, std::stop_token stop = {}) {
  return {.stop = std::move(stop), .timeout = time, .end = Clock::now() + time};
}

TEST(ClientStop, WhileResolving) {
  // A lookup cannot be interrupted; it goes on by itself, also without the resolver, whose lifetime is this call's.
  Event looking;
  const auto release = std::make_shared<Event>();
  const auto ended = std::make_shared<Event>();
  const Resolver::Lookup lookup = [&looking, release, ended]() -> Result<std::vector<Address>> {
    looking.Set();
    release->Wait();
    ended->Set();
    return std::vector<Address>(1);
  };
  std::stop_source stop;
  std::jthread stopper([&] {
    looking.Wait();
    stop.request_stop();
  });
  const auto start = Clock::now();
  const auto stopped = Resolver(lookup).Get(Within(std::chrono::minutes(1), stop.get_token()));
  ASSERT_FALSE(stopped);
  EXPECT_EQ(stopped.error().kind, ErrorKind::kCancelled);
  EXPECT_LT(Clock::now() - start, kSoon);
  release->Set();
  EXPECT_TRUE(ended->Wait());
}

// A listener whose queue is full does not answer to a new connection.
class Unanswering {
 public:
  Unanswering() {
    socklen_t size = sizeof address_;
    EXPECT_EQ(bind(fd_, reinterpret_cast<sockaddr*>(&address_), size), 0);
    EXPECT_EQ(listen(fd_, 0), 0);
    EXPECT_EQ(getsockname(fd_, reinterpret_cast<sockaddr*>(&address_), &size), 0);
    for (int& filler : fillers_) {
      filler = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
      connect(filler, reinterpret_cast<sockaddr*>(&address_), size);
    }
  }
  ~Unanswering() {
    for (const int filler : fillers_) close(filler);
    close(fd_);
  }
  std::string origin() const { return "https://127.0.0.1:" + std::to_string(ntohs(address_.sin_port)); }

 private:
  const int fd_ = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address_{.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
  int fillers_[4];
};

TEST(ClientStop, WhileConnecting) {
  const Unanswering server;
  Event begun;
  auto client =
      MakeClient(server.origin(), {.identity = [&]() -> Result<Identity> { return begun.Set(), Identity(); }});
  ASSERT_TRUE(client);
  std::stop_source stop;
  std::jthread stopper([&] {
    begun.Wait();
    stop.request_stop();
  });
  const auto start = Clock::now();
  const auto stopped = (*client)->Send({.target = "/"}, stop.get_token());
  ASSERT_FALSE(stopped);
  EXPECT_EQ(stopped.error().kind, ErrorKind::kCancelled);
  EXPECT_LT(Clock::now() - start, kSoon);
}

TEST(ClientStop, ConnectingIsBoundedByTime) {
  const Unanswering server;
  const auto client = MakeClient(server.origin(), {});
  ASSERT_TRUE(client);
  const auto late = (*client)->Send({.target = "/", .timeout = milliseconds(200)}, {});
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().kind, ErrorKind::kTransient);
  EXPECT_THAT(late.error().message, ::testing::HasSubstr("no answer within 200 ms"));
  EXPECT_EQ(late.error().reason, kTimedOut) << "no answer began";
}

// The error of a call that `serve` stops, which then sees the connection closed.
template <class Call>
void ExpectStopped(const RawServer::Options& options, const std::string& scheme,
                   const std::function<void(Connection&)>& serve, const Call& call) {
  std::stop_source stop;
  Event closed;
  RawServer server(options, [&](Connection& connection) {
    serve(connection);
    stop.request_stop();
    while (!connection.AwaitClosed()) {
    }
    closed.Set();
  });
  auto client =
      MakeClient(scheme + "://127.0.0.1:" + std::to_string(server.port()), {.ca_pem = Authority().certificate_pem});
  ASSERT_TRUE(client);
  const auto start = Clock::now();
  const Result<Response> stopped = call(**client, stop.get_token());
  ASSERT_FALSE(stopped);
  EXPECT_EQ(stopped.error().kind, ErrorKind::kCancelled) << stopped.error().ToString();
  EXPECT_LT(Clock::now() - start, kSoon);
  EXPECT_TRUE(closed.Wait()) << "the connection is closed, not left behind";
}

const auto kSend = [](Client& client, std::stop_token stop) { return client.Send({.target = "/"}, std::move(stop)); };
const auto kStream = [](Client& client, std::stop_token stop) {
  return client.Stream(
      {.target = "/"}, [](std::string_view) { return true; }, std::move(stop));
};

TEST(ClientStop, WhileTheServerIsSilentInTheHandshake) {
  const auto hello = [](Connection& connection) { EXPECT_FALSE(connection.AwaitClosed()) << "a greeting is expected"; };
  ExpectStopped({}, "https", hello, kSend);
  ExpectStopped({}, "https", hello, kStream);
}

TEST(ClientStop, WhileARequestIsNotTaken) {
  // The request's body is more than the kernel takes.
  const auto part = [](Connection& connection) { EXPECT_FALSE(connection.AwaitClosed()); };
  const std::string body(30'000'000, 'b');
  for (const bool tls : {false, true}) {
    ExpectStopped(tls ? WithTls() : RawServer::Options{}, tls ? "https" : "http", part,
                  [&](Client& client, std::stop_token stop) {
                    return client.Send({.method = "POST", .target = "/", .body = body}, std::move(stop));
                  });
  }
}

TEST(ClientStop, WhileAnAnswerIsIncomplete) {
  for (const std::string part : {"", "HTTP/1.1 200 OK\r\nContent-", "HTTP/1.1 200 OK\r\n\r\nuntil close",
                                 "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n12345",
                                 "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nff\r\n12345",
                                 "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n12345\r\n"}) {
    SCOPED_TRACE(part);
    const auto answer = [&](Connection& connection) {
      connection.Read();
      connection.Write(part);
    };
    for (const bool tls : {false, true}) {
      ExpectStopped(tls ? WithTls() : RawServer::Options{}, tls ? "https" : "http", answer, kSend);
      ExpectStopped(tls ? WithTls() : RawServer::Options{}, tls ? "https" : "http", answer, kStream);
    }
  }
}

TEST(ClientStop, AfterAnAnswerDoesNoHarm) {
  RawServer server(WithTls(), RawServer::Loop([](Connection& c, const SeenRequest&) { c.Answer("fine"); }));
  const auto client = Connect(server);
  for (int i = 0; i < 20; ++i) {
    std::stop_source stop;
    const auto response = client->Send({.target = "/"}, stop.get_token());
    stop.request_stop();
    ASSERT_TRUE(response) << response.error().ToString();
  }
  EXPECT_EQ(server.connections(), 1) << "the kept connection knows nothing of a call that is over";
}

// Stops that hit calls at any moment: an answer, or kCancelled, and nobody waits.
TEST(ClientStop, AtAnyMoment) {
  RawServer server(WithTls(), RawServer::Loop([](Connection& c, const SeenRequest&) { c.Answer("fine"); }));
  const auto client = Connect(server);
  for (int i = 0; i < 300; ++i) {
    std::stop_source stop;
    std::atomic<bool> go{false};
    std::jthread stopper([&] {
      go.wait(false);
      for (std::atomic<int> spin{i * 40}; spin > 0; --spin) {
      }
      stop.request_stop();
    });
    go = true;
    go.notify_all();
    const auto response = client->Send({.target = "/"}, stop.get_token());
    if (!response) {
      EXPECT_EQ(response.error().kind, ErrorKind::kCancelled) << response.error().ToString();
    }
  }
}

TEST(Resolver, KeepsAddressesAndBeginsWithAnotherAfterAFailure) {
  int lookups = 0;
  bool fail = false;
  std::vector<Address> addresses(3);
  for (unsigned char i = 0; i < 3; ++i) {
    addresses[i].size = sizeof(sockaddr_in);
    reinterpret_cast<sockaddr_in*>(&addresses[i].socket)->sin_port = i;
  }
  Resolver resolver([&]() -> Result<std::vector<Address>> {
    ++lookups;
    if (fail) return Fail(Error::Transient("cannot resolve"));
    return addresses;
  });
  const auto first = [&] {
    const auto got = resolver.Get(Within(std::chrono::seconds(20)));
    if (!got) return -1;
    EXPECT_EQ(got->size(), 3U);
    return static_cast<int>(reinterpret_cast<const sockaddr_in*>(&got->front().socket)->sin_port);
  };
  EXPECT_EQ(first(), 0);
  EXPECT_EQ(first(), 0);
  resolver.Failed(addresses[2]);
  EXPECT_EQ(first(), 0) << "not the one in use";
  resolver.Failed(addresses[0]);
  EXPECT_EQ(first(), 1);
  EXPECT_EQ(lookups, 1);
  resolver.Forget();
  EXPECT_EQ(first(), 1) << "the one in use stays the first";
  EXPECT_EQ(lookups, 2);
  resolver.Forget();
  fail = true;
  EXPECT_EQ(first(), 1) << "what was found before outlives a name server that is not to be had";
  EXPECT_EQ(first(), 1) << "which is not asked again at once";
  EXPECT_EQ(lookups, 3);
}

TEST(Resolver, AFailedFirstLookupIsTriedAgain) {
  bool fail = true;
  Resolver resolver([&]() -> Result<std::vector<Address>> {
    if (fail) return Fail(Error::Transient("cannot resolve"));
    return std::vector<Address>(1);
  });
  EXPECT_FALSE(resolver.Get(Within(kSoon)));
  fail = false;
  EXPECT_TRUE(resolver.Get(Within(kSoon)));
}

TEST(Resolver, ALookupIsSharedAndBoundedByTime) {
  std::atomic<int> lookups{0};
  Event release;
  Event ended;
  Resolver resolver([&]() -> Result<std::vector<Address>> {
    ++lookups;
    release.Wait();
    return std::vector<Address>(1);
  });
  const auto late = resolver.Get(Within(milliseconds(50)));
  ASSERT_FALSE(late);
  EXPECT_THAT(late.error().message, ::testing::HasSubstr("no answer within 50 ms"));
  std::atomic<int> good{0};
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 8; ++i) threads.emplace_back([&] { good += resolver.Get(Within(kSoon)).has_value() ? 1 : 0; });
    release.Set();
  }
  EXPECT_EQ(good, 8);
  EXPECT_EQ(lookups, 1);
}

}  // namespace
}  // namespace rempart::http::testing
