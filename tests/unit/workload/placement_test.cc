// CheckPlacement: what the region excludes.
#include "operator/workload/placement.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <ostream>

#include "operator/workload/selection.h"
#include "tests/unit/workload/builders.h"

namespace rempart::workload {
namespace {

using test::Parse;
using ::testing::HasSubstr;

std::vector<Refusal> Check(const std::string& pod_template,
                           const std::function<void(api::TenantWorkload&)>& change = {}) {
  auto workload = test::Workload();
  if (change) change(workload);
  return CheckPlacement(workload, Parse(pod_template), test::Region(), nullptr);
}

std::string WithTerms(const std::string& terms) {
  return R"({"spec":{"affinity":{"nodeAffinity":{"requiredDuringSchedulingIgnoredDuringExecution":{"nodeSelectorTerms":)" +
         terms + "}}}}}";
}
std::string Term(const std::string& key, const std::string& op, const std::string& values) {
  return R"({"matchExpressions":[{"key":")" + key + R"(","operator":")" + op + R"(","values":)" + values + "}]}";
}
const std::string kZone = "topology.kubernetes.io/zone", kPlace = "topology.kubernetes.io/region";
const std::string kTerms =
    "spec.template.spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms";
const std::string kOurs = "rempart.node-restriction.kubernetes.io/";

struct Case {
  std::string what, pod_template;
  std::vector<std::string> fields;  // that are refused, in order
  std::string says;                 // in the first message
};
std::ostream& operator<<(std::ostream& out, const Case& c) { return out << c.what; }
class CheckPlacementTest : public ::testing::TestWithParam<Case> {};

TEST_P(CheckPlacementTest, Table) {
  const auto refusals = Check(GetParam().pod_template);
  std::vector<std::string> fields;
  for (const auto& refusal : refusals) fields.push_back(refusal.field);
  EXPECT_EQ(fields, GetParam().fields);
  if (!refusals.empty()) {
    EXPECT_THAT(refusals.front().message, HasSubstr(GetParam().says));
  }
}

INSTANTIATE_TEST_SUITE_P(
    Allowed, CheckPlacementTest,
    ::testing::Values(
        Case{"nothing said", R"({"spec":{"containers":[]}})", {}}, Case{"no spec at all", R"({})", {}},
        Case{"nulls count as absent",
             R"({"metadata":null,"spec":{"nodeSelector":null,"affinity":null,"nodeName":null,
             "topologySpreadConstraints":null}})",
             {}},
        Case{"empty node name", R"({"spec":{"nodeName":""}})", {}},
        Case{"another scheduler", R"({"spec":{"schedulerName":"mine"}})", {}},
        Case{"tolerations", R"({"spec":{"tolerations":[{"operator":"Exists"}]}})", {}},
        Case{"zone of the region", R"({"spec":{"nodeSelector":{"topology.kubernetes.io/zone":"fr-par-2"}}})", {}},
        Case{
            "region and zone that go together",
            R"({"spec":{"nodeSelector":{"topology.kubernetes.io/region":"fr-lyo","topology.kubernetes.io/zone":"fr-lyo-1"}}})",
            {}},
        Case{"own labels with the region's values",
             R"({"spec":{"nodeSelector":{"rempart.node-restriction.kubernetes.io/region":"france",
             "rempart.node-restriction.kubernetes.io/country":"FR"}}})",
             {}},
        Case{
            "old zone label", R"({"spec":{"nodeSelector":{"failure-domain.beta.kubernetes.io/zone":"fr-par-1"}}})", {}},
        Case{"other labels", R"({"spec":{"nodeSelector":{"disk":"ssd","kubernetes.io/hostname":"par-1"}}})", {}},
        Case{"own pod labels with their values",
             R"({"metadata":{"labels":{"rempart.dev/workload":"web","rempart.dev/region":"france","app":"x"}}})",
             {}},
        Case{"one term of two is possible",
             WithTerms("[" + Term(kZone, "In", R"(["de-fra-1"])") + "," + Term(kZone, "In", R"(["fr-par-1"])") + "]"),
             {}},
        Case{"a value of two is possible", WithTerms("[" + Term(kZone, "In", R"(["de-fra-1","fr-par-1"])") + "]"), {}},
        Case{"not there", WithTerms("[" + Term(kZone, "NotIn", R"(["fr-par-1"])") + "]"), {}},
        Case{"an empty term beside a possible one",
             WithTerms(R"([{},{"matchExpressions":[{"key":"disk","operator":"Exists"}]}])"),
             {}},
        Case{"node by name",
             WithTerms(R"([{"matchFields":[{"key":"metadata.name","operator":"In","values":["par-1"]}]}])"),
             {}},
        Case{"preferred affinity elsewhere",
             R"({"spec":{"affinity":{"nodeAffinity":{"preferredDuringSchedulingIgnoredDuringExecution":
             [{"weight":1,"preference":{"matchExpressions":[{"key":"topology.kubernetes.io/zone","operator":"In","values":["de-fra-1"]}]}}]}}}})",
             {}}));

