// SIGKILL right after the server carried out the operator's k-th write, before the operator hears of it, for every k;
// then a new operator. Each run must end in the state of the undisturbed one.
#include <gtest/gtest.h>
#include <signal.h>

#include <condition_variable>
#include <cstdio>
#include <mutex>
#include <thread>

#include "tests/faults/reference.h"

namespace rempart::test {
namespace {

// An operator that is killed after its k-th write, and the next one, which is started once it has ended.
class KilledOperator {
 public:
  KilledOperator(const kube::Config& upstream, int k) : proxy_(upstream), first_(StartOperator(proxy_.kubeconfig())) {
    proxy_.SetOnWrite([this, k, pid = first_->pid()](const Exchange& exchange) {
      if (exchange.write_number != k) return;
      ::kill(pid, SIGKILL);
      std::scoped_lock lock(shared_.mutex);
      shared_.killed = true;
      shared_.changed.notify_all();
    });
    successor_ = std::jthread([this](std::stop_token stop) {
      std::unique_lock lock(shared_.mutex);
      if (!shared_.changed.wait(lock, stop, [this] { return shared_.killed; })) return;
      lock.unlock();
      first_->Wait(std::chrono::seconds(10));
      second_ = StartOperator(proxy_.kubeconfig());
    });
  }
  ~KilledOperator() {
    successor_.request_stop();
    successor_.join();
  }
  bool killed() {
    std::scoped_lock lock(shared_.mutex);
    return shared_.killed;
  }
  int writes() const { return proxy_.writes(); }

 private:
  // Outlives the proxy, whose threads use it.
  struct {
    std::mutex mutex;
    std::condition_variable_any changed;
    bool killed = false;
  } shared_;
  FaultProxy proxy_;
  std::unique_ptr<Process> first_, second_;
  std::jthread successor_;
};

// In parts, since each run takes seconds: hack/test gives each part a control plane of its own.
constexpr int kParts = 4;
// How often a k is tried until a run comes to it: how many writes a run has depends on what falls together (statuses
// that follow pods), on a slow machine by a tenth and more.
constexpr int kTries = 5;

class Killed : public ::testing::TestWithParam<int> {
 protected:
  enum class Run { kTooShort, kAsUndisturbed, kOtherwise };
  static Run RunKilledAfter(int k) {
    const std::string how = "killed after write " + std::to_string(k);
    Cluster cluster;
    KilledOperator op(Upstream(cluster), k);
    Scenario scenario(cluster);
    const std::string missed = scenario.Run();
    EXPECT_EQ(missed, "") << how << ", its pods are now:\n" << (missed.empty() ? "" : scenario.PodsAndOwners());
    bool killed = op.killed();
    bool good = missed.empty() && EndsAsUndisturbed(scenario, how);
    if (good && !killed && op.killed()) {  // by the last of its writes
      killed = true;
      good = EndsAsUndisturbed(scenario, how);
    }
    if (!killed) {
      EXPECT_TRUE(good) << "nothing was killed, and yet it ended otherwise";
      std::printf("a run had only %d writes, not %d\n", op.writes(), k);
      return good ? Run::kTooShort : Run::kOtherwise;
    }
    std::printf("killed after write %d of %d\n", k, Reference().writes);
    return good ? Run::kAsUndisturbed : Run::kOtherwise;
  }
};

TEST_P(Killed, AfterEveryWrite) {
  const int writes = Reference().writes;
  ASSERT_GE(writes, 40);
  // Up to here every run of the scenario must come, tried often enough. The last ones may be those of a reference that
  // had more of them than most; and where others have more, these are killed after each as well.
  const int reached_by_all = writes - writes / 5;
  int good = 0, killed = 0;
  for (int k = 1 + GetParam();; k += kParts) {
    Run run = Run::kTooShort;
    for (int i = 0; i < kTries && run == Run::kTooShort; ++i) run = RunKilledAfter(k);
    std::fflush(stdout);
    if (run == Run::kTooShort) {
      EXPECT_GT(k, reached_by_all) << "no run of " << kTries << " came to write " << k << " of " << writes;
      std::printf("killed up to write %d: none of %d more runs had %d\n", k - kParts, kTries, k);
      break;
    }
    ++killed;
    good += run == Run::kAsUndisturbed;
  }
  std::printf("killed after each write, part %d of %d: %d of %d\n", GetParam() + 1, kParts, good, killed);
  EXPECT_EQ(good, killed);
  EXPECT_GE(killed * kParts, 40);
}
INSTANTIATE_TEST_SUITE_P(Part, Killed, ::testing::Range(0, kParts));

}  // namespace
}  // namespace rempart::test
