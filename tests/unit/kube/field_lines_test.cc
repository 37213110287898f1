#include "src/kube/field_lines.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "src/kube/json_reader.h"
#include "src/kube/yaml.h"

namespace rempart::kube {
namespace {

struct Case {
  const char* path;
  int line;
};

FieldLines LinesOfYaml(const std::string& text, int first_line = 1) {
  FieldLines lines;
  const auto read = ReadYaml(text, YamlScalars::kKubernetes, {}, first_line, &lines);
  EXPECT_TRUE(read) << (read ? "" : read.error().why);
  return lines;
}

template <std::size_t N>
void ExpectLines(const FieldLines& lines, const Case (&cases)[N]) {
  for (const auto& [path, line] : cases) EXPECT_EQ(lines.LineOf(FieldLines::kRoot, path), line) << path;
}

TEST(FieldLines, OfBlocksListsAndFlow) {
  const FieldLines lines = LinesOfYaml(
      "# a comment\n"
      "kind: Pod\n"
      "metadata:\n"
      "  labels: {app: web,\n"
      "    rempart.dev/region: france}\n"
      "spec:\n"
      "  containers:\n"
      "  - name: a\n"
      "    image: x\n"
      "  -\n"
      "    name: b\n"
      "    args: [one,\n"
      "      two]\n"
      "    script: |\n"
      "      image: not this\n"
      "      more\n"
      "    image: >-\n"
      "      y\n"
      "  nodeName:\n"
      "    n\n"
      "  nothing:\n"
      "  last: 1\n");
  const Case kCases[] = {{"", 2},
                         {"kind", 2},
                         {"metadata", 3},
                         {"metadata.labels", 4},
                         {"metadata.labels.app", 4},
                         {"metadata.labels[\"rempart.dev/region\"]", 5},
                         {"metadata.labels['rempart.dev/region']", 5},
                         {"metadata.labels[rempart.dev/region]", 5},
                         {"metadata.labels[\"absent\"]", 4},
                         {"spec.containers", 7},
                         {"spec.containers[0]", 8},
                         {"spec.containers[0].name", 8},
                         {"spec.containers[0].image", 9},
                         {"spec.containers[1]", 11},
                         {"spec.containers[1].args[0]", 12},
                         {"spec.containers[1].args[1]", 13},
                         {"spec.containers[1].args[2]", 12},
                         {"spec.containers[1].script", 14},
                         {"spec.containers[1].image", 17},
                         {"spec.containers[2].image", 7},
                         {"spec.nodeName", 19},
                         {"spec.nothing", 21},
                         {"spec.nothing.below.that", 21},
                         {"spec.last", 22},
                         {"absent", 2},
                         {"absent[3].more", 2},
                         // Paths that are none lead as far as they can be read.
                         {"spec.containers[0", 7},
                         {"spec..last", 6},
                         {".spec", 6},
                         {"spec.containers[\"x]", 7},
                         {"spec.containers[99999999999999999999]", 7}};
  ExpectLines(lines, kCases);
}

TEST(FieldLines, CountFromWhereTheDocumentBegins) {
  const FieldLines lines = LinesOfYaml("---\na: 1\nb: 2\n", 100);
  const Case kCases[] = {{"", 101}, {"a", 101}, {"b", 102}};
  ExpectLines(lines, kCases);
}

TEST(FieldLines, OfAliasesAndMergesAreThoseOfTheAnchor) {
  const FieldLines lines = LinesOfYaml(
      "base: &base\n"
      "  image: x\n"
      "  deep: {a: 1,\n"
      "    b: 2}\n"
      "more: &more\n"
      "  <<: *base\n"
      "  image: y\n"
      "  port: 1\n"
      "one: *base\n"
      "two:\n"
      "  <<: [*more, *base]\n"
      "  own: 1\n"
      "  image: z\n");
  const Case kCases[] = {{"one", 9},        {"one.image", 2},   {"one.deep.b", 4}, {"one.absent", 9},
                         {"more.image", 7}, {"more.deep.a", 3}, {"two", 10},       {"two.own", 12},
                         {"two.image", 13}, {"two.port", 8},    {"two.deep.b", 4}, {"two.absent", 10}};
  ExpectLines(lines, kCases);
}

// Each member's value is the line that it is written at, so that what the reader merged says where to look.
TEST(FieldLines, OfMergesAreThoseOfWhatTheReaderTook) {
  constexpr int kRounds = 200, kMappings = 12, kKeys = 8;
  std::minstd_rand random(1);
  const auto below = [&](int n) { return static_cast<int>(random() % static_cast<unsigned>(n)); };
  for (int round = 0; round < kRounds; ++round) {
    std::string text;
    int line = 0;
    for (int i = 0; i < kMappings; ++i) {
      text += fmt::format("m{0}: &m{0}\n", i);
      ++line;
      if (i > 0 && below(4) > 0) {
        std::string merged = fmt::format("*m{}", below(i));
        const int more = below(4);
        for (int j = 0; j < more; ++j) merged += fmt::format(", *m{}", below(i));
        text += more == 0 ? fmt::format("  <<: {}\n", merged) : fmt::format("  <<: [{}]\n", merged);
        ++line;
      }
      text += fmt::format("  own{}: {}\n", i, ++line);
      for (int k = 0; k < kKeys; ++k) {
        if (below(6) == 0) text += fmt::format("  k{}: {}\n", k, ++line);
      }
    }
    FieldLines lines;
    const auto read = ReadYaml(text, YamlScalars::kKubernetes, {}, 1, &lines);
    ASSERT_TRUE(read) << read.error().why << "\n" << text;
    for (int i = 0; i < kMappings; ++i) {
      const std::string name = fmt::format("m{}", i);
      for (const auto& [key, value] : read->at(name).items()) {
        EXPECT_EQ(lines.LineOf(FieldLines::kRoot, name + "." + key), value) << name << " " << key << "\n" << text;
      }
      EXPECT_EQ(lines.LineOf(FieldLines::kRoot, name + ".absent"), lines.LineOf(FieldLines::kRoot, name));
    }
  }
}

// m0 has `first: 1`, and each one after it is `merged` of the one before.
std::string Merges(int n, const char* merged) {
  std::string text = "m0: &m0 {first: 1}\n";
  for (int i = 1; i <= n; ++i) {
    text += fmt::format("m{0}: &m{0} {{<<: {1}}}\n", i, fmt::format(fmt::runtime(merged), fmt::format("*m{}", i - 1)));
  }
  return text;
}

TEST(FieldLines, OfWhatIsMergedOverAndOverIsLookedForOnce) {
  const FieldLines lines = LinesOfYaml(Merges(40, "[{0}, {0}]"));  // 2^40 ways to m0
  const Case kCases[] = {{"m40.first", 1}, {"m40.absent", 41}, {"m40", 41}};
  ExpectLines(lines, kCases);
}

TEST(FieldLines, OfLongChainsOfMergesAreThoseOfTheParent) {
  const std::pair<int, const char*> kChains[] = {{1'000, "{0}"}, {100'000, "[{0}, {{}}]"}};
  for (const auto& [length, merged] : kChains) {
    FieldLines lines;
    const auto read = ReadYaml(Merges(length, merged), YamlScalars::kKubernetes,
                               {.max_bytes = 10'000'000, .max_nodes = 2'000'000}, 1, &lines);
    ASSERT_TRUE(read) << read.error().why;
    const std::string last = fmt::format("m{}", length);
    EXPECT_EQ(lines.LineOf(FieldLines::kRoot, "m40.first"), 1) << "longer than people write";
    EXPECT_EQ(lines.LineOf(FieldLines::kRoot, last + ".first"), length + 1);
    EXPECT_EQ(lines.LineOf(FieldLines::kRoot, last + ".absent"), length + 1);
  }
}

TEST(FieldLines, OfJson) {
  FieldLines lines;
  const std::string text =
      "{\n"
      "  \"kind\": \"Pod\",\n"
      "  \"list\": [\n"
      "    1\n"
      "    ,\n"
      "    {\"a\": true,\n"
      "     \"b\":\n"
      "       -1.5}, \"x\\ny\"\n"
      "  ],\n"
      "  \"empty\": {},\n"
      "  \"last\": 2\n"
      "}\n";
  const auto read = ReadJson(text, {}, 1, &lines);
  ASSERT_TRUE(read) << read.error().why;
  const Case kCases[] = {{"", 1},        {"kind", 2},      {"list", 3},      {"list[0]", 4},
                         {"list[1]", 6}, {"list[1].a", 6}, {"list[1].b", 7}, {"list[2]", 8},
                         {"list[3]", 3}, {"empty.x", 10},  {"last", 11}};
  ExpectLines(lines, kCases);
}

TEST(FieldLines, EmptyKnowsNothing) {
  const FieldLines lines;
  EXPECT_EQ(lines.LineOf(FieldLines::kRoot, "a.b"), 0);
  EXPECT_EQ(lines.FirstChild(FieldLines::kRoot), FieldLines::kNowhere);
  EXPECT_EQ(lines.NextChild(FieldLines::kRoot, FieldLines::kNowhere), FieldLines::kNowhere);
  EXPECT_EQ(lines.Member(FieldLines::kNowhere, "a"), FieldLines::kNowhere);
}

TEST(FieldLines, GoesThroughChildrenInTheOrderOfTheText) {
  const FieldLines lines = LinesOfYaml("- z\n- {a: [1, 2, 3]}\n- q\n");
  std::vector<int> seen;
  for (auto at = lines.FirstChild(FieldLines::kRoot); at != FieldLines::kNowhere;
       at = lines.NextChild(FieldLines::kRoot, at)) {
    seen.push_back(lines.LineOf(at));
  }
  EXPECT_EQ(seen, (std::vector<int>{1, 2, 3}));
}

}  // namespace
}  // namespace rempart::kube
