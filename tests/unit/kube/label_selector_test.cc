#include "src/kube/label_selector.h"

#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

namespace rempart::kube {
namespace {

bool Selects(const char* selector, const Labels& labels) {
  const auto made = LabelSelector::Of(Json::parse(selector));
  EXPECT_TRUE(made) << selector << ": " << made.error().ToString();
  return made && made->Matches(labels);
}

TEST(LabelSelector, HasTheMeaningOfKubernetes) {
  const Labels labels = {{"team", "acme"}, {"empty", ""}};
  EXPECT_TRUE(Selects("{}", labels));
  EXPECT_TRUE(Selects(R"({"matchLabels": null, "matchExpressions": null})", labels));
  EXPECT_TRUE(Selects(R"({"matchLabels": {"team": "acme", "empty": ""}})", labels));
  EXPECT_FALSE(Selects(R"({"matchLabels": {"team": "acme", "other": ""}})", labels));
  EXPECT_TRUE(Selects(R"({"matchExpressions": [{"key": "team", "operator": "In", "values": ["z", "acme"]}]})", labels));
  EXPECT_FALSE(Selects(R"({"matchExpressions": [{"key": "team", "operator": "NotIn", "values": ["acme"]}]})", labels));
  EXPECT_TRUE(Selects(R"({"matchExpressions": [{"key": "none", "operator": "NotIn", "values": ["acme"]}]})", labels));
  EXPECT_TRUE(Selects(R"({"matchExpressions": [{"key": "empty", "operator": "Exists"}]})", labels));
  EXPECT_TRUE(Selects(R"({"matchExpressions": [{"key": "none", "operator": "DoesNotExist", "values": []}]})", labels));
  EXPECT_FALSE(
      Selects(R"({"matchLabels": {"team": "acme"}, "matchExpressions": [{"key": "team", "operator": "DoesNotExist"}]})",
              labels));
}

TEST(LabelSelector, WhatCannotBeReadIsNamed) {
  const std::pair<const char*, const char*> cases[] = {
      {"[]", "selector: is not an object"},
      {R"({"matchlabels": {}})", "matchlabels: is not known"},
      {R"({"matchLabels": []})", "matchLabels: is not a map"},
      {R"({"matchLabels": {"a": 1}})", "matchLabels.a: is not a text"},
      {R"({"matchExpressions": {}})", "matchExpressions: is not a list"},
      {R"({"matchExpressions": [1]})", "matchExpressions[0].key: is missing"},
      {R"({"matchExpressions": [{"key": "a", "operator": "in", "values": ["b"]}]})", "matchExpressions[0].operator"},
      {R"({"matchExpressions": [{"key": "a", "operator": "In"}]})", "matchExpressions[0].values: is empty"},
      {R"({"matchExpressions": [{"key": "a", "operator": "Exists", "values": ["b"]}]})", "must be empty"},
      {R"({"matchExpressions": [{"key": "a", "operator": "In", "values": [1]}]})", "has what is not a text"},
  };
  for (const auto& [selector, said] : cases) {
    const auto made = LabelSelector::Of(Json::parse(selector));
    ASSERT_FALSE(made) << selector;
    EXPECT_EQ(made.error().kind, ErrorKind::kInvalid);
    EXPECT_THAT(made.error().message, ::testing::HasSubstr(said)) << selector;
  }
}

}  // namespace
}  // namespace rempart::kube
