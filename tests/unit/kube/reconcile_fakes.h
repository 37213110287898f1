// What a reconciler is given, for tests of one reconciler by itself.
#pragma once

#include <stop_token>
#include <utility>

#include "src/kube/api.h"
#include "src/kube/events.h"
#include "src/kube/runner.h"

namespace rempart::kube::test {

// Never stopped, and waits for no write to be seen.
class FakeContext final : public ReconcileContext {
 public:
  explicit FakeContext(ObjectKey key) : key_(std::move(key)) {}
  const ObjectKey& key() const override { return key_; }
  std::stop_token stop() const override { return {}; }
  void Wrote(const StoreProgress&, std::uint64_t) override {}

 private:
  const ObjectKey key_;
};

struct NoEvents final : EventRecorder {
  void Record(Event) override {}
};

// Reconcilers write, and watch nothing.
struct ApiWithoutWatches : Api {
  Status Stream(const std::string&, std::chrono::milliseconds, const http::Client::Sink&, std::stop_token) override {
    return Fail(Error::Internal("no watches here"));
  }
};

}  // namespace rempart::kube::test
