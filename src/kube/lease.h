// Leader election over a coordination.k8s.io/v1 Lease: 15 s duration, 10 s renew deadline, 2 s retry; released on a
// clean exit.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>

#include "src/base/clock.h"
#include "src/base/metrics.h"
#include "src/base/random.h"
#include "src/kube/api.h"

namespace rempart::kube {

struct LeaseOptions {
  std::string ns = "rempart-system";
  std::string name = "rempart-operator";
  std::string identity;  // hostname_random
  Duration duration = std::chrono::seconds(15);
  Duration renew_deadline = std::chrono::seconds(10);
  Duration retry = std::chrono::seconds(2);
};

// Pure: what a candidate may do, given the lease it sees, since when (own monotonic time) it has seen it unchanged, and
// the time.
struct LeaseView {
  bool exists = false;
  std::string holder;
  std::uint64_t resource_version = 0;
  Duration duration{0};
  std::int64_t transitions = 0;
  WallTime acquired{}, renewed{};
};
enum class LeaseAction { kCreate, kAcquire, kRenew, kWait };
LeaseAction DecideLease(const LeaseView& seen, MonoTime unchanged_since, MonoTime now, const LeaseOptions& options);

class LeaderElector {
 public:
  LeaderElector(Api& api, Clock& clock, Random& random, Metrics& metrics, LeaseOptions options);
  // Blocks until stop. When leading, calls `lead` on a thread of its own with a token that is stopped when the lease
  // was lost (at the latest `renew_deadline` after the last renewal, even while a call hangs) or stop was requested;
  // the lease is renewed until `lead` has returned, however long that takes, then released. A `lead` that returns by
  // itself ends it, too. False: the lease was lost (the process should end and start anew).
  bool Run(const std::function<void(std::stop_token)>& lead, std::stop_token stop);
  bool leading() const;  // any thread; false from the renew deadline on, even before `lead` has noticed

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace rempart::kube