INSTANTIATE_TEST_SUITE_P(
    Refused, CheckPlacementTest,
    ::testing::Values(
        Case{"node name", R"({"spec":{"nodeName":"fra-1"}})", {"spec.template.spec.nodeName"}, "\"fra-1\""},
        Case{"zone of another country",
             R"({"spec":{"nodeSelector":{"topology.kubernetes.io/zone":"de-fra-1"}}})",
             {"spec.template.spec.nodeSelector[topology.kubernetes.io/zone]"},
             "fr-lyo-1, fr-par-1, fr-par-2, fr-par-3"},
        Case{"region of another country",
             R"({"spec":{"nodeSelector":{"topology.kubernetes.io/region":"de-fra"}}})",
             {"spec.template.spec.nodeSelector[topology.kubernetes.io/region]"},
             "fr-lyo, fr-par"},
        Case{"old zone label",
             R"({"spec":{"nodeSelector":{"failure-domain.beta.kubernetes.io/zone":"de-fra-1"}}})",
             {"spec.template.spec.nodeSelector[failure-domain.beta.kubernetes.io/zone]"},
             "de-fra-1"},
        Case{"another region's label",
             R"({"spec":{"nodeSelector":{"rempart.node-restriction.kubernetes.io/region":"germany"}}})",
             {"spec.template.spec.nodeSelector[rempart.node-restriction.kubernetes.io/region]"},
             "its nodes have france"},
        Case{"another country's label",
             R"({"spec":{"nodeSelector":{"rempart.node-restriction.kubernetes.io/country":"DE"}}})",
             {"spec.template.spec.nodeSelector[rempart.node-restriction.kubernetes.io/country]"},
             "its nodes have FR"},
        Case{"label of lost nodes",
             R"({"spec":{"nodeSelector":{"rempart.node-restriction.kubernetes.io/lost-since":"x"}}})",
             {"spec.template.spec.nodeSelector[rempart.node-restriction.kubernetes.io/lost-since]"},
             "no qualified node has this label"},
        Case{
            "region and zone that do not go together",
            R"({"spec":{"nodeSelector":{"topology.kubernetes.io/region":"fr-lyo","topology.kubernetes.io/zone":"fr-par-1"}}})",
            {"spec.template.spec.nodeSelector"},
            "topology.kubernetes.io/region=fr-lyo, topology.kubernetes.io/zone=fr-par-1"},
        Case{"reserved pod labels",
             R"({"metadata":{"labels":{"rempart.dev/workload":"other","rempart.dev/region":"germany"}}})",
             {"spec.template.metadata.labels[rempart.dev/region]",
              "spec.template.metadata.labels[rempart.dev/workload]"},
             "\"germany\""},
        Case{"every term impossible",
             WithTerms("[" + Term(kZone, "In", R"(["de-fra-1"])") + "," + Term(kPlace, "DoesNotExist", "[]") + "]"),
             {kTerms},
             "term 1 asks for \"topology.kubernetes.io/region\" DoesNotExist"},
        Case{"only an empty term", WithTerms("[{}]"), {kTerms}, "states nothing"},
        Case{"no term", WithTerms("[]"), {kTerms}, "at least one term"},
        Case{"term impossible with the node selector",
             R"({"spec":{"nodeSelector":{"topology.kubernetes.io/zone":"fr-par-1"},"affinity":{"nodeAffinity":
             {"requiredDuringSchedulingIgnoredDuringExecution":{"nodeSelectorTerms":[{"matchExpressions":[{"key":"topology.kubernetes.io/zone",
             "operator":"In","values":["fr-par-2"]}]}]}}}}})",
             {kTerms},
             "which no place that is left meets together"},
        Case{"expressions of a term that contradict",
             WithTerms(R"([{"matchExpressions":[
             {"key":"topology.kubernetes.io/region","operator":"In","values":["fr-lyo"]},
             {"key":"topology.kubernetes.io/zone","operator":"NotIn","values":["fr-lyo-1"]}]}])"),
             {kTerms},
             "together"},
        Case{
            "all of it at once",
            R"({"metadata":{"labels":{"rempart.dev/region":"x"}},"spec":{"nodeName":"n","nodeSelector":{"topology.kubernetes.io/zone":"z"}}})",
            {"spec.template.metadata.labels[rempart.dev/region]", "spec.template.spec.nodeName",
             "spec.template.spec.nodeSelector[topology.kubernetes.io/zone]"},
            ""}));

