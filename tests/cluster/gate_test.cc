// The rules as the API server holds them: policies that the operator compiled, on the real control plane.
#include <fmt/format.h>
#include <gmock/gmock.h>

#include <algorithm>
#include <fstream>
#include <set>

#include "operator/api/gate_object.h"
#include "operator/perimeter/rules/probe_objects.h"
#include "operator/perimeter/rules/rule.h"
#include "tests/cluster/gate_fixture.h"

namespace rempart::test {
namespace {

TEST_F(GateTest, EnforceRefusesByNameAndLetsTheRestThrough) {
  Declare("Enforce");
  const auto reply = DryRun(api::kPods, [&] {
    Json pod = Pod();
    pod["spec"]["nodeName"] = NodeName("foreign");
    return pod;
  }());
  ASSERT_FALSE(reply);
  EXPECT_EQ(reply.error().kind, ErrorKind::kDenied);
  EXPECT_THAT(reply.error().message, ::testing::HasSubstr("RP-101 spec.nodeName: " + NodeName("foreign") +
                                                          " is not a qualified node of region " + region_));
  Json on_our_node = Pod();
  on_our_node["spec"]["nodeName"] = NodeName("a");
  EXPECT_EQ(RulesAgainst(api::kPods, on_our_node), std::set<std::string>{});

  const Json service = {{"apiVersion", "v1"},
                        {"kind", "Service"},
                        {"metadata", {{"name", "out"}, {"namespace", ns_}}},
                        {"spec", {{"type", "ExternalName"}, {"externalName", "out.example"}}}};
  EXPECT_EQ(RulesAgainst(rules::probe::kServices, service), std::set<std::string>{"RP-501"});
}

TEST_F(GateTest, ARefusalSpeaksTheLanguageOfTheRegion) {
  Declare("Enforce", {{"language", "fr"}});
  Json pod = Pod();
  pod["spec"]["nodeName"] = NodeName("foreign");
  const auto refused = DryRun(api::kPods, pod);
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message, ::testing::HasSubstr("RP-101 spec.nodeName: " + NodeName("foreign") +
                                                            " n'est pas un nœud qualifié de la région " + region_));
}

// The server passes on one message, so that one names all.
TEST_F(GateTest, ARefusalNamesEveryRuleThatIsBroken) {
  Declare("Enforce");
  AwaitGate();
  const auto said = [&](const Json& pod) {
    const auto reply = DryRun(api::kPods, pod);
    EXPECT_FALSE(reply);
    return reply ? std::string() : reply.error().message;
  };
  Json pod = Pod();
  pod["spec"]["nodeName"] = NodeName("foreign");
  pod["spec"]["containers"][0]["image"] = "evil.example/web:1";
  pod["spec"]["volumes"] = Json::array({{{"name", "share"}, {"csi", {{"driver", "nas.example"}}}}});
  const std::string all = said(pod);
  EXPECT_THAT(all, ::testing::HasSubstr("denied request: RP-101 spec.nodeName: " + NodeName("foreign") + " is not"));
  EXPECT_THAT(all, ::testing::HasSubstr(". RP-301 spec.containers[*].image"));
  EXPECT_THAT(all, ::testing::HasSubstr("evil.example/web:1 comes from a registry"));
  EXPECT_THAT(all, ::testing::HasSubstr(". RP-302 "));
  EXPECT_THAT(all, ::testing::HasSubstr(". RP-407 spec.volumes[*]: nas.example is a volume"));
  EXPECT_THAT(all, ::testing::Not(::testing::HasSubstr("RP-104")));

  // The server drops a message of two lines, and one of over 5 KiB.
  pod["spec"]["containers"][0]["image"] = "evil.example/web\n\t:1";
  EXPECT_THAT(said(pod), ::testing::HasSubstr("evil.example/web :1 comes from a registry"));
  pod["spec"]["containers"][0]["image"] = "evil.example/web\x01:1";
  EXPECT_THAT(said(pod),
              ::testing::HasSubstr("RP-101, RP-301, RP-302, RP-303, RP-407: a value has control characters"));
  Json more = pod["spec"]["containers"][0];
  pod["spec"]["containers"][0]["image"] = "evil.example/web:1";
  for (int i = 0; i < 100; ++i) {
    more["name"] = fmt::format("c{}", i);
    more["image"] = fmt::format("évil.example/wéb:{}", i);
    pod["spec"]["containers"].push_back(more);
  }
  std::set<std::string> ids;
  const std::string most = said(pod);
  Collect(most, ids);
  EXPECT_THAT(most, ::testing::HasSubstr("denied request: RP-101 ")) << "what each rule says, from its beginning";
  EXPECT_EQ(ids, (std::set<std::string>{"RP-101", "RP-301", "RP-302", "RP-303", "RP-407"}));
}

// A warning travels in a header, which takes no control characters, and the server shortens warnings that are long.
TEST_F(GateTest, AWarningNamesEveryRuleThatIsBroken) {
  Declare("Warn");
  AwaitGate();
  const std::set<std::string> all = {"RP-101", "RP-301", "RP-302", "RP-303", "RP-407"};
  Json pod = Pod();
  pod["spec"]["nodeName"] = NodeName("foreign");
  pod["spec"]["volumes"] = Json::array({{{"name", "share"}, {"csi", {{"driver", "nas.example"}}}}});
  // A server that mends nothing, as this one in this mode, says which line is missing.
  Json nowhere = Pod();
  nowhere["spec"].erase("nodeSelector");
  const auto warned = DryRun(api::kPods, nowhere);
  ASSERT_TRUE(warned) << warned.error().ToString();
  EXPECT_THAT(warned->warnings, ::testing::ElementsAre(::testing::HasSubstr(fmt::format(
                                    "add to spec.nodeSelector: \"{}\": \"{}\"", api::kNodeRegionLabel, region_))));
  for (const char* image : {"evil.example/web:1", "evil.example/web\n\t:1", "evil.example/web\x01:1"}) {
    pod["spec"]["containers"][0]["image"] = image;
    EXPECT_EQ(RulesAgainst(api::kPods, pod), all) << image;
  }
  Json more = pod["spec"]["containers"][0];
  pod["spec"]["containers"][0]["image"] = "evil.example/web:1";
  for (int i = 0; i < 40; ++i) {
    more["name"] = fmt::format("c{}", i);
    more["image"] = fmt::format("evil.example/{}:{}", std::string(150, 'w'), i);
    pod["spec"]["containers"].push_back(more);
  }
  EXPECT_EQ(RulesAgainst(api::kPods, pod), all);
}

// As many registries as a region may have, and an image that only the last of them allows: judging it must cost the
// server less than it gives a policy.
TEST_F(GateTest, LongListsAreAffordable) {
  std::vector<std::string> registries = {"registry.sas.example"};
  for (int i = 1; i < 100; ++i)
    registries.push_back(fmt::format("registry-{}.example/team/{}", i, std::string(150, 'r')));
  Declare("Enforce", {{"images", {{"registries", registries}, {"requireRelease", false}}}});
  Json pod = Pod();
  const Json one = pod["spec"]["containers"][0];
  pod["spec"]["containers"].clear();
  for (int i = 0; i < 20; ++i) {
    Json more = one;
    more["name"] = fmt::format("c{}", i);
    more["image"] = registries.back() + "/web@" + kDigest;
    pod["spec"]["containers"].push_back(more);
  }
  EXPECT_TRUE(AwaitServer([&] { return RulesAgainst(api::kPods, pod).empty(); }))
      << ::testing::PrintToString(RulesAgainst(api::kPods, pod));
  pod["spec"]["containers"][19]["image"] = "evil.example/web@" + kDigest;
  EXPECT_EQ(RulesAgainst(api::kPods, pod), std::set<std::string>{"RP-301"});
}

// Where the server can, the region's node label is added; what names another place is not mended.
TEST_F(GateTest, APodWithoutTheLabelIsGivenIt) {
  Declare("Enforce");
  const std::string label(api::kNodeRegionLabel);
  const auto placed = [&](Json selector) -> Json {
    Json pod = Pod();
    pod["spec"]["nodeSelector"] = std::move(selector);
    const auto reply = DryRun(api::kPods, pod);
    return reply ? Json::parse(reply->body)["spec"]["nodeSelector"] : Json(reply.error().message);
  };
  EXPECT_TRUE(AwaitServer([&] { return placed(nullptr) == Json({{label, region_}}); })) << placed(nullptr);
  EXPECT_EQ(placed({{"disk", "ssd"}}), Json({{"disk", "ssd"}, {label, region_}}));
  EXPECT_EQ(placed(Json::object()), Json({{label, region_}}));
  EXPECT_THAT(placed({{label, "elsewhere"}}).dump(), ::testing::HasSubstr("RP-103"));
  // Those of TenantWorkloads come with it, and are not asked: what mutates costs three times what judges.
  Json of_a_workload = Pod();
  of_a_workload["metadata"]["labels"][std::string(api::kWorkloadLabel)] = "web";
  EXPECT_TRUE(RulesAgainst(api::kPods, of_a_workload).empty());
  of_a_workload["spec"].erase("nodeSelector");
  EXPECT_EQ(RulesAgainst(api::kPods, of_a_workload), std::set<std::string>{"RP-103"});
  // The taint does that job too, and nothing is mended then.
  ASSERT_TRUE(
      cluster().MergePatch(api::kRegions, {"", region_}, {{"spec", {{"hosting", {{"taintOutsideNodes", true}}}}}}));
  EXPECT_TRUE(cluster().Await(api::kMutatingPolicies, {"", api::GateObjectName(region_, "placement")},
                              [](const Json& now) { return now.is_null(); }));
  EXPECT_TRUE(AwaitServer([&] { return placed(nullptr).is_null(); })) << placed(nullptr);
}

// Its slice has no endpoint, of which the server makes a null.
TEST_F(GateTest, AServiceWithoutAPodHasItsEndpointSlice) {
  Declare("Enforce");
  Create({{"apiVersion", "v1"},
          {"kind", "Service"},
          {"metadata", {{"name", "empty"}, {"namespace", ns_}}},
          {"spec", {{"selector", {{"app", "nobody"}}}, {"ports", Json::array({{{"port", 80}}})}}}});
  EXPECT_TRUE(cluster().AwaitList(rules::probe::kSlices, ns_, "kubernetes.io/service-name=empty",
                                  [](const std::vector<Json>& slices) { return slices.size() == 1; }));
  const Json of_nobody = {{"apiVersion", "discovery.k8s.io/v1"},
                          {"kind", "EndpointSlice"},
                          {"metadata", {{"name", "none"}, {"namespace", ns_}}},
                          {"addressType", "IPv4"},
                          {"endpoints", nullptr}};
  const auto made = DryRun(rules::probe::kSlices, of_nobody);
  EXPECT_TRUE(made) << made.error().ToString();
}

// kube-controller-manager reads the policies as well, by the types that it knows, and whoever looks at one sees what it
// thinks of it. It does not look at match conditions: those are shown to it as validations, of policies without a
// binding.
TEST_F(GateTest, TheServerHasNothingToSayOfThePolicies) {
  Declare("Enforce", {{"network", {{"egress", Json::array({{{"cidr", "10.0.0.0/8"}}})}}}});
  const auto await_checked = [&](const std::string& label, const std::string& value) {
    std::vector<Json> policies;
    EXPECT_TRUE(cluster().AwaitList(
        api::kAdmissionPolicies, "", fmt::format("{}={}", label, value), [&](const std::vector<Json>& all) {
          policies = all;
          return !all.empty() && std::ranges::all_of(all, [](const Json& policy) {
            return policy.value("/status/observedGeneration"_json_pointer, 0) == policy["metadata"]["generation"];
          });
        }));
    // Of kinds in several groups each has members that the others lack.
    std::erase_if(policies,
                  [](const Json& policy) { return policy["spec"]["matchConstraints"]["resourceRules"].size() > 1; });
    EXPECT_GT(policies.size(), 5U);
    for (const Json& policy : policies)
      EXPECT_EQ(policy.value("/status/typeChecking/expressionWarnings"_json_pointer, Json()), Json())
          << policy["metadata"]["name"];
    return policies;
  };
  std::vector<kube::ObjectKey> shown;
  for (const Json& policy : await_checked(std::string(api::kRegionLabel), region_)) {
    Json spec = policy["spec"];
    if (!spec.contains("matchConditions")) continue;
    spec["validations"] = Json::array({{{"expression", spec["matchConditions"][0]["expression"]}}});
    spec.erase("matchConditions");
    shown.push_back({"", "shown-" + policy["metadata"]["name"].get<std::string>()});
    Create({{"apiVersion", api::kAdmissionPolicies.ApiVersion()},
            {"kind", api::kAdmissionPolicies.kind},
            {"metadata", {{"name", shown.back().name}, {"labels", {{"shown", id_}}}}},
            {"spec", std::move(spec)}});
  }
  await_checked("shown", id_);
  for (const auto& key : shown) EXPECT_TRUE(cluster().Delete(api::kAdmissionPolicies, key));
}

// Even a scheduler cannot put a tenant's pod on a foreign node.
TEST_F(GateTest, BindingToAForeignNodeIsRefused) {
  Declare("Enforce");
  Json pod = Pod();
  pod["spec"]["schedulerName"] = "nobody";  // stays without a node
  Create(pod);
  const auto bind = [&](const std::string& node) {
    const Json binding = {{"apiVersion", "v1"},
                          {"kind", "Binding"},
                          {"metadata", {{"name", "probe"}, {"namespace", ns_}}},
                          {"target", {{"apiVersion", "v1"}, {"kind", "Node"}, {"name", node}}}};
    return cluster().api().Do(
        {.method = "POST", .target = api::kPods.Path(ns_, "probe", "binding"), .body = binding.dump(), .doing = "bind"},
        {});
  };
  const auto foreign = bind(NodeName("foreign"));
  ASSERT_FALSE(foreign);
  EXPECT_THAT(foreign.error().message, ::testing::HasSubstr("RP-102"));
  const auto ours = bind(NodeName("a"));
  EXPECT_TRUE(ours) << ours.error().ToString();
}

TEST_F(GateTest, EphemeralContainersAreHeldToTheImagesToo) {
  Declare("Enforce");
  Json pod = Pod();
  pod["spec"]["schedulerName"] = "nobody";
  Create(pod);
  Json debug = Pod()["spec"]["containers"][0];
  debug["name"] = "debug";
  const auto add = [&](const std::string& image) {
    debug["image"] = image;
    return cluster().api().Do({.method = "PATCH",
                               .target = api::kPods.Path(ns_, "probe", "ephemeralcontainers") + "?dryRun=All",
                               .content_type = "application/merge-patch+json",
                               .body = Json{{"spec", {{"ephemeralContainers", Json::array({debug})}}}}.dump(),
                               .doing = "debug"},
                              {});
  };
  const auto ours = add("registry.sas.example/tools@" + kDigest);
  EXPECT_TRUE(ours) << ours.error().ToString();
  const auto theirs = add("docker.io/library/busybox@" + kDigest);
  ASSERT_FALSE(theirs);
  EXPECT_THAT(theirs.error().message, ::testing::HasSubstr("RP-301"));
}

// A kubelet runs it from a file whatever is said here: to refuse its mirror would hide it. Nobody else makes one.
TEST_F(GateTest, AKubeletMirrorsItsStaticPods) {
  Declare("Enforce");
  const std::string foreign = NodeName("foreign"), file = LogPath(id_ + "-mirror.json");
  Json mirror = Pod();
  mirror["spec"].erase("nodeSelector");
  mirror["spec"]["nodeName"] = foreign;
  mirror["metadata"]["annotations"] = {{"kubernetes.io/config.mirror", "x"}};
  mirror["metadata"]["ownerReferences"] =
      Json::array({{{"apiVersion", "v1"},
                    {"kind", "Node"},
                    {"name", foreign},
                    {"uid", (*cluster().Get(api::kNodes, {"", foreign}))["metadata"]["uid"]},
                    {"controller", true}}});
  std::ofstream(file) << mirror;
  const std::vector<std::string> create = {"kubectl", "create", "--dry-run=server", "-f", file};
  std::vector<std::string> by_kubelet = create;
  by_kubelet.insert(by_kubelet.end(), {"--as=system:node:" + foreign, "--as-group=system:nodes"});
  const auto mirrored = RunCommand(by_kubelet);
  EXPECT_EQ(mirrored.code, 0) << mirrored.output;
  EXPECT_THAT(RunCommand(create).output, ::testing::HasSubstr("RP-101"));
}

// The taint is on nodes of no region: another's are kept off by the selector alone.
TEST_F(GateTest, TheTaintIsNotEnoughBesideAnotherRegion) {
  Declare("Warn", {{"hosting", {{"taintOutsideNodes", true}}}});
  Json plain = Pod();
  plain["spec"].erase("nodeSelector");
  const auto against = [&](const std::set<std::string>& rules) {
    return AwaitServer([&] { return RulesAgainst(api::kPods, plain) == rules; });
  };
  EXPECT_TRUE(against({}));
  const std::string other = region_ + "-b";
  Create(MakeRegion(other, id_, {Zone("b")}));
  made_regions_.push_back(other);
  ASSERT_TRUE(cluster().Await(api::kRegions, {"", other},
                              [](const Json& now) { return ConditionOf(now, "Ready").is_object(); }));
  EXPECT_TRUE(against({})) << "it has no node yet";
  MakeNodes({"b"});
  EXPECT_TRUE(against({"RP-103"}));
  ASSERT_TRUE(cluster().Delete(api::kRegions, {"", other}));
  EXPECT_TRUE(against({}));
}

TEST_F(GateTest, WhatSomebodyEditsOrDeletesIsBackWithinASecond) {
  std::map<std::string, std::vector<std::chrono::steady_clock::duration>> took;  // by kind and what was done
  const auto timed = [&](const std::string& what, const auto& await) {
    const auto begun = std::chrono::steady_clock::now();
    const bool done = await();
    took[what].push_back(std::chrono::steady_clock::now() - begun);
    return done;
  };
  constexpr int kRounds = 3;
  Declare("Enforce");
  struct Look {
    const kube::Resource& resource;
    std::string name;
  };
  const std::string placement = api::GateObjectName(region_, "placement");
  const kube::Resource events{"events.k8s.io", "v1", "events", "Event", true};
  const std::vector<Look> looks = {{api::kAdmissionPolicies, PolicyName()},
                                   {api::kAdmissionPolicyBindings, PolicyName()},
                                   {api::kPerimeterParameters, region_},
                                   {api::kMutatingPolicies, placement},
                                   {api::kMutatingPolicyBindings, placement}};
  for (int round = 0; round < kRounds; ++round) {
    for (const auto& [resource, name] : looks) {
      const std::string kind(resource.kind);
      const auto before = cluster().Get(resource, {"", name});
      ASSERT_TRUE(before) << before.error().ToString();
      const auto same = [&](const Json& now) { return now.is_object() && now["spec"] == (*before)["spec"]; };
      Json edit = {{"spec", {{"nodes", {{NodeName("foreign"), true}}}}}};
      // What is added to a policy would switch it off.
      if (resource.kind == api::kAdmissionPolicies.kind || resource.kind == api::kMutatingPolicies.kind)
        edit = {{"spec", {{"matchConditions", Json::array({{{"name", "never"}, {"expression", "false"}}})}}}};
      if (resource.kind == api::kAdmissionPolicyBindings.kind) edit = {{"spec", {{"validationActions", {"Audit"}}}}};
      if (resource.kind == api::kMutatingPolicyBindings.kind)  // which would then be of no namespace
        edit = {{"spec", {{"matchResources", {{"namespaceSelector", {{"matchLabels", {{"no", "namespace"}}}}}}}}}};
      ASSERT_TRUE(cluster().MergePatch(resource, {"", name}, edit)) << kind;
      EXPECT_TRUE(timed(kind + " was edited", [&] { return cluster().Await(resource, {"", name}, same).has_value(); }));
      ASSERT_TRUE(cluster().Delete(resource, {"", name}));
      EXPECT_TRUE(timed(kind + " was deleted", [&] {
        return cluster()
            .Await(resource, {"", name},
                   [&](const Json& now) { return same(now) && now["metadata"]["uid"] != (*before)["metadata"]["uid"]; })
            .has_value();
      }));
      if (round > 0) continue;  // of one kind, no more than 25 events in a row are told of one object
      for (const char* how : {" was changed by hand", " was deleted by hand"}) {
        const std::string note = fmt::format("{} {}{}", resource.kind, name, how);
        EXPECT_TRUE(cluster().AwaitList(events, "default", "", [&](const std::vector<Json>& all) {
          return std::ranges::any_of(all, [&](const Json& event) {
            return event.value("reason", "") == "PolicyRestored" && event["regarding"].value("name", "") == region_ &&
                   event.value("note", "").starts_with(note);
          });
        })) << note;
      }
    }
  }
  // The median of each, since others share the machine.
  EXPECT_EQ(took.size(), 10U);
  for (auto& [what, times] : took) {
    ASSERT_EQ(times.size(), kRounds) << what;
    std::ranges::sort(times);
    EXPECT_LT(times[kRounds / 2], std::chrono::seconds(1)) << what;
  }
}

TEST_F(GateTest, ExemptNamespacesAreLeftAlone) {
  const std::string exempt = ns_ + "-exempt";
  Create(MakeNamespace(exempt));
  Declare("Enforce", {{"exemptNamespaces", Json::array({exempt})}});
  ASSERT_TRUE(cluster().MergePatch(api::kNamespaces, {"", exempt},
                                   {{"metadata", {{"labels", {{"rempart.dev/region", region_}}}}}}));
  Json bad = Pod();
  bad["spec"]["nodeName"] = NodeName("foreign");
  bad["spec"]["containers"][0]["image"] = "docker.example/app";
  EXPECT_THAT(RulesAgainst(api::kPods, bad), ::testing::IsSupersetOf({"RP-101", "RP-301"}));
  bad["metadata"].erase("namespace");  // that of the request
  std::set<std::string> against;
  EXPECT_TRUE(AwaitServer([&] {  // the server's admission may see the namespace, or its account, a moment later
    against = RulesNamed(cluster().api().Create(api::kPods, exempt, bad.dump(), {}, "dryRun=All"));
    return against.empty();
  })) << ::testing::PrintToString(against);
  // Once the server has seen all of it, too.
  const std::string held = ns_ + "-held";
  Create(MakeNamespace(held, region_));
  EXPECT_TRUE(AwaitServer([&] {
    return RulesNamed(cluster().api().Create(api::kPods, held, bad.dump(), {}, "dryRun=All")).contains("RP-101");
  }));
  EXPECT_THAT(RulesNamed(cluster().api().Create(api::kPods, exempt, bad.dump(), {}, "dryRun=All")),
              ::testing::IsEmpty());
  EXPECT_TRUE(cluster().Delete(api::kNamespaces, {"", held}));
  EXPECT_TRUE(cluster().Delete(api::kNamespaces, {"", exempt}));
}

TEST_F(GateTest, FollowsTheRegion) {
  Declare("Enforce");
  ASSERT_TRUE(
      cluster().MergePatch(api::kRegions, {"", region_}, {{"spec", {{"network", nullptr}, {"enforcement", "Audit"}}}}));
  EXPECT_TRUE(cluster().Await(api::kAdmissionPolicies, {"", api::GateObjectName(region_, "services")},
                              [](const Json& now) { return now.is_null(); }))
      << "what the region no longer asks for goes";
  EXPECT_TRUE(cluster().Await(api::kAdmissionPolicyBindings, {"", PolicyName()}, [](const Json& now) {
    return now.is_object() && now["spec"]["validationActions"] == Json::array({"Audit"});
  }));
  Json bad = Pod();
  bad["spec"]["nodeName"] = NodeName("foreign");
  EXPECT_TRUE(AwaitServer([&] { return RulesAgainst(api::kPods, bad).empty(); })) << "let in, and without a word";
  // A node that is lost leaves the parameters.
  ASSERT_TRUE(cluster().MergePatch(api::kNodes, {"", NodeName("a")},
                                   {{"metadata", {{"labels", {{std::string(api::kTopologyZone), "elsewhere"}}}}}}));
  EXPECT_TRUE(cluster().Await(api::kPerimeterParameters, {"", region_},
                              [](const Json& now) { return now.is_object() && now["spec"]["nodes"].empty(); }));
}

// By way of a subresource, labels are written as well; and a node that is not the region's could say that it is.
TEST_F(GateTest, NoNodeOrNamespaceIsRelabelledBehindTheGate) {
  Declare("Enforce", {{"access", {{"nodeIdentity", {"user:cloud"}}}}});
  const auto relabel = [&](const kube::Resource& resource, const std::string& name, std::string_view label,
                           const std::string& value, const std::string& subresource) -> std::string {
    const Json patch = {{"metadata", {{"labels", {{std::string(label), value}}}}}};
    const auto reply = cluster().MergePatch(resource, {"", name}, patch, subresource);
    return reply ? "let in" : reply.error().message;
  };
  for (const char* by : {"", "status"}) {
    EXPECT_TRUE(AwaitServer([&] {
      return relabel(api::kNodes, NodeName("a"), api::kTopologyZone, Zone("b"), by).contains("RP-202");
    })) << by;
    EXPECT_THAT(relabel(api::kNodes, NodeName("foreign"), api::kTopologyZone, Zone("a"), by),
                ::testing::HasSubstr("RP-202"))
        << by;
    EXPECT_THAT(relabel(api::kNodes, NodeName("foreign"), api::kNodeRegionLabel, region_, by),
                ::testing::HasSubstr("RP-201"))
        << by;
    EXPECT_TRUE(AwaitServer([&] {
      return relabel(api::kNamespaces, ns_, rules::probe::kPodSecurityLevel, "privileged", by).contains("RP-705");
    })) << by;
  }
  EXPECT_EQ(relabel(api::kNodes, NodeName("foreign"), "team", "x", "status"), "let in");
}

// Until the operator has looked at it, which it may be away for.
TEST_F(GateTest, ANodeThatJoinsIsTaintedFromTheFirstMoment) {
  Declare("Enforce", {{"hosting", {{"taintOutsideNodes", true}}}});
  const auto taints_of = [&](const Json& taints) -> Json {
    Json node = MakeNode(NodeName("joins"), "de-fra", "de-fra-1", "");
    node["spec"]["taints"] = taints;
    const auto reply = cluster().api().Create(api::kNodes, "", node.dump(), {}, "dryRun=All");
    return reply ? Json::parse(reply->body)["spec"]["taints"] : Json(reply.error().message);
  };
  const Json ours = {{"key", "rempart.dev/outside"}, {"value", "true"}, {"effect", "NoSchedule"}},
             other = {{"key", "gpu"}, {"effect", "NoSchedule"}};
  const auto has_ours = [&](const Json& taints) {
    return taints.is_array() && std::ranges::find(taints, ours) != taints.end();
  };
  EXPECT_TRUE(AwaitServer([&] { return has_ours(taints_of(nullptr)); })) << taints_of(nullptr);
  const Json both = taints_of(Json::array({other}));
  EXPECT_TRUE(has_ours(both)) << both;
  EXPECT_EQ(both.size(), taints_of(nullptr).size() + 1) << both;
  EXPECT_EQ(taints_of(Json::array({ours})).size(), taints_of(nullptr).size()) << "once is enough";
}

// A StatefulSet's claims are made by a controller of the cluster, as whoever wrote the template wants them.
TEST_F(GateTest, AControllerMakesNoClaimThatSaysItIsBound) {
  Declare("Enforce");
  Json claim = rules::probe::Claim("local-fr");
  claim["metadata"] = {{"name", "data"}, {"annotations", {{std::string(rules::kBindCompleted), "yes"}}}};
  const Json set = {{"apiVersion", "apps/v1"},
                    {"kind", "StatefulSet"},
                    {"metadata", {{"name", "db"}, {"namespace", ns_}}},
                    {"spec",
                     {{"serviceName", "db"},
                      {"selector", {{"matchLabels", {{"app", "db"}}}}},
                      {"template", {{"metadata", {{"labels", {{"app", "db"}}}}}, {"spec", Pod()["spec"]}}},
                      {"volumeClaimTemplates", Json::array({claim})}}}};
  ASSERT_TRUE(cluster().Create(set));
  const kube::Resource events{"events.k8s.io", "v1", "events", "Event", true};
  EXPECT_TRUE(cluster().AwaitList(events, ns_, "", [&](const std::vector<Json>& all) {
    return std::ranges::any_of(all, [](const Json& event) { return event.value("note", "").contains("RP-405"); });
  })) << "the StatefulSet's own controller is refused";
  EXPECT_EQ(cluster().Get(rules::probe::kClaims, {ns_, "data-db-0"}).error().kind, ErrorKind::kNotFound);
}

// Kubernetes takes the class of a claim from the old annotation first.
TEST_F(GateTest, AClaimHasOneClass) {
  Declare("Enforce");
  Json claim = rules::probe::Claim("local-fr");
  claim["metadata"]["namespace"] = ns_;
  EXPECT_EQ(RulesAgainst(rules::probe::kClaims, claim), std::set<std::string>{});
  for (const char* other : {"nfs-dublin", ""}) {
    claim["metadata"]["annotations"][std::string(rules::kOldStorageClass)] = other;
    EXPECT_EQ(RulesAgainst(rules::probe::kClaims, claim), std::set<std::string>{"RP-401"}) << other;
  }
}

}  // namespace
}  // namespace rempart::test
