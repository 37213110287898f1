#include "src/kube/discovery.h"

#include <gtest/gtest.h>

#include "tests/unit/kube/reconcile_fakes.h"

namespace rempart::kube {
namespace {

struct Server final : test::ApiWithoutWatches {
  Result<Reply> Do(const Call& call, std::stop_token) override {
    asked = call.method + " " + call.target;
    return answer;
  }
  Result<Reply> answer = Reply{200, "{}"};
  std::string asked;
};

TEST(Discovery, TellsWhatIsServed) {
  Server server;
  server.answer = Reply{200, R"({"resources": [{"name": "deployments"}, {"name": "deployments/scale"}, {}]})"};
  EXPECT_EQ(IsServed(server, {"apps", "v1", "deployments", "Deployment"}, {}), true);
  EXPECT_EQ(server.asked, "GET /apis/apps/v1");
  EXPECT_EQ(IsServed(server, {"", "v1", "pods", "Pod"}, {}), false);
  EXPECT_EQ(server.asked, "GET /api/v1");
  server.answer = Fail(Error::NotFound("the server could not find the requested resource"));
  EXPECT_EQ(IsServed(server, {"apps", "v9", "deployments", "Deployment"}, {}), false);
}

TEST(Discovery, WhatIsNoAnswerIsNotNo) {
  Server server;
  for (const char* body : {"", "[]", "{}", R"({"resources": 3})"}) {
    server.answer = Reply{200, body};
    EXPECT_FALSE(IsServed(server, {"apps", "v1", "deployments", "Deployment"}, {})) << body;
  }
  server.answer = Fail(Error::Transient("away"));
  EXPECT_FALSE(IsServed(server, {"apps", "v1", "deployments", "Deployment"}, {}));
}

}  // namespace
}  // namespace rempart::kube
