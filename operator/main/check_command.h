// `kubectl rempart check`: its arguments, and what it does with them. What is judged and printed is made in
// operator/cli.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "operator/api/sovereign_region.h"
#include "operator/cli/check.h"
#include "operator/cli/check_output.h"
#include "operator/cli/region_choice.h"
#include "operator/cli/rules.h"
#include "operator/main/command_result.h"
#include "operator/perimeter/rules/policies.h"
#include "src/base/result.h"

namespace CLI {
class App;
}

namespace rempart {

struct CheckArguments {
  std::vector<std::string> files;  // -f
  std::vector<std::string> paths;  // positional
  std::string format = "table";
  std::string region_file;   // empty: the cluster's regions
  std::string ns;            // empty: that of the cluster's context, "default" with a region file
  std::string kube_version;  // "1.36"; of the server that the manifests are for, where a region file is given
};

// Adds the subcommand, which fills `arguments`; they outlive the app.
CLI::App* AddCheckCommand(CLI::App& app, CheckArguments& arguments);

// What it needs of the world.
struct CheckWorld {
  std::function<Result<std::string>()> read_stdin;
  std::function<Result<cli::ClusterView>()> cluster;  // called where no region file is given
  rules::PolicyContext context;                       // of the operator: its own namespace is exempt
  std::function<Result<cli::Judge>(const api::SovereignRegion&, const cli::JudgeSettings&)> make_judge;  // cli::JudgeBy
  std::function<std::vector<cli::RuleText>(const std::vector<api::SovereignRegion>&, const cli::RegionPlaces&)>
      rules;  // cli::RuleTexts
  std::string version;
};

// Exit code: see cli::ExitCode; 2 also where there is no region to judge by.
CommandResult Check(const CheckArguments& arguments, const CheckWorld& world);

}  // namespace rempart
