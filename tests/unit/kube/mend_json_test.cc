#include "src/kube/mend_json.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "src/kube/decode.h"

namespace rempart::kube {
namespace {

constexpr std::string_view kTooDeep = "\"(nested too deeply to be read)\"";

std::string Nested(int depth) {
  std::string text;
  for (int i = 0; i < depth; ++i) text += R"({"a":[)";
  text += "1";
  for (int i = 0; i < depth; ++i) text += "]}";
  return text;
}

TEST(MendJson, LeavesAloneWhatNeedsNothing) {
  for (const char* text :
       {"", "null", "[]", R"({"a":[1,-2,3.5e+7,"x"],"b":{"c":true}})", R"("{[\"\\")", "[18446744073709551615]",
        "[-9223372036854775808,9223372036854775807]", R"(["100000000000000000000"])", "[1e20,1.0E-400]",
        "{\"a\":", "[1", "\"\\", "\"never closed [[[[[["})
    EXPECT_EQ(MendJson(text, 3), text);
}

TEST(MendJson, IntegersBeyond64BitsBecomeFloatingPoint) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"18446744073709551616", "18446744073709551616e0"},
      {"-9223372036854775809", "-9223372036854775809e0"},
      {R"({"a":[100000000000000000000,1]})", R"({"a":[100000000000000000000e0,1]})"},
      {R"({"100000000000000000000":"-100000000000000000000"})",
       R"({"100000000000000000000":"-100000000000000000000"})"},
  };
  for (const auto& [text, mended] : cases) EXPECT_EQ(MendJson(text, 10), mended);
}

TEST(MendJson, WhatIsTooDeepIsReplacedAndItsNeighboursAreNot) {
  const std::string marker(kTooDeep);
  EXPECT_EQ(MendJson("[[[]]]", 2), "[[" + marker + "]]");
  EXPECT_EQ(MendJson(R"({"a":{"b":{"c":[1,"]}",{"d":2}]},"e":3},"f":[4]})", 2),
            R"({"a":{"b":)" + marker + R"(,"e":3},"f":[4]})");
  EXPECT_EQ(MendJson(R"([[{"a":"\"}]"},[5],6]])", 2), "[[" + marker + "," + marker + ",6]]");
  EXPECT_EQ(MendJson("[[[", 2), "[[" + marker) << "what ends too early is still malformed";
  EXPECT_EQ(MendJson("]]]", 2), "]]]");
}

TEST(ParseAnswer, ReadsWhatParseRefuses) {
  for (const std::string& text : {Nested(200), Nested(5000), std::string("[100000000000000000000]"),
                                  "{\"n\":-100000000000000000000,\"deep\":" + Nested(100) + "}"}) {
    Document document;
    EXPECT_FALSE(document.Parse(text));
    EXPECT_TRUE(document.ParseAnswer(text)) << text.substr(0, 100);
    EXPECT_TRUE(document.mended());
    EXPECT_TRUE(ParseOnThread(text));
  }
}

TEST(ParseAnswer, KeepsAllThatTheParserTakes) {
  Document document;
  int deepest = 0;  // that Parse takes
  for (int depth = 40; depth < 60; ++depth)
    if (document.Parse(Nested(depth))) deepest = depth;
  ASSERT_GT(deepest, 40);
  const std::string whole = Nested(deepest);
  EXPECT_EQ(document.ParseAnswer(whole).value().Minified(), whole);
  EXPECT_FALSE(document.mended());
  const auto deeper = document.ParseAnswer(Nested(deepest + 1));
  ASSERT_TRUE(deeper);
  EXPECT_TRUE(document.mended());
  EXPECT_TRUE(document.Parse(deeper->Minified())) << "what is left can be read again";
}

TEST(ParseAnswer, RefusesWhatIsMalformed) {
  Document document(1000);
  for (const std::string& bad :
       {std::string(), std::string("{"), std::string("[100000000000000000000"), std::string("[100000000000000000000]]"),
        std::string("[01]"), std::string("[1e400]"), std::string(400, '['), "[" + std::string(2000, '1') + "]",
        "[" + std::string(400, '1') + "]"}) {
    const auto view = document.ParseAnswer(bad);
    ASSERT_FALSE(view) << bad;
    EXPECT_EQ(view.error().kind, ErrorKind::kInvalid);
  }
}

TEST(ParseAnswer, AWideIntegerIsTheNumberThatTheServerHas) {
  Document document;
  const auto view = document.ParseAnswer(R"({"n":18446744073709552000,"m":-100000000000000000000,"i":7})");
  ASSERT_TRUE(view);
  EXPECT_EQ((*view)["n"].AsInt(), std::nullopt);
  EXPECT_EQ((*view)["i"].AsInt(), 7);
  const std::string minified = view->Minified();
  const auto again = ParseOnThread(minified);
  ASSERT_TRUE(again) << minified;
  EXPECT_EQ(again->Minified(), minified);
}

TEST(HasMended, KnowsTheObjectsThatHadToBe) {
  Document document;
  const auto page = document.ParseAnswer(R"([{"a":[18446744073709551616]},{"a":18446744073709551615,"b":-0.5},)"
                                         R"([{"b":-9223372036854775809}],[[-9223372036854775808,1e18,"x",null]],)" +
                                         Nested(70) + "]");
  ASSERT_TRUE(page);
  std::vector<bool> mended;
  page->ForEachElement([&](View one) { mended.push_back(HasMended(one)); });
  EXPECT_EQ(mended, (std::vector<bool>{true, false, true, false, true}));
}

}  // namespace
}  // namespace rempart::kube
