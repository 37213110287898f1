// Runs credential plugins (client.authentication.k8s.io/v1). Internal to src/kube; RunExecPlugin of kubeconfig.h is
// this with the limits' defaults.
#pragma once

#include <chrono>
#include <cstddef>
#include <string>

#include "src/base/result.h"
#include "src/kube/kubeconfig.h"

namespace rempart::kube {

struct ExecLimits {
  std::chrono::milliseconds time{20'000};  // real time: it is a real process
  std::size_t output_bytes = 1024 * 1024;
};

// The plugin's standard output. Blocks. A plugin that is too slow or says too much is killed, with what it has started.
// Errors, never with its standard output in them (that is the secret): kInvalid (not found, not executable, too
// much output), kDenied (ended with a status other than 0: its standard error is quoted, words that look like a secret
// are left out), kTransient (too slow, no process or pipe to be had).
Result<std::string> RunExecPluginWithin(const ExecPlugin& plugin, const std::string& exec_info_json,
                                        const ExecLimits& limits);

}  // namespace rempart::kube
