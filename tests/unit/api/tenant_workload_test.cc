#include "operator/api/tenant_workload.h"

#include <algorithm>
#include <array>
#include <limits>

#include "tests/unit/api/decoding.h"

namespace rempart::api {
namespace {

Json Web() {
  return {{"metadata", MetaJson("web", "acme")},
          {"spec",
           {{"region", "france"},
            {"replicas", 3},
            {"placement", {{"spread", "Node"}, {"zones", {"fr-par-1", "fr-par-2"}}, {"minZones", 2}}},
            {"template",
             {{"metadata", {{"labels", {{"app", "web"}}}}},
              {"spec", {{"containers", Json::array({{{"name", "c"}, {"image", "nginx"}}})}}}}},
            {"deployment", {{"strategy", {{"type", "Recreate"}}}}}}}};
}

// The kind given by `field` instead of a deployment.
Json Of(const std::string& field) { return With(Without(Web(), "/spec/deployment"), "/spec/" + field, Json::object()); }

TenantWorkload Workload(const Json& object) {
  auto workload = Decoded(object, DecodeTenantWorkload);
  EXPECT_TRUE(workload) << workload.error().message;
  return workload.value_or(TenantWorkload());
}

std::string Invalid(const Json& object) { return Workload(object).invalid; }

TEST(DecodeTenantWorkload, ReadsAll) {
  const TenantWorkload workload = Workload(With(Web(), "/status", {{"ready", 2}}));
  EXPECT_EQ(workload.invalid, "");
  EXPECT_EQ(workload.meta.key, (kube::ObjectKey{"acme", "web"}));
  EXPECT_EQ(workload.meta.generation, 3);
  EXPECT_EQ(workload.region, "france");
  EXPECT_EQ(workload.replicas, 3);
  EXPECT_EQ(workload.placement.spread, Placement::Spread::kNode);
  EXPECT_EQ(workload.placement.zones, (std::vector<std::string>{"fr-par-1", "fr-par-2"}));
  EXPECT_EQ(workload.placement.min_zones, 2);
  EXPECT_EQ(workload.kind, ChildKind::kDeployment);
  EXPECT_EQ(Json::parse(workload.template_json), Web()["spec"]["template"]);
  EXPECT_EQ(workload.child_json, R"({"strategy":{"type":"Recreate"}})");
  EXPECT_EQ(workload.status_json, R"({"ready":2})");
}

TEST(DecodeTenantWorkload, DefaultsAreTheSchemas) {
  const TenantWorkload workload =
      Workload({{"metadata", MetaJson("web", "acme")}, {"spec", {{"template", {{"spec", {{"x", 1}}}}}}}});
  EXPECT_EQ(workload.invalid, "");
  EXPECT_EQ(workload.region, "");
  EXPECT_EQ(workload.replicas, 1);
  EXPECT_EQ(workload.placement.spread, Placement::Spread::kZone);
  EXPECT_TRUE(workload.placement.zones.empty());
  EXPECT_EQ(workload.placement.min_zones, 1);
  EXPECT_EQ(workload.kind, ChildKind::kDeployment);
  EXPECT_EQ(workload.child_json, "");
  EXPECT_EQ(workload.status_json, "");
}

TEST(DecodeTenantWorkload, EachKind) {
  const struct {
    const char* field;
    ChildKind kind;
    const char* plural;
  } kKinds[] = {{"deployment", ChildKind::kDeployment, "deployments"},
                {"statefulSet", ChildKind::kStatefulSet, "statefulsets"},
                {"daemonSet", ChildKind::kDaemonSet, "daemonsets"},
                {"job", ChildKind::kJob, "jobs"},
                {"cronJob", ChildKind::kCronJob, "cronjobs"}};
  for (const auto& k : kKinds) {
    const TenantWorkload workload = Workload(Of(k.field));
    EXPECT_EQ(workload.invalid, "");
    EXPECT_EQ(workload.kind, k.kind);
    EXPECT_EQ(workload.child_json, "{}") << "given, and empty";
    EXPECT_EQ(ResourceOf(workload.kind).plural, k.plural);
  }
  EXPECT_EQ(Workload(With(Of("job"), "/spec/deployment", nullptr)).kind, ChildKind::kJob) << "null is not given";
}

TEST(DecodeTenantWorkload, ARefusalSaysFieldAndFix) {
  EXPECT_EQ(Invalid(With(Web(), "/spec/job", Json::object())),
            "spec: deployment and job are given, but a workload has one kind: keep one of them");
  EXPECT_EQ(Invalid(With(With(Web(), "/spec/job", Json::object()), "/spec/cronJob", Json::object())),
            "spec: deployment and job and cronJob are given, but a workload has one kind: keep one of them");
  EXPECT_EQ(Invalid(With(Web(), "/spec/replicas", -1)), "spec.replicas: -1 is not a whole number from 0 to 2147483647");
  EXPECT_EQ(Invalid(With(Web(), "/spec/replicas", "3")),
            "spec.replicas: \"3\" is not a whole number from 0 to 2147483647");
  EXPECT_EQ(Invalid(With(Web(), "/spec/placement/spread", "zone")),
            "spec.placement.spread: \"zone\" is none of Zone, Node, None");
  EXPECT_EQ(Invalid(With(Web(), "/spec/placement/minZones", 0)),
            "spec.placement.minZones: 0 is not a whole number from 1 to 100");
  EXPECT_EQ(Invalid(With(Web(), "/spec/placement/minZones", 3)),
            "spec.placement.minZones: 3 is more than the 2 zones that are listed: lower it, or list more zones");
  EXPECT_EQ(Invalid(Without(Web(), "/spec/template")), "spec.template: is missing: give an object");
  EXPECT_EQ(Invalid(Without(Web(), "/spec/template/spec")), "spec.template.spec: is missing: give an object");
  EXPECT_EQ(Invalid(With(Web(), "/spec/template", Json::array())), "spec.template: a list is not an object");
  EXPECT_EQ(Invalid(With(Web(), "/spec/deployment", "x")), "spec.deployment: \"x\" is not an object");
  EXPECT_EQ(Invalid(With(Web(), "/spec/region", "France")),
            "spec.region: \"France\" is not a region's name: 1 to 63 lower-case letters, digits, '-' or '.', with a "
            "letter or digit at "
            "both ends");
}

TEST(DecodeTenantWorkload, Replicas) {
  EXPECT_EQ(Workload(With(Web(), "/spec/replicas", 0)).replicas, 0);
  EXPECT_EQ(Workload(With(Web(), "/spec/replicas", 2147483647)).replicas, std::numeric_limits<std::int32_t>::max());
  EXPECT_NE(Invalid(With(Web(), "/spec/replicas", 2147483648)), "");
  EXPECT_NE(Invalid(With(Web(), "/spec/replicas", 1.5)), "");
  EXPECT_NE(Invalid(With(Web(), "/spec/replicas", 18446744073709551615u)), "");
}

TEST(DecodeTenantWorkload, ZonesMayBeEmpty) {
  const TenantWorkload workload = Workload(With(Web(), "/spec/placement/zones", Json::array()));
  EXPECT_EQ(workload.invalid, "");
  EXPECT_TRUE(workload.placement.zones.empty());
  EXPECT_EQ(workload.placement.min_zones, 2);
}

// The name becomes a label's value; Kubernetes appends to the names of two kinds.
TEST(DecodeTenantWorkload, NamesFitTheirKind) {
  const struct {
    const char* field;
    const char* kind;
    std::size_t most;
  } kKinds[] = {{"deployment", "Deployment", 63},
                {"statefulSet", "StatefulSet", 52},
                {"daemonSet", "DaemonSet", 63},
                {"job", "Job", 63},
                {"cronJob", "CronJob", 52}};
  for (const auto& k : kKinds) {
    EXPECT_EQ(Invalid(With(Of(k.field), "/metadata/name", std::string(k.most, 'a'))), "") << k.field;
    EXPECT_EQ(Invalid(With(Of(k.field), "/metadata/name", std::string(k.most + 1, 'a'))),
              "metadata.name: has " + std::to_string(k.most + 1) + " characters, the name of a workload that is a " +
                  k.kind + " has at most " + std::to_string(k.most) + ": create it under a shorter name");
  }
}

TEST(DecodeTenantWorkload, BoundsTemplateAndChild) {
  // {"spec":{"x":"…"}} has 17 bytes around the text
  const auto padded = [](std::size_t bytes) { return Json{{"spec", {{"x", std::string(bytes - 17, 'p')}}}}; };
  EXPECT_EQ(Workload(With(Web(), "/spec/template", padded(1 << 20))).template_json.size(), 1u << 20);
  const TenantWorkload too_large = Workload(With(Web(), "/spec/template", padded((1 << 20) + 1)));
  EXPECT_EQ(too_large.invalid,
            "spec.template: has 1048577 bytes, at most 1048576 are allowed: move data into a ConfigMap");
  EXPECT_TRUE(too_large.template_json.empty());
  EXPECT_TRUE(Invalid(With(Web(), "/spec/deployment", padded((1 << 20) + 1)))
                  .starts_with("spec.deployment: has 1048577 bytes"));
}

TEST(DecodeTenantWorkload, WrongTypesAreRefusedEverywhere) {
  constexpr std::array kFields = {"region",          "replicas",          "placement",          "placement/spread",
                                  "placement/zones", "placement/zones/0", "placement/minZones", "template",
                                  "template/spec",   "deployment"};
  const Json kValues[] = {
      -7,   1.5, 1e300, "", "\n", std::string("\0", 1), std::string(300, 'x'), Json::array({1}), Json::array({nullptr}),
      false};
  for (const std::string field : kFields) {
    std::string path = "spec." + field;
    std::ranges::replace(path, '/', '.');
    if (path.ends_with(".0")) path.replace(path.size() - 2, 2, "[0]");
    for (const Json& value : kValues) {
      const std::string invalid = Invalid(With(Web(), "/spec/" + field, value));
      EXPECT_TRUE(invalid.starts_with(path)) << path << " = " << value << ": " << invalid;
      EXPECT_LT(invalid.size(), 400u);
    }
  }
}

// A value in a message is shown escaped and short, whatever is in it.
TEST(DecodeTenantWorkload, AHostileValueIsShownHarmlessly) {
  const std::string invalid = Invalid(With(Web(), "/spec/placement/spread", "\x1b[2J\n\"" + std::string(5000, 'e')));
  EXPECT_TRUE(invalid.starts_with(R"(spec.placement.spread: "\u001b[2J\n\"eee)")) << invalid;
  EXPECT_TRUE(invalid.ends_with("…\" is none of Zone, Node, None")) << invalid;
  EXPECT_LT(invalid.size(), 150u);
}

}  // namespace
}  // namespace rempart::api