INSTANTIATE_TEST_SUITE_P(
    Unreadable, CheckPlacementTest,
    ::testing::Values(
        Case{"template", "[]", {"spec.template"}, "not an object"},
        Case{"metadata", R"({"metadata":5})", {"spec.template.metadata"}, "not an object"},
        Case{"labels", R"({"metadata":{"labels":["a"]}})", {"spec.template.metadata.labels"}, "not an object"},
        Case{"own label",
             R"({"metadata":{"labels":{"rempart.dev/region":7}}})",
             {"spec.template.metadata.labels[rempart.dev/region]"},
             "not a string"},
        Case{"spec", R"({"spec":"x"})", {"spec.template.spec"}, "not an object"},
        Case{"node name", R"({"spec":{"nodeName":{}}})", {"spec.template.spec.nodeName"}, "set"},
        Case{"node selector",
             R"({"spec":{"nodeSelector":"zone=a"}})",
             {"spec.template.spec.nodeSelector"},
             "not an object"},
        Case{"node selector's value",
             R"({"spec":{"nodeSelector":{"a":1}}})",
             {"spec.template.spec.nodeSelector[\"a\"]"},
             "not a string"},
        Case{"affinity", R"({"spec":{"affinity":[]}})", {"spec.template.spec.affinity"}, "not an object"},
        Case{"node affinity",
             R"({"spec":{"affinity":{"nodeAffinity":1}}})",
             {"spec.template.spec.affinity.nodeAffinity"},
             "not an object"},
        Case{"terms", WithTerms(R"({"a":1})"), {kTerms}, "not a list"},
        Case{"a term", WithTerms(R"([7,{}])"), {kTerms + "[0]"}, "not an object"},
        Case{"expressions", WithTerms(R"([{"matchExpressions":{}}])"), {kTerms + "[0].matchExpressions"}, "not a list"},
        Case{"an operator",
             WithTerms(R"([{"matchExpressions":[{"key":"a","operator":"Near","values":["b"]}]}])"),
             {kTerms + "[0].matchExpressions[0]"},
             "\"Near\""},
        Case{"a field",
             WithTerms(R"([{"matchFields":[{"key":"metadata.name","operator":"In"}]}])"),
             {kTerms + "[0].matchFields[0]"},
             "no values"},
        Case{"spread",
             R"({"spec":{"topologySpreadConstraints":{}}})",
             {"spec.template.spec.topologySpreadConstraints"},
             "not a list"},
        Case{"a constraint",
             R"({"spec":{"topologySpreadConstraints":[1]}})",
             {"spec.template.spec.topologySpreadConstraints[0]"},
             "not an object"}));

TEST(CheckPlacementZones, HaveToBeOfTheRegion) {
  const auto refusals = Check("{}", [](auto& w) { w.placement.zones = {"fr-par-1", "de-fra-1", "nowhere"}; });
  ASSERT_EQ(refusals.size(), 1U);
  EXPECT_EQ(refusals[0].field, "spec.placement.zones");
  EXPECT_THAT(refusals[0].message, HasSubstr("\"de-fra-1\", \"nowhere\": not in region france"));
  EXPECT_TRUE(Check("{}", [](auto& w) { w.placement.zones = {"fr-par-1", "fr-lyo-1"}; }).empty());
}

TEST(CheckPlacementZones, NarrowWhatTheTemplateMaySelect) {
  const std::string in_zone_2 = R"({"spec":{"nodeSelector":{"topology.kubernetes.io/zone":"fr-par-2"}}})";
  EXPECT_TRUE(Check(in_zone_2, [](auto& w) { w.placement.zones = {"fr-par-1", "fr-par-2"}; }).empty());
  const auto refusals = Check(in_zone_2, [](auto& w) { w.placement.zones = {"fr-par-1"}; });
  ASSERT_EQ(refusals.size(), 1U);
  EXPECT_EQ(refusals[0].field, "spec.template.spec.nodeSelector");
  EXPECT_THAT(refusals[0].message, HasSubstr("spec.placement.zones"));

  const std::string term = WithTerms("[" + Term(kZone, "In", R"(["fr-par-3"])") + "]");
  ASSERT_EQ(Check(term, [](auto& w) { w.placement.zones = {"fr-par-1"}; }).size(), 1U);
  EXPECT_TRUE(Check(term, [](auto& w) { w.placement.zones = {"fr-par-3"}; }).empty());
}

