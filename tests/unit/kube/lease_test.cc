// The elector with its threads, over an API server in memory, in time that moves only when every thread has come to
// rest.
#include "src/kube/lease.h"

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <nlohmann/json.hpp>
#include <thread>

#include "src/base/json.h"
#include "tests/unit/kube/fake_api.h"
#include "tests/unit/kube/fake_clock.h"

namespace rempart::kube {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using test::FakeApi;
using test::FakeStore;
using test::StepClock;

const std::string kPath = "/apis/coordination.k8s.io/v1/namespaces/rempart-system/leases/rempart-operator";

// One process: an elector, and work that lasts until it is told to stop (and `drain` longer).
class Process {
 public:
  Process(FakeStore& store, StepClock& clock, const std::string& identity, std::atomic<int>& leaders)
      : api(store), clock_(clock), leaders_(leaders), random_(std::hash<std::string>{}(identity)) {
    LeaseOptions options;
    options.identity = identity;
    elector_ = std::make_unique<LeaderElector>(api, clock, random_, metrics, options);
  }
  ~Process() { Stop(); }

  void Start() {
    thread_ = std::thread([this] {
      result = elector_->Run(
          [this](std::stop_token stop) {
            EXPECT_EQ(++leaders_, 1) << "two leaders at once";
            led = true;
            led.notify_all();
            (void)clock_.SleepFor(std::chrono::hours(10'000), stop);
            told_at = clock_.Mono();
            told = true;
            told.notify_all();
            if (drain > Duration::zero()) (void)clock_.SleepFor(drain, {});
            --leaders_;
          },
          stop_.get_token());
    });
  }
  void AwaitLeading() { led.wait(false); }
  void AwaitTold() { told.wait(false); }
  void RequestStop() { stop_.request_stop(); }
  void Join() {
    if (thread_.joinable()) thread_.join();
  }
  void Stop() {
    api.Hang(false);
    RequestStop();
    Join();
  }
  bool leading() const { return elector_->leading(); }
  double master_status() {
    return metrics.GetGauge("leader_election_master_status", "", {{"name", "rempart-operator"}}).Value();
  }

  FakeApi api;
  Metrics metrics;
  Duration drain{0};
  std::atomic<bool> led{false}, told{false};
  std::atomic<MonoTime> told_at{MonoTime{}};
  std::optional<bool> result;

 private:
  StepClock& clock_;
  std::atomic<int>& leaders_;
  SeededRandom random_;
  std::unique_ptr<LeaderElector> elector_;
  std::stop_source stop_;
  std::thread thread_;
};

// A leader waits in three threads (elector, watchdog, work), a candidate in one.
constexpr std::size_t kLeader = 3, kCandidate = 1;

class LeaderElectorTest : public testing::Test {
 protected:
  std::unique_ptr<Process> Make(const std::string& identity) {
    return std::make_unique<Process>(store_, clock_, identity, leaders_);
  }
  std::unique_ptr<Process> Leader(const std::string& identity = "a") {
    auto process = Make(identity);
    process->Start();
    process->AwaitLeading();
    clock_.AwaitWaiters(kLeader);
    return process;
  }
  // Time goes by in small steps; `waiting` threads come to rest after each.
  void Pass(Duration d, std::size_t waiting) {
    for (Duration step = milliseconds(100); d > Duration::zero(); d -= step) {
      clock_.AwaitWaiters(waiting);
      clock_.Advance(std::min(step, d));
    }
    clock_.AwaitWaiters(waiting);
  }
  Json Spec() { return store_.Get(kPath).value().at("spec"); }

  FakeStore store_;
  StepClock clock_;
  std::atomic<int> leaders_{0};
};

TEST_F(LeaderElectorTest, LeadsRenewsAndReleases) {
  auto a = Leader();
  EXPECT_TRUE(a->leading());
  EXPECT_EQ(a->master_status(), 1);
  EXPECT_EQ(Spec()["holderIdentity"], "a");
  Pass(std::chrono::minutes(2), kLeader);
  EXPECT_TRUE(a->leading());
  EXPECT_FALSE(a->told);
  EXPECT_NEAR(static_cast<double>(a->api.calls().size()), 61, 2) << "one write every two seconds, and no reads";
  const std::string renewed = Spec()["renewTime"];
  EXPECT_GE(ParseTime(renewed).value(), clock_.Now() - seconds(2));
  a->RequestStop();
  a->Join();
  EXPECT_EQ(a->result, true);
  EXPECT_FALSE(a->leading());
  EXPECT_EQ(a->master_status(), 0);
  EXPECT_EQ(Spec()["holderIdentity"], "");
  EXPECT_EQ(Spec()["leaseDurationSeconds"], 1);
  EXPECT_EQ(leaders_, 0);
}

TEST_F(LeaderElectorTest, CallsAreBounded) {
  auto a = Leader();
  for (const Api::Call& call : a->api.calls()) {
    EXPECT_EQ(call.timeout, seconds(5)) << call.doing;
    EXPECT_FALSE(call.obey_retry_after) << call.doing;
  }
}

TEST_F(LeaderElectorTest, ACandidateStopsAtOnce) {
  store_.Put(
      kPath,
      Json::parse(R"({"kind":"Lease","metadata":{},"spec":{"holderIdentity":"other","leaseDurationSeconds":15}})"));
  auto a = Make("a");
  a->Start();
  clock_.AwaitWaiters(kCandidate);
  EXPECT_FALSE(a->leading());
  EXPECT_EQ(a->master_status(), 0);
  a->RequestStop();
  a->Join();
  EXPECT_EQ(a->result, true);
  EXPECT_FALSE(a->led);
  EXPECT_EQ(Spec()["holderIdentity"], "other");
}

TEST_F(LeaderElectorTest, AFailingServerCostsTheLeaseAtTheDeadline) {
  auto a = Leader();
  Pass(seconds(10), kLeader);
  const MonoTime last_renewal = clock_.Mono();
  a->api.FailAll(Error::Transient("no connection"));
  while (a->leading()) {
    clock_.AwaitWaiters(kLeader);
    EXPECT_FALSE(a->told);
    clock_.Advance(milliseconds(100));
  }
  a->Join();  // without more time
  EXPECT_EQ(a->result, false) << "the process is to end";
  EXPECT_EQ(a->told_at.load(), last_renewal + seconds(10));
  EXPECT_EQ(a->master_status(), 0);
  EXPECT_EQ(Spec()["holderIdentity"], "a") << "it expires by itself";
}

TEST_F(LeaderElectorTest, AHangingCallDoesNotHoldTheLeadersStopBack) {
  auto a = Leader();
  a->api.Hang(true);
  clock_.AwaitWaiters(kLeader);
  const MonoTime deadline = clock_.Mono() + seconds(10);
  clock_.Advance(seconds(2));
  a->api.AwaitHanging();   // the renewal
  clock_.AwaitWaiters(2);  // watchdog and work
  clock_.Advance(milliseconds(7'999));
  clock_.AwaitWaiters(2);
  EXPECT_TRUE(a->leading());
  EXPECT_FALSE(a->told);
  clock_.Advance(milliseconds(1));
  EXPECT_FALSE(a->leading()) << "at once, whatever its threads are doing";
  a->AwaitTold();
  a->Join();
  EXPECT_EQ(a->result, false);
  EXPECT_EQ(a->told_at.load(), deadline);
}

TEST_F(LeaderElectorTest, ALeaseThatAnotherTookIsLost) {
  auto a = Leader();
  Json lease = *store_.Get(kPath);
  lease["spec"]["holderIdentity"] = "b";
  store_.Put(kPath, lease);
  clock_.Advance(seconds(2));
  a->AwaitTold();
  a->Join();
  EXPECT_EQ(a->result, false);
  EXPECT_EQ(Spec()["holderIdentity"], "b");
}

TEST_F(LeaderElectorTest, RenewsUntilTheWorkHasReturned) {
  auto a = Make("a");
  a->drain = seconds(25);
  a->Start();
  a->AwaitLeading();
  clock_.AwaitWaiters(kLeader);
  a->RequestStop();
  a->AwaitTold();
  auto b = Make("b");
  b->Start();
  Pass(milliseconds(24'900), kLeader + kCandidate);
  EXPECT_TRUE(a->leading()) << "its work goes on";
  EXPECT_EQ(Spec()["holderIdentity"], "a");
  EXPECT_FALSE(b->led);
  clock_.Advance(milliseconds(100));
  a->Join();
  EXPECT_EQ(a->result, true);
  EXPECT_EQ(Spec()["holderIdentity"], "");
  while (!b->led && clock_.Mono() < MonoTime(seconds(60))) {
    clock_.AwaitWaiters(kCandidate);
    if (Spec()["holderIdentity"] != "") break;
    clock_.Advance(milliseconds(100));
  }
  b->AwaitLeading();
  EXPECT_LE(clock_.Mono(), MonoTime(seconds(25) + milliseconds(3'200)));
  EXPECT_EQ(Spec()["leaseTransitions"], 1);
}

TEST_F(LeaderElectorTest, WorkThatReturnsByItselfEndsTheTerm) {
  FakeApi api(store_);
  Metrics metrics;
  SeededRandom random(1);
  LeaseOptions options;
  options.identity = "a";
  LeaderElector elector(api, clock_, random, metrics, options);
  EXPECT_TRUE(elector.Run([](std::stop_token) {}, {}));
  EXPECT_EQ(Spec()["holderIdentity"], "");
  EXPECT_TRUE(elector.Run([](std::stop_token) { throw std::runtime_error("a bug"); }, {})) << "and can be run again";
  EXPECT_EQ(Spec()["holderIdentity"], "");
  EXPECT_EQ(Spec()["leaseTransitions"], 1);
}

TEST_F(LeaderElectorTest, AStoppedLeaderWithoutServerEndsSoon) {
  auto a = Leader();
  a->api.FailAll(Error::Transient("no connection"));
  a->RequestStop();
  a->Join();  // no time has to pass
  EXPECT_EQ(a->result, true);
  EXPECT_LE(a->api.calls().size(), 6u);
}

TEST_F(LeaderElectorTest, AStoppedLeaderWhoseCallsHangEndsAtItsDeadline) {
  auto a = Leader();
  a->api.Hang(true);
  a->RequestStop();
  a->api.AwaitHanging();   // the release
  clock_.AwaitWaiters(1);  // the watchdog
  clock_.Advance(seconds(10));
  a->Join();
  EXPECT_EQ(a->result, true) << "stopped, as asked";
}

TEST_F(LeaderElectorTest, ALostAnswerToTheReleaseIsNoMatter) {
  auto a = Leader();
  a->api.LoseAnswers(1);
  a->RequestStop();
  a->Join();
  EXPECT_EQ(a->result, true);
  EXPECT_EQ(Spec()["holderIdentity"], "");
}

TEST_F(LeaderElectorTest, TwoElectorsOverFailuresAndSkew) {
  auto a = Leader("a");
  auto b = Make("b");
  b->Start();
  Pass(seconds(30), kLeader + kCandidate);
  EXPECT_FALSE(b->led);

  // The leader is cut off; the candidate's way is disturbed as well.
  a->api.FailAll(Error::Transient("cut off"));
  const MonoTime cut = clock_.Mono();
  while (a->leading()) {
    clock_.AwaitWaiters(kLeader + kCandidate);
    if (clock_.Mono() == cut + seconds(5)) b->api.FailNext(Error::Transient("reset"), 2);
    clock_.Advance(milliseconds(100));
  }
  a->Join();  // before the time goes on, so that its work has ended in time
  EXPECT_EQ(a->result, false);
  EXPECT_FALSE(b->led);
  EXPECT_LE(clock_.Mono(), cut + seconds(10));
  while (Spec()["holderIdentity"] == "a" && clock_.Mono() < cut + seconds(60)) {
    clock_.AwaitWaiters(kCandidate);
    if (Spec()["holderIdentity"] != "a") break;
    clock_.Advance(milliseconds(100));
  }
  b->AwaitLeading();
  EXPECT_GE(clock_.Mono(), cut + seconds(13)) << "15 s after the last renewal that it saw";
  EXPECT_LE(clock_.Mono(), cut + seconds(18));
  EXPECT_EQ(leaders_, 1);
}

TEST_F(LeaderElectorTest, StopWhileTheLeaseIsBeingTaken) {
  auto a = Make("a");
  a->api.Hang(true);
  a->Start();
  a->api.AwaitHanging();  // the look
  a->api.Hang(false);
  a->api.AwaitCalls(2);
  a->RequestStop();
  clock_.Advance(seconds(1));
  a->Join();
  EXPECT_EQ(a->result, true);
  if (const auto lease = store_.Get(kPath)) {
    EXPECT_EQ(lease->at("spec")["holderIdentity"], "");
  }
}

}  // namespace
}  // namespace rempart::kube
