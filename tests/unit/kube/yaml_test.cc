#include "src/kube/yaml.h"

#include <gtest/gtest.h>

#include <cstdint>
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
      // What ends a line to YAML but to nobody who counts them.
      {"a: 1\rb: 2\ra: 3\n", "line 1: a key that its mapping already has"},
      {"a: 1\r\nb: 2\r\na: 3\r\n", "line 3: a key that its mapping already has"},
      {"a: 1\nb: x\u0085  y\u2028  z\nc: «\u00a0’\u00a0»\na: 3\n", "line 4: a key that its mapping already has"},
  };
  for (const Case& c : kCases) {
    const auto doc = ParseYaml(c.text, YamlScalars::kText);
    ASSERT_FALSE(doc) << c.text;
    EXPECT_EQ(doc.error().kind, ErrorKind::kInvalid);
    EXPECT_NE(doc.error().message.find(c.says), std::string::npos) << doc.error().message;
  }
}

// What sigs.k8s.io/yaml makes of them.
TEST(Yaml, KubernetesScalars) {
  const std::pair<const char*, Json> kCases[] = {{"yes", true},
                                                 {"Yes", true},
                                                 {"y", true},
                                                 {"on", true},
                                                 {"ON", true},
                                                 {"True", true},
                                                 {"no", false},
                                                 {"n", false},
                                                 {"off", false},
                                                 {"FALSE", false},
                                                 {"yEs", "yEs"},
                                                 {"none", "none"},
                                                 {"'yes'", "yes"},
                                                 {"\"on\"", "on"},
                                                 {"!!str yes", "yes"},
                                                 {"!!bool yes", true},
                                                 {"~", nullptr},
                                                 {"Null", nullptr},
                                                 {"", nullptr},
                                                 {"''", ""},
                                                 {"0", 0},
                                                 {"-0", 0},
                                                 {"+7", 7},
                                                 {"0644", 420},
                                                 {"0o17", 15},
                                                 {"0x1F", 31},
                                                 {"-0x1F", -31},
                                                 {"0b101", 5},
                                                 {"-0b101", -5},
                                                 {"08", 8},
                                                 {"1_000", 1000},
                                                 {"_1", "_1"},
                                                 {"3.0", 3},
                                                 {"1e3", 1000},
                                                 {"1.", 1},
                                                 {".5", 0.5},
                                                 {"-.5", -0.5},
                                                 {"+1.5", 1.5},
                                                 {"1.5e-3", 0.0015},
                                                 {"1e400", "1e400"},
                                                 {".", "."},
                                                 {"-", Json::array({nullptr})},
                                                 {"1.2.3", "1.2.3"},
                                                 {"1e", "1e"},
                                                 {"0x", "0x"},
                                                 {"0xg", "0xg"},
                                                 {"12:30", "12:30"},
                                                 {"2026-01-01", "2026-01-01"},
                                                 {"100m", "100m"},
                                                 {"9223372036854775807", 9223372036854775807},
                                                 {"9223372036854775808", 9223372036854775808ull},
                                                 {"-9223372036854775808", INT64_MIN},
                                                 {"18446744073709551616", 18446744073709551616.0},
                                                 {"-9223372036854775809", -9223372036854775808.0},
                                                 {"!!int '5'", 5},
                                                 {"!!float 1", 1}};
  for (const auto& [text, expected] : kCases) {
    const auto doc = ParseYaml(text, YamlScalars::kKubernetes);
    ASSERT_TRUE(doc) << text << ": " << doc.error().message;
    EXPECT_EQ(*doc, expected) << text;
    EXPECT_EQ(doc->type() == Json::value_t::number_float, expected.is_number_float()) << text;
  }
  for (const char* text : {".inf", "-.INF", ".nan", "!!int x", "!!bool 1", "!!float yes"}) {
    EXPECT_FALSE(ParseYaml(text, YamlScalars::kKubernetes)) << text;
  }
}

TEST(Yaml, KubernetesKeysAreText) {
  const auto doc = ParseYaml("on: a\n1: b\n0644: c\n1.5: d\n1e10: e\n'yes': f\n1.0e-7: g\n", YamlScalars::kKubernetes);
  ASSERT_TRUE(doc) << doc.error().message;
  EXPECT_EQ(*doc, Json::parse(R"({"true":"a","1":"b","420":"c","1.5":"d","1e+10":"e","yes":"f","1e-07":"g"})"));
  EXPECT_FALSE(ParseYaml("~: a\n", YamlScalars::kKubernetes));
  EXPECT_FALSE(ParseYaml("yes: a\non: b\n", YamlScalars::kKubernetes)) << "the same key twice";
}

