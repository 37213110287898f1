#include "operator/main/completion.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <string_view>
#include <utility>

namespace rempart {
namespace {

enum Directive { kFiles = 0, kNoFiles = 4 };  // cobra's ShellCompDirectiveDefault and …NoFileComp

constexpr std::size_t kMaxNames = 500;

// Options and arguments whose values are files.
constexpr std::array<std::string_view, 9> kFileValues = {"kubeconfig", "filename", "region", "key", "passphrase-file",
                                                         "from",       "out",      "PATH",   "FILE"};

struct Candidate {
  std::string value, description;
};

std::string FirstLine(const std::string& text) { return text.substr(0, text.find_first_of("\n\t")); }

// What stands in for the option in the tables here: its long name, or that of an argument.
std::string NameOf(const CLI::Option& option) {
  if (!option.get_lnames().empty()) return option.get_lnames().front();
  return option.get_name(true);
}

bool TakesValue(const CLI::Option& option) { return option.get_items_expected_max() > 0; }

// "{table,json}" of CLI::IsMember, as --help shows it.
std::vector<std::string> MembersOf(const CLI::Option& option) {
  const std::string type = option.get_type_name();
  const auto begin = type.find('{'), end = type.find('}');
  std::vector<std::string> members;
  if (begin == type.npos || end == type.npos || end < begin) return members;
  const std::string list = type.substr(begin + 1, end - begin - 1);
  for (std::size_t at = 0; at <= list.size();) {
    const auto comma = std::min(list.find(',', at), list.size());
    members.push_back(list.substr(at, comma - at));
    at = comma + 1;
  }
  return members;
}

bool IsDnsName(const std::string& name) {
  const auto fits = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.'; };
  return !name.empty() && name.size() <= 253 && name.front() != '-' && std::ranges::all_of(name, fits);
}

// Where in the commands the word stands.
struct Place {
  const CLI::App* app = nullptr;
  const CLI::Option* value_of = nullptr;  // the word before is an option that takes one
  std::size_t arguments = 0;              // that the command has so far
  bool only_arguments = false;            // behind "--"
  std::map<std::string, std::string> given;
};

// Of the command, or of one above it, as CLI11 falls through.
const CLI::Option* OptionOf(const CLI::App* app, const std::string& name) {
  for (; app != nullptr; app = app->get_parent())
    if (const CLI::Option* found = app->get_option_no_throw(name); found != nullptr && found->nonpositional())
      return found;
  return nullptr;
}

void TakeOption(const std::string& word, Place& place) {
  const bool is_long = word.starts_with("--");
  const auto equals = word.find('=');
  const std::string name = is_long ? word.substr(0, equals) : word.substr(0, 2);
  const CLI::Option* option = OptionOf(place.app, name);
  if (option == nullptr || !TakesValue(*option)) return;
  if (is_long && equals != word.npos) {
    place.given[NameOf(*option)] = word.substr(equals + 1);
  } else if (!is_long && word.size() > 2) {
    place.given[NameOf(*option)] = word.substr(2);  // -ojson
  } else {
    place.value_of = option;
  }
}

const CLI::App* SubcommandOf(const CLI::App* app, const std::string& name) {
  const auto subs = app->get_subcommands([&](const CLI::App* one) { return one->get_name() == name; });
  return subs.empty() ? nullptr : subs.front();
}

Place Walk(const CLI::App& app, const std::vector<std::string>& words) {
  Place place{.app = &app};
  for (std::size_t i = 0; i + 1 < words.size(); ++i) {
    const std::string& word = words[i];
    if (place.value_of != nullptr) {
      place.given[NameOf(*place.value_of)] = word;
      place.value_of = nullptr;
    } else if (!place.only_arguments && word == "--") {
      place.only_arguments = true;
    } else if (!place.only_arguments && word.size() > 1 && word.front() == '-') {
      TakeOption(word, place);
    } else if (const CLI::App* sub = SubcommandOf(place.app, word); sub != nullptr && place.arguments == 0) {
      place.app = sub;
    } else {
      ++place.arguments;
    }
  }
  return place;
}

struct Answer {
  std::vector<Candidate> candidates;
  Directive directive = kNoFiles;
};

void AddNames(const CompletionNames::Ask& ask, const Place& place, Answer& answer) {
  if (!ask) return;
  const auto given = [&](const char* name) {
    const auto at = place.given.find(name);
    return at == place.given.end() ? std::string() : at->second;
  };
  for (std::string& name : ask(given("kubeconfig"), given("context"))) {
    if (answer.candidates.size() == kMaxNames) break;
    if (IsDnsName(name)) answer.candidates.push_back({std::move(name), ""});
  }
}

void AddValues(const CLI::Option& option, const Place& place, const CompletionNames& names, Answer& answer) {
  for (std::string& member : MembersOf(option)) answer.candidates.push_back({std::move(member), ""});
  const std::string name = NameOf(option);
  if (std::ranges::find(kFileValues, name) != kFileValues.end()) answer.directive = kFiles;
  if (option.nonpositional()) return;
  const std::string command = place.app->get_name();
  if (name == "REGION") AddNames(names.regions, place, answer);
  if (name == "NAME" && command == "node") AddNames(names.nodes, place, answer);
  if (name == "ID" && command == "rule")
    for (const std::string& rule : names.rules) answer.candidates.push_back({rule, ""});
}

void AddOptions(const CLI::App* app, Answer& answer) {
  for (; app != nullptr; app = app->get_parent()) {
    for (const CLI::Option* option : app->get_options([](const CLI::Option* o) { return o->nonpositional(); })) {
      if (option->get_group().empty()) continue;  // hidden
      const std::string description = FirstLine(option->get_description());
      for (const std::string& name : option->get_lnames()) answer.candidates.push_back({"--" + name, description});
      for (const std::string& name : option->get_snames()) answer.candidates.push_back({"-" + name, description});
    }
  }
}

void AddArguments(const Place& place, const CompletionNames& names, Answer& answer) {
  if (place.arguments == 0 && !place.only_arguments) {
    for (const CLI::App* sub : place.app->get_subcommands([](const CLI::App* a) { return !a->get_group().empty(); }))
      answer.candidates.push_back({sub->get_name(), FirstLine(sub->get_description())});
  }
  std::size_t before = place.arguments;
  for (const CLI::Option* argument :
       place.app->get_options([](const CLI::Option* o) { return o->get_positional() && !o->nonpositional(); })) {
    const auto takes = static_cast<std::size_t>(argument->get_items_expected_max());
    if (before < takes) return AddValues(*argument, place, names, answer);
    before -= takes;
  }
}

Answer AnswerTo(const CLI::App& app, std::vector<std::string> words, const CompletionNames& names) {
  if (words.empty()) words.emplace_back();
  const Place place = Walk(app, words);
  std::string typed = words.back();
  Answer answer;
  if (place.value_of != nullptr) {
    AddValues(*place.value_of, place, names, answer);
  } else if (const auto equals = typed.find('='); typed.starts_with("--") && equals != typed.npos) {
    const CLI::Option* option = OptionOf(place.app, typed.substr(0, equals));
    typed.erase(0, equals + 1);  // shells want the value alone
    if (option != nullptr) AddValues(*option, place, names, answer);
  } else if (!place.only_arguments && typed.starts_with("-")) {
    AddOptions(place.app, answer);
  } else {
    AddArguments(place, names, answer);
  }
  std::erase_if(answer.candidates, [&](const Candidate& one) { return !one.value.starts_with(typed); });
  return answer;
}

}  // namespace

std::string Complete(const CLI::App& app, const std::vector<std::string>& words, const CompletionNames& names) {
  const Answer answer = AnswerTo(app, words, names);
  std::string text;
  for (const auto& [value, description] : answer.candidates)
    text += value + (description.empty() ? "" : "\t" + description) + "\n";
  return text + ":" + std::to_string(answer.directive) + "\n";
}

CLI::App* AddCompletionCommand(CLI::App& app, std::string& shell) {
  auto* completion = app.add_subcommand("completion", "What a shell is to read so that it completes kubectl-rempart");
  completion->footer(
      "  source <(kubectl rempart completion bash)\n"
      "\n"
      "`kubectl rempart …` is completed by kubectl's own completion, where kubectl_complete-rempart is on the PATH "
      "beside\n"
      "kubectl-rempart.");
  completion->add_option("SHELL", shell, "bash, zsh or fish")
      ->required()
      ->check(CLI::IsMember({"bash", "zsh", "fish"}));
  return completion;
}

}  // namespace rempart
