#include "src/kube/manifests.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace rempart::kube {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// All documents of a text as a file would have them: "Kind name @line" an object, then "problem @line: …".
struct Read {
  std::vector<std::string> objects;
  std::vector<std::string> problems;
};

Read ReadAll(std::string text, const ManifestLimits& limits = {}) {
  NormalizeText(text);
  Read read;
  for (const DocumentText& document : SplitDocuments(text)) {
    const Manifests manifests = ReadDocument(document, limits);
    for (const Manifest& manifest : manifests.objects) {
      const Json& object = manifest.object;
      const std::string name = object.value("/metadata/name"_json_pointer, "");
      read.objects.push_back(object["kind"].get<std::string>() + (name.empty() ? "" : " " + name) + " @" +
                             std::to_string(manifest.LineOf("")));
    }
    for (const ManifestProblem& problem : manifests.problems) {
      read.problems.push_back("@" + std::to_string(problem.line) + ": " + problem.message);
    }
  }
  return read;
}

std::string Pod(const std::string& name) { return "apiVersion: v1\nkind: Pod\nmetadata:\n  name: " + name + "\n"; }

TEST(SplitDocuments, GoesByMarkersOnly) {
  struct Case {
    std::string text;
    std::vector<std::pair<std::string, int>> parts;
  };
  const Case kCases[] = {
      {"", {}},
      {"\n\n", {}},
      {"# only a comment\n---\n# another\n--- # and a third\n\t\n", {}},
      {"a: 1", {{"a: 1", 1}}},
      {"a: 1\n---\nb: 2\n", {{"a: 1\n", 1}, {"---\nb: 2\n", 2}}},
      {"---\n# Source: chart/templates/a.yaml\na: 1\n---\n# Source: b\n---\nc: 3\n",
       {{"---\n# Source: chart/templates/a.yaml\na: 1\n", 1}, {"---\nc: 3\n", 6}}},
      {"a: 1\n--- # why\nb: 2\n", {{"a: 1\n", 1}, {"--- # why\nb: 2\n", 2}}},
      {"a: 1\n--- {b: 2}\n---\n", {{"a: 1\n", 1}, {"--- {b: 2}\n", 2}}},
      {"a: 1\n...\nb: 2\n... # end\n", {{"a: 1\n", 1}, {"b: 2\n", 3}}},
      {"%YAML 1.2\n---\na: 1\n", {{"%YAML 1.2\n---\na: 1\n", 1}}},
      {"a: 1\n...\n%YAML 1.2\n# c\n---\na: 1\n", {{"a: 1\n", 1}, {"%YAML 1.2\n# c\n---\na: 1\n", 3}}},
      {"%YAML 1.2\n", {{"%YAML 1.2\n", 1}}},
      {"a: |\n  x\n  ---\n  y\n----\n---x\n", {{"a: |\n  x\n  ---\n  y\n----\n---x\n", 1}}},
      {"---\n\xEF\xBB\xBF"
       "a: 1\n",
       {{"a: 1\n", 2}}},
  };
  for (const Case& c : kCases) {
    std::vector<std::pair<std::string, int>> parts;
    for (const DocumentText& part : SplitDocuments(c.text)) parts.emplace_back(part.text, part.first_line);
    EXPECT_EQ(parts, c.parts) << c.text;
  }
}

TEST(NormalizeText, LeavesLinesAsTheyAre) {
  const std::pair<std::string, std::string> kCases[] = {{"\xEF\xBB\xBF"
                                                         "a: 1\r\nb: |\r\n  x\r\n",
                                                         "a: 1\nb: |\n  x\n"},
                                                        {"a\rb\r\r\nc\r", "a\rb\r\nc\r"},
                                                        {"", ""}};
  for (auto [text, expected] : kCases) {
    NormalizeText(text);
    EXPECT_EQ(text, expected);
  }
}

