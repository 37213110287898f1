#include "src/base/text.h"

#include <gtest/gtest.h>

namespace rempart {
namespace {

TEST(CutAtCharacter, NeverSplitsACharacter) {
  EXPECT_EQ(CutAtCharacter("abc", 3), "abc");
  EXPECT_EQ(CutAtCharacter("abcd", 3), "abc");
  EXPECT_EQ(CutAtCharacter("aéb", 2), "a");
  EXPECT_EQ(CutAtCharacter("aéb", 3), "aé");
  EXPECT_EQ(CutAtCharacter("€€", 5), "€");
  EXPECT_EQ(CutAtCharacter("😀😀", 7), "😀");
  EXPECT_EQ(CutAtCharacter("😀😀", 8), "😀😀");
  EXPECT_EQ(CutAtCharacter("😀", 3), "");
  EXPECT_EQ(CutAtCharacter("😀", 0), "");
}

TEST(CutAtCharacter, CutsWhatIsNoUtf8) { EXPECT_EQ(CutAtCharacter(std::string(100, '\x80'), 50).size(), 47u); }

TEST(CleanText, CutsWithASign) {
  EXPECT_EQ(CleanText("abcdef", 6), "abcdef");
  EXPECT_EQ(CleanText("abcdefg", 6), "abc…");
  EXPECT_EQ(CleanText("ééééé", 9), "ééé…");
  EXPECT_EQ(CleanText("abcdef", 2), "ab");
}

TEST(CleanText, ReplacesWhatIsNoUtf8) {
  EXPECT_EQ(CleanText("a\xff"
                      "b",
                      100),
            "a\ufffdb");
  EXPECT_EQ(CleanText("a\xe2\x82", 100), "a\ufffd");
  EXPECT_EQ(CleanText("\xed\xa0\x80", 100).find('\xed'), std::string::npos);
  const std::string all_bad(1000, '\xff');
  EXPECT_LE(CleanText(all_bad, 100).size(), 100u);
  EXPECT_TRUE(CleanText(all_bad, 100).ends_with("\ufffd…"));
}

}  // namespace
}  // namespace rempart
