// Which connections are used again, and which are not.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <condition_variable>
#include <thread>
#include <vector>

#include "src/http/pool.h"
#include "src/http/resolver.h"
#include "tests/unit/http/fixture.h"

namespace rempart::http::testing {
namespace {

class ClientReuse : public ::testing::TestWithParam<bool> {
 protected:
  static RawServer::Options Options() { return GetParam() ? WithTls() : RawServer::Options{}; }
};
INSTANTIATE_TEST_SUITE_P(Transport, ClientReuse, ::testing::Bool(),
                         [](const auto& tls) { return tls.param ? "Tls" : "Plain"; });

TEST_P(ClientReuse, AnIdleConnectionThatTheServerClosedIsNotUsed) {
  for (const bool goodbye : {false, true}) {
    Event closed;
    RawServer server(Options(), [&](Connection& connection) {
      while (connection.Read()) {
        connection.Answer("fine");
        if (connection.number() > 1) continue;
        if (goodbye && GetParam()) connection.CloseNotify();
        connection.Shutdown();
        closed.Set();
        return;
      }
    });
    const auto client = Connect(server);
    ASSERT_TRUE(client->Send({.target = "/"}, {}));
    ASSERT_TRUE(closed.Wait());
    for (int i = 0; i < 3; ++i) {
      const auto response = client->Send({.method = "POST", .target = "/"}, {});
      ASSERT_TRUE(response) << response.error().ToString();
    }
    EXPECT_EQ(server.connections(), 2);
  }
}

TEST_P(ClientReuse, WhatFollowsAnAnswerIsNeverTakenForTheNext) {
  const std::string answer = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ntrue";
  const std::string planted = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nfalse";
  for (const bool at_once : {false, true}) {
    std::atomic<int> written{0};
    RawServer server(Options(), [&](Connection& connection) {
      while (connection.Read()) {
        if (at_once) {
          connection.Write(answer + planted);
        } else {
          connection.Write(answer);
          connection.Write(planted);
        }
        ++written;
        written.notify_all();
      }
    });
    const auto client = Connect(server);
    for (int i = 1; i <= 10; ++i) {
      const auto response = client->Send({.target = "/"}, {});
      ASSERT_TRUE(response) << response.error().ToString();
      EXPECT_EQ(response->body, "true");
      for (int seen = written; seen < i; seen = written) written.wait(seen);
      EXPECT_EQ(server.connections(), i);
    }
  }
}

TEST_P(ClientReuse, ManyThreadsShareAClient) {
  RawServer server(Options(), RawServer::Loop([](Connection& connection, const SeenRequest& request) {
                     connection.Answer(request.line + request.body);
                   }));
  const auto client = Connect(server);
  std::atomic<int> good{0};
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < 16; ++t) {
      threads.emplace_back([&, t] {
        for (int i = 0; i < 200; ++i) {
          const std::string target = "/" + std::to_string(t) + "/" + std::to_string(i);
          const std::string body(static_cast<std::size_t>(t) * 2000, 'b');  // the largest go out in two writes
          const auto response = client->Send({.method = "PUT", .target = target, .body = body}, {});
          if (response && response->body == "PUT " + target + " HTTP/1.1" + body) ++good;
        }
      });
    }
  }
  EXPECT_EQ(good, 16 * 200);
  EXPECT_LE(server.connections(), 16) << "one connection a thread is enough";
}

TEST_P(ClientReuse, ADestroyedClientClosesItsIdleConnections) {
  Event closed;
  RawServer server(Options(), [&](Connection& connection) {
    connection.Read();
    connection.Answer("fine");
    if (connection.AwaitClosed()) closed.Set();
  });
  auto client = Connect(server);
  ASSERT_TRUE(client->Send({.target = "/"}, {}));
  client.reset();
  EXPECT_TRUE(closed.Wait());
}

