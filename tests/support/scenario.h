// One life of a region, the same for every fault: nodes join, workloads of all kinds are declared, changed and scaled,
// a child is edited by hand, a node is lost, workloads are deleted. Its end state is compared with that of an
// undisturbed run.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "tests/support/cluster.h"

namespace rempart::test {

class Scenario {
 public:
  explicit Scenario(Cluster& cluster);
  ~Scenario();  // deletes all that it made; what is left ends by itself, under names that nobody else has

  // Runs all steps; each waits (by watching) until the operator has done what it asks for, `limit` at most. The empty
  // string, or which step was not reached.
  std::string Run(std::chrono::milliseconds limit = std::chrono::seconds(120));

  // What must be the same whatever happened on the way: names made equal, times, versions and uids left out.
  Json EndState();
  // Waits (by watching) until the end state is this one; the last seen. Pods that move on are on their way when Run
  // returns.
  Json AwaitEndState(const Json& expected, std::chrono::milliseconds limit = std::chrono::seconds(60));
  // The same for the run that the others are compared with: until every workload has all its pods, and no pod is
  // elsewhere. Throws where that takes longer.
  Json SettledState(std::chrono::milliseconds limit = std::chrono::seconds(60));
  // A line for each pod that an end state counts: where it is, whose it is, and what that owner asks for. For the
  // message of a failure: which of them are too many.
  std::string PodsAndOwners();

 private:
  bool WorkloadsReady(int expected, std::chrono::milliseconds limit);
  bool AwaitState(const std::function<bool()>& is, std::chrono::milliseconds limit);
  std::vector<Json> Pods();  // of its workloads, but those that are being deleted

  Cluster& cluster_;
  std::string id_, region_, ns_;
  std::vector<std::string> nodes_;
};

}  // namespace rempart::test
