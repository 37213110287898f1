#include "tests/faults/reference.h"

#include <gtest/gtest.h>
#include <signal.h>

#include <stdexcept>

namespace rempart::test {
namespace {

// The control plane is a bare one.
class Definitions : public ::testing::Environment {
  void SetUp() override { InstallDefinitions(REMPART_SOURCE_DIR); }
};
[[maybe_unused]] const auto* const kDefinitions = ::testing::AddGlobalTestEnvironment(new Definitions);

Undisturbed RunUndisturbed() {
  Cluster cluster;
  FaultProxy proxy(Upstream(cluster));
  auto op = StartOperator(proxy.kubeconfig());
  Scenario scenario(cluster);
  const std::string missed = scenario.Run();
  if (!missed.empty()) throw std::runtime_error("the undisturbed run did not reach: " + missed + "\n" + op->Output());
  Undisturbed result{scenario.SettledState(), proxy.writes()};
  op->Signal(SIGTERM);
  const auto code = op->Wait(std::chrono::seconds(30));
  if (code != 0) throw std::runtime_error("the operator did not stop in good order");
  return result;
}

}  // namespace

const Undisturbed& Reference() {
  static const Undisturbed reference = RunUndisturbed();
  return reference;
}

kube::Config Upstream(const Cluster& cluster) {
  auto config = kube::LoadConfig({cluster.kubeconfig(), ""}, [](const char*) { return std::nullopt; });
  if (!config) throw std::runtime_error(config.error().ToString());
  return *config;
}

bool EndsAsUndisturbed(Scenario& scenario, const std::string& how) {
  const Json& expected = Reference().end_state;
  const Json actual = scenario.AwaitEndState(expected);
  if (actual == expected) return true;
  std::string pods;
  if (actual.value("pods", Json()) != expected.value("pods", Json()))
    pods = "\nits pods are now:\n" + scenario.PodsAndOwners();
  ADD_FAILURE() << how << ": differs from the undisturbed run by " << Json::diff(expected, actual).dump(1) << pods;
  return false;
}

}  // namespace rempart::test
