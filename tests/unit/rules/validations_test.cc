#include "operator/perimeter/rules/validations.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/rules/builders.h"

namespace rempart::rules {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

// cel-go's default, which the API server leaves as it is.
constexpr std::size_t kMostCodePoints = 100'000;

std::size_t Count(const std::string& text, const std::string& part) {
  std::size_t n = 0;
  for (auto at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++n;
  return n;
}

struct OfGate {
  std::vector<Rule> all;
  std::vector<const Rule*> rules;
};
OfGate RulesAt(Gate gate, const api::SovereignRegion& region) {
  OfGate of{RulesOf(region, {test::kOperator}), {}};
  for (const Rule& rule : of.all)
    if (rule.gate == gate && !rule.audit_only) of.rules.push_back(&rule);
  return of;
}
Validations At(Gate gate, const api::SovereignRegion& region = test::Region()) {
  const OfGate of = RulesAt(gate, region);
  return ValidationsOf(of.rules, RequestsOf(gate).free, region);
}
std::string Text(const Json& validation, const char* field) { return validation.value(field, std::string()); }

TEST(Validations, GoThroughEachListOnceAndAskLastWhetherTheRequestIsFree) {
  const auto [variables, validations] = At(Gate::kPods);
  ASSERT_EQ(validations.size(), 1U);
  const std::string expression = Text(validations[0], "expression");
  EXPECT_EQ(Count(expression, "containers.orValue([]).map("), 1U) << "three rules are asked of images";
  EXPECT_THAT(expression, HasSubstr(R"(volumes.orValue([]).map(e1, e1.?image.hasValue(), )"));
  EXPECT_THAT(expression, HasSubstr(R"(((object.?spec.?nodeName.orValue("") == "") || (object.?spec.?nodeName)"))
      << "one value wants no loop";
  EXPECT_THAT(expression, StartsWith(R"((request.operation == "UPDATE" && variables.free) || )"));
  EXPECT_THAT(expression, ::testing::EndsWith(" || variables.free"));
  EXPECT_EQ(Count(expression, "variables."), 2U) << "each costs an evaluation of its own";
  EXPECT_EQ(variables[0]["name"], "free");
}

TEST(Validations, SayNothingOfWhatIsAdmittedBeforeAnythingElse) {
  for (int k = 0; k < kGates; ++k) {
    const auto [variables, validations] = At(static_cast<Gate>(k));
    ASSERT_EQ(validations.size(), 1U);
    const Json& one = validations[0];
    if (one.contains("messageExpression"))
      EXPECT_THAT(Text(one, "messageExpression"), StartsWith(Text(one, "expression") + " ? \"\" : ["));
    EXPECT_THAT(Text(one, "message"), Not(HasSubstr("\n")));  // the server refuses such a message
    EXPECT_LT(Text(one, "message").size(), 1024U);
  }
}

TEST(Validations, TellOfEveryRule) {
  const OfGate of = RulesAt(Gate::kPods, test::Region());
  const std::string says = Text(At(Gate::kPods).validations[0], "messageExpression");
  for (const Rule* rule : of.rules) EXPECT_THAT(says, HasSubstr(rule->id + (rule->subjects.empty() ? ": " : " ")));
  EXPECT_THAT(says, HasSubstr(R"([variables.images.filter(it, !((it == "") || it.matches("@sha256:[0-9a-f]{64}$")))])"))
      << "those alone that are against the rule";
}

// What each rule says begins with its id and its fields, which have to fit (kBeginnings).
TEST(Validations, TheBeginningsOfAllRulesFitIntoAMessage) {
  auto region = test::Region();
  for (const bool tainted : {false, true}) {
    region.taint_outside_nodes = tainted;
    for (int k = 0; k < kGates; ++k) EXPECT_LE(RulesAt(static_cast<Gate>(k), region).rules.size(), 10U);
  }
}

TEST(Validations, AConstantMessageIsNoExpression) {
  auto region = test::Region();
  const Json access = At(Gate::kAccess, region).validations[0];
  EXPECT_FALSE(access.contains("messageExpression"));
  EXPECT_THAT(Text(access, "message"), StartsWith("RP-703: "));
  const Json pods = At(Gate::kPods, region).validations[0];
  EXPECT_EQ(Text(pods, "message"),
            "refused by region france for what cannot be read, or quoted: kubectl rempart check names it");
  region.rules.language = api::RegionRules::Language::kFrench;
  EXPECT_THAT(Text(At(Gate::kPods, region).validations[0], "message"), StartsWith("refusé par la région france"));
}

// The server takes no expression of more than some size, and a region's lists may be long.
TEST(Validations, OneARuleWhereAllTogetherWouldBeTooLong) {
  auto region = test::Region();
  for (int i = 0; i < 100; ++i)
    region.rules.access.exec.push_back(fmt::format("user:{}-{:03d}", std::string(240, 'u'), i));
  const OfGate of = RulesAt(Gate::kPods, region);
  const auto [variables, validations] = At(Gate::kPods, region);
  ASSERT_EQ(validations.size(), of.rules.size());
  std::vector<std::string> named;
  for (const Json& variable : variables) named.push_back(variable["name"]);
  for (std::size_t i = 0; i < of.rules.size(); ++i) {
    EXPECT_THAT(Text(validations[i], "message"), StartsWith(of.rules[i]->id));
    for (const char* field : {"expression", "messageExpression"}) {
      const std::string text = Text(validations[i], field);
      EXPECT_LT(text.size(), kMostCodePoints);
      for (auto at = text.find("variables."); at != std::string::npos; at = text.find("variables.", at + 1)) {
        const auto name =
            text.substr(at + 10, text.find_first_not_of("abcdefghijklmnopqrstuvwxyzN", at + 10) - at - 10);
        EXPECT_THAT(named, ::testing::Contains(name));
      }
    }
  }
}

}  // namespace
}  // namespace rempart::rules
