#include "operator/main/help.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <CLI/CLI.hpp>

namespace rempart {
namespace {

using ::testing::HasSubstr;

TEST(HelpFor, ListsTheCommandsAndExplainsOne) {
  CLI::App app("Does things.", "kubectl rempart");
  auto* explain = app.add_subcommand("explain", "Says how");
  explain->add_subcommand("node", "About a node")->add_option("NAME");
  for (const std::vector<std::string>& words : {std::vector<std::string>{}, {"help"}}) {
    const auto help = HelpFor(app, words);
    ASSERT_TRUE(help);
    EXPECT_EQ(help->exit_code, 0);
    EXPECT_THAT(help->output, HasSubstr("explain"));
    EXPECT_THAT(help->output, HasSubstr("Says how"));
  }
  EXPECT_THAT(HelpFor(app, {"help", "explain", "node"})->output,
              HasSubstr("Usage: kubectl rempart explain node [OPTIONS]"));
  const auto unknown = HelpFor(app, {"help", "explian"});
  EXPECT_EQ(unknown->exit_code, 2);
  EXPECT_EQ(unknown->error, "kubectl rempart has no command explian: did you mean explain?\n");
  EXPECT_FALSE(HelpFor(app, {"explain", "help"}));
  EXPECT_FALSE(HelpFor(app, {"--help"}));
}

}  // namespace
}  // namespace rempart
