// The same life of a region under every kind of fault: each must end in the state of the undisturbed run.
#include <gtest/gtest.h>
#include <signal.h>

#include <atomic>
#include <cstdio>
#include <future>
#include <map>
#include <mutex>

#include "src/base/random.h"
#include "tests/faults/reference.h"

namespace rempart::test {
namespace {

struct FaultCase {
  const char* name;
  // Given a random number generator and the exchange; asked only while there are faults left.
  std::function<Fault(Random&, const Exchange&)> decide;
  int faults;                      // so many, then calm: a scenario must end
  std::vector<std::string> kinds;  // each must really have been done, by FaultProxy::done
  int cut_all_every = 0;           // so many writes all connections are cut, so that streams are asked for again
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
       30,
       {"cut stream"}},
      {"AnswersDelayed",
       [](Random& r, const Exchange& e) {
         return !e.watch && OneIn(r, 2) ? Fault{K::kDelay, static_cast<int>(r.Next() % 300)} : Fault{};
       },
       120,
       {"delay"}},
      {"WatchesDelayed",
       [](Random& r, const Exchange& e) {
         return e.watch ? Fault{K::kDelay, static_cast<int>(5 + r.Next() % 40)} : Fault{};
       },
       1000,
       {"delay"}},
      {"EventsDuplicated",
       [](Random&, const Exchange& e) { return e.watch ? Fault{K::kDuplicate} : Fault{}; },
       1000,
       {"duplicate"}},
      {"StreamsGarbled",
       [](Random& r, const Exchange& e) {
         return e.watch ? Fault{K::kGarble, static_cast<int>(r.Next() % 9000)} : Fault{};
       },
       30,
       {"garble"}},
      {"Writes409",
       [](Random& r, const Exchange& e) { return e.write ? Statuses(r, e, 409, 3) : Fault{}; },
       40,
       {"status 409"}},
      {"Watches410",
       [](Random& r, const Exchange& e) { return e.watch ? Statuses(r, e, 410, 2) : Fault{}; },
       40,
       {"status 410"}},
      {"WatchesExpire",
       [](Random& r, const Exchange& e) {
         return e.watch ? Fault{K::kExpire, static_cast<int>(r.Next() % 9000)} : Fault{};
       },
       30,
       {"expire"}},
      {"All429", [](Random& r, const Exchange& e) { return Statuses(r, e, 429, 6); }, 25, {"status 429"}},
      {"All500", [](Random& r, const Exchange& e) { return Statuses(r, e, 500, 4); }, 60, {"status 500"}},
      {"All503", [](Random& r, const Exchange& e) { return Statuses(r, e, 503, 6); }, 25, {"status 503"}},
      {"RequestsLost",
       [](Random& r, const Exchange&) { return OneIn(r, 4) ? Fault{K::kLoseRequest} : Fault{}; },
       60,
       {"lose request"}},
      {"AnswersLost",
       [](Random& r, const Exchange& e) { return e.write && OneIn(r, 2) ? Fault{K::kLoseAnswer} : Fault{}; },
       60,
       {"lose answer"}},
      {"AnswersTruncated",
       [](Random& r, const Exchange& e) {
         return e.write && OneIn(r, 3) ? Fault{K::kCutStream, static_cast<int>(r.Next() % 400)} : Fault{};
       },
       60,
       {"cut stream"}},
      {"ListsInsteadOfStreams",
       [](Random&, const Exchange& e) {
         return e.target.find("sendInitialEvents=true") != std::string::npos ? Fault{K::kStatus, 400} : Fault{};
       },
       100000,
       {"status 400"}},
      {"StaleLists",
       [](Random& r, const Exchange& e) {
         const bool initial = e.target.find("sendInitialEvents=true") != std::string::npos;
         if (e.watch && !initial) return Fault{K::kStatus, 410};                    // forces a new state …
         return e.method == "GET" && OneIn(r, 2) ? Fault{K::kStaleList} : Fault{};  // … which is an old one
       },
       50,
       {"stale list", "status 410"},
       30},
      {"StalePages",
       [](Random& r, const Exchange& e) {
         if (!e.watch) return e.method == "GET" && OneIn(r, 2) ? Fault{K::kStaleList} : Fault{};
         if (e.target.find("sendInitialEvents=true") != std::string::npos) return Fault{K::kStatus, 400};
         return OneIn(r, 2) ? Fault{K::kStatus, 410} : Fault{};
       },
       70,
       {"status 400", "status 410", "stale list"},
       30},
      {"EverythingAtOnce",
       [](Random& r, const Exchange& e) {
         const auto n = [&r](int limit) { return static_cast<int>(r.Next() % static_cast<std::uint64_t>(limit)); };
         switch (n(e.watch ? 9 : 12)) {
           case 0:
             return Fault{K::kStatus, 500};
           case 1:
             return Fault{K::kLoseRequest};
           case 2:
             // A watch waits so long at each piece, and what it tells late adds up.
             return Fault{K::kDelay, n(e.watch ? 40 : 200)};
           case 3:
             return e.watch ? Fault{K::kCutStream, n(3000)} : Fault{e.write ? K::kLoseAnswer : K::kNone};
           case 4:
             return e.watch ? Fault{K::kGarble, n(3000)} : Fault{e.write ? K::kStatus : K::kNone, 409};
           case 5:
             return Fault{e.watch ? K::kDuplicate : K::kNone};
           default:
             return Fault{};
         }
       },
       120,
       // Whether a stream is long enough to be cut or garbled is chance here; both have cases of their own.
       {"status 500", "lose request", "lose answer", "status 409", "delay", "duplicate"}},
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
  (void)Reference();  // before anything of this run is there
  Cluster cluster;
  FaultProxy proxy(Upstream(cluster));
  const std::uint64_t seed = 20261122 + GetParam();
  SeededRandom random(seed);
  std::atomic<int> left{fault_case.faults};
  std::map<std::string, int> ended;  // watches, by path
  proxy.SetDecide([&](const Exchange& exchange) {
    if (left <= 0) return Fault{};
    const Fault fault = fault_case.decide(random, exchange);
    if (fault.kind == Fault::Kind::kNone) return fault;
    // The back-off doubles: the same watch ended more often would be no other test, but a longer one.
    if (EndsWatch(exchange, fault) && ++ended[exchange.target.substr(0, exchange.target.find('?'))] > kEndsOfAWatch)
      return Fault{};
    --left;
    return fault;
  });
  if (fault_case.cut_all_every > 0) {
    proxy.SetOnWrite([&](const Exchange& exchange) {
      if (exchange.write_number % fault_case.cut_all_every == 0) proxy.CutAll();
    });
  }
  auto op = StartOperator(proxy.kubeconfig());
  {
    Scenario scenario(cluster);
    const std::string missed = scenario.Run();
    EXPECT_EQ(missed, "") << "seed " << seed << "\n" << op->Output().substr(0, 20000);
    if (missed.empty()) EndsAsUndisturbed(scenario, "seed " + std::to_string(seed));
    EXPECT_TRUE(op->Running()) << "the operator ended: " << op->Output();
  }
  auto done = proxy.done();
  for (const auto& kind : fault_case.kinds)
    EXPECT_GT(done[kind], 0) << kind << " was never done: the test shows nothing";
  std::printf("%s: %s\n", fault_case.name, Json(done).dump().c_str());
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
  EXPECT_GT(proxy.done()["hang"], 0);

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

}  // namespace
}  // namespace rempart::test
