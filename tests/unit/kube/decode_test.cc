#include "src/kube/decode.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include <string>
#include <utility>
#include <vector>

namespace rempart::kube {
namespace {

class ViewTest : public testing::Test {
 protected:
  View Parse(const std::string& text) {
    auto view = document_.Parse(text);
    EXPECT_TRUE(view) << view.error().ToString();
    return view.value_or(View{});
  }
  Document document_;
};

TEST_F(ViewTest, ReadsEachType) {
  View v = Parse(R"({"s":"text","i":-7,"f":3.0,"half":0.5,"e":1e3,"t":true,"o":{"k":"v"},"a":[1,null,"x"],"n":null})");
  EXPECT_EQ(v["s"].AsString(), "text");
  EXPECT_EQ(v["i"].AsInt(), -7);
  EXPECT_EQ(v["f"].AsInt(), 3);
  EXPECT_EQ(v["e"].AsInt(), 1000);
  EXPECT_EQ(v["half"].AsInt(), std::nullopt);
  EXPECT_EQ(v["t"].AsBool(), true);
  EXPECT_TRUE(v["o"].IsObject());
  EXPECT_TRUE(v["a"].IsArray());
  EXPECT_EQ(v["o"]["k"].Str(), "v");
  EXPECT_EQ(v.Size(), 9u);
  EXPECT_EQ(v["a"].Size(), 3u);
}

TEST_F(ViewTest, AbsentNullAndWrongTypesReadAsNotThere) {
  View v = Parse(R"({"s":"text","n":null,"i":1})");
  for (View gone : {v["absent"], v["n"], v["s"]["below"], v["absent"]["deeper"], View{}}) {
    EXPECT_FALSE(gone.exists());
    EXPECT_EQ(gone.AsString(), std::nullopt);
    EXPECT_EQ(gone.AsInt(), std::nullopt);
    EXPECT_EQ(gone.AsBool(), std::nullopt);
    EXPECT_EQ(gone.Str("fallback"), "fallback");
    EXPECT_EQ(gone.Int(9), 9);
    EXPECT_TRUE(gone.Bool(true));
    EXPECT_FALSE(gone.IsObject() || gone.IsArray());
    EXPECT_EQ(gone.Size(), 0u);
    EXPECT_EQ(gone.Minified(), "");
    gone.ForEachElement([](View) { FAIL(); });
    gone.ForEachMember([](std::string_view, View) { FAIL(); });
  }
  EXPECT_EQ(v["s"].AsInt(), std::nullopt);
  EXPECT_EQ(v["i"].AsString(), std::nullopt);
  EXPECT_EQ(v["i"].AsBool(), std::nullopt);
  v["s"].ForEachElement([](View) { FAIL(); });
}

TEST_F(ViewTest, IntegersKeepWithinTheirRange) {
  View v = Parse("[9223372036854775807,-9223372036854775808,18446744073709551615,9.3e18,-9.3e18,1e300]");
  std::vector<std::optional<std::int64_t>> read;
  v.ForEachElement([&](View e) { read.push_back(e.AsInt()); });
  EXPECT_EQ(read, (std::vector<std::optional<std::int64_t>>{INT64_MAX, INT64_MIN, std::nullopt, std::nullopt,
                                                            std::nullopt, std::nullopt}));
}

TEST_F(ViewTest, WalksInDocumentOrder) {
  View v = Parse(R"({"b":[1,null,"x"],"a":{"z":1,"\u00e9\"":2}})");
  std::string seen;
  v["b"].ForEachElement([&](View e) { seen += e.exists() ? e.Minified() + ";" : "-;"; });
  v["a"].ForEachMember(
      [&](std::string_view key, View value) { seen += std::string(key) + "=" + value.Minified() + ";"; });
  EXPECT_EQ(seen, "1;-;\"x\";z=1;\u00e9\"=2;");
}

