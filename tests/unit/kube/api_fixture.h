// The real Api over a server in memory, in time that the test moves.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <thread>

#include "src/kube/api.h"
#include "tests/unit/kube/fake_clock.h"
#include "tests/unit/kube/fake_http.h"

namespace rempart::kube::test {

class ApiTest : public testing::Test {
 protected:
  ApiTest() {
    config_.server = "https://h:6443";
    config_.base_path = "/base";
    config_.token = "t0";
  }
  Api& api() {
    if (!api_) {
      api_ = MakeApi(config_, clock_, random_, metrics_, "rempart-test/1", server_.Maker(),
                     [this](const ExecPlugin&, const std::string&) -> Result<std::string> {
                       if (plugin_output_.empty()) return Fail(Error::Denied("the plugin failed"));
                       return plugin_output_;
                     })
                 .value();
    }
    return *api_;
  }
  Result<Reply> Do(const std::string& method, const std::string& target, const std::string& body = "") {
    return api().Do({.method = method, .target = target, .body = body, .doing = "do things"}, stop_.get_token());
  }
  // Runs a call on a thread of its own; the test moves the time.
  struct Running {
    std::optional<Result<Reply>> result;
    std::jthread thread;
    Result<Reply> Join() {
      thread.join();
      return *result;
    }
  };
  std::unique_ptr<Running> Start(Api::Call call) {
    (void)api();
    auto running = std::make_unique<Running>();
    running->thread = std::jthread([this, call, r = running.get()] { r->result = api().Do(call, stop_.get_token()); });
    return running;
  }
  double Requests(const std::string& code, const std::string& method) {
    return metrics_.GetCounter("rest_client_requests_total", "", {{"code", code}, {"method", method}}).Value();
  }
  void UseExecToken(const std::string& token) {
    config_.token.clear();
    config_.exec = ExecPlugin{.api_version = "client.authentication.k8s.io/v1", .command = "p"};
    plugin_output_ =
        R"({"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","status":{)" + token + "}}";
  }

  StepClock clock_;
  SeededRandom random_{1};
  Metrics metrics_;
  FakeServer server_;
  Config config_;
  std::string plugin_output_;
  std::stop_source stop_;
  std::unique_ptr<Api> api_;
};

inline const std::string* Header(const http::Request& request, const char* name) {
  return http::Find(request.headers, name);
}

}  // namespace rempart::kube::test
