// RenderTemplate: what is added to a tenant's template.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/workload/builders.h"

namespace rempart::workload {
namespace {

using test::Kind;
using test::Parse;
using Spread = api::Placement::Spread;

constexpr const char* kRequired = "requiredDuringSchedulingIgnoredDuringExecution";

api::TenantWorkload With(Spread spread, int min_zones = 1, std::vector<std::string> zones = {},
                         Kind kind = Kind::kDeployment) {
  auto workload = test::Workload(kind);
  workload.placement = {spread, std::move(zones), min_zones};
  return workload;
}
Json Render(const api::TenantWorkload& workload, const std::string& pod_template) {
  const Json rendered = RenderTemplate(workload, Parse(pod_template), test::Region());
  EXPECT_EQ(RenderTemplate(workload, rendered, test::Region()), rendered) << "rendering twice changes something";
  return rendered;
}
const std::string kRegionSelector = R"({"rempart.node-restriction.kubernetes.io/region":"france"})";

TEST(RenderTemplate, AddsLabelsAndNodeSelectorAndKeepsTheRest) {
  const Json rendered = Render(With(Spread::kNone), R"({"metadata":{"labels":{"app":"web"},"annotations":{"a":"b"}},
      "spec":{"containers":[{"name":"c"}],"nodeSelector":{"disk":"ssd"},"schedulerName":"mine"}})");
  EXPECT_EQ(
      rendered,
      Parse(
          R"({"metadata":{"labels":{"app":"web","rempart.dev/workload":"web","rempart.dev/region":"france"},"annotations":{"a":"b"}},
      "spec":{"containers":[{"name":"c"}],"nodeSelector":{"disk":"ssd","rempart.node-restriction.kubernetes.io/region":"france"},"schedulerName":"mine"}})"));
}

TEST(RenderTemplate, MakesWhatIsMissingAndReplacesWhatIsNoObject) {
  for (const char* text :
       {"{}", "7", "null", "[]", R"({"spec":null,"metadata":null})", R"({"spec":"x","metadata":[1]})",
        R"({"spec":{"nodeSelector":"x"},"metadata":{"labels":3}})"}) {
    const Json rendered = Render(With(Spread::kNone), text);
    EXPECT_EQ(rendered["spec"]["nodeSelector"], Parse(kRegionSelector)) << text;
    EXPECT_EQ(rendered["metadata"]["labels"]["rempart.dev/workload"], "web") << text;
  }
}

TEST(RenderTemplate, OverridesAnotherRegionsLabelAndDropsNodeName) {
  const Json rendered = Render(With(Spread::kNone), R"({"metadata":{"labels":{"rempart.dev/region":"germany"}},
      "spec":{"nodeName":"fra-1","nodeSelector":{"rempart.node-restriction.kubernetes.io/region":"germany"}}})");
  EXPECT_EQ(rendered["spec"], Json({{"nodeSelector", Parse(kRegionSelector)}}));
  EXPECT_EQ(rendered["metadata"]["labels"]["rempart.dev/region"], "france");
}

TEST(RenderTemplate, OneZoneGoesIntoTheNodeSelector) {
  const Json rendered = Render(With(Spread::kNone, 1, {"fr-par-2", "fr-par-2"}),
                               R"({"spec":{"nodeSelector":{"topology.kubernetes.io/zone":"fr-par-2"}}})");
  EXPECT_EQ(rendered["spec"]["nodeSelector"]["topology.kubernetes.io/zone"], "fr-par-2");
  EXPECT_FALSE(rendered["spec"].contains("affinity"));
}

