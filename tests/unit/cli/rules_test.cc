#include "operator/cli/rules.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>

namespace rempart::cli {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST(ExplainRule, SaysWhatItAsksInBothLanguagesAndCel) {
  const auto text = ExplainRule("rp-301");
  ASSERT_TRUE(text);
  for (const char* part :
       {"RP-301\n", "pods, pods/ephemeralcontainers (CREATE, UPDATE)", "spec.containers[*].image",
        "spec.volumes[*].image.reference", "does not allow; use one of: <registry> (SecNumCloud 3.2: 12.10.c)",
        "n'admet pas ; utilisez", "params.?spec.?registries"})
    EXPECT_THAT(*text, HasSubstr(part));
}

TEST(ExplainRule, NamesThoseThatThereAre) {
  const auto text = ExplainRule("RP-999");
  ASSERT_FALSE(text);
  EXPECT_EQ(text.error().kind, ErrorKind::kNotFound);
  EXPECT_THAT(text.error().message, HasSubstr("RP-101, RP-102"));
  EXPECT_THAT(text.error().message, HasSubstr("RP-704"));
}

TEST(JudgeBy, ManifestsByTheRegionsRules) {
  api::SovereignRegion region;
  region.meta.key.name = "france";
  region.rules.images.emplace();
  region.rules.network.emplace();
  const auto judge = JudgeBy(region, {});
  ASSERT_TRUE(judge);
  const auto found = [&](const char* text) {
    std::string ids;
    const auto violations = (*judge)(Json::parse(text));
    if (!violations) return std::string("(no rule)");
    for (const auto& violation : *violations) ids += (ids.empty() ? "" : ", ") + violation.rule + " " + violation.field;
    return ids;
  };
  EXPECT_EQ(found(R"({"apiVersion":"v1","kind":"Pod","spec":{"containers":[{"image":"nginx"}]}})"),
            "RP-103 spec.nodeSelector.rempart.node-restriction.kubernetes.io/region, RP-302 spec.containers[0].image");
  EXPECT_EQ(found(R"({"apiVersion":"rempart.dev/v1alpha1","kind":"Pod","spec":{"containers":[{"image":"nginx"}]}})"),
            "RP-302 spec.containers[0].image")
      << "the operator holds a TenantWorkload's pods to the region";
  EXPECT_EQ(found(R"({"apiVersion":"v1","kind":"Service","spec":{"type":"ExternalName"}})"), "RP-501 spec.type");
  EXPECT_EQ(found(R"({"apiVersion":"serving.knative.dev/v1","kind":"Service","spec":{"type":"ExternalName"}})"),
            "(no rule)");
  EXPECT_EQ(found(R"({"apiVersion":"v1","kind":"ConfigMap"})"), "(no rule)");
  EXPECT_EQ(found(R"({"apiVersion":"v1","kind":"PersistentVolumeClaim"})"), "(no rule)")
      << "the region asks nothing of storage";
  EXPECT_EQ(found(R"({"apiVersion":"gateway.networking.k8s.io/v1alpha2","kind":"TCPRoute","spec":{"rules":[
                      {"backendRefs":[{"kind":"Backend"}]}]}})"),
            "RP-516 spec.rules[0]");
  EXPECT_EQ(RuleTexts().size(), 50U);
  region.invalid = "spec.country: no";
  EXPECT_EQ(JudgeBy(region, {}).error().kind, ErrorKind::kInvalid);
}

TEST(JudgeBy, WhereTheServerAddsTheSelector) {
  api::SovereignRegion region;
  region.meta.key.name = "france";
  const auto found = [&](const char* spec, bool mutates) {
    const auto judge = JudgeBy(region, {.mutates = mutates});
    std::string ids;
    const auto violations = (*judge)({{"apiVersion", "v1"}, {"kind", "Pod"}, {"spec", Json::parse(spec)}});
    for (const auto& violation : *violations) ids += violation.rule + " ";
    return ids;
  };
  const char* const none = "{}";
  const char* const another = R"({"nodeSelector":{"rempart.node-restriction.kubernetes.io/region":"x"}})";
  EXPECT_EQ(found(none, true), "RP-103 ") << "a region that only audits changes nothing";
  region.rules.enforcement = api::RegionRules::Enforcement::kEnforce;
  EXPECT_EQ(found(none, false), "RP-103 ");
  EXPECT_EQ(found(none, true), "");
  EXPECT_EQ(found(R"({"nodeSelector":{"disk":"fast"}})", true), "");
  EXPECT_EQ(found(R"({"nodeSelector":null})", true), "") << "which the server takes for none";
  EXPECT_EQ(found(another, true), "RP-103 ") << "what is there is left as it is";
  EXPECT_EQ(found(R"({"nodeSelector":7})", true), "RP-103 ");
}

