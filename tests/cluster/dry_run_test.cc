// --dry-run under the chart's own role, which gets little by name, on a cluster that is as it should be.
#include <gmock/gmock.h>

#include <sstream>

#include "tests/cluster/gate_fixture.h"

namespace rempart::test {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class DryRunTest : public GateTest {};

TEST_F(DryRunTest, TellsNothingOfWhatIsAsItShouldBe) {
  Declare("Enforce");
  Json workload = MakeWorkload(ns_, "web", region_);
  workload["spec"]["template"]["spec"] = Pod()["spec"];
  Create(workload);
  ASSERT_TRUE(AwaitWorkload("web", "Ready", "True").is_object());
  ASSERT_TRUE(AwaitRegion("Ready", "True").is_object());
  // What is printed, without the log.
  const auto dry = RunCommand(
      {"sh", "-c", R"("$0" --kubeconfig "$1" --dry-run 2>/dev/null)", OperatorPath(), Suite::Get().role_kubeconfig()});
  EXPECT_EQ(dry.code, 0) << dry.output;
  EXPECT_THAT(dry.output, HasSubstr(" writes would be made\n"));
  std::istringstream lines(dry.output);
  for (std::string line; std::getline(lines, line);) EXPECT_THAT(line, Not(HasSubstr(id_)));
}

}  // namespace
}  // namespace rempart::test
