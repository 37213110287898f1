#include "operator/main/completion.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <CLI/CLI.hpp>

#include "operator/main/check_command.h"
#include "operator/main/status_command.h"

namespace rempart {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class Completion : public ::testing::Test {
 protected:
  Completion() : app_("test", "kubectl rempart") {
    app_.fallthrough();
    app_.add_option("--kubeconfig", text_, "Path");
    app_.add_option("--context", text_, "Context");
    app_.add_option("-n,--namespace", text_, "Namespace");
    app_.add_flag("-A,--all-namespaces", flag_, "All");
    auto* explain = app_.add_subcommand("explain", "Says how\nand more");
    explain->add_subcommand("node", "A node")->add_option("NAME", text_, "The node");
    explain->add_subcommand("rule", "A rule")->add_option("ID", text_, "The rule");
    AddCheckCommand(app_, check_);
    AddStatusCommand(app_, status_);
    AddCompletionCommand(app_, text_);
    names_.regions = [this](const std::string& kubeconfig, const std::string& context) {
      asked_ = kubeconfig + "|" + context;
      return std::vector<std::string>{"france", "germany", "$(reboot)", "-rf", ""};
    };
    names_.nodes = [](const std::string&, const std::string&) { return std::vector<std::string>{"fr-par-1"}; };
    names_.rules = {"RP-101", "RP-302"};
  }
  std::string Of(const std::vector<std::string>& words) { return Complete(app_, words, names_); }

  CLI::App app_;
  std::string text_, asked_;
  bool flag_ = false;
  CheckArguments check_;
  StatusArguments status_;
  CompletionNames names_;
};

TEST_F(Completion, Commands) {
  EXPECT_EQ(Of({"e"}), "explain\tSays how\n:4\n");
  EXPECT_EQ(Of({"explain", ""}), "node\tA node\nrule\tA rule\n:4\n");
  EXPECT_THAT(Of({""}), HasSubstr("status\t"));
  EXPECT_THAT(Of({}), HasSubstr("check\t"));
  EXPECT_EQ(Of({"nothing", "like", "it"}), ":4\n");
}

TEST_F(Completion, Options) {
  EXPECT_THAT(Of({"status", "--"}), HasSubstr("--output\ttable or json\n"));
  EXPECT_THAT(Of({"status", "--"}), HasSubstr("--context\t")) << "those above it count too";
  EXPECT_EQ(Of({"check", "--reg"}).substr(0, 9), "--region\t");
  EXPECT_EQ(Of({"status", "-o", ""}), "table\njson\n:4\n");
  EXPECT_EQ(Of({"status", "-o", "j"}), "json\n:4\n");
  EXPECT_EQ(Of({"status", "--output=j"}), "json\n:4\n");
  EXPECT_EQ(Of({"status", "--context", ""}), ":4\n");
  EXPECT_EQ(Of({"--kubeconfig", "x"}), ":0\n") << "files";
  EXPECT_EQ(Of({"completion", "z"}), "zsh\n:4\n");
}

TEST_F(Completion, NamesOfTheCluster) {
  EXPECT_EQ(Of({"status", ""}), "france\ngermany\n:4\n") << "what is no name is left out";
  EXPECT_EQ(asked_, "|");
  EXPECT_EQ(Of({"--context", "prod", "status", "-A", "--kubeconfig=k", "g"}), "germany\n:4\n");
  EXPECT_EQ(asked_, "k|prod");
  EXPECT_EQ(Of({"status", "france", ""}), ":4\n") << "there is one argument";
  EXPECT_EQ(Of({"explain", "node", ""}), "fr-par-1\n:4\n");
  EXPECT_EQ(Of({"explain", "rule", "RP-3"}), "RP-302\n:4\n");
  asked_ = "nobody";
  Of({"status", "-o", ""});
  EXPECT_EQ(asked_, "nobody") << "the cluster is asked only where it matters";
  names_ = {};
  EXPECT_EQ(Of({"status", ""}), ":4\n");
}

TEST_F(Completion, Files) {
  EXPECT_EQ(Of({"check", ""}), ":0\n");
  EXPECT_EQ(Of({"check", "a", "b", ""}), ":0\n");
  EXPECT_EQ(Of({"check", "-f", ""}), ":0\n");
  EXPECT_EQ(Of({"check", "--region", ""}), ":0\n");
  EXPECT_EQ(Of({"check", "--", "-"}), ":0\n") << "a file of that name, no option";
}

TEST(CompletionScript, OfEachShell) {
  for (const char* shell : {"bash", "zsh", "fish"})
    EXPECT_THAT(CompletionScript(shell), HasSubstr("kubectl-rempart __complete")) << shell;
  EXPECT_EQ(CompletionScript("tcsh"), "");
}

}  // namespace
}  // namespace rempart