TEST(Yaml, MergeKeys) {
  const std::pair<const char*, const char*> kCases[] = {
      {"x: &x {a: 1, b: 2}\np:\n  <<: *x\n  b: 3\n", R"({"x":{"a":1,"b":2},"p":{"a":1,"b":3}})"},
      {"x: &x {a: 1}\nz: &z {a: 2, c: 3}\np:\n  <<: [*x, *z]\n",
       R"({"x":{"a":1},"z":{"a":2,"c":3},"p":{"a":1,"c":3}})"},
      {"p:\n  c: 3\n  <<: {a: 1}\n", R"({"p":{"a":1,"c":3}})"},
      {"p: {\"<<\": 1}\n", R"({"p":{"<<":1}})"},
      {"p: {<<: {}}\n", R"({"p":{}})"},
      {"x: &x {a: 1}\np: &p {<<: *x}\nz: {<<: *p}\n", R"({"x":{"a":1},"p":{"a":1},"z":{"a":1}})"},
  };
  for (const auto& [text, expected] : kCases) {
    const auto doc = ParseYaml(text, YamlScalars::kKubernetes);
    ASSERT_TRUE(doc) << text << doc.error().message;
    EXPECT_EQ(*doc, Json::parse(expected)) << text;
  }
  const std::pair<const char*, const char*> kRefused[] = {
      {"x: &x {a: 1}\np:\n  a: 2\n  <<: *x\n", "put << first"},
      {"p:\n  <<: {a: 1}\n  a: 2\n  a: 3\n", "line 4: a key that its mapping already has"},
      {"p:\n  <<: {}\n  <<: {}\n", "line 3: << twice"},
      {"p:\n  <<: 1\n", "wants a mapping"},
      {"p:\n  <<: [1]\n", "wants a mapping"},
      {"p:\n  <<:\n", "wants a mapping"},
  };
  for (const auto& [text, says] : kRefused) {
    const auto doc = ParseYaml(text, YamlScalars::kKubernetes);
    ASSERT_FALSE(doc) << text;
    EXPECT_NE(doc.error().message.find(says), std::string::npos) << doc.error().message;
  }
}

TEST(Yaml, MergesCountAsWhatTheyBring) {
  std::string bomb = "a0: &a0 {k: v, l: w}\n";
  for (int i = 1; i < 30; ++i) {
    const std::string before = "*a" + std::to_string(i - 1);
    bomb += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " {<<: " + before + ", x" + std::to_string(i) +
            ": " + before + ", y" + std::to_string(i) + ": " + before + "}\n";
  }
  const auto doc = ParseYaml(bomb, YamlScalars::kKubernetes);
  ASSERT_FALSE(doc);
  EXPECT_NE(doc.error().message.find("more than 20000 values"), std::string::npos) << doc.error().message;
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

TEST(Yaml, BoundsWhatAnchorsKeep) {
  const auto nested = [](int anchors, int values) {
    std::string text;
    for (int i = 0; i < anchors; ++i) text += "&a" + std::to_string(i) + " [";
    for (int i = 0; i < values; ++i) text += "1,";
    return text + std::string(anchors, ']');
  };
  const auto doc = ParseYaml(nested(3, 500), YamlScalars::kText, {.max_nodes = 1000});
  ASSERT_FALSE(doc);
  EXPECT_NE(doc.error().message.find("line 1: anchors within one another that hold more than 1000 values"),
            std::string::npos)
      << doc.error().message;
  // One around all that there may be, any number side by side, and a name that is used again.
  const YamlLimits kLimits{.max_nodes = 1000};
  EXPECT_TRUE(ParseYaml(nested(1, 999), YamlScalars::kText, kLimits));
  EXPECT_TRUE(ParseYaml(nested(2, 490), YamlScalars::kText, kLimits));
  for (const bool again : {false, true}) {
    std::string text = "base: &base [1, 2]\n";
    for (int i = 0; i < 80; ++i) {
      text += "m" + std::to_string(i) + ": &a" + std::to_string(again ? 0 : i) + " {x: &x [1], y: *base}\n";
    }
    text += "last: *a0\n";
    const auto many = ParseYaml(text, YamlScalars::kText, kLimits);
    ASSERT_TRUE(many) << many.error().message;
    EXPECT_EQ(many->at("last"), Json::parse(R"({"x":["1"],"y":["1","2"]})"));
  }
}

TEST(Yaml, BoundsTheTextThatIsCopied) {
  const std::string kilobytes(6400, 'x');
  const auto times = [](const char* text, int n) {
    std::string all;
    for (int i = 0; i < n; ++i) all += text;
    return all;
  };
  const std::string bombs[] = {
      "a: &a " + kilobytes + "\nb: [" + times("*a,", 20) + "]\n",
      "a: &a {? " + kilobytes + " : 1}\nb: [" + times("*a,", 20) + "]\n",
      "a: &a " + kilobytes + "\nb: [" + times("{*a : 1},", 20) + "]\n",
      "? &a " + kilobytes + "\n: [" + times("*a,", 20) + "]\n",
  };
  for (const std::string& bomb : bombs) {
    const auto doc = ParseYaml(bomb, YamlScalars::kText, {.max_nodes = 1000});
    ASSERT_FALSE(doc) << bomb.substr(bomb.find('['));
    EXPECT_NE(doc.error().message.find("more than 1000 values (aliases expanded, 64 bytes of their text as one)"),
              std::string::npos)
        << doc.error().message;
    const auto more = ParseYaml(bomb, YamlScalars::kText, {.max_nodes = 3000});
    EXPECT_TRUE(more) << more.error().message;
  }
  const auto kept = ParseYaml("&a [&b [&c [" + kilobytes + "]]]\n", YamlScalars::kText, {.max_nodes = 250});
  ASSERT_FALSE(kept);
  EXPECT_NE(kept.error().message.find("anchors within one another"), std::string::npos) << kept.error().message;
  // What is written out is bounded by the size of the text.
  EXPECT_TRUE(ParseYaml("a: " + kilobytes + "\n", YamlScalars::kText, {.max_nodes = 3}));
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
    for (const YamlScalars scalars : {YamlScalars::kTyped, YamlScalars::kKubernetes}) {
      const auto doc = ParseYaml(text, scalars);  // must come back
      if (!doc) {
        EXPECT_EQ(doc.error().kind, ErrorKind::kInvalid);
      }
    }
  }
}

}  // namespace
}  // namespace rempart::kube
