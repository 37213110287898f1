#include "operator/main/policies_command.h"

#include <CLI/CLI.hpp>
#include <utility>

#include "operator/cli/static_policies.h"

namespace rempart {
namespace {

// What a static policy cannot do goes to standard error too: whoever pipes it into a file should see it.
CommandResult AsFiles(const std::vector<api::SovereignRegion>& regions, const cli::RegionPlaces& places,
                      const cli::QualifiedNodes& nodes, const rules::PolicyContext& context) {
  CommandResult result;
  auto made = cli::StaticPoliciesOf(regions, places, nodes, context);
  result.output = std::move(made.manifests);
  if (result.output.empty()) result.error = "there is no region with a policy: nothing was printed\n";
  for (const std::string& why : made.left_out) result.error += "left out: " + why + "\n";
  return result;
}

}  // namespace

CLI::App* AddPoliciesCommand(CLI::App& app, PoliciesArguments& arguments) {
  auto* policies =
      app.add_subcommand("policies", "The admission policies that the operator keeps for the cluster's regions");
  policies->add_option("--operator", arguments.operator_user,
                       std::string("The operator's user name, which the policies let through; default ") +
                           kUsualOperator + ". With --static it has to be given");
  policies->add_flag("--static", arguments.as_files,
                     "As files that API servers load at start (Kubernetes 1.36: feature gate "
                     "ManifestBasedAdmissionControlConfig)");
  return policies;
}

CommandResult Policies(const PoliciesArguments& arguments, const PoliciesWorld& world) {
  if (arguments.as_files && arguments.operator_user.empty()) {
    return Unusable(
        std::string("--static wants --operator USER: under another name the policies would refuse the operator itself, "
                    "and the API cannot take them away. It is system:serviceaccount:NAMESPACE:NAME of its Deployment, "
                    "as the chart has it ") +
        kUsualOperator);
  }
  const auto regions = world.regions();
  if (!regions) return Unusable(regions.error().message);
  const auto context =
      rules::PolicyContext::Of(arguments.operator_user.empty() ? kUsualOperator : arguments.operator_user);
  const auto profiles = world.profiles(*regions);
  if (!profiles) return Unusable(profiles.error().message);
  const auto places = cli::PlacesOfRegions(*regions, *profiles);
  const auto nodes = world.nodes(*regions);
  if (!nodes) return Unusable(nodes.error().message);
  if (arguments.as_files) return AsFiles(*regions, places, *nodes, context);
  const auto mutates = world.mutates();
  if (!mutates) return Unusable(mutates.error().message);
  CommandResult result{cli::PrintPolicies(*regions, *nodes, places, context, *mutates), "", 0};
  for (const std::string& unknown : cli::UnknownPlaces(*regions, places)) result.error += "left out: " + unknown + "\n";
  for (const api::SovereignRegion& region : *regions) {
    if (!nodes->contains(region.meta.key.name))
      result.error += "left out: perimeterparameters " + region.meta.key.name +
                      ": the cluster has none that may be read, and which nodes qualify is told by it alone\n";
  }
  return result;
}

}  // namespace rempart