TEST(ReadDocument, OneAfterTheOther) {
  const Read read =
      ReadAll("# Source: a\n" + Pod("a") + "---\n---\n# nothing\n---\nnull\n--- # c\n" + Pod("b") + "...\n" + Pod("c"));
  EXPECT_THAT(read.objects, ElementsAre("Pod a @2", "Pod b @12", "Pod c @17"));
  EXPECT_THAT(read.problems, IsEmpty());
}

TEST(ReadDocument, WindowsFiles) {
  const Read read = ReadAll(
      "\xEF\xBB\xBF"
      "apiVersion: v1\r\nkind: Pod\r\n---\r\napiVersion: v1\r\nkind: Secret\r\n");
  EXPECT_THAT(read.objects, ElementsAre("Pod @1", "Secret @4"));
  EXPECT_THAT(read.problems, IsEmpty());
}

TEST(ReadDocument, OneThatCannotBeReadLeavesTheOthers) {
  struct Case {
    std::string text;
    std::string problem;
  };
  const Case kCases[] = {
      {"a: [\n", "YAML: "},
      {"a: 1\n\tb: 2\n", "YAML: "},
      {"a: 1\na: 2\n", "@7: YAML: a key that its mapping already has"},
      {"a: *x\n", "@6: YAML: "},
      {"a: \"\xff\"\n", "@6: cannot be read: not UTF-8"},
      {"a: 1\nb: \"\xc3\"\n", "@7: cannot be read: not UTF-8"},
      {"a: 1\nb: \x01\n", "@7: cannot be read: a control character"},
      {"\xff\xfe"
       "a\n",
       "not UTF-8"},
      {"just text\n", "@6: the document is a text"},
      {"- 1\n", "@6: the document is a list"},
      {"1\n", "@6: the document is a number"},
      {"true\n", "@6: the document is a boolean"},
      {"{\"a\": [1}\n", "@6: JSON: not well-formed"},
      {"{\"a\":\n1,\n\"a\": 2}\n", "@8: JSON: a key that its mapping already has"},
      {"{a: 1\n", "YAML: "},
      {"a: 1\n", "@6: the document has no apiVersion"},
      {"apiVersion: v1\n", "@6: the document has no kind"},
      {"apiVersion: v1\nkind:\n", "@6: the document has no kind"},
      {"apiVersion: 1\nkind: Pod\n", "@6: the document has a apiVersion that is no text"},
      {"apiVersion: " + std::string(513, 'v') + "\nkind: Pod\n",
       "@6: the document has a apiVersion of more than 512 bytes"},
      {"apiVersion: v1\nkind: ''\n", "@6: the document has a kind that is no text"},
      {"apiVersion: v1\nkind: Pod\nmetadata: [1]\n", "@6: the document has a metadata that is a list"},
      {"apiVersion: v1\nkind: List\nitems:\n- a: 1\n", "@9: items[0] has no apiVersion"},
      {"apiVersion: v1\nkind: List\nitems:\n- null\n", "@9: items[0] is null"},
      {"%YAML 1.2\n", "YAML: "},
      {"a: .inf\n", "@6: YAML: a number that JSON does not have"},
      {"a: " + std::string(200, '[') + std::string(200, ']') + "\n", "@6: YAML: nested deeper than 100"},
      {"a: [[1\n", "@7: YAML: did not find expected"},
      {"a: 'x\n", "YAML: found unexpected end of stream"},
      {"a: 1\nb\n", "YAML: could not find expected ':'"},
  };
  for (const Case& c : kCases) {
    const Read read = ReadAll(Pod("a") + "---\n" + c.text + "---\n" + Pod("b"));
    EXPECT_EQ(read.objects.size(), 2U) << c.text;
    EXPECT_THAT(read.problems, ElementsAre(HasSubstr(c.problem))) << c.text;
  }
}

