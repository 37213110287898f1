#include "operator/workload/selection.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ostream>

#include "tests/unit/workload/builders.h"

namespace rempart::workload {
namespace {

using test::Parse;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

struct HoldCase {
  const char* requirement;
  bool holds;  // at fr-par / fr-par-1 of region france (FR)
};
std::ostream& operator<<(std::ostream& out, const HoldCase& c) { return out << c.requirement; }
class CanHoldTest : public ::testing::TestWithParam<HoldCase> {};

TEST_P(CanHoldTest, Table) {
  const Json json = Parse(GetParam().requirement);
  const auto requirement = ReadRequirement(json);
  ASSERT_TRUE(requirement) << requirement.error().message;
  const auto region = test::Region();
  EXPECT_EQ(CanHold(*requirement, {"fr-par", "fr-par-1"}, region), GetParam().holds);
}

#define ZONE "\"key\":\"topology.kubernetes.io/zone\""
#define OLD_ZONE "\"key\":\"failure-domain.beta.kubernetes.io/zone\""
#define OURS "rempart.node-restriction.kubernetes.io/"
INSTANTIATE_TEST_SUITE_P(
    Operators, CanHoldTest,
    ::testing::Values(
        HoldCase{"{" ZONE R"(,"operator":"In","values":["fr-par-1"]})", true},
        HoldCase{"{" ZONE R"(,"operator":"In","values":["de-fra-1","fr-par-1"]})", true},
        HoldCase{"{" ZONE R"(,"operator":"In","values":["de-fra-1"]})", false},
        HoldCase{"{" ZONE R"(,"operator":"NotIn","values":["de-fra-1"]})", true},
        HoldCase{"{" ZONE R"(,"operator":"NotIn","values":["fr-par-1"]})", false},
        HoldCase{"{" ZONE R"(,"operator":"Exists"})", true}, HoldCase{"{" ZONE R"(,"operator":"DoesNotExist"})", false},
        HoldCase{"{" ZONE R"(,"operator":"Gt","values":["1"]})", false},  // "fr-par-1" is no number
        HoldCase{"{" ZONE R"(,"operator":"Lt","values":["1"]})", false},
        // The old labels may be missing, but where they are there they agree.
        HoldCase{"{" OLD_ZONE R"(,"operator":"In","values":["fr-par-1"]})", true},
        HoldCase{"{" OLD_ZONE R"(,"operator":"In","values":["de-fra-1"]})", false},
        HoldCase{"{" OLD_ZONE R"(,"operator":"NotIn","values":["fr-par-1"]})", true},
        HoldCase{"{" OLD_ZONE R"(,"operator":"DoesNotExist"})", true},
        HoldCase{"{" OLD_ZONE R"(,"operator":"Exists"})", true},
        HoldCase{R"({"key":"failure-domain.beta.kubernetes.io/region","operator":"In","values":["de-fra"]})", false},
        HoldCase{R"({"key":"topology.kubernetes.io/region","operator":"In","values":["fr-par"]})", true},
        HoldCase{R"({"key":"topology.kubernetes.io/region","operator":"In","values":["de-fra"]})", false},
        HoldCase{R"({"key":"topology.kubernetes.io/region","operator":"DoesNotExist"})", false},
        HoldCase{R"({"key":")" OURS R"(region","operator":"In","values":["france"]})", true},
        HoldCase{R"({"key":")" OURS R"(region","operator":"In","values":["germany"]})", false},
        HoldCase{R"({"key":")" OURS R"(region","operator":"NotIn","values":["france"]})", false},
        HoldCase{R"({"key":")" OURS R"(region","operator":"DoesNotExist"})", false},
        HoldCase{R"({"key":")" OURS R"(country","operator":"In","values":["DE"]})", false},
        HoldCase{R"({"key":")" OURS R"(country","operator":"In","values":["FR"]})", true},
        // Only nodes that lost their qualification carry the others of ours.
        HoldCase{R"({"key":")" OURS R"(lost-since","operator":"Exists"})", false},
        HoldCase{R"({"key":")" OURS R"(lost-region","operator":"In","values":["france"]})", false},
        HoldCase{R"({"key":")" OURS R"(lost-since","operator":"DoesNotExist"})", true},
        HoldCase{R"({"key":")" OURS R"(lost-since","operator":"NotIn","values":["x"]})", true},
        HoldCase{R"({"key":")" OURS R"(lost-since","operator":"Gt","values":["1"]})", false},
        // Any other label can have any value.
        HoldCase{R"({"key":"disk","operator":"In","values":["ssd"]})", true},
        HoldCase{R"({"key":"disk","operator":"DoesNotExist"})", true},
        HoldCase{R"({"key":"cores","operator":"Gt","values":["8"]})", true}));

TEST(CanHold, NumbersAreComparedWhereZonesAreNumbers) {
  auto region = test::Region();
  region.locations = {{"fr", {"2"}, "FR", ""}};
  const Place place{"fr", "2"};
  for (const auto& [op, value, holds] : {std::tuple{"Gt", "1", true}, std::tuple{"Gt", "2", false},
                                         std::tuple{"Lt", "3", true}, std::tuple{"Lt", "2", false}}) {
    const Json json = {{"key", api::kTopologyZone}, {"operator", op}, {"values", {value}}};
    EXPECT_EQ(CanHold(*ReadRequirement(json), place, region), holds) << json;
  }
}

struct BadCase {
  const char* requirement;
  const char* complaint;
};
std::ostream& operator<<(std::ostream& out, const BadCase& c) { return out << c.requirement; }
class UnreadableTest : public ::testing::TestWithParam<BadCase> {};

TEST_P(UnreadableTest, IsInvalidAndSaysWhy) {
  const Json json = Parse(GetParam().requirement);
  const auto requirement = ReadRequirement(json);
  ASSERT_FALSE(requirement);
  EXPECT_EQ(requirement.error().kind, ErrorKind::kInvalid);
  EXPECT_THAT(requirement.error().message, HasSubstr(GetParam().complaint));
}
INSTANTIATE_TEST_SUITE_P(
    Requirements, UnreadableTest,
    ::testing::Values(BadCase{"7", "not an object"}, BadCase{"{}", "no key"}, BadCase{R"({"key":""})", "no key"},
                      BadCase{R"({"key":5,"operator":"In"})", "no key"},
                      BadCase{R"({"key":"a","values":["b"]})", "operator none"},
                      BadCase{R"({"key":"a","operator":"in","values":["b"]})", "must be In, NotIn"},
                      BadCase{R"({"key":"a","operator":["In"],"values":["b"]})", "operator none"},
                      BadCase{R"({"key":"a","operator":"In"})", "no values"},
                      BadCase{R"({"key":"a","operator":"In","values":null})", "no values"},
                      BadCase{R"({"key":"a","operator":"NotIn","values":[]})", "no values"},
                      BadCase{R"({"key":"a","operator":"In","values":"b"})", "no list"},
                      BadCase{R"({"key":"a","operator":"In","values":{"b":1}})", "no list"},
                      BadCase{R"({"key":"a","operator":"In","values":[1]})", "no string"},
                      BadCase{R"({"key":"a","operator":"Exists","values":["b"]})", "take the values out"},
                      BadCase{R"({"key":"a","operator":"Gt","values":["1","2"]})", "exactly one"},
                      BadCase{R"({"key":"a","operator":"Lt","values":["x"]})", "whole number"},
                      BadCase{R"({"key":"a","operator":"Lt","values":["1x"]})", "whole number"}));

TEST(Texts, AreBounded) {
  EXPECT_EQ(Quoted("short"), "\"short\"");
  EXPECT_LE(Quoted(std::string(10'000, 'x')).size(), 70U);
  EXPECT_EQ(Listed({"a", "b"}, api::Language::kEnglish), "a, b");
  EXPECT_EQ(Listed({"a", "b", "c"}, api::Language::kEnglish, 2), "a, b and 1 more");
  EXPECT_EQ(Listed({}, api::Language::kEnglish), "");
}

TEST(KnownValues, AreThoseOfTheRegionsNodes) {
  const auto region = test::Region();
  const auto places = PlacesOf(region, nullptr);
  EXPECT_THAT(*KnownValues(api::kTopologyRegion, places, region), ElementsAre("fr-lyo", "fr-par"));
  EXPECT_THAT(*KnownValues(api::kNodeCountryLabel, places, region), ElementsAre("FR"));
  EXPECT_TRUE(KnownValues(api::kNodeLostSinceLabel, places, region)->empty());
  EXPECT_FALSE(KnownValues("disk", places, region));
}

}  // namespace
}  // namespace rempart::workload