// What passes the operator alone is judged as anybody else's.
TEST(JudgeBy, WhatTheOperatorAloneMayWrite) {
  api::SovereignRegion region;
  region.meta.key.name = "france";
  region.rules.network.emplace();
  region.rules.network->egress.emplace();
  region.rules.storage.emplace();
  region.rules.storage->classes = {"local-fr"};
  region.rules.access.admins = {"user:admin"};
  region.rules.exempt_namespaces = {"free"};
  const auto judge = JudgeBy(region, {.context = {{"operator"}, "rempart-system"}});
  ASSERT_TRUE(judge);
  const auto found = [&](const char* text) {
    std::string ids;
    for (const auto& v : (*judge)(Json::parse(text)).value_or(std::vector<Violation>{{"(no rule)", "", ""}}))
      ids += (ids.empty() ? "" : ", ") + v.rule + " " + v.field;
    return ids;
  };
  EXPECT_EQ(found(R"({"apiVersion":"v1","kind":"PersistentVolumeClaim","metadata":{"name":"data",
      "annotations":{"pv.kubernetes.io/bind-completed":"yes"}},"spec":{"storageClassName":"local-fr"}})"),
            "RP-405 metadata.annotations[pv.kubernetes.io/bind-completed]");
  EXPECT_EQ(found(R"({"apiVersion":"v1","kind":"PersistentVolumeClaim","metadata":{"name":"data"},
      "spec":{"storageClassName":"local-fr"}})"),
            "");
  EXPECT_EQ(found(R"({"apiVersion":"networking.k8s.io/v1","kind":"NetworkPolicy",
      "metadata":{"name":"rempart-default-deny"},"spec":{"egress":[{}]}})"),
            "RP-507 metadata.name");
  EXPECT_EQ(found(R"({"apiVersion":"networking.k8s.io/v1","kind":"NetworkPolicy","metadata":{"name":"mine"},
      "spec":{"egress":[{}]}})"),
            "RP-508 spec.egress[0]");
  EXPECT_EQ(found(R"({"apiVersion":"cilium.io/v2","kind":"CiliumNetworkPolicy",
      "metadata":{"name":"rempart-default-deny"}})"),
            "");
  const std::string ns = R"({"apiVersion":"v1","kind":"Namespace","metadata":{"name":")";
  const std::string labels = R"(","labels":{"rempart.dev/region":"france","pod-security.kubernetes.io/enforce":")";
  EXPECT_EQ(found((ns + "acme" + labels + "privileged\"}}}").c_str()), "RP-705 metadata.labels");
  EXPECT_EQ(found((ns + "acme" + labels + "restricted\"}}}").c_str()), "");
  for (const char* exempt : {"kube-system", "rempart-system", "free"})
    EXPECT_EQ(found((ns + exempt + labels + "privileged\"}}}").c_str()), "") << exempt;
  EXPECT_EQ(found(R"({"apiVersion":"v1","kind":"Namespace","metadata":{"name":"other",
      "labels":{"pod-security.kubernetes.io/enforce":"privileged"}}})"),
            "")
      << "not of the region";
  EXPECT_EQ(found(R"({"apiVersion":"v1","kind":"Node","metadata":{"name":"n",
      "labels":{"rempart.node-restriction.kubernetes.io/region":"france"}}})"),
            "RP-201 metadata.labels[rempart.node-restriction.kubernetes.io/region]");
  EXPECT_EQ(found(R"({"apiVersion":"v1","kind":"Node","metadata":{"name":"n"}})"), "");
}