TEST_P(ClientReuse, AnEarlyAnswerIsTakenThoughTheRequestWasNot) {
  RawServer server(Options(), [](Connection& connection) {
    connection.Answer("too much", "413 Content Too Large", "Connection: close\r\n");
  });
  const auto client = Connect(server);
  const std::string body(30'000'000, 'b');
  const auto response = client->Send({.method = "POST", .target = "/", .body = body}, {});
  ASSERT_TRUE(response) << response.error().ToString();
  EXPECT_EQ(response->status, 413);
  EXPECT_EQ(response->body, "too much");
}

TEST(ClientReuse, AfterASilentTimeOutOtherIdleConnectionsAreNotTrusted) {
  // Two idle connections; the server then answers on new ones only, as if the network had forgotten the old ones.
  std::atomic<int> waiting{0};
  std::atomic<bool> gone{false};
  RawServer server(WithTls(), RawServer::Loop([&](Connection& connection, const SeenRequest&) {
                     if (!gone) {  // until both have come
                       ++waiting;
                       waiting.notify_all();
                       for (int seen = waiting; seen < 2; seen = waiting) waiting.wait(seen);
                     }
                     if (!gone || connection.number() > 2) connection.Answer("fine");
                   }));
  const auto client = Connect(server);
  std::atomic<int> good{0};
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 2; ++i) threads.emplace_back([&] { good += client->Send({.target = "/"}, {}) ? 1 : 0; });
  }
  ASSERT_EQ(good, 2);
  gone = true;
  const auto silent = client->Send({.target = "/", .timeout = std::chrono::milliseconds(100)}, {});
  ASSERT_FALSE(silent);
  EXPECT_THAT(silent.error().message, ::testing::HasSubstr("a kept-alive connection: no answer within 100 ms"));
  EXPECT_TRUE(client->Send({.target = "/"}, {}));
  EXPECT_EQ(server.connections(), 3);
}

class PoolTest : public ::testing::Test {
 protected:
  std::unique_ptr<http::Connection> Open() {
    const Patience patience{.timeout = std::chrono::seconds(20)};
    const auto addresses = resolver_.Get(patience);
    auto connection = http::Connection::Open(addresses.value().front(), patience);
    EXPECT_TRUE(connection);
    return *std::move(connection);
  }
  void AwaitClosed(int count) {
    for (int seen = closed_; seen < count; seen = closed_) closed_.wait(seen);
  }
  std::atomic<int> closed_{0};
  RawServer server_{{}, [this](Connection& connection) {
                      EXPECT_TRUE(connection.AwaitClosed());
                      ++closed_;
                      closed_.notify_all();
                    }};
  Resolver resolver_{LookupOf(*ParseOrigin(server_.origin()))};
  const Clock::time_point now_ = Clock::now();
};

TEST_F(PoolTest, KeepsSoManyAndNoMore) {
  Pool pool;
  std::vector<http::Connection*> put;
  for (std::size_t i = 0; i < Pool::kMost + 8; ++i) {
    auto connection = Open();
    put.push_back(connection.get());
    pool.Put(std::move(connection), now_);
  }
  AwaitClosed(8);
  for (std::size_t i = put.size(); i-- > 8;) {
    const auto connection = pool.Take(now_);
    ASSERT_EQ(connection.get(), put[i]) << "the one used last comes first";
  }
  EXPECT_EQ(pool.Take(now_), nullptr);
  AwaitClosed(static_cast<int>(put.size()));
}

TEST_F(PoolTest, ClosesWhatWasIdleForTooLong) {
  Pool pool;
  pool.Put(Open(), now_);
  pool.Put(Open(), now_ + std::chrono::seconds(30));
  EXPECT_NE(pool.Take(now_ + Pool::kLongestIdle + std::chrono::seconds(1)), nullptr);
  AwaitClosed(2);  // that one, since nobody kept it, and the old one
  EXPECT_EQ(pool.Take(now_), nullptr);
}

}  // namespace
}  // namespace rempart::http::testing
