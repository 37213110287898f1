// The operator's command line. Each flag has an environment twin: --log-level is REMPART_LOG_LEVEL; the flag wins.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "src/base/clock.h"
#include "src/base/log.h"

namespace rempart {

struct Options {
  std::string kubeconfig;
  std::string context;
  bool leader_elect = true;
  std::string lease_namespace;  // empty: the pod's own, or that of the kubeconfig's context
  std::string lease_name = "rempart-operator";
  std::string metrics_addr = ":8080";  // "0": none
  std::string health_addr = ":8081";
  int workers = 8;
  log::Level log_level = log::Level::kInfo;
  log::Format log_format = log::Format::kJson;
  Duration audit_interval = std::chrono::minutes(5);  // zero: no audits
  bool dry_run = false;
};

// Either options, or a text to print and the code to exit with (0: --help and --version; 2: misuse).
struct ParsedOptions {
  std::optional<Options> options;
  std::string text;
  int exit_code = 0;
};
ParsedOptions ParseOptions(int argc, const char* const* argv);

}  // namespace rempart