// As Windows' shells write them: said as it is, and not as the first byte that is wrong.
TEST(ReadDocument, Utf16IsNamed) {
  const std::string text = Pod("a") + "---\n" + Pod("b");
  for (const bool big : {false, true}) {
    std::string wide = big ? "\xFE\xFF" : "\xFF\xFE";
    for (const char c : text) wide += big ? std::string{'\0', c} : std::string{c, '\0'};
    EXPECT_THAT(ReadAll(wide).problems, ElementsAre(HasSubstr("@1: cannot be read: UTF-16")));
    EXPECT_THAT(ReadAll(wide.substr(2)).problems, ElementsAre(HasSubstr("a zero byte, as UTF-16 has")));
  }
}

TEST(ReadDocument, TemplatesAreToBeRendered) {
  for (const char* text : {"{{- if .Values.on }}\napiVersion: v1\nkind: Pod\n{{- end }}\n",
                           "apiVersion: v1\nkind: Pod\nmetadata:\n  name: {{ .Release.Name }}\n",
                           "apiVersion: v1\nkind: Pod\nmetadata:\n  labels:\n    {{- include \"x\" . | nindent 4 }}\n"})
    EXPECT_THAT(ReadAll(text).problems, ElementsAre(HasSubstr("render it first"))) << text;
  EXPECT_THAT(ReadAll("a: [\n").problems, ElementsAre(::testing::Not(HasSubstr("render"))));
  EXPECT_THAT(ReadAll("apiVersion: v1\nkind: Pod\nimage: '{{ x }}'\n").problems, IsEmpty());
}

TEST(ReadDocument, AnchorsEndWithTheirDocument) {
  const Read read = ReadAll("x: &x 1\napiVersion: v1\nkind: Pod\n---\napiVersion: v1\nkind: Pod\ny: *x\n");
  EXPECT_THAT(read.objects, ElementsAre("Pod @1"));
  ASSERT_EQ(read.problems.size(), 1U);
  EXPECT_THAT(read.problems[0], HasSubstr("@7: YAML: "));
}

TEST(ReadDocument, JsonOneAfterTheOther) {
  const Read read = ReadAll(
      "{\"apiVersion\": \"v1\", \"kind\": \"Pod\"}\n"
      "{\n\"apiVersion\": \"v1\", \"kind\": \"Secret\"} null {\"apiVersion\": \"v1\",\n\"kind\": \"Node\"}\n"
      "---\n"
      "{\"apiVersion\": \"v1\", \"kind\": \"Service\"}\n{\"a\": \n}\n"
      "---\n{apiVersion: v1, kind: ConfigMap}\n");
  EXPECT_THAT(read.objects, ElementsAre("Pod @1", "Secret @2", "Node @3", "Service @6", "ConfigMap @10"));
  EXPECT_THAT(read.problems, ElementsAre("@8: JSON: not well-formed; what follows was not read"));
}

TEST(ReadDocument, CountsJsonValuesAsDocuments) {
  const auto manifests =
      ReadDocument({"{\"apiVersion\": \"v1\", \"kind\": \"Pod\"} {\"apiVersion\": \"v1\", \"kind\": \"Pod\"} 1", 1});
  EXPECT_EQ(manifests.documents, 3);
  ASSERT_EQ(manifests.objects.size(), 2U);
  EXPECT_EQ(manifests.objects[1].document, 2);
  ASSERT_EQ(manifests.problems.size(), 1U);
  EXPECT_EQ(manifests.problems[0].document, 3);
}