TEST(JudgeBy, NodesThatQualify) {
  api::SovereignRegion region;
  region.meta.key.name = "france";
  const auto judge = JudgeBy(region, {.nodes = {"a"}});
  const auto rules_against = [&](const char* node) {
    std::vector<std::string> ids;
    const Json spec = {{"nodeName", node}, {"nodeSelector", {{std::string(api::kNodeRegionLabel), "france"}}}};
    const auto violations = (*judge)({{"apiVersion", "v1"}, {"kind", "Pod"}, {"spec", spec}});
    for (const auto& v : *violations) ids.push_back(v.rule);
    return ids;
  };
  EXPECT_THAT(rules_against("a"), ::testing::IsEmpty());
  EXPECT_THAT(rules_against("b"), ::testing::ElementsAre("RP-101"));
  EXPECT_THAT(NodesIn(rules::ParametersOf(region, {"a", "b"})), ::testing::ElementsAre("a", "b"));
  for (const char* none :
       {"null", "{}", "7", R"({"spec":7})", R"({"spec":{"nodes":[]}})", R"({"spec":{"nodes":{"a":false}}})"})
    EXPECT_THAT(NodesIn(Json::parse(none)), ::testing::IsEmpty()) << none;
}

TEST(RuleTexts, OfTheRegionThatIsJudgedBy) {
  api::SovereignRegion france;
  france.meta.key.name = "france";
  france.rules.language = api::RegionRules::Language::kFrench;
  france.rules.images.emplace();
  france.rules.images->registries = {"registry.sas.example"};
  const auto text_of = [](const std::vector<RuleText>& texts, const char* id) {
    const auto found = std::ranges::find(texts, id, &RuleText::id);
    return found == texts.end() ? RuleText{} : *found;
  };
  const auto own = RuleTexts({france});
  EXPECT_THAT(text_of(own, "RP-301").help, HasSubstr("registry.sas.example"));
  EXPECT_THAT(text_of(own, "RP-301").whole, HasSubstr("n'admet pas ; utilisez"));
  EXPECT_THAT(text_of(own, "RP-101").summary, HasSubstr("région france"));
  EXPECT_EQ(text_of(own, "RP-401").id, "") << "nothing is asked of storage";
  for (const RuleText& text : own)
    for (const char* placeholder : {"<region>", "<registry>", "<class>", "<operator>", "<admins>", "<store>"})
      EXPECT_THAT(text.whole + text.help, Not(HasSubstr(placeholder))) << text.id;
  auto germany = france;
  germany.meta.key.name = "germany";
  EXPECT_THAT(text_of(RuleTexts({france, germany}), "RP-101").summary, HasSubstr("qualifié de la région <region>"));
  germany.rules.language = api::RegionRules::Language::kEnglish;
  EXPECT_THAT(text_of(RuleTexts({france, germany}), "RP-101").summary, HasSubstr("qualified node of region <region>"));
}

TEST(PrintPolicies, AreObjectsThatKubectlTakes) {
  api::SovereignRegion region;
  region.meta.key.name = "france";
  region.meta.uid = "uid";
  const Json list =
      Json::parse(PrintPolicies({region}, {{"france", {"a"}}}, {}, {{"operator"}, "rempart-system"}, true));
  EXPECT_EQ(list["kind"], "List");
  std::string kinds;
  for (const auto& item : list["items"]) {
    kinds += item["kind"].get<std::string>() + " ";
    EXPECT_FALSE(item["metadata"].contains("ownerReferences"));
  }
  EXPECT_THAT(kinds, HasSubstr("PerimeterParameters ValidatingAdmissionPolicy ValidatingAdmissionPolicyBinding"));
  EXPECT_THAT(kinds, Not(HasSubstr("Mutating"))) << "it only audits";
  region.rules.enforcement = api::RegionRules::Enforcement::kEnforce;
  EXPECT_THAT(PrintPolicies({region}, {}, {}, {{"operator"}, "rempart-system"}, true),
              HasSubstr("MutatingAdmissionPolicyBinding"));
  EXPECT_THAT(PrintPolicies({region}, {}, {}, {{"operator"}, "rempart-system"}, false), Not(HasSubstr("Mutating")));
}

}  // namespace
}  // namespace rempart::cli
