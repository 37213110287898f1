// What only would be written: how it is sent, and what its answer looks like.
#include "src/kube/dry_run.h"

#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <vector>

#include "src/kube/apply.h"

namespace rempart::kube {
namespace {

constexpr Resource kThings{"apps", "v1", "deployments", "Deployment", true};

// Answers each call with the same text.
class AnsweringApi final : public Api {
 public:
  Result<Reply> Do(const Call& call, std::stop_token) override {
    targets.push_back(call.method + " " + call.target);
    bodies.push_back(call.body);
    if (refuse) return Fail(*refuse);
    return Reply{201, call.method == "GET" && !stored.empty() ? R"({"items":[)" + stored + "]}" : answer};
  }
  Status Stream(const std::string&, std::chrono::milliseconds, const http::Client::Sink&, std::stop_token) override {
    return {};
  }
  std::string answer, stored;  // the latter in a list, to a GET where it is not empty
  std::optional<Error> refuse;
  std::vector<std::string> targets, bodies;
};

struct DryRunApiTest : ::testing::Test {
  AnsweringApi server;
  std::vector<std::string> printed;
  DryRunApi api{server, [this](const std::string& line) { printed.push_back(line); }};
};

TEST_F(DryRunApiTest, WritesAreSentAsDryRunsAndPrinted) {
  server.answer = "{}";
  ASSERT_TRUE(api.Create(kThings, "acme", "{}", {}));
  ASSERT_TRUE(api.Get(kThings, {"acme", "web"}, {}));
  ASSERT_EQ(server.targets.size(), 2U);
  EXPECT_NE(server.targets[0].find("&dryRun=All"), std::string::npos) << server.targets[0];
  EXPECT_EQ(server.targets[1].find("dryRun"), std::string::npos) << server.targets[1];
  EXPECT_EQ(api.would_write(), 1);
  EXPECT_EQ(printed.size(), 1U);
}

// Whoever is woken again sees what it saw before, and tries the same.
TEST_F(DryRunApiTest, AWriteIsToldOnceHoweverOftenItIsTried) {
  server.answer = R"({"metadata":{"uid":"first"}})";
  const auto first = api.Create(kThings, "acme", "{}", {});
  server.answer = R"({"metadata":{"uid":"second"}})";  // a server makes up another uid each time
  const auto second = api.Create(kThings, "acme", "{}", {});
  ASSERT_TRUE(first && second);
  EXPECT_EQ(first->body, second->body);
  ASSERT_TRUE(api.Create(kThings, "acme", R"({"other":1})", {}));
  ASSERT_TRUE(api.Create(kThings, "other", "{}", {}));
  EXPECT_EQ(server.targets.size(), 3U);
  EXPECT_EQ(printed.size(), 3U);
  EXPECT_EQ(api.would_write(), 3);
}

TEST_F(DryRunApiTest, AWriteThatFailsIsToldOnceAndTriedAgain) {
  server.refuse = Error::Conflict("somebody else was faster");
  for (int i = 0; i < 2; ++i) EXPECT_FALSE(api.Create(kThings, "acme", "{}", {}));
  server.refuse.reset();
  server.answer = "{}";
  EXPECT_TRUE(api.Create(kThings, "acme", "{}", {}));
  EXPECT_EQ(server.targets.size(), 3U);
  EXPECT_EQ(printed.size(), 1U);
  EXPECT_EQ(api.would_write(), 1);
}

// Policies are written once more by an operator that was started anew, and the server stores nothing.
TEST_F(DryRunApiTest, WhatWouldLeaveTheObjectAsItIsIsNotTold) {
  server.stored = R"({"metadata":{"resourceVersion":"41","generation":1,"managedFields":[]},"spec":{"a":1}})";
  server.answer =
      R"({"kind":"Deployment","metadata":{"resourceVersion":"41","generation":2,"managedFields":[{}]},"spec":{"a":1}})";
  ASSERT_TRUE(api.Replace(kThings, {"acme", "web"}, "{}", {}));
  ASSERT_TRUE(api.Patch(kThings, {"acme", "web"}, PatchType::kMerge, "{}", false, {}, "status"));
  EXPECT_EQ(api.would_write(), 0);
  EXPECT_EQ(server.targets.back(), "GET /apis/apps/v1/namespaces/acme/deployments?fieldSelector=metadata.name%3Dweb");
  for (const char* differs :
       {R"({"metadata":{"labels":{"a":"b"}},"spec":{"a":1}})", R"({"spec":{"a":2}})", "[]", "{},{}"}) {
    server.stored = differs;
    ASSERT_TRUE(api.Replace(kThings, {"acme", "web"}, differs, {}));
  }
  EXPECT_EQ(api.would_write(), 4);
  server.stored = server.answer;
  ASSERT_TRUE(api.Patch(kThings, {"acme", "web"}, PatchType::kApply, "{}", true, {}));
  EXPECT_EQ(api.would_write(), 5) << "what others added goes in further steps";
  EXPECT_EQ(printed.size(), 5U);
}

// The API server reads no query where a DELETE has a body.
TEST_F(DryRunApiTest, DeletionsSayItInTheirOptions) {
  ASSERT_TRUE(api.Delete(kThings, {"acme", "web"}, R"({"kind":"DeleteOptions","preconditions":{"uid":"u"}})", {}));
  ASSERT_TRUE(api.Delete(kThings, {"acme", "web"}, "", {}));
  ASSERT_EQ(server.bodies.size(), 2U);
  EXPECT_EQ(server.bodies[0], R"({"dryRun":["All"],"kind":"DeleteOptions","preconditions":{"uid":"u"}})");
  EXPECT_EQ(server.bodies[1], "");
  for (const auto& target : server.targets) EXPECT_NE(target.find("?dryRun=All"), std::string::npos) << target;
  for (const char* body : {"[]", "{"}) EXPECT_FALSE(api.Delete(kThings, {"acme", "web"}, body, {})) << body;
  EXPECT_EQ(server.bodies.size(), 2U) << "what cannot be marked is not sent";
  EXPECT_EQ(api.would_write(), 2);
}

TEST_F(DryRunApiTest, WhatWouldBeCreatedCanBeReadLikeWhatWas) {
  for (const auto& [metadata, version] :
       {std::pair{R"({"uid":"u"})", 1U}, {R"({"resourceVersion":""})", 1U}, {R"({"resourceVersion":"41"})", 41U}}) {
    server.answer = std::string(R"({"metadata":)") + metadata + R"(,"spec":{"a":[1.5,null]}})";
    const auto reply = api.Create(kThings, "acme", metadata, {});
    ASSERT_TRUE(reply);
    EXPECT_EQ(ResourceVersionOf(reply->body), version) << metadata;
    EXPECT_NE(reply->body.find(R"("spec":{"a":[1.5,null]})"), std::string::npos) << reply->body;
  }
}

TEST_F(DryRunApiTest, OtherAnswersAreLeftAsTheyAre) {
  for (const char* answer : {"", "{", "[]", "{ }", R"({"metadata": 7})"}) {
    server.answer = answer;
    EXPECT_EQ(api.Create(kThings, "acme", answer, {})->body, answer);
  }
}

}  // namespace
}  // namespace rempart::kube