TEST(ReadDocument, TakesListsApart) {
  const Read read = ReadAll(
      "apiVersion: v1\n"
      "kind: List\n"
      "items:\n"
      "- {apiVersion: v1, kind: Pod, metadata: {name: a}}\n"
      "- apiVersion: v1\n"
      "  kind: List\n"
      "  items:\n"
      "  - apiVersion: apps/v1\n"
      "    kind: Deployment\n"
      "    metadata:\n"
      "      name: b\n"
      "  -\n"
      "- apiVersion: v1\n"
      "  kind: PodList\n"
      "  items:\n"
      "    - metadata: {name: c}\n"
      "    - 7\n"
      "- {apiVersion: v1, kind: List}\n"
      "- {apiVersion: v1, kind: SecretList, items: null}\n"
      "- {apiVersion: v1, kind: ConfigMapList, items: []}\n"
      "- {apiVersion: x/v1, kind: Bundle, items: [{apiVersion: v1, kind: Pod, metadata: {name: d}}]}\n"
      "- {apiVersion: x/v1, kind: Menu, items: [{name: soup}]}\n");
  EXPECT_THAT(read.objects,
              ElementsAre("Pod a @4", "Deployment b @8", "Pod c @16", "List @18", "Pod d @21", "Menu @22"));
  EXPECT_THAT(read.problems, ElementsAre(HasSubstr("@12: items[1].items[1] is null"),
                                         HasSubstr("@17: items[2].items[1] is a number")));
}

TEST(ReadDocument, KnowsLinesWithinALists) {
  const auto manifests = ReadDocument(
      {"apiVersion: v1\nkind: PodList\nitems:\n- spec:\n    nodeName: a\n- spec:\n    hostPID: true\n    nodeName: b\n",
       11});
  ASSERT_EQ(manifests.objects.size(), 2U);
  EXPECT_EQ(manifests.objects[0].LineOf("spec.nodeName"), 15);
  EXPECT_EQ(manifests.objects[1].LineOf("spec.nodeName"), 18);
  EXPECT_EQ(manifests.objects[1].LineOf("metadata.name"), 16);
  EXPECT_EQ(manifests.objects[1].LineOf("spec.hostNetwork"), 16);
  EXPECT_EQ(manifests.objects[1].object["kind"], "Pod");
  EXPECT_EQ(manifests.objects[1].object["apiVersion"], "v1");
}

TEST(ReadDocument, LongTextsAreRead) {
  const std::string megabyte(1'000'000, 'x');
  for (const std::string& value : {megabyte, "'" + megabyte + "'", "\"" + megabyte + "\"", "|\n  " + megabyte}) {
    const Read read = ReadAll(Pod("a") + "data: " + value + "\n---\n" + Pod("b"));
    EXPECT_EQ(read.objects.size(), 2U);
    EXPECT_THAT(read.problems, IsEmpty());
  }
}

TEST(ReadDocument, IsBounded) {
  std::string bomb = "apiVersion: v1\nkind: Pod\na0: &a0 [x, x, x, x, x, x, x, x, x]\n";
  for (int i = 1; i < 12; ++i) {
    bomb += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [";
    for (int j = 0; j < 9; ++j) bomb += (j == 0 ? "*a" : ", *a") + std::to_string(i - 1);
    bomb += "]\n";
  }
  const Read read = ReadAll(bomb, {.max_nodes = 100'000});
  EXPECT_THAT(read.problems, ElementsAre(HasSubstr("more than 100000 values")));
  std::string json;
  for (int i = 0; i < 100'000; ++i) json += "{\"a\":";
  EXPECT_THAT(ReadAll(json).problems, ElementsAre(HasSubstr("JSON: nested deeper than 100")));
  const std::string flow = "a: " + std::string(100'000, '[') + std::string(100'000, ']');
  EXPECT_THAT(ReadAll(flow).problems, ElementsAre(HasSubstr("YAML: nested deeper than 100")));
  EXPECT_EQ(ReadAll(std::string(1'000'000, '{')).problems.size(), 1U);
}

TEST(ReadDocument, AnyBytesComeBack) {
  std::uint64_t state = 7;
  for (int round = 0; round < 3000; ++round) {
    std::string text;
    constexpr std::string_view kAlphabet = "a:- \n\n[]{}&*!|>'\"#%,?\t\\0.\r\xEF\xBB\xBF\xFFkindapiVersion1<";
    for (int i = 0; i < 60; ++i) {
      state = state * 6364136223846793005ull + 1442695040888963407ull;
      text += kAlphabet[(state >> 33) % kAlphabet.size()];
    }
    ReadAll(text);
  }
}

}  // namespace
}  // namespace rempart::kube
