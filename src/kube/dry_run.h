// An Api that writes nothing: whatever would write is printed and sent with dryRun=All, so that the server judges it
// and the caller sees what it would have become. Each write is told and counted once, and answered alike, however often
// it is tried: since nothing changes, whoever looks twice does the same twice. A replacement or patch that would leave
// the object as it is, but for who manages its fields, is not told. Keeps the answers.
#pragma once

#include <atomic>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>

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
  bool Differs(const Call& call, const Reply& would_be, std::stop_token stop);

  Api& api_;
  std::function<void(const std::string&)> print_;
  std::atomic<int> would_write_{0};
  std::mutex mutex_;
  std::unordered_map<std::string, std::optional<Reply>> told_;  // by the write's digest; nothing where it failed
};

}  // namespace rempart::kube
