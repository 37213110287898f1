#include "operator/api/conditions.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace rempart::api {
namespace {

using namespace std::chrono_literals;

const WallTime kThen = ParseTime("2026-11-22T10:00:00Z").value();
const WallTime kNow = kThen + 1h;

Json One(const Condition& condition, const Json& before) { return ConditionsJson({condition}, before, 7, kNow)[0]; }

TEST(ConditionsJson, WritesAllInOrder) {
  EXPECT_EQ(ConditionsJson({{"Ready", "True", "InStep", "all is well"}, {"Stalled", "False", "InStep", ""}}, nullptr, 7,
                           kNow),
            Json::parse(R"([
    {"type": "Ready", "status": "True", "reason": "InStep", "message": "all is well",
     "observedGeneration": 7, "lastTransitionTime": "2026-11-22T11:00:00Z"},
    {"type": "Stalled", "status": "False", "reason": "InStep", "message": "",
     "observedGeneration": 7, "lastTransitionTime": "2026-11-22T11:00:00Z"}])"));
  EXPECT_EQ(ConditionsJson({}, nullptr, 7, kNow), Json::array());
}

TEST(ConditionsJson, TransitionTimeMovesWithTheStatusOnly) {
  const Json before = ConditionsJson({{"Ready", "True", "A", "a"}, {"Stalled", "False", "A", "a"}}, nullptr, 6, kThen);
  EXPECT_EQ(One({"Ready", "True", "B", "b"}, before)["lastTransitionTime"], "2026-11-22T10:00:00Z");
  EXPECT_EQ(One({"Ready", "True", "B", "b"}, before)["reason"], "B");
  EXPECT_EQ(One({"Ready", "True", "B", "b"}, before)["observedGeneration"], 7);
  EXPECT_EQ(One({"Ready", "False", "A", "a"}, before)["lastTransitionTime"], "2026-11-22T11:00:00Z");
  EXPECT_EQ(One({"Ready", "Unknown", "A", "a"}, before)["lastTransitionTime"], "2026-11-22T11:00:00Z");
  EXPECT_EQ(One({"Stalled", "False", "A", "a"}, before)["lastTransitionTime"], "2026-11-22T10:00:00Z");
  EXPECT_EQ(One({"Placed", "True", "A", "a"}, before)["lastTransitionTime"], "2026-11-22T11:00:00Z");
}

TEST(ConditionsJson, WhatWasThereMayBeAnything) {
  for (const char* before :
       {"null", "7", "\"x\"", "{}", "[]", "[null]", "[7]", "[[]]", R"([{}])", R"([{"type": 7}])",
        R"([{"type": "Ready"}])", R"([{"type": "Ready", "status": 1, "lastTransitionTime": "2026-11-22T10:00:00Z"}])",
        R"([{"type": "Ready", "status": "True"}])", R"([{"type": "Ready", "status": "True", "lastTransitionTime": 7}])",
        R"([{"type": "Ready", "status": "True", "lastTransitionTime": "yesterday"}])",
        R"([{"type": "Ready", "status": "False", "lastTransitionTime": "2026-11-22T10:00:00Z"}])"}) {
    EXPECT_EQ(One({"Ready", "True", "A", "a"}, Json::parse(before))["lastTransitionTime"], "2026-11-22T11:00:00Z")
        << before;
  }
}

TEST(ConditionsJson, MessagesAreBoundedAndValid) {
  std::string accents = "x";
  for (int i = 0; i < 1000; ++i) accents += "é";
  const std::string cut = One({"Ready", "False", "A", accents}, nullptr)["message"];
  EXPECT_LE(cut.size(), 1024u);
  EXPECT_GT(cut.size(), 1018u);
  EXPECT_TRUE(cut.ends_with("é…"));
  EXPECT_EQ(One({"Ready", "False", "A", std::string(1024, 'x')}, nullptr)["message"], std::string(1024, 'x'));
  // What comes from a system call or a peer is not always UTF-8; dump() would throw.
  EXPECT_EQ(One({"Ready", "False", "A", "bad \xff"}, nullptr).dump().find('\xff'), std::string::npos);
}

}  // namespace
}  // namespace rempart::api
