// `kubectl rempart policies`: its arguments, and what it does with them. What is printed is made in operator/cli.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "operator/api/sovereign_region.h"
#include "operator/cli/rules.h"
#include "operator/main/command_result.h"
#include "src/base/result.h"

namespace CLI {
class App;
}

namespace rempart {

// As the chart installs it, under its own names.
inline constexpr char kUsualOperator[] = "system:serviceaccount:rempart-system:rempart";

struct PoliciesArguments {
  std::string operator_user;  // empty: kUsualOperator
  bool as_files = false;      // --static
};

// Adds the subcommand, which fills `arguments`; they outlive the app.
CLI::App* AddPoliciesCommand(CLI::App& app, PoliciesArguments& arguments);

// What it needs of the cluster; called where its answer matters.
struct PoliciesWorld {
  std::function<Result<std::vector<api::SovereignRegion>>()> regions;
  std::function<Result<cli::QualifiedNodes>(const std::vector<api::SovereignRegion>&)> nodes;
  // Of those that the regions name, which are at hand.
  std::function<Result<std::vector<api::HostingProfile>>(const std::vector<api::SovereignRegion>&)> profiles;
  std::function<Result<bool>()> mutates;  // serves MutatingAdmissionPolicy in v1
};
// Exit code 2 where the cluster cannot be read, and for what could be harmful: static policies that nobody said the
// operator's name for would refuse the operator itself where it has another, and nobody can take them away through the
// API.
CommandResult Policies(const PoliciesArguments& arguments, const PoliciesWorld& world);

}  // namespace rempart
