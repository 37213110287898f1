#include "operator/main/status_command.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <nlohmann/json.hpp>

#include "operator/cli/status.h"

namespace rempart {

CLI::App* AddStatusCommand(CLI::App& app, StatusArguments& arguments) {
  auto* status = app.add_subcommand("status", "The regions at a glance: nodes, gate, violations by rule");
  status->footer(
      "Exit status: 0 all are Ready, 1 one is not or there is none, 2 it cannot be told.\n"
      "\n"
      "  kubectl rempart status\n"
      "  kubectl rempart status france -o json");
  status->add_option("REGION", arguments.region, "The SovereignRegion; default all of them");
  status->add_option("-o,--output", arguments.format, "table or json")
      ->capture_default_str()
      ->check(CLI::IsMember({"table", "json"}));
  return status;
}

CommandResult ShowStatus(const StatusArguments& arguments, const StatusWorld& world) {
  const auto objects = world.regions(arguments.region);
  if (!objects) return Unusable(objects.error().message);
  std::vector<cli::RegionStatus> regions;
  regions.reserve(objects->items.size());
  for (const Json& object : objects->items) regions.push_back(cli::ReadStatus(object, world.rules));
  std::ranges::stable_sort(regions, {}, &cli::RegionStatus::name);

  CommandResult result;
  result.output =
      arguments.format == "json" ? cli::StatusJson(regions) : cli::StatusTable(regions, world.width, world.now);
  if (regions.empty()) result.error = "the cluster has no SovereignRegion\n";
  if (objects->more) {
    result.error = "there are more regions than are shown: name the one that is meant\n";
    result.exit_code = 2;
    return result;
  }
  // Nothing that is Ready is not the same as all Ready: who waits for regions must not be told that they are there.
  result.exit_code = !regions.empty() && std::ranges::all_of(regions, &cli::RegionStatus::IsReady) ? 0 : 1;
  return result;
}

}  // namespace rempart
