// What the fault tests compare with: a run of the scenario that nothing disturbed.
#pragma once

#include <string>

#include "tests/support/cluster.h"
#include "tests/support/fault_proxy.h"
#include "tests/support/scenario.h"

namespace rempart::test {

struct Undisturbed {
  Json end_state;
  int writes = 0;
};

// Run once a program, at the first call. Throws where the run does not come to its end.
const Undisturbed& Reference();

// The control plane that the cluster's kubeconfig names, for a FaultProxy. Throws where that cannot be read.
kube::Config Upstream(const Cluster& cluster);

// Waits until the scenario's end state is that of the undisturbed run. Adds a failure that says how it differs, with
// `how` in front, and names the pods with their owners where it is their number; whether it is the same.
bool EndsAsUndisturbed(Scenario& scenario, const std::string& how);

}  // namespace rempart::test
