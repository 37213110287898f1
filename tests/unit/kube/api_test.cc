#include "src/kube/api.h"

#include <gtest/gtest.h>

#include <optional>
#include <thread>

#include "tests/unit/kube/api_fixture.h"

namespace rempart::kube {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using test::ApiTest;
using test::Header;

constexpr Resource kDeployments{"apps", "v1", "deployments", "Deployment", true};
constexpr Resource kNodes{"", "v1", "nodes", "Node", false};

TEST_F(ApiTest, WhatIsSent) {
  const auto reply = api().Do({.method = "PATCH",
                               .target = "/api/v1/nodes/n?x=1",
                               .content_type = "application/merge-patch+json",
                               .body = "{\"a\":1}",
                               .timeout = seconds(7)},
                              {});
  ASSERT_TRUE(reply) << reply.error().message;
  EXPECT_EQ(reply->status, 200);
  ASSERT_EQ(server_.requests().size(), 1u);
  const http::Request request = server_.requests()[0];
  EXPECT_EQ(request.method, "PATCH");
  EXPECT_EQ(request.target, "/base/api/v1/nodes/n?x=1");
  EXPECT_EQ(request.body, "{\"a\":1}");
  EXPECT_EQ(request.timeout, seconds(7));
  EXPECT_EQ(*Header(request, "authorization"), "Bearer t0");
  EXPECT_EQ(*Header(request, "user-agent"), "rempart-test/1");
  EXPECT_EQ(*Header(request, "accept"), "application/json");
  EXPECT_EQ(*Header(request, "content-type"), "application/merge-patch+json");
  ASSERT_EQ(server_.opened().size(), 2u) << "one client for calls, one for watches";
  EXPECT_EQ(server_.opened()[0].origin, "https://h:6443");
}

TEST_F(ApiTest, NoContentTypeWithoutABodyAndNoAuthorizationWithoutCredentials) {
  config_.token.clear();
  ASSERT_TRUE(Do("GET", "/x"));
  EXPECT_EQ(Header(server_.requests()[0], "content-type"), nullptr);
  EXPECT_EQ(Header(server_.requests()[0], "authorization"), nullptr);
  EXPECT_EQ(server_.requests()[0].timeout, seconds(30));
}

TEST_F(ApiTest, Conveniences) {
  const ObjectKey web{"acme", "web"};
  (void)api().Get(kDeployments, web, {});
  (void)api().Create(kDeployments, "acme", "{}", {});
  (void)api().Create(kDeployments, "acme", "{}", {}, "dryRun=All");
  (void)api().Create(kDeployments, "acme", "{}", {}, "fieldManager=other");
  (void)api().Patch(kDeployments, web, PatchType::kApply, "{}", true, {});
  (void)api().Patch(kDeployments, web, PatchType::kApply, "{}", false, {}, "status");
  (void)api().Patch(kDeployments, web, PatchType::kApply, "{}", true, {}, "", "fieldManager=other");
  (void)api().Patch(kNodes, {"", "n"}, PatchType::kMerge, "{}", true, {});
  (void)api().Patch(kNodes, {"", "n"}, PatchType::kJson, "[]", false, {}, "status", "dryRun=All");
  (void)api().Delete(kDeployments, web, "{}", {});
  struct Expected {
    const char* method;
    const char* target;
    const char* type;
  };
  const std::string object = "/base/apis/apps/v1/namespaces/acme/deployments";
  const Expected kExpected[] = {
      {"GET", "/web", ""},
      {"POST", "?fieldManager=rempart", "application/json"},
      {"POST", "?fieldManager=rempart&dryRun=All", "application/json"},
      {"POST", "?fieldManager=other", "application/json"},
      {"PATCH", "/web?fieldManager=rempart&force=true&fieldValidation=Ignore", "application/apply-patch+yaml"},
      {"PATCH", "/web/status?fieldManager=rempart&fieldValidation=Ignore", "application/apply-patch+yaml"},
      {"PATCH", "/web?force=true&fieldManager=other&fieldValidation=Ignore", "application/apply-patch+yaml"},
      {"PATCH", "/base/api/v1/nodes/n?fieldManager=rempart&fieldValidation=Ignore", "application/merge-patch+json"},
      {"PATCH", "/base/api/v1/nodes/n/status?fieldManager=rempart&dryRun=All&fieldValidation=Ignore",
       "application/json-patch+json"},
      {"DELETE", "/web", "application/json"},
  };
  const auto requests = server_.requests();
  ASSERT_EQ(requests.size(), std::size(kExpected));
  for (std::size_t i = 0; i < requests.size(); ++i) {
    const std::string target = kExpected[i].target;
    EXPECT_EQ(requests[i].method, kExpected[i].method) << i;
    EXPECT_EQ(requests[i].target, target.starts_with("/base") ? target : object + target) << i;
    const std::string* type = Header(requests[i], "content-type");
    EXPECT_EQ(type ? *type : "", kExpected[i].type) << i;
  }
}

TEST_F(ApiTest, ErrorsSayWhatWasBeingDone) {
  const std::string status = R"({"kind":"Status","message":"not there","reason":"NotFound"})";
  server_.Next(404, status);
  Error e = api().Get(kDeployments, {"acme", "web"}, {}).error();
  EXPECT_EQ(e.message, "get deployments acme/web: not there");
  EXPECT_EQ(e.kind, ErrorKind::kNotFound);
  EXPECT_EQ(e.http_status, 404);
  EXPECT_EQ(e.reason, "NotFound");
  server_.Next(404, status);
  EXPECT_EQ(api().Create(kDeployments, "acme", "{}", {}).error().message, "create deployments in acme: not there");
  server_.Next(404, status);
  EXPECT_EQ(api().Patch(kDeployments, {"acme", "web"}, PatchType::kApply, "{}", true, {}, "status").error().message,
            "apply deployments/status acme/web: not there");
  server_.Next(404, status);
  EXPECT_EQ(api().Delete(kNodes, {"", "n"}, "", {}).error().message, "delete nodes n: not there");
}

TEST_F(ApiTest, ALargeBodyIsNotSent) {
  ASSERT_TRUE(Do("POST", "/x", std::string(3 * 1024 * 1024, 'x')));
  const auto refused = Do("POST", "/x", std::string(3 * 1024 * 1024 + 1, 'x'));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, ErrorKind::kInvalid);
  EXPECT_NE(refused.error().message.find("do things: the object is 3072 KiB"), std::string::npos)
      << refused.error().message;
  EXPECT_EQ(server_.requests().size(), 1u);
}

