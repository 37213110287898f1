// An Api that writes nothing: whatever would write is printed and sent with dryRun=All, so that the server judges it
// and the caller sees what it would have become.
#pragma once

#include <atomic>
#include <functional>
#include <string>

#include "src/kube/api.h"

namespace rempart::kube {

// Thread-safe if `print` is.
class DryRunApi final : public Api {
 public:
  DryRunApi(Api& api, std::function<void(const std::string& line)> print) : api_(api), print_(std::move(print)) {}
  Result<Reply> Do(const Call& call, std::stop_token stop) override;
  Status Stream(const std::string& target, std::chrono::milliseconds idle, const http::Client::Sink& sink,
                std::stop_token stop) override;
  int would_write() const { return would_write_; }

 private:
  Api& api_;
  std::function<void(const std::string&)> print_;
  std::atomic<int> would_write_{0};
};

}  // namespace rempart::kube
