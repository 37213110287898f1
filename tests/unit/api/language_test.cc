#include "operator/api/language.h"

#include <gtest/gtest.h>

#include "tests/unit/api/language.h"

namespace rempart::api {
namespace {

TEST(Language, SaysOneOfTwoTexts) {
  EXPECT_EQ(Say(Language::kEnglish, "{} of {}", "{1} : {0}", 3, "nodes"), "3 of nodes");
  EXPECT_EQ(Say(Language::kFrench, "{} of {}", "{1} : {0}", 3, "nœuds"), "nœuds : 3");
  EXPECT_EQ(Say(Language::kFrench, "none", "aucun"), "aucun");
}

TEST(Language, TheTestsMatcherTellsThemApart) {
  EXPECT_THAT("le nœud n'est plus dans la région", test::IsFrench());
  EXPECT_THAT("le nœud is gone", testing::Not(test::IsFrench()));
  EXPECT_THAT("", testing::Not(test::IsFrench()));
}

}  // namespace
}  // namespace rempart::api