TEST_F(ApiTest, AGetIsSentAgainOnceOverABrokenConnection) {
  server_.Break(Error::Transient("connection reset"));
  EXPECT_TRUE(Do("GET", "/x"));
  EXPECT_EQ(server_.requests().size(), 2u);
  server_.Break(Error::Transient("connection reset"));
  server_.Break(Error::Transient("connection reset again"));
  const auto failed = Do("GET", "/x");
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().message, "do things: connection reset again");
  EXPECT_EQ(server_.requests().size(), 4u);
}

TEST_F(ApiTest, OtherVerbsAndSlowOrOtherFailuresAreNotSentAgain) {
  for (const char* method : {"POST", "PUT", "PATCH", "DELETE"}) {
    server_.Break(Error::Transient("connection reset"));
    EXPECT_FALSE(Do(method, "/x", "{}")) << method;
  }
  EXPECT_EQ(server_.requests().size(), 4u);
  server_.Next([this](const http::Request&) -> Result<http::Response> {
    clock_.Advance(seconds(30));
    return Fail(Error::Transient("timed out"));
  });
  EXPECT_FALSE(Do("GET", "/x"));
  EXPECT_EQ(server_.requests().size(), 5u);
  server_.Break(Error::Invalid("answer too large"));
  EXPECT_EQ(Do("GET", "/x").error().kind, ErrorKind::kInvalid);
  EXPECT_EQ(server_.requests().size(), 6u);
}

TEST_F(ApiTest, WaitsAsLongAsRetryAfterSays) {
  for (const int status : {429, 503}) {
    const std::size_t before = server_.requests().size();
    server_.Next(status, "", {{"Retry-After", "5"}});
    auto running = Start({.method = "POST", .target = "/x", .body = "{}"});
    clock_.AwaitWaiters(1);
    clock_.Advance(milliseconds(4999));
    clock_.AwaitWaiters(1);
    EXPECT_EQ(server_.requests().size(), before + 1);
    clock_.Advance(milliseconds(501));  // up to a tenth more than asked
    EXPECT_TRUE(running->Join());
    EXPECT_EQ(server_.requests().size(), before + 2);
  }
}

