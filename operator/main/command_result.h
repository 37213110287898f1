// What a command of the plugin prints, and how it ends.
#pragma once

#include <string>

namespace rempart {

struct CommandResult {
  std::string output;  // for standard output
  std::string error;   // for standard error, with its newline
  int exit_code = 0;   // 2 where it cannot be told; else the command's own
};

// What was given, or what the cluster answers, cannot be used.
inline CommandResult Unusable(const std::string& why) { return {"", "error: " + why + "\n", 2}; }

}  // namespace rempart
