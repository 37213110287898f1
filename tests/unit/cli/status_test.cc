#include "operator/cli/status.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <sstream>

namespace rempart::cli {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

const std::vector<RuleText> kTexts = {{"RP-101", "is not a qualified node of region <region>", "take it out"},
                                      {"RP-302", "is not named by its digest, so that what it is may change", ""}};

constexpr char kFrance[] = R"({
  "metadata": {"name": "france", "generation": 4},
  "spec": {"country": "FR", "enforcement": "Enforce"},
  "status": {
    "observedGeneration": 4,
    "nodes": {"qualified": 3, "outside": 5, "zones": {"fr-par-1": 2, "fr-par-2": 1}},
    "outside": [{"node": "a", "reason": "NoLocation", "message": "m"},
                {"node": "b", "reason": "UnknownLocation", "message": "m"},
                {"node": "c", "reason": "UnknownLocation", "message": "m"}],
    "outsideOmitted": 2, "workloads": 7,
    "namespaces": {"governed": 2, "inNoRegion": 3, "namesInNoRegion": ["default", "kube-public"]},
    "audit": {"objects": 120, "violations": 12},
    "violations": [{"rule": "RP-101", "count": 2}, {"rule": "RP-302", "count": 10}],
    "gate": {"lastHeld": "2026-01-01T00:00:00Z", "refused": 18, "admitted": 9, "notProbed": ["RP-201", "RP-703"]},
    "conditions": [
      {"type": "Ready", "status": "True", "reason": "Qualified", "message": "3 nodes are in the region",
       "lastTransitionTime": "2025-12-31T00:00:00Z"},
      {"type": "SelfTested", "status": "True", "reason": "Proven", "message": "18 objects were refused"},
      {"type": "AttestationsExpiring", "status": "True", "reason": "ExpiringSoon",
       "message": "1 node is soon no longer attested: a at 2026-01-02T00:00:00Z"},
      {"type": "FullyDeclared", "status": "False", "reason": "LeftOpen", "message": "the spec leaves open: keys"}]}})";

WallTime Now() { return *ParseTime("2026-01-01T00:00:40Z"); }

std::string Table(const Json& region, std::size_t width = 100) {
  return StatusTable({ReadStatus(region, kTexts)}, width, Now());
}

TEST(StatusTable, SaysAllOfARegion) {
  EXPECT_EQ(Table(Json::parse(kFrance)),
            "Region france (FR) Ready: Qualified: 3 nodes are in the region; since 2025-12-31T00:00:00Z (24 h\n"
            "  ago)\n"
            "  nodes         3 qualified: 2 in fr-par-1, 1 in fr-par-2\n"
            "                5 outside: 2 UnknownLocation, 1 NoLocation, 2 not listed\n"
            "  gate          Enforce: shown to be shut\n"
            "                18 probes refused, 9 admitted; all as they should last at 2026-01-01T00:00:00Z (40 s\n"
            "                ago)\n"
            "                not probed: RP-201, RP-703\n"
            "  spec          the spec leaves open: keys\n"
            "  what runs     12 violations in 120 objects\n"
            "                RP-302  10  is not named by its digest, so that what it is may change\n"
            "                RP-101   2  is not a qualified node of region france\n"
            "  namespaces    2 governed\n"
            "                3 of the cluster in no region: default, kube-public and 1 more\n"
            "  workloads     7\n"
            "  attestations  1 node is soon no longer attested: a at 2026-01-02T00:00:00Z\n");
}

TEST(StatusTable, KeepsToItsWidth) {
  for (const std::size_t width : {80U, 100U, 120U}) {
    std::istringstream lines(Table(Json::parse(kFrance), width));
    for (std::string line; std::getline(lines, line);) EXPECT_LE(line.size(), width) << line;
  }
}

TEST(StatusTable, SaysWhatIsNotAsItShouldBe) {
  Json region = Json::parse(kFrance);
  region["status"]["conditions"][0]["status"] = "False";
  region["status"]["conditions"][0]["reason"] = "ProbeAdmitted";
  region["status"]["conditions"][1] = Json::parse(
      R"({"type": "SelfTested", "status": "False", "reason": "ProbeAdmitted", "message": "RP-101: one got in"})");
  const std::string text = Table(region);
  EXPECT_THAT(text, HasSubstr("Region france (FR) not Ready: ProbeAdmitted: "));
  EXPECT_THAT(text, HasSubstr("Enforce: NOT as it should be: ProbeAdmitted: RP-101: one got in\n"));
  EXPECT_FALSE(ReadStatus(region, kTexts).IsReady());
}

TEST(StatusTable, SeparatesRegions) {
  const auto region = ReadStatus(Json::parse(kFrance), kTexts);
  const std::string text = StatusTable({region, region}, 100, Now());
  EXPECT_THAT(text, HasSubstr("\n\nRegion france"));
  EXPECT_EQ(StatusTable({}, 100, Now()), "");
}

