#include "src/kube/json_reader.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace rempart::kube {
namespace {

TEST(ReadJson, GivesWhatTheLibraryGives) {
  const char* const kTexts[] = {R"({"a":1,"b":[true,false,null,-7,1.5,"é\n\u00e9",18446744073709551615],"c":{"d":{}}})",
                                "[]",
                                "{}",
                                R"("x")",
                                "12",
                                "-1",
                                "true",
                                "null",
                                R"({"n":9223372036854775807})"};
  for (const char* text : kTexts) {
    const auto read = ReadJson(text, {});
    ASSERT_TRUE(read) << text << read.error().why;
    EXPECT_EQ(read->value, Json::parse(text));
    EXPECT_EQ(read->bytes, std::string_view(text).size()) << text;
  }
}

TEST(ReadJson, StopsAfterOneValue) {
  const std::pair<const char*, std::size_t> kCases[] = {
      {"{}{}", 2}, {" \n[1] x", 5}, {"1 2", 1}, {"\"a\"\"b\"", 3}, {"{\"a\":1}\n{", 7}};
  for (const auto& [text, bytes] : kCases) {
    const auto read = ReadJson(text, {});
    ASSERT_TRUE(read) << text;
    EXPECT_EQ(read->bytes, bytes) << text;
  }
}

TEST(ReadJson, RefusesWithTheLine) {
  struct Case {
    const char* text;
    int line;
    const char* says;
  };
  const Case kCases[] = {{"", 10, "not well-formed"},
                         {"{\n\"a\": 1,\n\"a\": 2}", 12, "already has"},
                         {"{\n\"a\": 1,\n}", 12, "not well-formed"},
                         {"{\n'a': 1}", 11, "not well-formed"},
                         {"{\"a\":\n[1,\n2", 12, "not well-formed"},
                         {"{\"a\": 1e999}", 10, "not well-formed"},
                         {"{\"a\": \"\xff\"}", 10, "not well-formed"},
                         {"{\"a\": \"x\ny\"}", 10, "not well-formed"},
                         {"// c\n{}", 10, "not well-formed"},
                         {"[[\n[[[1]]]]]", 11, "nested deeper than 4"},
                         {"[1,2,3,4,5,\n6,7,8,9,10]", 11, "more than 10 values"}};
  for (const Case& c : kCases) {
    const auto read = ReadJson(c.text, {.max_nodes = 10, .max_depth = 4}, 10);
    ASSERT_FALSE(read) << c.text;
    EXPECT_EQ(read.error().line, c.line) << c.text;
    EXPECT_NE(read.error().why.find(c.says), std::string::npos) << c.text << ": " << read.error().why;
  }
}

TEST(ReadJson, DeepTextsCostNoStack) {
  EXPECT_FALSE(ReadJson(std::string(1'000'000, '['), {.max_nodes = 10'000'000, .max_depth = 100}));
}

}  // namespace
}  // namespace rempart::kube
