#include "operator/main/help.h"

#include <CLI/CLI.hpp>

#include "operator/cli/nearest.h"

namespace rempart {

std::optional<CommandResult> HelpFor(const CLI::App& app, const std::vector<std::string>& words) {
  if (!words.empty() && words.front() != "help") return std::nullopt;
  const CLI::App* meant = &app;
  std::string path = app.get_name(), above;  // of the command, and of the one that it is a part of
  for (std::size_t i = 1; i < words.size(); ++i) {
    const auto below = meant->get_subcommands([](const CLI::App*) { return true; });
    const CLI::App* next = nullptr;
    std::vector<std::string> names;
    for (const CLI::App* command : below) {
      names.push_back(command->get_name());
      if (command->get_name() == words[i]) next = command;
    }
    if (next == nullptr) {
      const auto near = cli::Nearest(words[i], names);
      return CommandResult{
          "", path + " has no command " + words[i] + (near ? ": did you mean " + *near + "?" : "") + "\n", 2};
    }
    meant = next;
    above = path;
    path += " " + words[i];
  }
  return CommandResult{meant->help(above), "", 0};
}

}  // namespace rempart