TEST_F(ApiTest, WaitsAtMostAMinuteInAll) {
  for (int i = 0; i < 3; ++i) server_.Next(429, R"({"kind":"Status","message":"busy"})", {{"Retry-After", "25"}});
  auto running = Start({.method = "GET", .target = "/x", .doing = "list"});
  for (int i = 0; i < 2; ++i) {
    clock_.AwaitWaiters(1);
    clock_.Advance(milliseconds(27'500));
  }
  const auto reply = running->Join();
  ASSERT_FALSE(reply);
  EXPECT_EQ(reply.error().message, "list: busy");
  EXPECT_EQ(reply.error().retry_after, seconds(25));
  EXPECT_EQ(server_.requests().size(), 3u);
}

TEST_F(ApiTest, WhatIsNotWaitedFor) {
  server_.Next(429, "", {{"Retry-After", "5"}});
  EXPECT_EQ(api().Do({.method = "POST", .target = "/x", .obey_retry_after = false}, {}).error().retry_after,
            seconds(5));
  server_.Next(429);
  EXPECT_EQ(Do("GET", "/x").error().kind, ErrorKind::kTransient);
  server_.Next(500, "", {{"Retry-After", "5"}});
  EXPECT_EQ(Do("GET", "/x").error().kind, ErrorKind::kTransient);
  EXPECT_EQ(server_.requests().size(), 3u);
}

TEST_F(ApiTest, AStopEndsTheWait) {
  server_.Next(429, "", {{"Retry-After", "5"}});
  auto running = Start({.method = "GET", .target = "/x"});
  clock_.AwaitWaiters(1);
  stop_.request_stop();
  EXPECT_EQ(running->Join().error().kind, ErrorKind::kCancelled);
}

TEST_F(ApiTest, Streams) {
  server_.Next(200, "abcdefgh");
  std::string got;
  const auto status = api().Stream("/api/v1/pods?watch=1", seconds(90),
                                   [&](std::string_view piece) {
                                     got += piece;
                                     return got.size() < 6;
                                   },
                                   {});
  ASSERT_TRUE(status) << status.error().message;
  EXPECT_EQ(got, "abcdef");
  const auto request = server_.requests().at(0);
  EXPECT_EQ(request.target, "/base/api/v1/pods?watch=1");
  EXPECT_EQ(request.timeout, seconds(90));
  EXPECT_EQ(*Header(request, "authorization"), "Bearer t0");
}

TEST_F(ApiTest, StreamErrors) {
  const auto stream = [&] {
    return api().Stream("/api/v1/pods?watch=1", seconds(90), [](std::string_view) { return true; }, {}).error();
  };
  server_.Next(410, R"({"kind":"Status","message":"too old resource version","reason":"Expired"})");
  EXPECT_EQ(stream().message, "watch /api/v1/pods: too old resource version");
  server_.Next(410);
  EXPECT_EQ(stream().kind, ErrorKind::kGone);
  server_.Next(429, "", {{"Retry-After", "5"}});
  EXPECT_EQ(stream().retry_after, seconds(5)) << "given back at once: its caller backs off";
  server_.Break(Error::Transient("cut short"));
  EXPECT_EQ(stream().message, "watch /api/v1/pods: cut short");
}

TEST_F(ApiTest, Metrics) {
  ASSERT_TRUE(Do("GET", "/x"));
  server_.Next(409);
  (void)Do("PATCH", "/x", "{}");
  server_.Break(Error::Transient("reset"));
  (void)Do("PATCH", "/x", "{}");
  (void)api().Stream("/w", seconds(1), [](std::string_view) { return true; }, {});
  EXPECT_EQ(Requests("200", "GET"), 2);
  EXPECT_EQ(Requests("409", "PATCH"), 1);
  EXPECT_EQ(Requests("<error>", "PATCH"), 1);
  const std::string text = metrics_.Expose();
  EXPECT_NE(text.find("rest_client_request_duration_seconds_count{verb=\"PATCH\"} 2"), std::string::npos) << text;
  EXPECT_NE(text.find("rest_client_request_duration_seconds_count{verb=\"GET\"} 1"), std::string::npos) << text;
}

}  // namespace
}  // namespace rempart::kube