TEST(ReadStatus, WhatIsOldIsNotReady) {
  Json region = Json::parse(kFrance);
  EXPECT_TRUE(ReadStatus(region, kTexts).IsReady());
  region["metadata"]["generation"] = 5U;
  EXPECT_FALSE(ReadStatus(region, kTexts).IsReady());
  EXPECT_THAT(Table(region), HasSubstr("The spec changed since"));
  region["metadata"]["generation"] = 4U;
  region["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z";
  EXPECT_FALSE(ReadStatus(region, kTexts).IsReady());
  region = Json::parse(kFrance);
  region["metadata"].erase("generation");
  region["status"].erase("observedGeneration");
  EXPECT_FALSE(ReadStatus(region, kTexts).IsReady()) << "absent twice is no agreement";
}

TEST(ReadStatus, OfARegionThatNobodyLookedAt) {
  for (const char* status : {"{}", "null", "[]", "7"}) {
    Json region = Json::parse(kFrance);
    region["status"] = Json::parse(status);
    EXPECT_EQ(Table(region), "Region france (FR) not Ready: no operator has looked at it yet\n") << status;
    EXPECT_FALSE(ReadStatus(region, kTexts).IsReady());
  }
  EXPECT_EQ(ReadStatus(Json::parse(R"({"metadata": {"name": "x"}})"), {}).enforcement, "Audit");
}

TEST(ReadStatus, CountsWhatIsACountAlone) {
  Json region = Json::parse(kFrance);
  region["status"]["nodes"]["qualified"] = -1;
  region["status"]["nodes"]["outside"] = "5";
  region["status"]["violations"] = Json::parse(
      R"([{"rule": "RP-101", "count": 18446744073709551615}, {"rule": "RP-302", "count": 2}, {"count": 1},
          {"rule": "RP-9"}, 3])");
  region["status"]["audit"] = nullptr;
  const auto status = ReadStatus(region, kTexts);
  EXPECT_FALSE(status.qualified);
  EXPECT_FALSE(status.outside);
  EXPECT_EQ(status.by_rule.size(), 2U);
  EXPECT_EQ(status.violations, 18446744073709551615U) << "does not wrap";
  EXPECT_THAT(Table(region), HasSubstr("? qualified"));
}

TEST(ReadStatus, BoundsAndCleansText) {
  Json region = Json::parse(kFrance);
  region["metadata"]["name"] = "fr\x1b[31m\nance";
  region["status"]["conditions"][0]["message"] = std::string(100'000, 'x') + "\xff";
  Json many = Json::array();
  for (int i = 0; i < 10'000; ++i) many.push_back({{"rule", "RP-1"}, {"count", 1U}});
  region["status"]["violations"] = many;
  const std::string text = Table(region);
  EXPECT_THAT(text, Not(HasSubstr("\x1b")));
  EXPECT_LT(text.size(), 8'000U);
  EXPECT_THAT(StatusJson({ReadStatus(region, kTexts)}), Not(HasSubstr("\xff")));
}

// Every value of the example replaced by every odd one: nothing throws, and nothing becomes Ready by it.
TEST(ReadStatus, NeverThrows) {
  const Json flat = Json::parse(kFrance).flatten();
  const std::vector<Json> odd = {
      nullptr, true, -1, 1.5, "", "\xff\xfe", Json::array(), Json::object(), Json::array({Json()})};
  for (const auto& [path, unused] : flat.items()) {
    for (Json::json_pointer at(path); !at.empty(); at.pop_back()) {
      for (const Json& value : odd) {
        Json region = Json::parse(kFrance);
        region[at] = value;
        const auto status = ReadStatus(region, kTexts);
        EXPECT_FALSE(StatusTable({status}, 80, Now()).empty());
        EXPECT_TRUE(Json::accept(StatusJson({status}))) << at.to_string();
        EXPECT_FALSE(at.to_string() == "/status/conditions/0/status" && status.IsReady());
        EXPECT_FALSE(at.to_string() == "/status" && status.IsReady());
      }
    }
  }
  for (const Json& value : odd) EXPECT_FALSE(ReadStatus(value, kTexts).IsReady());
}

TEST(StatusJson, HasTheSame) {
  const Json all = Json::parse(StatusJson({ReadStatus(Json::parse(kFrance), kTexts)}));
  EXPECT_EQ(all["version"], 1);
  const Json& region = all["regions"][0];
  EXPECT_EQ(region["name"], "france");
  EXPECT_EQ(region["isReady"], true);
  EXPECT_EQ(region["nodes"]["outsideReasons"]["UnknownLocation"], 2);
  EXPECT_EQ(region["gate"]["selfTested"]["reason"], "Proven");
  EXPECT_EQ(region["audit"]["rules"][0]["rule"], "RP-302");
  EXPECT_EQ(region["namespaces"]["inNoRegion"], 3);
  EXPECT_EQ(Json::parse(StatusJson({ReadStatus(Json(), {})}))["regions"][0]["ready"], nullptr);
}

}  // namespace
}  // namespace rempart::cli
