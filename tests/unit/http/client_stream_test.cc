// Streams: pieces in order, back-pressure, and how they end.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <thread>

#include "tests/unit/http/fixture.h"

namespace rempart::http::testing {
namespace {

using std::chrono::milliseconds;
using ::testing::HasSubstr;
using Clock = std::chrono::steady_clock;

constexpr char kChunked[] = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Type: application/json\r\n\r\n";

class ClientStream : public ::testing::TestWithParam<bool> {
 protected:
  static RawServer::Options Options() { return GetParam() ? WithTls() : RawServer::Options{}; }
};
INSTANTIATE_TEST_SUITE_P(Transport, ClientStream, ::testing::Bool(),
                         [](const auto& tls) { return tls.param ? "Tls" : "Plain"; });

// Deterministic bytes, so that a piece lost, doubled or out of place is seen.
std::string Pattern(std::size_t from, std::size_t size) {
  std::string text(size, '\0');
  for (std::size_t i = 0; i < size; ++i) text[i] = static_cast<char>((from + i) * 2654435761U >> 16);
  return text;
}

TEST_P(ClientStream, HandsPiecesOutInOrder) {
  constexpr std::size_t kTotal = 8'000'000;
  RawServer server(Options(), [](Connection& connection) {
    connection.Read();
    connection.Write(kChunked);
    std::size_t size = 1;
    for (std::size_t at = 0; at < kTotal; at += size, size = size * 7 % 300'007 + 1) {
      size = std::min(size, kTotal - at);
      connection.Chunk(Pattern(at, size));
    }
    connection.Write("0\r\n\r\n");
    connection.AwaitClosed();
  });
  std::size_t got = 0;
  bool same = true;
  const auto calling = std::this_thread::get_id();
  const auto response = Connect(server)->Stream({.target = "/"},
                                                [&](std::string_view piece) {
                                                  EXPECT_EQ(std::this_thread::get_id(), calling);
                                                  same = same && piece == Pattern(got, piece.size());
                                                  got += piece.size();
                                                  return true;
                                                },
                                                {});
  ASSERT_TRUE(response) << response.error().ToString();
  EXPECT_EQ(response->status, 200);
  EXPECT_EQ(response->body, "");
  EXPECT_EQ(*Find(response->headers, "content-type"), "application/json");
  EXPECT_TRUE(same);
  EXPECT_EQ(got, kTotal);
}

TEST_P(ClientStream, HandsAPieceOutWhenItArrives) {
  Event seen;
  RawServer server(Options(), [&](Connection& connection) {
    connection.Read();
    connection.Write(kChunked);
    connection.Chunk("{\"type\":\"ADDED\"}\n");
    EXPECT_TRUE(seen.Wait()) << "nothing more is sent until the sink had the first piece";
    connection.Write("0\r\n\r\n");
    connection.AwaitClosed();
  });
  std::string got;
  const auto response = Connect(server)->Stream({.target = "/"},
                                                [&](std::string_view piece) {
                                                  got += piece;
                                                  seen.Set();
                                                  return true;
                                                },
                                                {});
  ASSERT_TRUE(response) << response.error().ToString();
  EXPECT_EQ(got, "{\"type\":\"ADDED\"}\n");
}

TEST_P(ClientStream, HandsALargeChunkOutBeforeItIsWhole) {
  constexpr std::size_t kHalf = 2'000'000;
  Event half;
  RawServer server(Options(), [&](Connection& connection) {
    connection.Read();
    connection.Write(kChunked);
    connection.Write("3d0900\r\n");  // 4,000,000
    connection.Write(Pattern(0, kHalf));
    EXPECT_TRUE(half.Wait());
    connection.Write(Pattern(kHalf, kHalf));
    connection.Write("\r\n0\r\nX-Trailer: left out\r\n\r\n");
    connection.AwaitClosed();
  });
  std::string got;
  const auto sink = [&](std::string_view piece) {
    got += piece;
    if (got.size() == kHalf) half.Set();
    return true;
  };
  // What max_response_bytes says is for Send.
  const auto response = Connect(server)->Stream({.target = "/", .max_response_bytes = 1000}, sink, {});
  ASSERT_TRUE(response) << response.error().ToString();
  EXPECT_TRUE(got == Pattern(0, 2 * kHalf));
  EXPECT_EQ(Find(response->headers, "X-Trailer"), nullptr);
}

TEST_P(ClientStream, TakesBodiesWithALength) {
  const std::string body = Pattern(0, 1'000'000);
  RawServer server(Options(),
                   RawServer::Loop([&](Connection& connection, const SeenRequest&) { connection.Answer(body); }));
  const auto client = Connect(server);
  for (int i = 0; i < 3; ++i) {
    std::string got;
    const auto response = client->Stream({.target = "/"}, [&](std::string_view p) { return got += p, true; }, {});
    ASSERT_TRUE(response) << response.error().ToString();
    EXPECT_TRUE(got == body);
  }
  EXPECT_EQ(server.connections(), 1) << "after a whole body the connection is used again";
}

TEST_P(ClientStream, TheConnectionWaitsForASlowSink) {
  std::atomic<std::size_t> sent{0};
  RawServer server(Options(), [&](Connection& connection) {
    connection.ShrinkSendBuffer();
    connection.Read();
    connection.Write(kChunked);
    const std::string chunk(32 * 1024, 'x');
    while (connection.Chunk(chunk)) sent += chunk.size();
  });
  constexpr auto kTimeout = milliseconds(1000);
  std::size_t sent_while_blocked = 0;
  std::size_t pieces = 0;
  std::size_t largest = 0;
  const auto sink = [&](std::string_view piece) {
    if (pieces++ == 0) {
      // Until the server has been blocked for longer than the time-out: that silence is not the server's.
      auto quiet_since = Clock::now();
      while (Clock::now() - quiet_since < kTimeout + milliseconds(200) && sent < 100U * 1024 * 1024) {
        std::this_thread::sleep_for(milliseconds(20));
        if (const std::size_t now = sent; std::exchange(sent_while_blocked, now) != now) quiet_since = Clock::now();
      }
    }
    largest = std::max(largest, piece.size());
    return pieces < 200;
  };
  const auto response = Connect(server)->Stream({.target = "/", .timeout = kTimeout}, sink, {});
  ASSERT_TRUE(response) << response.error().ToString();
  // What the kernel takes on both sides (up to 6 MB to receive) is not ours to bound.
  EXPECT_LT(sent_while_blocked, 12U * 1024 * 1024) << "the server could send without end while the sink did nothing";
  EXPECT_LE(largest, 16U * 1024);
  EXPECT_EQ(pieces, 200U);
}

TEST_P(ClientStream, AStopEndsASilentStream) {
  RawServer server(Options(), [](Connection& connection) {
    connection.Read();
    connection.Write(kChunked);
    connection.Chunk("first");
    connection.AwaitClosed();
  });
  std::stop_source stop;
  Event first;
  Clock::time_point stopped{};
  std::jthread stopper([&] {
    first.Wait();
    stopped = Clock::now();
    stop.request_stop();
  });
  const auto response = Connect(server)->Stream(
      {.target = "/"}, [&](std::string_view) { return first.Set(), true; }, stop.get_token());
  const auto after = Clock::now() - stopped;
  ASSERT_FALSE(response);
  EXPECT_EQ(response.error().kind, ErrorKind::kCancelled);
  EXPECT_LT(after, milliseconds(1000));
}

TEST_P(ClientStream, AStopEndsAnUnansweredRequest) {
  std::stop_source stop;
  RawServer server(Options(), [&](Connection& connection) {
    connection.Read();
    stop.request_stop();
    EXPECT_TRUE(connection.AwaitClosed());
  });
  const auto client = Connect(server);
  const auto response = client->Stream(
      {.target = "/"}, [](std::string_view) { return true; }, stop.get_token());
  ASSERT_FALSE(response);
  EXPECT_EQ(response.error().kind, ErrorKind::kCancelled);
  const auto again = client->Send({.target = "/"}, stop.get_token());
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().kind, ErrorKind::kCancelled);
  EXPECT_EQ(server.connections(), 1);
}

TEST_P(ClientStream, AStopEndsAStreamWhoseSinkIsBehind) {
  RawServer server(Options(), [](Connection& connection) {
    connection.Read();
    connection.Write(kChunked);
    while (connection.Chunk(std::string(100'000, 'x'))) {
    }
  });
  std::stop_source stop;
  int pieces = 0;
  const auto response = Connect(server)->Stream(
      {.target = "/"},
      [&](std::string_view) {
        if (++pieces == 20) stop.request_stop();
        return true;
      },
      stop.get_token());
  ASSERT_FALSE(response);
  EXPECT_EQ(response.error().kind, ErrorKind::kCancelled);
  EXPECT_EQ(pieces, 20);
}

TEST_P(ClientStream, TheSinkMayEndIt) {
  RawServer server(Options(), [](Connection& connection) {
    connection.Read();
    connection.Write(kChunked);
    while (connection.Chunk("again and again")) {
    }
  });
  const auto client = Connect(server);
  for (int i = 1; i <= 5; ++i) {
    const auto response = client->Stream({.target = "/"}, [](std::string_view) { return false; }, {});
    ASSERT_TRUE(response) << response.error().ToString();
    EXPECT_EQ(response->status, 200);
    EXPECT_EQ(server.connections(), i) << "a connection with a rest in it is not used again";
  }
}

TEST_P(ClientStream, AThrowingSinkIsAnError) {
  RawServer server(Options(), [](Connection& connection) {
    connection.Read();
    connection.Write(kChunked);
    connection.Chunk("x");
    connection.AwaitClosed();
  });
  const auto response = Connect(server)->Stream(
      {.target = "/"}, [](std::string_view) -> bool { throw std::runtime_error("bad sink"); }, {});
  ASSERT_FALSE(response);
  EXPECT_EQ(response.error().kind, ErrorKind::kInternal);
  EXPECT_THAT(response.error().message, HasSubstr("bad sink"));
}

TEST_P(ClientStream, SilenceTimesOut) {
  RawServer server(Options(), [](Connection& connection) {
    connection.Read();
    connection.Write(kChunked);
    connection.Chunk("x");
    connection.AwaitClosed();
  });
  int pieces = 0;
  const auto response = Connect(server)->Stream({.target = "/", .timeout = milliseconds(150)},
                                                [&](std::string_view) { return ++pieces, true; }, {});
  ASSERT_FALSE(response);
  EXPECT_EQ(response.error().kind, ErrorKind::kTransient);
  EXPECT_EQ(response.error().reason, kSilent);
  EXPECT_THAT(response.error().message, HasSubstr("150 ms"));
  EXPECT_EQ(pieces, 1);
}

TEST_P(ClientStream, ASlowButSteadyStreamDoesNotTimeOut) {
  RawServer server(Options(), [](Connection& connection) {
    connection.Read();
    connection.Write(kChunked);
    for (int i = 0; i < 30; ++i) {
      std::this_thread::sleep_for(milliseconds(60));  // the silence is what is tested
      connection.Chunk("tick");
    }
    connection.Write("0\r\n\r\n");
    connection.AwaitClosed();
  });
  int ticks = 0;
  const auto response = Connect(server)->Stream(
      {.target = "/", .timeout = milliseconds(1500)},
      [&](std::string_view piece) { return ticks += static_cast<int>(piece.size() / 4), true; }, {});
  ASSERT_TRUE(response) << response.error().ToString();
  EXPECT_EQ(ticks, 30);
}

TEST_P(ClientStream, WhatArrivedBeforeACutIsHandedOut) {
  RawServer server(Options(), [](Connection& connection) {
    connection.Read();
    connection.Write(kChunked);
    for (int i = 0; i < 40; ++i) connection.Chunk(Pattern(static_cast<std::size_t>(i) * 10'000, 10'000));
    connection.Write("2710\r\nhalf a chunk");
  });
  std::string got;
  const auto response = Connect(server)->Stream(
      {.target = "/"},
      [&](std::string_view piece) {
        std::this_thread::sleep_for(milliseconds(2));  // the cut comes while the sink is at work
        return got += piece, true;
      },
      {});
  ASSERT_FALSE(response);
  EXPECT_EQ(response.error().kind, ErrorKind::kTransient);
  EXPECT_TRUE(got == Pattern(0, 400'000) + "half a chunk") << got.size();
}

TEST_P(ClientStream, AnErrorsBodyIsInTheResponseAndBounded) {
  RawServer server(Options(), RawServer::Loop([](Connection& connection, const SeenRequest& request) {
                     if (request.line.starts_with("GET /small")) {
                       connection.Answer("{\"reason\":\"Expired\"}", "410 Gone");
                     } else {
                       connection.Write("HTTP/1.1 500 Oops\r\nTransfer-Encoding: chunked\r\n\r\n");
                       while (connection.Chunk(std::string(1000, 'e'))) {
                       }
                     }
                   }));
  const auto client = Connect(server);
  const Client::Sink never = [](std::string_view) -> bool {
    ADD_FAILURE() << "a sink is for 2xx only";
    return true;
  };
  auto response = client->Stream({.target = "/small"}, never, {});
  ASSERT_TRUE(response) << response.error().ToString();
  EXPECT_EQ(response->status, 410);
  EXPECT_EQ(response->body, "{\"reason\":\"Expired\"}");
  response = client->Stream({.target = "/endless"}, never, {});
  ASSERT_TRUE(response) << response.error().ToString();
  EXPECT_EQ(response->status, 500);
  EXPECT_EQ(response->body, std::string(64 * 1024, 'e'));
}

TEST_P(ClientStream, ManyStreamsAndSendsAtOnce) {
  RawServer server(Options(), [](Connection& connection) {
    while (const auto request = connection.Read()) {
      if (!request->line.starts_with("GET /watch")) {
        connection.Answer("pong");
        continue;
      }
      connection.Write(kChunked);
      while (connection.Chunk(std::string(500, 'w'))) {
      }
    }
  });
  const auto client = Connect(server);
  std::stop_source stop;
  std::atomic<int> cancelled{0};
  std::atomic<std::size_t> bytes{0};
  {
    std::vector<std::jthread> watches;
    for (int i = 0; i < 8; ++i) {
      watches.emplace_back([&] {
        const auto response = client->Stream(
            {.target = "/watch"}, [&](std::string_view p) { return bytes += p.size(), true; }, stop.get_token());
        if (!response && response.error().kind == ErrorKind::kCancelled) ++cancelled;
      });
    }
    for (int i = 0; i < 200; ++i) {
      const auto response = client->Send({.target = "/"}, {});
      ASSERT_TRUE(response) << response.error().ToString();
      EXPECT_EQ(response->body, "pong");
    }
    stop.request_stop();
  }
  EXPECT_EQ(cancelled, 8);
  EXPECT_GT(bytes, 0U);
}

}  // namespace
}  // namespace rempart::http::testing
