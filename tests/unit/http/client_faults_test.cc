// Servers that are slow, break off, send too much, or nonsense: never a success, never without end.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <thread>

#include "tests/unit/http/fixture.h"

namespace rempart::http::testing {
namespace {

using std::chrono::milliseconds;
using ::testing::HasSubstr;
using Clock = std::chrono::steady_clock;

class ClientFaults : public ::testing::TestWithParam<bool> {
 protected:
  // The error of a Send, and of a Stream, to a server that reads a request, writes `answer`, and closes.
  std::vector<Error> ErrorsOf(const std::string& answer, bool reset = false) {
    RawServer server(GetParam() ? WithTls() : RawServer::Options{}, [&](Connection& connection) {
      if (!connection.Read()) return;
      connection.Write(answer);
      if (reset) connection.Reset();
    });
    const auto client = Connect(server);
    const Request request{.target = "/", .timeout = std::chrono::seconds(10), .max_response_bytes = 1'000'000};
    std::vector<Error> errors;
    if (const auto sent = client->Send(request, {}); !sent) errors.push_back(sent.error());
    const auto streamed = client->Stream(request, [](std::string_view) { return true; }, {});
    if (!streamed) errors.push_back(streamed.error());
    EXPECT_EQ(errors.size(), 2U) << "taken for a success: " << answer.substr(0, 200);
    return errors;
  }
  void ExpectKind(ErrorKind kind, const std::string& answer, bool reset = false) {
    for (const Error& error : ErrorsOf(answer, reset))
      EXPECT_EQ(error.kind, kind) << error.ToString() << "\n" << answer.substr(0, 200);
  }
};
INSTANTIATE_TEST_SUITE_P(Transport, ClientFaults, ::testing::Bool(),
                         [](const auto& tls) { return tls.param ? "Tls" : "Plain"; });

TEST_P(ClientFaults, TruncationIsTransient) {
  const std::string chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
  for (const bool reset : {false, true}) {
    for (const std::string& answer : {
             std::string(""),
             std::string("HTTP"),
             std::string("HTTP/1.1 200 OK\r\nContent-Le"),
             std::string("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n"),
             std::string("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n123456789"),
             "HTTP/1.1 200 OK\r\nContent-Length: 200000\r\n\r\n" + std::string(199'999, 'x'),
             chunked,
             chunked + "5",
             chunked + "5\r\n",
             chunked + "5\r\n1234",
             chunked + "5\r\n12345",
             chunked + "5\r\n12345\r\n",
             chunked + "5\r\n12345\r\n0",
             chunked + "5\r\n12345\r\n0\r\n",
             chunked + "5\r\n12345\r\n0\r\n\r",
         })
      ExpectKind(ErrorKind::kTransient, answer, reset);
  }
}

TEST_P(ClientFaults, NonsenseIsRefused) {
  const std::string chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
  for (const std::string& answer : {
           std::string("SSH-2.0-OpenSSH\r\n\r\n"),
           std::string("HTTP/1.1 abc OK\r\n\r\n"),
           std::string("HTTP/1.1 99999 OK\r\n\r\n"),
           std::string("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"),
           std::string("HTTP/1.1 101 Switching Protocols\r\n\r\n"),
           std::string("HTTP/1.1 777 What\r\nContent-Length: 0\r\n\r\n"),
           std::string("HTTP/1.1 200 OK\r\nContent-Length: ten\r\n\r\n0123456789"),
           std::string("HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n0123456789"),
           std::string("HTTP/1.1 200 OK\r\nContent-Length: 5, 10\r\n\r\n0123456789"),
           std::string("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n0123456789"),
           std::string("HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999999\r\n\r\n0123456789"),
           std::string("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"),
           chunked + "zz\r\nabc\r\n0\r\n\r\n",
           chunked + "-1\r\nabc\r\n0\r\n\r\n",
           chunked + "fffffffffffffffff\r\nabc\r\n0\r\n\r\n",
       })
    ExpectKind(ErrorKind::kInvalid, answer);
}

TEST_P(ClientFaults, AnAnswerThatIsTooLargeIsRefusedWhileItArrives) {
  std::atomic<std::size_t> sent{0};
  RawServer server(GetParam() ? WithTls() : RawServer::Options{}, [&](Connection& connection) {
    const auto request = connection.Read();
    if (!request) return;
    const std::string block(8192, 'x');
    if (request->line.starts_with("GET /length")) {
      connection.Write("HTTP/1.1 200 OK\r\nContent-Length: 100001\r\n\r\n");
      while (connection.Write(block)) sent += block.size();
    } else if (request->line.starts_with("GET /chunks")) {
      connection.Write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
      while (connection.Chunk(block)) sent += block.size();
    } else {
      connection.Write("HTTP/1.1 200 OK\r\n\r\n");
      while (connection.Write(block)) sent += block.size();
    }
  });
  const auto client = Connect(server);
  for (const std::string target : {"/length", "/chunks", "/until-close"}) {
    sent = 0;
    const auto response = client->Send({.target = target, .max_response_bytes = 100'000}, {});
    ASSERT_FALSE(response);
    EXPECT_EQ(response.error().kind, ErrorKind::kInvalid);
    EXPECT_THAT(response.error().message, HasSubstr("larger than 100000 bytes"));
  }
}

TEST_P(ClientFaults, AnAnswerOfTheExactLimitIsTaken) {
  RawServer server(GetParam() ? WithTls() : RawServer::Options{},
                   RawServer::Loop([](Connection& c, const SeenRequest&) { c.Answer(std::string(100'000, 'x')); }));
  const auto client = Connect(server);
  EXPECT_TRUE(client->Send({.target = "/", .max_response_bytes = 100'000}, {}));
  EXPECT_FALSE(client->Send({.target = "/", .max_response_bytes = 99'999}, {}));
}

TEST_P(ClientFaults, TheDeadlineIsForTheWholeExchange) {
  // A byte each 20 ms: never silent for long, but slow without end. One of them in the header, one in the body.
  for (const std::string answer : {"HTTP/1.1 200 OK\r\nX: ", "HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n"}) {
    RawServer server(GetParam() ? WithTls() : RawServer::Options{}, [&](Connection& connection) {
      connection.Read();
      connection.Write(answer);
      while (connection.Write("x")) std::this_thread::sleep_for(milliseconds(20));
    });
    const auto client = Connect(server);
    const auto start = Clock::now();
    const auto response = client->Send({.target = "/", .timeout = milliseconds(300)}, {});
    const auto took = Clock::now() - start;
    ASSERT_FALSE(response);
    EXPECT_EQ(response.error().kind, ErrorKind::kTransient);
    EXPECT_THAT(response.error().message, HasSubstr("no answer within 300 ms"));
    EXPECT_GE(took, milliseconds(300));
    EXPECT_LT(took, milliseconds(1500));
  }
}

TEST_P(ClientFaults, AStopEndsASend) {
  std::stop_source stop;
  Clock::time_point stopped{};
  RawServer server(GetParam() ? WithTls() : RawServer::Options{}, [&](Connection& connection) {
    connection.Read();
    stopped = Clock::now();
    stop.request_stop();
    EXPECT_TRUE(connection.AwaitClosed()) << "the connection is closed, not left behind";
  });
  const auto response = Connect(server)->Send({.target = "/"}, stop.get_token());
  EXPECT_LT(Clock::now() - stopped, milliseconds(1000));
  ASSERT_FALSE(response);
  EXPECT_EQ(response.error().kind, ErrorKind::kCancelled);
}

TEST_P(ClientFaults, AServerThatReadsNothingTimesOut) {
  RawServer server(GetParam() ? WithTls() : RawServer::Options{}, [](Connection& connection) {
    Event never;
    if (connection.number() == 1) never.Wait(1);
  });
  const std::string body(30'000'000, 'b');  // more than the kernel takes
  const auto response =
      Connect(server)->Send({.method = "POST", .target = "/", .body = body, .timeout = milliseconds(300)}, {});
  ASSERT_FALSE(response);
  EXPECT_EQ(response.error().kind, ErrorKind::kTransient);
}

TEST_P(ClientFaults, ABrokenKeptAliveConnectionIsTransientAndNothingIsSentTwice) {
  for (const bool reset : {false, true}) {
    for (const std::string method : {"GET", "POST", "DELETE"}) {
      std::atomic<int> requests{0};
      Event closed;
      RawServer server(GetParam() ? WithTls() : RawServer::Options{}, [&](Connection& connection) {
        while (connection.Read()) {
          ++requests;
          if (connection.number() == 1 && requests == 2) {  // took the second request, and went away
            if (reset) connection.Reset();
            return;
          }
          connection.Answer("fine");
        }
      });
      const auto client = Connect(server);
      Request request{.method = method, .target = "/"};
      if (method == "POST") request.body = "something with an effect";
      ASSERT_TRUE(client->Send(request, {}));
      const auto broken = client->Send(request, {});
      ASSERT_FALSE(broken) << method;
      EXPECT_EQ(broken.error().kind, ErrorKind::kTransient);
      EXPECT_EQ(requests, 2) << "the library must not send it again";
      const auto after = client->Send(request, {});
      ASSERT_TRUE(after) << after.error().ToString();
      EXPECT_EQ(server.connections(), 2);
    }
  }
}

TEST_P(ClientFaults, AConnectionThatSaysCloseIsNotUsedAgain) {
  RawServer server(GetParam() ? WithTls() : RawServer::Options{}, [](Connection& connection) {
    connection.Read();
    connection.Answer("bye", "200 OK", "Connection: close\r\n");
  });
  const auto client = Connect(server);
  for (int i = 1; i <= 5; ++i) {
    const auto response = client->Send({.target = "/"}, {});
    ASSERT_TRUE(response) << response.error().ToString();
    EXPECT_EQ(server.connections(), i);
  }
}

TEST(ClientBounds, AHeaderWithoutEndIsRefused) {
  RawServer server(WithTls(), [](Connection& connection) {
    connection.Read();
    connection.Write("HTTP/1.1 200 OK\r\n");
    while (connection.Write("X-Filler: " + std::string(4000, 'x') + "\r\n")) {
    }
  });
  const auto response = Connect(server)->Send({.target = "/", .timeout = std::chrono::seconds(20)}, {});
  ASSERT_FALSE(response);
  EXPECT_EQ(response.error().kind, ErrorKind::kInvalid);
  EXPECT_THAT(response.error().message, HasSubstr("header is larger"));
}

TEST(ClientBounds, ATrailerWithoutEndIsRefused) {
  RawServer server(WithTls(), [](Connection& connection) {
    connection.Read();
    connection.Write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n");
    while (connection.Write("X-Filler: " + std::string(4000, 'x') + "\r\n")) {
    }
  });
  const auto response = Connect(server)->Send({.target = "/", .timeout = std::chrono::seconds(20)}, {});
  ASSERT_FALSE(response);
  EXPECT_EQ(response.error().kind, ErrorKind::kInvalid);
}

TEST(ClientBounds, AChunkThatIsTooLargeIsRefusedBeforeItIsWhole) {
  RawServer server(WithTls(), [](Connection& connection) {
    connection.Read();
    connection.Write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n7fffffff\r\n");
    connection.AwaitClosed();
  });
  const auto client = Connect(server);
  const Request request{.target = "/", .timeout = std::chrono::seconds(20), .max_response_bytes = 1'000'000};
  const auto sent = client->Send(request, {});
  ASSERT_FALSE(sent);
  EXPECT_EQ(sent.error().kind, ErrorKind::kInvalid);
}

TEST(ClientBounds, OverTlsABodyWithoutLengthEndsOnlyWithAWord) {
  RawServer server(WithTls(), [](Connection& connection) {
    connection.Read();
    connection.Write("HTTP/1.1 200 OK\r\n\r\nhalf of it");
  });
  const auto response = Connect(server)->Send({.target = "/"}, {});
  ASSERT_FALSE(response) << "whoever can cut a connection could shorten the answer";
  EXPECT_EQ(response.error().kind, ErrorKind::kTransient);
  EXPECT_THAT(response.error().message, HasSubstr("the answer was cut short: the server closed the connection"));
}

TEST(ClientBounds, RefusedConnectionsAndUnknownNamesAreTransient) {
  // A port that was free a moment ago, and is held so that nobody else takes it: bound, but not listening.
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
  socklen_t size = sizeof address;
  ASSERT_EQ(bind(fd, reinterpret_cast<sockaddr*>(&address), size), 0);
  ASSERT_EQ(getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size), 0);
  for (const std::string host : {"127.0.0.1", "localhost"}) {
    const auto client = MakeClient("https://" + host + ":" + std::to_string(ntohs(address.sin_port)), {});
    const auto response = (*client)->Send({.target = "/some/path?with=query"}, {});
    ASSERT_FALSE(response);
    EXPECT_EQ(response.error().kind, ErrorKind::kTransient);
    EXPECT_THAT(response.error().message, HasSubstr("GET https://" + host));
    EXPECT_THAT(response.error().message, HasSubstr("/some/path: cannot connect"));
  }
  close(fd);
  const auto client = MakeClient("https://no-such-host.invalid", {});
  const auto response = (*client)->Send({.target = "/", .timeout = std::chrono::seconds(20)}, {});
  ASSERT_FALSE(response);
  EXPECT_EQ(response.error().kind, ErrorKind::kTransient);
}

TEST(ClientBounds, AClientMayBeDestroyedAtOnce) {
  RawServer server(WithTls(), RawServer::Loop([](Connection& c, const SeenRequest&) { c.Answer("x"); }));
  for (int i = 0; i < 50; ++i) {
    const auto client = Connect(server);
    if (i % 2 == 0) {
      EXPECT_TRUE(client->Send({.target = "/"}, {}));
    }
  }
}

}  // namespace
}  // namespace rempart::http::testing
