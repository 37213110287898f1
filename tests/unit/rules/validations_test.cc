#include "operator/perimeter/rules/validations.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "operator/api/secret_provider.h"
#include "operator/perimeter/rules/cel.h"
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
Json Of(const std::vector<const Rule*>& rules, Gate gate, const api::SovereignRegion& region = test::Region()) {
  return ValidationsOf(rules, RequestsOf(gate).free, region);
}
Json At(Gate gate, const api::SovereignRegion& region = test::Region()) {
  return Of(RulesAt(gate, region).rules, gate, region);
}
std::string Text(const Json& of, const char* field) { return of.value(field, std::string()); }
std::string Condition(const Json& of) { return Text(of.at("matchConditions").at(0), "expression"); }
Json Validation(const Json& of) { return of.at("validations").at(0); }

TEST(Validations, GoThroughEachListOnceAndAskFirstWhetherAnUpdateIsFree) {
  const std::string expression = Condition(At(Gate::kPods));
  for (const char* list : {"?containers", "?initContainers", "?ephemeralContainers", "?volumes"})
    EXPECT_EQ(Count(expression, list), 1U) << list << ": several rules are asked of them";
  EXPECT_EQ(Count(expression, ".all(it, "), 3U) << "of containers of all kinds the same is asked";
  EXPECT_THAT(expression, HasSubstr("(!has(it.image) || ")) << "few volumes are images";
  EXPECT_THAT(expression, Not(HasSubstr("matches("))) << "what is released is a digest: one rule implies the other";
  EXPECT_THAT(expression, HasSubstr(R"(((object.?spec.?nodeName.orValue("") == "") || (object.?spec.?nodeName)"))
      << "one value wants no loop";
  const std::string free = ToCel(RequestsOf(Gate::kPods).free);
  EXPECT_THAT(expression, StartsWith(R"(!((request.operation == "UPDATE" && )" + free + ") || "));
  EXPECT_THAT(expression, ::testing::EndsWith(" || " + free + ")"));
  EXPECT_THAT(expression, Not(HasSubstr("variables."))) << "each costs an evaluation of its own";
}

// By a region's lists, what is asked of each element may be long.
TEST(Validations, WriteWhatIsLongOnceForAllLists) {
  auto region = test::Region();
  for (int i = 0; i < 40; ++i)
    region.rules.images->registries.push_back(fmt::format("registry-{}.example/{}", i, std::string(150, 'r')));
  const std::string expression = Condition(At(Gate::kPods, region));
  EXPECT_EQ(Count(expression, "registry-39.example/"), 1U);
  EXPECT_THAT(expression, HasSubstr(R"(volumes.orValue([]).map(e1, has(e1.image), )"));
}

TEST(Validations, NothingButTheConditionIsWorkedOutForWhatIsAdmitted) {
  for (int k = 0; k < kGates; ++k) {
    const Gate gate = static_cast<Gate>(k);
    const Json of = At(gate);
    ASSERT_EQ(of["validations"].size(), 1U);
    if (gate == Gate::kGuards) {  // its rule asks of the namespace, which a condition is not given
      EXPECT_FALSE(of.contains("matchConditions"));
      EXPECT_THAT(Text(Validation(of), "expression"), HasSubstr("namespaceObject"));
    } else {
      ASSERT_EQ(of["matchConditions"].size(), 1U);
      EXPECT_THAT(Condition(of), StartsWith("!("));
      EXPECT_EQ(Validation(of)["expression"], "false");
    }
    EXPECT_THAT(Text(Validation(of), "message"), Not(HasSubstr("\n")));  // the server refuses such a message
    EXPECT_LT(Text(Validation(of), "message").size(), 1024U);
  }
}

TEST(Validations, AskARuleThatIsImpliedWhereTheOtherIsNotThere) {
  OfGate of = RulesAt(Gate::kPods, test::Region());
  std::erase_if(of.rules, [](const Rule* rule) { return rule->id == "RP-303"; });
  EXPECT_THAT(Condition(Of(of.rules, Gate::kPods)),
              HasSubstr(R"(it.?image.orValue("").matches("@sha256:[0-9a-f]{64}$"))"));
}

TEST(Validations, TellOfEveryRule) {
  const OfGate of = RulesAt(Gate::kPods, test::Region());
  const std::string says = Text(Validation(At(Gate::kPods)), "messageExpression");
  for (const Rule* rule : of.rules) EXPECT_THAT(says, HasSubstr(rule->id + (rule->subjects.empty() ? ": " : " ")));
  EXPECT_THAT(
      says,
      HasSubstr(
          R"(volumes.orValue([]).map(e1, has(e1.image), e1.?image.?reference.orValue(""))).filter(it, !((it == "") || it.matches("@sha256:[0-9a-f]{64}$")))])"))
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
  const Json access = Validation(At(Gate::kAccess, region));
  EXPECT_FALSE(access.contains("messageExpression"));
  EXPECT_THAT(Text(access, "message"), StartsWith("RP-703: "));
  const Json pods = Validation(At(Gate::kPods, region));
  EXPECT_EQ(Text(pods, "message"),
            "refused by region france for what cannot be read, or quoted: kubectl rempart check names it");
  region.rules.language = api::RegionRules::Language::kFrench;
  EXPECT_THAT(Text(Validation(At(Gate::kPods, region)), "message"), StartsWith("refusé par la région france"));
}

// The server takes no expression of more than some size, and a region's lists may be long.
TEST(Validations, OneARuleWhereAllTogetherWouldBeTooLong) {
  auto region = test::Region();
  for (int i = 0; i < 180; ++i)
    region.rules.access.exec.push_back(fmt::format("user:{}-{:03d}", std::string(240, 'u'), i));
  // As many as the definition takes, each as long as it may be.
  auto& providers = region.rules.keys->providers;
  providers.clear();
  for (const auto& known : api::ProviderAddresses().first(20)) {
    providers.push_back({std::string(known.name)});
    for (int i = 0; i < 10; ++i)
      providers.back().addresses.push_back(fmt::format("https://{}.example/{:03d}", std::string(233, 'v'), i));
  }
  for (const Gate gate : {Gate::kPods, Gate::kStores, Gate::kClusterStores}) {
    const OfGate of = RulesAt(gate, region);
    const Json at = At(gate, region);
    EXPECT_FALSE(at.contains("matchConditions")) << "each rule has the server's limits for itself";
    const Json& validations = at["validations"];
    ASSERT_EQ(validations.size(), of.rules.size());
    for (std::size_t i = 0; i < of.rules.size(); ++i) {
      EXPECT_THAT(Text(validations[i], "message"), StartsWith(of.rules[i]->id));
      for (const char* field : {"expression", "messageExpression"})
        EXPECT_LT(Text(validations[i], field).size(), kMostCodePoints) << of.rules[i]->id;
    }
  }
}

}  // namespace
}  // namespace rempart::rules
