// Shell completion: candidates for the word that is being typed, worked out from the commands as they are declared, so
// that there is no second list of them. The protocol is cobra's, which kubectl speaks to the completion programs of its
// plugins (kubectl_complete-<name>, kubectl 1.26 or newer): a candidate a line, "<value>\t<description>", then
// ":<directive>".
#pragma once

#include <functional>
#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace rempart {

struct CompletionNames {
  // Of the cluster that the words so far name. They come from the cluster: those that are no DNS names are left out.
  // Empty where it cannot be asked: completion never complains.
  using Ask = std::function<std::vector<std::string>(const std::string& kubeconfig, const std::string& context)>;
  Ask regions, nodes;
  std::vector<std::string> rules;
};

// `words` are those behind the program's name; the last one is being typed, and may be empty.
std::string Complete(const CLI::App& app, const std::vector<std::string>& words, const CompletionNames& names);

// What a shell is to read so that it completes kubectl-rempart: "bash", "zsh" or "fish"; "" for any other.
std::string CompletionScript(const std::string& shell);

// The subcommand `completion`.
CLI::App* AddCompletionCommand(CLI::App& app, std::string& shell);

}  // namespace rempart