TEST(RenderTemplate, SeveralZonesGoIntoEveryTerm) {
  const auto workload = With(Spread::kNone, 1, {"fr-par-2", "fr-par-1", "fr-par-2"});
  const Json zones = Parse(R"({"key":"topology.kubernetes.io/zone","operator":"In","values":["fr-par-1","fr-par-2"]})");
  EXPECT_EQ(Render(workload, "{}")["spec"]["affinity"]["nodeAffinity"][kRequired],
            Json({{"nodeSelectorTerms", Json::array({Json{{"matchExpressions", Json::array({zones})}}})}}));

  const Json disk = Parse(R"({"key":"disk","operator":"In","values":["ssd"]})");
  const Json by_name = Parse(R"({"matchFields":[{"key":"metadata.name","operator":"In","values":["par-1"]}]})");
  const Json input = {{"spec",
                       {{"affinity",
                         {{"podAffinity", {{"x", 1}}},
                          {"nodeAffinity",
                           {{"preferredDuringSchedulingIgnoredDuringExecution", Json::array()},
                            {kRequired,
                             {{"nodeSelectorTerms", Json::array({Json{{"matchExpressions", Json::array({disk})}},
                                                                 by_name, Json::object()})}}}}}}}}}};
  const Json rendered = Render(workload, input.dump());
  const Json& affinity = rendered["spec"]["affinity"];
  EXPECT_EQ(affinity["podAffinity"], Json({{"x", 1}}));
  EXPECT_TRUE(affinity["nodeAffinity"].contains("preferredDuringSchedulingIgnoredDuringExecution"));
  const Json& terms = affinity["nodeAffinity"][kRequired]["nodeSelectorTerms"];
  ASSERT_EQ(terms.size(), 3U);
  EXPECT_EQ(terms[0]["matchExpressions"], Json::array({disk, zones}));
  EXPECT_EQ(terms[1]["matchExpressions"], Json::array({zones}));
  EXPECT_EQ(terms[1]["matchFields"], by_name["matchFields"]);
  EXPECT_EQ(terms[2], Json::object()) << "a term that matches nothing must not begin to match";
}

Json Constraint(const std::string& key, const std::string& unsatisfiable, int min_domains = 0) {
  Json constraint = {{"maxSkew", 1},
                     {"topologyKey", key},
                     {"whenUnsatisfiable", unsatisfiable},
                     {"labelSelector", {{"matchLabels", {{"rempart.dev/workload", "web"}}}}}};
  if (min_domains > 0) constraint["minDomains"] = min_domains;
  return constraint;
}

TEST(RenderTemplate, SpreadsAsAsked) {
  const Json soft_zone = Constraint("topology.kubernetes.io/zone", "ScheduleAnyway"),
             soft_node = Constraint("kubernetes.io/hostname", "ScheduleAnyway"),
             hard_zone = Constraint("topology.kubernetes.io/zone", "DoNotSchedule", 2);
  struct Case {
    Spread spread;
    int min_zones;
    Json constraints;
  } const cases[] = {
      {Spread::kZone, 1, {soft_zone}}, {Spread::kZone, 2, {hard_zone}},
      {Spread::kNode, 1, {soft_node}}, {Spread::kNode, 2, {hard_zone, soft_node}},
      {Spread::kNone, 1, nullptr},     {Spread::kNone, 2, {hard_zone}},
  };
  for (const auto& c : cases) {
    for (const auto kind : test::kAllKinds) {
      const Json spec = Render(With(c.spread, c.min_zones, {}, kind), "{}")["spec"];
      const Json expected = kind == Kind::kDaemonSet ? Json() : c.constraints;
      EXPECT_EQ(spec.contains("topologySpreadConstraints") ? spec["topologySpreadConstraints"] : Json(), expected)
          << static_cast<int>(c.spread) << " " << c.min_zones << " " << static_cast<int>(kind);
    }
  }
}

TEST(RenderTemplate, TheTenantsOwnConstraintStays) {
  const std::string soft =
      R"({"maxSkew":5,"topologyKey":"topology.kubernetes.io/zone","whenUnsatisfiable":"ScheduleAnyway"})";
  const std::string own = R"({"spec":{"topologySpreadConstraints":[)" + soft + "]}}";
  EXPECT_EQ(Render(With(Spread::kZone), own)["spec"]["topologySpreadConstraints"], Json::array({Parse(soft)}));
  // Another whenUnsatisfiable or key is another constraint.
  EXPECT_EQ(Render(With(Spread::kZone, 2), own)["spec"]["topologySpreadConstraints"],
            Json::array({Parse(soft), Constraint("topology.kubernetes.io/zone", "DoNotSchedule", 2)}));
  EXPECT_EQ(Render(With(Spread::kNode), own)["spec"]["topologySpreadConstraints"],
            Json::array({Parse(soft), Constraint("kubernetes.io/hostname", "ScheduleAnyway")}));
}

}  // namespace
}  // namespace rempart::workload
