#include "src/base/json.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace rempart {
namespace {

std::string Nested(std::size_t depth, char open = '[', char close = ']') {
  return std::string(depth, open) + std::string(depth, close);
}

TEST(ParseJson, ReadsWhatIsWellFormed) {
  const auto parsed = ParseJson(R"({"a":[1,-2.5,true,null,"é\u00e9\n"],"b":{}})");
  ASSERT_TRUE(parsed) << parsed.error().message;
  EXPECT_EQ((*parsed)["a"][0], 1);
  EXPECT_EQ((*parsed)["a"][4], "éé\n");
  EXPECT_TRUE(ParseJson(" 7 "));  // RFC 8259: any value is a document
}

TEST(ParseJson, NamesThatComeTwiceWhereThatIsAsked) {
  const JsonLimits kUnique{.unique_keys = true};
  EXPECT_TRUE(ParseJson(R"({"a":{"a":1},"b":[{"a":1},{"a":2}],"":{}})", kUnique));
  EXPECT_TRUE(ParseJson(R"({"a":1,"a":2})"));
  for (const char* text : {R"({"a":1,"a":2})", R"({"a":1,"b":{},"a":1})", R"({"b":{"a":1,"c":[],"a":1}})",
                           R"([{"a":1},{"a":1,"\u0061":1}])"}) {
    const auto parsed = ParseJson(text, kUnique);
    ASSERT_FALSE(parsed) << text;
    EXPECT_EQ(parsed.error().message, "JSON: the member \"a\" is there twice");
  }
  EXPECT_FALSE(ParseJson(R"({"a":1)", kUnique));
}

TEST(ParseJson, RefusesWhatIsNot) {
  for (const char* text : {"",
                           " ",
                           "{",
                           "}",
                           "[1,]",
                           "{\"a\":1,}",
                           "{'a':1}",
                           "{a:1}",
                           "[1] x",
                           "01",
                           "1.",
                           "NaN",
                           "+1",
                           "\"\x01\"",
                           "\"\xff\"",
                           "\"\xc0\xaf\"",
                           "\"\xed\xa0\x80\"",
                           "\"\\ud800\"",
                           "\"\\x\"",
                           "// c\n1",
                           "tru",
                           "1e999",
                           "]",
                           "{]}",
                           "[}"}) {
    const auto parsed = ParseJson(text);
    ASSERT_FALSE(parsed) << text;
    EXPECT_EQ(parsed.error().kind, ErrorKind::kInvalid);
    EXPECT_TRUE(parsed.error().message.starts_with("JSON: ")) << parsed.error().message;
  }
}

TEST(ParseJson, RefusesZeroBytesRatherThanStoppingAtThem) {
  EXPECT_FALSE(ParseJson(std::string_view("{}\0{", 4)));
  EXPECT_FALSE(ParseJson(std::string_view("\"a\0\"", 4)));
  EXPECT_TRUE(ParseJson(R"("a\u0000")"));
}

TEST(ParseJson, BoundsDepth) {
  EXPECT_TRUE(ParseJson(Nested(100)));
  const auto refused = ParseJson(Nested(101));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().message, "JSON: nested deeper than 100 at byte 100");
  EXPECT_TRUE(ParseJson(Nested(3), {.max_depth = 3}));
  EXPECT_FALSE(ParseJson(Nested(4), {.max_depth = 3}));
  EXPECT_FALSE(ParseJson(std::string(4'000'000, '[')));  // would exhaust a recursive parser's stack
  std::string objects;
  for (int i = 0; i < 101; ++i) objects += R"({"a":)";
  EXPECT_EQ(ParseJson(objects).error().message, "JSON: nested deeper than 100 at byte 500");
}

TEST(ParseJson, BracketsInStringsAreNoDepth) {
  EXPECT_TRUE(ParseJson("[\"" + std::string(200, '[') + "\"]", {.max_depth = 1}));
  EXPECT_TRUE(ParseJson(R"(["\"[[[[", "\\", "[["])", {.max_depth = 1}));
  EXPECT_FALSE(ParseJson(R"(["\\", [[]]])", {.max_depth = 2}));
}

TEST(ParseJson, SiblingsAreNoDepth) {
  std::string text = "[";
  for (int i = 0; i < 1000; ++i) text += "[],";
  EXPECT_TRUE(ParseJson(text + "[]]", {.max_depth = 2}));
}

TEST(ParseJson, BoundsSize) {
  EXPECT_TRUE(ParseJson("[1234567]", {.max_bytes = 9}));
  const auto refused = ParseJson("[12345678]", {.max_bytes = 9});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().message, "JSON: 10 bytes, more than the limit of 9");
}

TEST(DigestOf, IsSha256CutTo128Bits) {
  // FIPS 180-2, appendix B: SHA-256 of "abc"; and of nothing.
  EXPECT_EQ(DigestOf("abc"), "ba7816bf8f01cfea414140de5dae2223");
  EXPECT_EQ(DigestOf(""), "e3b0c44298fc1c149afbf4c8996fb924");
  EXPECT_NE(DigestOf("abd"), DigestOf("abc"));
}

}  // namespace
}  // namespace rempart
