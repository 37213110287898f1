// `kubectl rempart` alone, and `kubectl rempart help COMMAND…`.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "operator/main/command_result.h"

namespace CLI {
class App;
}

namespace rempart {

// What these words (behind the program's name) print, where they ask for help in another way than --help; nothing where
// they do not. A command that is not there: exit code 2.
std::optional<CommandResult> HelpFor(const CLI::App& app, const std::vector<std::string>& words);

}  // namespace rempart
