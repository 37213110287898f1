// The same life of a region under every kind of fault, and under SIGKILL after each of the operator's writes: each must
// end in the state of the undisturbed run.
#include <gtest/gtest.h>
#include <signal.h>

#include <atomic>
#include <condition_variable>
#include <cstdio>
#include <future>
#include <map>
#include <mutex>
#include <thread>

#include "src/base/random.h"
#include "tests/support/cluster.h"
#include "tests/support/fault_proxy.h"
#include "tests/support/scenario.h"

namespace rempart::test {
namespace {

// The control plane is a bare one.
class Definitions : public ::testing::Environment {
  void SetUp() override { InstallDefinitions(REMPART_SOURCE_DIR); }
};
const auto* const kDefinitions = ::testing::AddGlobalTestEnvironment(new Definitions);

kube::Config Upstream(const Cluster& cluster) {
  auto config = kube::LoadConfig({cluster.kubeconfig(), ""}, [](const char*) { return std::nullopt; });
  if (!config) throw std::runtime_error(config.error().ToString());
  return *config;
}

struct Undisturbed {
  Json end_state;
  int writes = 0;
};

// Run once a program; every other run is compared with it.
const Undisturbed& Reference() {
  static const Undisturbed reference = [] {
    Cluster cluster;
    FaultProxy proxy(Upstream(cluster));
    auto op = StartOperator(proxy.kubeconfig());
    Scenario scenario(cluster);
    Undisturbed result;
    const std::string missed = scenario.Run();
    if (!missed.empty()) throw std::runtime_error("the undisturbed run did not reach: " + missed + "\n" + op->Output());
    result.end_state = scenario.SettledState();
    result.writes = proxy.writes();
    op->Signal(SIGTERM);
    const auto code = op->Wait(std::chrono::seconds(30));
    if (code != 0) throw std::runtime_error("the operator did not stop in good order");
    return result;
  }();
  return reference;
}

std::string Difference(const Json& expected, const Json& actual) { return Json::diff(expected, actual).dump(1); }

struct FaultCase {
  const char* name;
  // Given a random number generator and the exchange; asked only while there are faults left.
  std::function<Fault(Random&, const Exchange&)> decide;
  int faults;  // so many, then calm: a scenario must end
};

bool OneIn(Random& random, int n) { return random.Next() % static_cast<std::uint64_t>(n) == 0; }
Fault Statuses(Random& random, const Exchange&, int code, int one_in) {
  return OneIn(random, one_in) ? Fault{Fault::Kind::kStatus, code} : Fault{};
}

const std::vector<FaultCase>& Cases() {
  using K = Fault::Kind;
  static const std::vector<FaultCase> cases = {
      {"StreamsCutInMidEvent",
       [](Random& r, const Exchange& e) {
         return e.watch ? Fault{K::kCutStream, static_cast<int>(200 + r.Next() % 9000)} : Fault{};
       },
       30},
      {"AnswersDelayed",
       [](Random& r, const Exchange& e) {
         return !e.watch && OneIn(r, 2) ? Fault{K::kDelay, static_cast<int>(r.Next() % 300)} : Fault{};
       },
       120},
      {"WatchesDelayed",
       [](Random& r, const Exchange& e) {
         return e.watch ? Fault{K::kDelay, static_cast<int>(5 + r.Next() % 40)} : Fault{};
       },
       1000},
      {"EventsDuplicated", [](Random&, const Exchange& e) { return e.watch ? Fault{K::kDuplicate} : Fault{}; }, 1000},
      {"StreamsGarbled",
       [](Random& r, const Exchange& e) {
         return e.watch ? Fault{K::kGarble, static_cast<int>(r.Next() % 9000)} : Fault{};
       },
       30},
      {"Writes409", [](Random& r, const Exchange& e) { return e.write ? Statuses(r, e, 409, 3) : Fault{}; }, 40},
      {"Watches410", [](Random& r, const Exchange& e) { return e.watch ? Statuses(r, e, 410, 2) : Fault{}; }, 40},
      {"All429", [](Random& r, const Exchange& e) { return Statuses(r, e, 429, 6); }, 25},
      {"All500", [](Random& r, const Exchange& e) { return Statuses(r, e, 500, 4); }, 60},
      {"All503", [](Random& r, const Exchange& e) { return Statuses(r, e, 503, 6); }, 25},
      {"RequestsLost", [](Random& r, const Exchange&) { return OneIn(r, 4) ? Fault{K::kLoseRequest} : Fault{}; }, 60},
      {"AnswersLost",
       [](Random& r, const Exchange& e) { return e.write && OneIn(r, 2) ? Fault{K::kLoseAnswer} : Fault{}; }, 60},
      {"AnswersTruncated",
       [](Random& r, const Exchange& e) {
         return e.write && OneIn(r, 3) ? Fault{K::kCutStream, static_cast<int>(r.Next() % 400)} : Fault{};
       },
       60},
      {"ListsInsteadOfStreams",
       [](Random&, const Exchange& e) {
         return e.target.find("sendInitialEvents=true") != std::string::npos ? Fault{K::kStatus, 400} : Fault{};
       },
       100000},
      {"StaleLists",
       [](Random& r, const Exchange& e) {
         if (!e.watch) return e.method == "GET" && OneIn(r, 2) ? Fault{K::kStaleList} : Fault{};
         const bool initial = e.target.find("sendInitialEvents=true") != std::string::npos;
         if (!initial) return OneIn(r, 2) ? Fault{K::kStatus, 410} : Fault{};  // forces a new state …
         return OneIn(r, 2)
                    ? Fault{K::kStaleList}
                    : Fault{K::kCutStream, static_cast<int>(30000 + r.Next() % 30000)};  // … which is an old one
       },
       60},
      {"EverythingAtOnce",
       [](Random& r, const Exchange& e) {
         switch (r.Next() % 12) {
           case 0:
             return Fault{K::kStatus, 500};
           case 1:
             return Fault{K::kLoseRequest};
           case 2:
             return Fault{e.write ? K::kLoseAnswer : K::kNone};
           case 3:
             return Fault{e.watch ? K::kCutStream : K::kNone, static_cast<int>(r.Next() % 5000)};
           case 4:
             return Fault{e.watch ? K::kGarble : K::kNone, static_cast<int>(r.Next() % 5000)};
           case 5:
             return Fault{e.write ? K::kStatus : K::kNone, 409};
           case 6:
             return Fault{K::kDelay, static_cast<int>(r.Next() % 200)};
           case 7:
             return Fault{e.watch ? K::kDuplicate : K::kNone};
           default:
             return Fault{};
         }
       },
       120},
  };
  return cases;
}

constexpr int kEndsOfAWatch = 5;
bool EndsWatch(const Exchange& exchange, const Fault& fault) {
  using K = Fault::Kind;
  return exchange.watch && fault.kind != K::kDelay && fault.kind != K::kDuplicate;
}

class Faults : public ::testing::TestWithParam<std::size_t> {};

TEST_P(Faults, EndInTheUndisturbedState) {
  const FaultCase& fault_case = Cases()[GetParam()];
  const Json expected = Reference().end_state;
  Cluster cluster;
  FaultProxy proxy(Upstream(cluster));
  const std::uint64_t seed = 20261122 + GetParam();
  SeededRandom random(seed);
  std::atomic<int> left{fault_case.faults}, done{0};
  std::map<std::string, int> ended;  // watches, by path
  proxy.SetDecide([&](const Exchange& exchange) {
    if (left <= 0) return Fault{};
    const Fault fault = fault_case.decide(random, exchange);
    if (fault.kind == Fault::Kind::kNone) return fault;
    // The back-off doubles: the same watch ended more often would be no other test, but a longer one.
    if (EndsWatch(exchange, fault) && ++ended[exchange.target.substr(0, exchange.target.find('?'))] > kEndsOfAWatch)
      return Fault{};
    --left, ++done;
    return fault;
  });
  auto op = StartOperator(proxy.kubeconfig());
  {
    Scenario scenario(cluster);
    const std::string missed = scenario.Run();
    EXPECT_EQ(missed, "") << "seed " << seed << "\n" << op->Output().substr(0, 20000);
    if (missed.empty()) {
      const Json actual = scenario.AwaitEndState(expected);
      EXPECT_EQ(actual, expected) << "seed " << seed << ", differs by " << Difference(expected, actual);
    }
    EXPECT_TRUE(op->Running()) << "the operator ended: " << op->Output();
  }
  EXPECT_GT(done, 0) << "no fault was done: the test shows nothing";
  std::printf("%s: %d faults\n", fault_case.name, done.load());
  op->Signal(SIGTERM);
  EXPECT_EQ(op->Wait(std::chrono::seconds(30)), 0);
}

INSTANTIATE_TEST_SUITE_P(All, Faults, ::testing::Range<std::size_t>(0, Cases().size()),
                         [](const auto& each) { return std::string(Cases()[each.param].name); });

// A server that takes requests and no longer answers holds no shutdown up.
TEST(Stopped, WhileTheServerDoesNotAnswer) {
  Cluster cluster;
  FaultProxy proxy(Upstream(cluster));
  auto op = StartOperator(proxy.kubeconfig());
  const std::string ns = UniqueName("hung"), region = UniqueName("hung");
  ASSERT_TRUE(cluster.Create(MakeNamespace(ns)));
  ASSERT_TRUE(cluster.Create(MakeRegion(region, region, {region + "-a"})));
  ASSERT_TRUE(cluster.Create(MakeWorkload(ns, "web", region)));
  ASSERT_TRUE(cluster.Await(api::kWorkloads, {ns, "web"}, [](const Json& w) {
    return w.is_object() && w.contains("status") && w["status"].contains("child");
  })) << op->Output();

  std::promise<void> hangs;
  std::once_flag once;
  proxy.SetDecide([&](const Exchange& exchange) {
    if (exchange.write) std::call_once(once, [&] { hangs.set_value(); });
    return Fault{Fault::Kind::kHang};
  });
  ASSERT_TRUE(cluster.MergePatch(api::kWorkloads, {ns, "web"}, {{"spec", {{"replicas", 2}}}}));
  ASSERT_EQ(hangs.get_future().wait_for(std::chrono::seconds(30)), std::future_status::ready) << op->Output();
  op->Signal(SIGTERM);
  EXPECT_EQ(op->Wait(std::chrono::seconds(30)), 0) << op->Output();

  proxy.SetDecide({});
  auto next = StartOperator(proxy.kubeconfig());  // what was not done is done by the next one
  EXPECT_TRUE(cluster.Await(api::kDeployments, {ns, "web"},
                            [](const Json& d) { return d.is_object() && d["spec"]["replicas"] == 2; }));
  EXPECT_TRUE(cluster.Delete(api::kWorkloads, {ns, "web"}));
  EXPECT_TRUE(cluster.Delete(api::kRegions, {"", region}));
  EXPECT_TRUE(cluster.Await(
      api::kRegions, {"", region}, [](const Json& r) { return r.is_null(); }, kCollected));
  next->Signal(SIGTERM);
  EXPECT_EQ(next->Wait(std::chrono::seconds(30)), 0);
  EXPECT_TRUE(cluster.Delete(api::kNamespaces, {"", ns}));
}

// SIGKILL right after the server carried out the k-th write, before the operator hears of it, for every k; then a new
// operator. In parts, since each run takes seconds: hack/test gives each part a control plane of its own.
constexpr int kParts = 4;
class Killed : public ::testing::TestWithParam<int> {};

TEST_P(Killed, AfterEveryWrite) {
  const Undisturbed& reference = Reference();
  ASSERT_GE(reference.writes, 40);
  Cluster cluster;
  int good = 0, killed_runs = 0, without = 0;
  for (int k = 1 + GetParam(); k <= reference.writes; k += kParts) {
    FaultProxy proxy(Upstream(cluster));
    std::mutex mutex;
    std::condition_variable_any killed;
    bool dead = false;
    auto op = StartOperator(proxy.kubeconfig());
    proxy.SetOnWrite([&, pid = op->pid()](const Exchange& exchange) {
      if (exchange.write_number != k) return;
      ::kill(pid, SIGKILL);
      std::scoped_lock lock(mutex);
      dead = true;
      killed.notify_all();
    });
    std::unique_ptr<Process> second;
    std::jthread successor([&](std::stop_token stop) {
      std::unique_lock lock(mutex);
      if (!killed.wait(lock, stop, [&] { return dead; })) return;
      op->Wait(std::chrono::seconds(10));
      second = StartOperator(proxy.kubeconfig());
    });
    bool as_undisturbed = false;
    {
      Scenario scenario(cluster);
      const std::string missed = scenario.Run();
      EXPECT_EQ(missed, "") << "killed after write " << k;
      if (missed.empty()) {
        const Json actual = scenario.AwaitEndState(reference.end_state);
        EXPECT_EQ(actual, reference.end_state)
            << "killed after write " << k << ", differs by " << Difference(reference.end_state, actual);
        as_undisturbed = actual == reference.end_state;
      }
    }
    successor.request_stop();
    successor.join();
    // A run may need some writes less than the reference (status writes that fell together): then nothing was killed,
    // and it does not count.
    if (second) {
      std::printf("killed after write %d of %d\n", k, reference.writes);
      ++killed_runs;
      good += as_undisturbed;
    } else {
      std::printf("run %d had only %d writes\n", k, proxy.writes());
      ++without;
    }
    std::fflush(stdout);
  }
  std::printf("killed after each write, part %d of %d: %d of %d\n", GetParam() + 1, kParts, good, killed_runs);
  EXPECT_EQ(good, killed_runs);
  EXPECT_GE(killed_runs * kParts, 40);
  // How many writes a run needs depends on what falls together, on a slow machine by a tenth and more.
  EXPECT_LE(without * 4, killed_runs) << "too many runs in which nothing was killed";
}
INSTANTIATE_TEST_SUITE_P(Part, Killed, ::testing::Range(0, kParts));

}  // namespace
}  // namespace rempart::test