TEST_F(ViewTest, MinifiedKeepsOrderAndEscapes) {
  EXPECT_EQ(Parse("{ \"b\" : [ 1 , 2.5, true , null ] ,\n \"a\" : \"q\\\"\\u0001\\n\u00e9\" }").Minified(),
            "{\"b\":[1,2.5,true,null],\"a\":\"q\\\"\\u0001\\n\u00e9\"}");
}

TEST_F(ViewTest, MinifiedSaysTheSame) {
  std::string every_byte = "\"";
  for (int c = 0; c < 0x20; ++c) every_byte += fmt::format("\\u{:04x}", c);
  every_byte += "\\\"\\\\\\/ \x7f \u00e9 \\ud83d\\ude00\"";
  for (const std::string& text :
       {every_byte, std::string("[]"), std::string("{}"), std::string(R"([[],{},[{}],"",{"":[""]}])"),
        std::string(R"([0,-1,9223372036854775807,-9223372036854775808,18446744073709551615])"),
        std::string(R"([0.1,-1.5e-9,1e300,2.2250738585072014e-308,123456789.123456789])"),
        std::string(R"([true,false,null,",",[","],{"a":","}])")}) {
    const std::string minified = Parse(text).Minified();
    EXPECT_EQ(nlohmann::json::parse(minified), nlohmann::json::parse(text)) << minified;
    EXPECT_EQ(Parse(minified).Minified(), minified);
  }
}

TEST(ParseOnThread, EndsTheLifeOfTheLast) {
  const auto first = ParseOnThread(R"({"a":"first"})");
  ASSERT_TRUE(first);
  EXPECT_EQ((*first)["a"].Str(), "first");
  const auto second = ParseOnThread(R"({"a":"second"})");
  ASSERT_TRUE(second);
  EXPECT_EQ((*second)["a"].Str(), "second");
  EXPECT_EQ(ParseOnThread("{").error().kind, ErrorKind::kInvalid);
  const std::string huge = "[\"" + std::string(3'000'000, 'x') + "\"]";
  for (const std::string& text : {huge, std::string("[1]"), huge, huge, std::string("[]")}) {
    const auto view = ParseOnThread(text);
    ASSERT_TRUE(view);
    EXPECT_EQ(view->Minified(), text);
  }
}

std::string Nested(int depth) { return std::string(depth, '[') + std::string(depth, ']'); }

TEST(DocumentTest, RefusesWhatIsMalformedTooLargeOrTooDeep) {
  Document document(1000);
  for (const char* bad :
       {"", "   ", "{", "{\"a\":}", "[1,]", "nul", "{} {}", "\"\\ud800\"", "\xff", "{\"a\":1,}", "'a'", "01"}) {
    auto view = document.Parse(bad);
    ASSERT_FALSE(view) << bad;
    EXPECT_EQ(view.error().kind, ErrorKind::kInvalid) << bad;
  }
  auto large = document.Parse("\"" + std::string(1000, 'x') + "\"");
  ASSERT_FALSE(large);
  EXPECT_EQ(large.error().kind, ErrorKind::kInvalid);
  EXPECT_NE(large.error().message.find("1002 bytes is larger than the limit of 1000"), std::string::npos)
      << large.error().message;
  auto deep = document.Parse(Nested(101));
  ASSERT_FALSE(deep);
  EXPECT_EQ(deep.error().kind, ErrorKind::kInvalid);
  EXPECT_TRUE(document.Parse(Nested(100)));
}

