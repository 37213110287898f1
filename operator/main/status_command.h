// `kubectl rempart status`: its arguments, and what it does with them. What is printed is made in operator/cli.
#pragma once

#include <cstddef>
#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "operator/cli/check_output.h"
#include "operator/main/command_result.h"
#include "src/base/clock.h"
#include "src/base/json.h"
#include "src/base/result.h"

namespace CLI {
class App;
}

namespace rempart {

struct StatusArguments {
  std::string region;  // empty: all
  std::string format = "table";
};
CLI::App* AddStatusCommand(CLI::App& app, StatusArguments& arguments);

// SovereignRegions as the API server gives them.
struct RegionObjects {
  std::vector<Json> items;
  bool more = false;  // there are others that were not read
};

struct StatusWorld {
  // All, or the one of that name; kNotFound where there is none.
  std::function<Result<RegionObjects>(const std::string& name)> regions;
  std::vector<cli::RuleText> rules;
  std::size_t width = 100;  // columns
  WallTime now{};
};
// Exit code 0: every region is Ready. 1: one is not, or there is none. 2: it cannot be told.
CommandResult ShowStatus(const StatusArguments& arguments, const StatusWorld& world);

}  // namespace rempart
