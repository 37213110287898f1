// A runner, its queue and two stores, for tests.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <vector>

#include "src/base/log.h"
#include "src/kube/runner.h"
#include "tests/unit/kube/jump_clock.h"
#include "tests/unit/kube/thing.h"

namespace rempart::kube::test {

// Lines that were logged since the fixture began.
inline std::vector<std::string>& RunnerLog() {
  static std::vector<std::string> lines;
  return lines;
}

// One worker on the test's own thread, in time that jumps: the run ends when nothing is left to wait for.
class RunnerFixture : public testing::Test {
 protected:
  RunnerFixture() {
    RunnerLog().clear();
    log::SetSink([](std::string_view line) { RunnerLog().emplace_back(line); });
    controller = runner.AddController({"thing", [this](ReconcileContext& context) {
                                         calls.push_back(clock.elapsed() - started);
                                         return reconcile(context);
                                       }});
    clock.on_forever = [this] { stop.request_stop(); };
  }
  ~RunnerFixture() override { log::SetSink(nullptr); }

  WorkKey Key(const std::string& name) const { return {controller, {"ns", name}}; }
  void Run() {
    started = clock.elapsed();
    runner.Run(1, stop.get_token());
  }
  // The outcome of the first reconcile, and success from then on.
  void RunOnce(Result<Outcome> first) {
    reconcile = [this, first](ReconcileContext&) { return calls.size() == 1 ? first : Outcome::AwaitChange(); };
    queue.Add(Key("a"));
    Run();
  }
  double Count(const std::string& result) {
    return metrics.GetCounter("controller_runtime_reconcile_total", "", {{"controller", "thing"}, {"result", result}})
        .Value();
  }
  double Errors() {
    return metrics.GetCounter("controller_runtime_reconcile_errors_total", "", {{"controller", "thing"}}).Value();
  }
  double AwaitTimeouts() {
    return metrics.GetCounter("rempart_await_timeouts_total", "", {{"controller", "thing"}}).Value();
  }
  bool Logged(const std::string& text) const {
    for (const auto& line : RunnerLog()) {
      if (line.find(text) != std::string::npos) return true;
    }
    return false;
  }

  test::JumpClock clock;
  SeededRandom random{1};
  Metrics metrics;
  Store<Thing> store{"things", DecodeThing}, others{"others", DecodeThing};
  Queue queue{clock, random, metrics};
  Runner runner{queue, clock, random, metrics};
  std::uint8_t controller = 0;
  std::function<Result<Outcome>(ReconcileContext&)> reconcile = [](ReconcileContext&) {
    return Outcome::AwaitChange();
  };
  std::vector<Duration> calls;  // when, since the run began
  Duration started{};
  std::stop_source stop;
};

}  // namespace rempart::kube::test
