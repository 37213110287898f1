// --dry-run under the chart's own role, which gets little by name, on a cluster that is as it should be.
#include <gmock/gmock.h>

#include <sstream>
#include <string>
#include <vector>

#include "tests/cluster/gate_fixture.h"

namespace rempart::test {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr int kRuns = 5;

class DryRunTest : public GateTest {};

TEST_F(DryRunTest, TellsNothingOfWhatIsAsItShouldBe) {
  Declare("Enforce");
  Json workload = MakeWorkload(ns_, "web", region_);
  workload["spec"]["template"]["spec"] = Pod()["spec"];
  Create(workload);
  ASSERT_TRUE(AwaitWorkload("web", "Ready", "True").is_object());
  ASSERT_TRUE(AwaitRegion("Ready", "True").is_object());
  // Nodes and namespaces of the test before may go meanwhile, which every region's status counts: at times there is
  // something to do, and then it is done by the next run. What is told wrongly is told each time.
  std::vector<std::string> ours;
  for (int run = 0; run < kRuns; ++run) {
    ours.clear();
    // What is printed, without the log.
    const auto dry = RunCommand({"sh", "-c", R"("$0" --kubeconfig "$1" --dry-run 2>/dev/null)", OperatorPath(),
                                 Suite::Get().role_kubeconfig()});
    ASSERT_EQ(dry.code, 0) << dry.output;
    ASSERT_THAT(dry.output, HasSubstr(" writes would be made\n"));
    std::istringstream lines(dry.output);
    for (std::string line; std::getline(lines, line);)
      if (line.find(id_) != line.npos) ours.push_back(line);
    if (ours.empty()) break;
  }
  EXPECT_THAT(ours, IsEmpty());
}

}  // namespace
}  // namespace rempart::test