struct MinZonesCase {
  int min_zones;
  std::vector<std::string> zones;
  std::string pod_template;
  std::size_t left;  // 0: not refused
};
TEST(CheckPlacementMinZones, IsHeldAgainstTheZonesThatAreLeft) {
  const MinZonesCase cases[] = {
      {1, {}, "{}", 0},
      {4, {}, "{}", 0},
      {5, {}, "{}", 4},
      {2, {"fr-par-1", "fr-lyo-1"}, "{}", 0},
      {3, {"fr-par-1", "fr-lyo-1"}, "{}", 2},
      {2, {"fr-par-1", "fr-par-1"}, "{}", 1},
      {2, {}, R"({"spec":{"nodeSelector":{"topology.kubernetes.io/zone":"fr-par-1"}}})", 1},
      {3, {}, R"({"spec":{"nodeSelector":{"topology.kubernetes.io/region":"fr-par"}}})", 0},
      {4, {}, R"({"spec":{"nodeSelector":{"topology.kubernetes.io/region":"fr-par"}}})", 3},
      {2, {}, WithTerms("[" + Term(kZone, "In", R"(["fr-par-1"])") + "]"), 1},
      {2,
       {},
       WithTerms("[" + Term(kZone, "In", R"(["fr-par-1"])") + "," + Term(kZone, "In", R"(["fr-par-2"])") + "]"),
       0},
      {4, {}, WithTerms("[" + Term(kZone, "NotIn", R"(["fr-par-1"])") + "]"), 3},
      {4, {}, WithTerms("[" + Term("disk", "In", R"(["ssd"])") + "]"), 0},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(std::to_string(c.min_zones) + " " + c.pod_template);
    const auto refusals = Check(c.pod_template, [&](auto& w) {
      w.placement.min_zones = c.min_zones;
      w.placement.zones = c.zones;
    });
    ASSERT_EQ(refusals.size(), c.left == 0 ? 0U : 1U);
    if (c.left == 0) continue;
    EXPECT_EQ(refusals[0].field, "spec.placement.minZones");
    EXPECT_THAT(refusals[0].message, HasSubstr("leave " + std::to_string(c.left) + " zone"));
  }
}

// A region whose every location is in another country: pods wait, which is not the template's fault.
TEST(CheckPlacement, RegionWithoutPlaces) {
  auto region = test::Region();
  region.country = "BE";
  EXPECT_TRUE(
      CheckPlacement(test::Workload(), Parse(WithTerms("[" + Term(kZone, "In", R"(["x"])") + "]")), region, nullptr)
          .empty());
  auto workload = test::Workload();
  workload.placement.zones = {"fr-par-1"};
  EXPECT_EQ(CheckPlacement(workload, Parse("{}"), region, nullptr).size(), 1U);
}

TEST(CheckPlacement, IsBoundedInOutputAndWork) {
  Json selector = Json::object();
  for (int i = 0; i < 5'000; ++i) selector["key-" + std::to_string(i)] = i;
  EXPECT_EQ(CheckPlacement(test::Workload(), {{"spec", {{"nodeSelector", selector}}}}, test::Region(), nullptr).size(),
            kMaxRefusals);

  // The largest region there can be against more terms than are judged.
  auto region = test::Region();
  region.locations.clear();
  for (int l = 0; l < 100; ++l) {
    api::Location location{"r" + std::to_string(l), {}, "FR", ""};
    for (int z = 0; z < 100; ++z) location.zones.push_back("r" + std::to_string(l) + "-z" + std::to_string(z));
    region.locations.push_back(std::move(location));
  }
  const std::string term = Term(kZone, "In", R"(["nowhere"])");
  std::string terms = "[" + term;
  for (int i = 0; i < 10'000; ++i) terms += "," + term;
  const auto refusals = CheckPlacement(test::Workload(), Parse(WithTerms(terms + "]")), region, nullptr);
  ASSERT_EQ(refusals.size(), 1U);
  EXPECT_THAT(refusals[0].message, HasSubstr("more than 1000 requirements"));
}

TEST(CheckPlacement, LabelsOfOurPrefixInASelectorAreBounded) {
  Json selector = Json::object();
  for (std::size_t i = 0; i <= kMaxRequirements; ++i)
    selector["rempart.node-restriction.kubernetes.io/" + std::to_string(i)] = "x";
  const auto refusals =
      CheckPlacement(test::Workload(), {{"spec", {{"nodeSelector", selector}}}}, test::Region(), nullptr);
  ASSERT_FALSE(refusals.empty());
  EXPECT_LE(refusals.size(), kMaxRefusals);
}

}  // namespace
}  // namespace rempart::workload