TEST(DocumentTest, DepthLimitHoldsAfterTheBuffersHaveGrown) {
  Document document;
  ASSERT_TRUE(document.Parse("\"" + std::string(300'000, 'x') + "\""));
  EXPECT_FALSE(document.Parse(Nested(101)));
  EXPECT_FALSE(document.Parse(Nested(500'000)));
  EXPECT_TRUE(document.Parse(Nested(100)));
}

TEST(DocumentTest, ServesAgainAfterAnErrorAndAMove) {
  Document document;
  EXPECT_FALSE(document.Parse("{"));
  Document moved = std::move(document);
  auto view = moved.Parse("{\"a\":1}");
  ASSERT_TRUE(view);
  EXPECT_EQ((*view)["a"].Int(), 1);
  auto null = moved.Parse("null");
  ASSERT_TRUE(null);
  EXPECT_FALSE(null->exists());
}

TEST(DecodeMetaTest, ReadsWhatIsThere) {
  Document document;
  auto view = document.Parse(
      R"({"metadata":{"name":"web","namespace":"acme","uid":"u1","resourceVersion":"18446744073709551615","generation":3,
      "creationTimestamp":"2026-11-22T10:23:00Z","deletionTimestamp":"2026-11-22T10:24:00Z"}})");
  auto meta = DecodeMeta(view.value());
  ASSERT_TRUE(meta) << meta.error().ToString();
  EXPECT_EQ(meta->key, (ObjectKey{"acme", "web"}));
  EXPECT_EQ(meta->uid, "u1");
  EXPECT_EQ(meta->resource_version, UINT64_MAX);
  EXPECT_EQ(meta->generation, 3);
  EXPECT_EQ(FormatTime(meta->created), "2026-11-22T10:23:00Z");
  EXPECT_TRUE(meta->deleting);
}

TEST(DecodeMetaTest, NamespaceTimeAndGenerationMayBeAbsent) {
  Document document;
  auto meta = DecodeMeta(
      document.Parse(R"({"metadata":{"name":"n","uid":"u","resourceVersion":"1","creationTimestamp":null}})").value());
  ASSERT_TRUE(meta);
  EXPECT_EQ(meta->key, (ObjectKey{"", "n"}));
  EXPECT_EQ(meta->created, WallTime{});
  EXPECT_FALSE(meta->deleting);
}

TEST(DecodeMetaTest, RefusesWhatIsMissingOrUnreadableAndNamesTheField) {
  const std::string long_text(1025, 'x');
  const std::vector<std::pair<std::string, std::string>> cases = {
      {R"({})", "metadata.name"},
      {R"({"metadata":"x"})", "metadata.name"},
      {R"({"metadata":{"name":"","uid":"u","resourceVersion":"1"}})", "metadata.name"},
      {R"({"metadata":{"name":1,"uid":"u","resourceVersion":"1"}})", "metadata.name"},
      {R"({"metadata":{"name":")" + long_text + R"(","uid":"u","resourceVersion":"1"}})", "metadata.name"},
      {R"({"metadata":{"name":"n","namespace":5,"uid":"u","resourceVersion":"1"}})", "metadata.namespace"},
      {R"({"metadata":{"name":"n","resourceVersion":"1"}})", "metadata.uid"},
      {R"({"metadata":{"name":"n","uid":"u"}})", "metadata.resourceVersion"},
      {R"({"metadata":{"name":"n","uid":"u","resourceVersion":7}})", "metadata.resourceVersion"},
      {R"({"metadata":{"name":"n","uid":"u","resourceVersion":"1","creationTimestamp":"yesterday"}})",
       "metadata.creationTimestamp"},
  };
  for (const auto& [text, field] : cases) {
    Document document;
    auto meta = DecodeMeta(document.Parse(text).value());
    ASSERT_FALSE(meta) << text;
    EXPECT_EQ(meta.error().kind, ErrorKind::kInvalid) << text;
    EXPECT_NE(meta.error().message.find(field), std::string::npos) << meta.error().message;
  }
}

TEST(DecodeResourceVersionTest, IsADecimalNumberAboveZeroAndNothingElse) {
  Document document;
  for (const char* bad : {"", "0", "01", "-1", "+1", "1.0", "0x1", " 1", "1 ", "abc", "18446744073709551616"}) {
    auto rv = DecodeResourceVersion(
        document.Parse(R"({"metadata":{"resourceVersion":")" + std::string(bad) + "\"}}").value());
    ASSERT_FALSE(rv) << bad;
    EXPECT_EQ(rv.error().kind, ErrorKind::kInvalid) << bad;
  }
  EXPECT_EQ(DecodeResourceVersion(document.Parse(R"({"metadata":{"resourceVersion":"42"}})").value()), 42u);
}

}  // namespace
}  // namespace rempart::kube
