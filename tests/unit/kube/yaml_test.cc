#include "src/kube/yaml.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace rempart::kube {
namespace {

TEST(Yaml, TextKeepsWhatWasWritten) {
  const auto doc = ParseYaml("a: 007\nb: true\nc: ~\nd: \"x\\ty\"\ne: [1.50, yes]\nf: {g: 'h'}\n", YamlScalars::kText);
  ASSERT_TRUE(doc) << doc.error().message;
  EXPECT_EQ(*doc, Json::parse(R"({"a":"007","b":"true","c":null,"d":"x\ty","e":["1.50","yes"],"f":{"g":"h"}})"));
}

TEST(Yaml, TypedFollowsTheCoreSchema) {
  const std::pair<const char*, Json> kCases[] = {{"1", 1},
                                                 {"-7", -7},
                                                 {"+7", 7},
                                                 {"0x1F", 31},
                                                 {"0o17", 15},
                                                 {"1.5", 1.5},
                                                 {"1e3", 1000.0},
                                                 {"true", true},
                                                 {"False", false},
                                                 {"yes", "yes"},
                                                 {"on", "on"},
                                                 {"'1'", "1"},
                                                 {"\"true\"", "true"},
                                                 {"null", nullptr},
                                                 {"~", nullptr},
                                                 {"", nullptr},
                                                 {"1.2.3", "1.2.3"},
                                                 {"12:30", "12:30"},
                                                 {"0x", "0x"},
                                                 {".inf", ".inf"},
                                                 {"!!str 1", "1"},
                                                 {"!!int 1", 1},
                                                 {"-", Json::array({nullptr})},
                                                 {"+", "+"},
                                                 {"9223372036854775808", 9223372036854775808ull},
                                                 {"2026-01-01", "2026-01-01"},
                                                 {"1_000", "1_000"},
                                                 {"1-2", "1-2"},
                                                 {"--1", "--1"},
                                                 {"e5", "e5"},
                                                 {"! 1", "1"}};
  for (const auto& [text, expected] : kCases) {
    const auto doc = ParseYaml(text, YamlScalars::kTyped);
    ASSERT_TRUE(doc) << text << ": " << doc.error().message;
    EXPECT_EQ(*doc, expected) << text;
  }
}

TEST(Yaml, Aliases) {
  const auto doc = ParseYaml("a: &x {b: [1]}\nc: *x\n", YamlScalars::kText);
  ASSERT_TRUE(doc) << doc.error().message;
  EXPECT_EQ(doc->at("c"), doc->at("a"));
}

TEST(Yaml, EmptyIsNull) {
  for (const char* text : {"", "# only a comment\n", "---\n"}) {
    const auto doc = ParseYaml(text, YamlScalars::kText);
    ASSERT_TRUE(doc) << doc.error().message;
    EXPECT_TRUE(doc->is_null());
  }
}

TEST(Yaml, RefusesWithTheLine) {
  struct Case {
    const char* text;
    const char* says;
  };
  const Case kCases[] = {
      {"a: 1\nb: [\n", "line"},
      {"a: 1\na: 2\n", "line 2: a key that its mapping already has"},
      {"? {x: 1}\n: 2\n", "a key that is no plain text"},
      {"a: &x {b: 1}\nc:\n  <<: *x\n", "line 3: merge keys"},
      {"a: !!binary aGk=\n", "tag"},
      {"a: !thing {}\n", "tag"},
      {"a: &x [*x]\n", "alias"},
      {"a: *nowhere\n", "line 1"},
      {"a: 1\n---\nb: 2\n", "line 2: a second document"},
      {"a: \"\\q\"\n", "line 1"},
      {"\tb: 1\n", "line 1"},
  };
  for (const Case& c : kCases) {
    const auto doc = ParseYaml(c.text, YamlScalars::kText);
    ASSERT_FALSE(doc) << c.text;
    EXPECT_EQ(doc.error().kind, ErrorKind::kInvalid);
    EXPECT_NE(doc.error().message.find(c.says), std::string::npos) << doc.error().message;
  }
}

TEST(Yaml, BoundsSize) {
  EXPECT_TRUE(ParseYaml(std::string(100, '#'), YamlScalars::kText, {.max_bytes = 100}));
  const auto doc = ParseYaml(std::string(101, '#'), YamlScalars::kText, {.max_bytes = 100});
  ASSERT_FALSE(doc);
  EXPECT_NE(doc.error().message.find("larger than"), std::string::npos);
}

TEST(Yaml, BoundsDepth) {
  const auto nested = [](int n) { return std::string(n, '[') + std::string(n, ']'); };
  EXPECT_TRUE(ParseYaml(nested(10), YamlScalars::kText, {.max_depth = 10}));
  EXPECT_FALSE(ParseYaml(nested(11), YamlScalars::kText, {.max_depth = 10}));
  EXPECT_FALSE(ParseYaml(nested(100'000), YamlScalars::kText));
  EXPECT_FALSE(ParseYaml(std::string(500'000, '{'), YamlScalars::kText));
  std::string blocks;
  for (int i = 0; i < 700; ++i) blocks += std::string(i, ' ') + "a:\n";
  EXPECT_FALSE(ParseYaml(blocks, YamlScalars::kText));
  // An alias counts with the depth that it brings.
  EXPECT_TRUE(ParseYaml("a: &x [[[]]]\nb: [*x]\n", YamlScalars::kText, {.max_depth = 5}));
  EXPECT_FALSE(ParseYaml("a: &x [[[]]]\nb: [*x]\n", YamlScalars::kText, {.max_depth = 4}));
}

TEST(Yaml, BoundsExpansion) {
  // Nine levels of nine aliases each: 387 million values, in a text of 300 bytes.
  std::string bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n";
  for (int i = 1; i < 9; ++i) {
    const std::string alias = "*a" + std::to_string(i - 1);
    bomb += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [";
    for (int j = 0; j < 9; ++j) bomb += (j == 0 ? "" : ", ") + alias;
    bomb += "]\n";
  }
  const auto doc = ParseYaml(bomb, YamlScalars::kText);
  ASSERT_FALSE(doc);
  EXPECT_NE(doc.error().message.find("more than 20000 values"), std::string::npos) << doc.error().message;
  EXPECT_FALSE(ParseYaml("[" + std::string(60'000, ',') + "]", YamlScalars::kText));
}

TEST(Yaml, AnyBytesAreRefusedOrRead) {
  std::uint64_t state = 42;
  for (int round = 0; round < 3000; ++round) {
    std::string text;
    constexpr std::string_view kAlphabet = "a:- \n[]{}&*!|>'\"#%@`,?\t\\0x\xC3\xA9\xFF<";
    for (int i = 0; i < 40; ++i) {
      state = state * 6364136223846793005ull + 1442695040888963407ull;
      text += kAlphabet[(state >> 33) % kAlphabet.size()];
    }
    const auto doc = ParseYaml(text, YamlScalars::kTyped);  // must come back
    if (!doc) {
      EXPECT_EQ(doc.error().kind, ErrorKind::kInvalid);
    }
  }
}

}  // namespace
}  // namespace rempart::kube
