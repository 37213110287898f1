// The evaluator and the server must come to the same rules, too, where these ask who does it and what was there before:
// updates and deletions by people of every standing, each as a dry run in a region that warns, so that what the server
// made of the request comes back with what it says of it.
#include <gmock/gmock.h>

#include <map>
#include <random>

#include "operator/perimeter/rules/judge.h"
#include "operator/perimeter/rules/policies.h"
#include "operator/perimeter/rules/probe_objects.h"
#include "src/kube/label_selector.h"
#include "tests/cluster/gate_fixture.h"
#include "tests/cluster/generator.h"
#include "tests/support/shrink.h"

namespace rempart::test {
namespace {

using rules::Gate;
using Ids = std::set<std::string>;

constexpr kube::Resource kReviews{"authentication.k8s.io", "v1", "selfsubjectreviews", "SelfSubjectReview", false};

class RequestDifferentialTest : public GateTest {
 protected:
  struct Sender {
    std::string name;
    Cluster cluster;
    Json user_info;  // as the server has it
    explicit Sender(std::string of, const std::string& kubeconfig) : name(std::move(of)), cluster(kubeconfig) {
      const Json review = {{"apiVersion", kReviews.ApiVersion()}, {"kind", kReviews.kind}};
      const auto reply = cluster.api().Create(kReviews, "", review.dump(), {});
      EXPECT_TRUE(reply) << reply.error().ToString();
      if (reply) user_info = Json::parse(reply->body)["status"]["userInfo"];
    }
  };

  void SetUp() override {
    GateTest::SetUp();
    admins_ns_ = id_ + "-admins";
    outside_ = id_ + "-outside";
    for (const auto& ns : {admins_ns_, outside_}) Create(MakeNamespace(ns));
    for (const char* name : {"tenant", "cloud", "stepper"}) MakeSender(ns_, name);
    MakeSender(admins_ns_, "admin");
    senders_.push_back(std::make_unique<Sender>("system:masters", cluster().kubeconfig()));
    // RBAC lets it do little of what is asked here, but that is what some rules are about.
    senders_.push_back(std::make_unique<Sender>("the operator", Suite::Get().role_kubeconfig()));
  }
  void TearDown() override {
    for (const auto& binding : bindings_) RunCommand({"kubectl", "delete", "clusterrolebinding", binding});
    for (const auto& ns : {admins_ns_, outside_}) (void)cluster().Delete(api::kNamespaces, {"", ns});
    GateTest::TearDown();
  }
  void MakeSender(const std::string& ns, const std::string& name) {
    bindings_.push_back(id_ + "-" + name);
    Must({"kubectl", "create", "serviceaccount", name, "-n", ns});
    Must({"kubectl", "create", "clusterrolebinding", bindings_.back(), "--clusterrole=cluster-admin",
          "--serviceaccount=" + ns + ":" + name});
    senders_.push_back(std::make_unique<Sender>(name, KubeconfigOf(cluster(), ns, name)));
  }

  void Prepare() {
    Declare("Warn",
            {{"network",
              {{"egress", Json::array({{{"cidr", "10.0.0.0/8"}}})}, {"ingressClasses", Json::array({"nginx-fr"})}}},
             {"access",
              {{"admins", Json::array({"group:system:serviceaccounts:" + admins_ns_})},
               {"exec", Json::array({"user:system:serviceaccount:" + ns_ + ":stepper"})},
               {"nodeIdentity", Json::array({"user:system:serviceaccount:" + ns_ + ":cloud"})}}}});
    declared_ = Stored();
    context_ = rules::PolicyContext::Of(senders_.back()->user_info["username"]);
    table_ = rules::RulesOf(declared_, context_.rules);
    std::erase_if(table_, [](const auto& rule) { return rule.audit_only; });
    parameters_ = rules::ParametersOf(declared_, {NodeName("a")});
    namespaces_ = kube::LabelSelector::Of(rules::NamespaceSelectorOf(declared_, context_)).value();
  }

  struct Kind {
    std::string name;
    const kube::Resource& resource;
    std::vector<Gate> gates;
    std::vector<std::string> subresources;  // one of them is asked; "" for the object itself
    int count;
    std::vector<std::string> objects;          // that are there; created where `made` is not null
    std::function<Json()> make;                // one that is not there yet, by another name; may be empty
    std::function<void(Json& object)> change;  // what an update does to one
    bool deletes = false;
    std::set<std::string> must_see;  // rules that have to be violated by some
  };

  // Sends `count` requests, and compares.
  void Run(const Kind& kind) {
    SCOPED_TRACE(kind.name);
    int judged = 0, violating = 0, others = 0;
    std::map<std::string, int> seen, by_operation;
    for (int i = 0; i < kind.count && !HasFailure(); ++i) {
      Sender& sender = *senders_[random_() % senders_.size()];
      const auto wanted = Choose(kind);
      if (!wanted) continue;
      const auto asked = Send(kind, *wanted, sender);
      if (!asked) {
        ++others;
        continue;
      }
      ++judged;
      ++by_operation[wanted->operation];
      const Ids by_us = ByUs(kind, *asked);
      violating += !by_us.empty();
      for (const std::string& id : by_us) ++seen[id];
      if (by_us != asked->by_server) Explain(kind, *wanted, sender);
    }
    std::printf("%s: seed %llu, %d judged by both, %d of them violate a rule; %d were none to the server;",
                kind.name.c_str(), static_cast<unsigned long long>(seed_), judged, violating, others);
    for (const auto* counts : {&by_operation, &seen})
      for (const auto& [name, n] : *counts) std::printf(" %s %d", name.c_str(), n);
    std::printf("\n");
    std::fflush(stdout);
    if (HasFailure()) {
      ADD_FAILURE() << "again with REMPART_SEED=" << seed_;
      return;
    }
    all_judged_ += judged;
    EXPECT_GT(judged * 4, kind.count) << "too much of it is none to the server";
    EXPECT_LT(violating, judged);
    for (const std::string& id : kind.must_see) EXPECT_TRUE(seen.contains(id)) << id << " was never violated";
  }

  // Whether the server takes it.
  bool Make(const kube::Resource& resource, const Json& object) {
    return cluster().api().Create(resource, ns_, object.dump(), {}).has_value();
  }
  // So many that the server takes, by their names; fewer where it takes too few. `make` is told how many there are.
  std::vector<std::string> MakeSome(const kube::Resource& resource, std::size_t n,
                                    const std::function<Json(std::size_t)>& make) {
    std::vector<std::string> names;
    for (int tried = 0; names.size() < n && tried < 400; ++tried) {
      Json object = make(names.size());
      if (!object["metadata"].is_object()) continue;
      const std::string name = "before-" + std::to_string(tried);
      object["metadata"]["name"] = name;
      if (Make(resource, object)) names.push_back(name);
    }
    return names;
  }
  std::uint64_t Random(std::uint64_t below) { return random_() % below; }
  Json One(const std::vector<Json>& choices) { return choices[Random(choices.size())]; }
  // Sets, or takes away, some members of a map of texts.
  void ChangeSome(Json& map, const std::vector<std::string_view>& keys, const std::vector<Json>& values) {
    for (auto n = Random(3); n > 0; --n) {
      const std::string key(keys[Random(keys.size())]);
      const Json value = One(values);
      if (!map.is_object()) map = Json::object();
      if (value.is_null())
        map.erase(key);
      else
        map[key] = value;
    }
  }

  int all_judged_ = 0;               // by both
  std::string admins_ns_, outside_;  // namespaces
  const std::uint64_t seed_ = Generator::Seed();

 private:
  struct Asked {
    Json object, old_object;  // null for none
    Json request;
    Ids by_server;
  };

  // What one request is to do. `body`: the object of a creation, the JSON patch (RFC 6902) of an update.
  struct Wanted {
    std::string operation, subresource, name;
    Json body, old_object;  // null for none
  };

  std::optional<Wanted> Choose(const Kind& kind) {
    Wanted wanted;
    wanted.subresource = kind.subresources[Random(kind.subresources.size())];
    const bool of_itself = wanted.subresource.empty();
    if (kind.make && of_itself && Random(4) == 0) {
      wanted.operation = "CREATE";
      wanted.body = kind.make();
      wanted.name = wanted.body["metadata"]["name"];
      return wanted;
    }
    wanted.operation = kind.deletes && of_itself && Random(3) == 0 ? "DELETE" : "UPDATE";
    wanted.name = kind.objects[Random(kind.objects.size())];
    const auto now = cluster().Get(kind.resource, {kind.resource.namespaced ? ns_ : "", wanted.name});
    EXPECT_TRUE(now) << wanted.name << ": " << now.error().ToString();
    if (!now) return std::nullopt;
    wanted.old_object = *now;
    if (wanted.operation == "UPDATE") {
      Json changed = *now;
      kind.change(changed);
      wanted.body = Json::diff(*now, changed);
    }
    return wanted;
  }

  static kube::Api::Call CallOf(const Kind& kind, const Wanted& wanted, const std::string& ns) {
    const std::string at = kind.resource.namespaced ? ns : "";
    kube::Api::Call call = {.method = "DELETE", .doing = "ask"};
    if (wanted.operation == "CREATE") {
      call.method = "POST";
      call.target = kind.resource.Path(at);
      call.body = wanted.body.dump();
    } else {
      call.target = kind.resource.Path(at, wanted.name, wanted.subresource);
    }
    if (wanted.operation == "UPDATE") {
      // Refused where it is not the one any more that we have seen.
      Json patch = wanted.body;
      patch.insert(patch.begin(), Json{{"op", "test"},
                                       {"path", "/metadata/resourceVersion"},
                                       {"value", wanted.old_object.at("metadata").at("resourceVersion")}});
      call.method = "PATCH";
      call.content_type = "application/json-patch+json";
      call.body = patch.dump();
    }
    call.target += "?dryRun=All";
    return call;
  }

  // Sends one request; nothing where the server did not come to judge it, `is_tried` leaves unsaid why.
  std::optional<Asked> Send(const Kind& kind, const Wanted& wanted, Sender& sender, bool is_tried = false) {
    const auto call = CallOf(kind, wanted, ns_);
    const auto reply = sender.cluster.api().Do(call, {});
    if (!reply) {
      if (is_tried) return std::nullopt;
      // What is wrong with it, or that RBAC does not let the sender.
      const auto error = reply.error().kind;
      EXPECT_TRUE(error == ErrorKind::kInvalid || error == ErrorKind::kDenied || error == ErrorKind::kConflict)
          << sender.name << ": " << call.target << " " << call.body << "\n"
          << reply.error().ToString();
      EXPECT_EQ(reply.error().message.find("RP-"), std::string::npos) << reply.error().ToString();
      EXPECT_EQ(reply.error().message.find("resulted in error"), std::string::npos) << reply.error().ToString();
      return std::nullopt;
    }
    Asked asked{.object = nullptr,
                .old_object = wanted.old_object,
                .request = {{"operation", wanted.operation},
                            {"subResource", wanted.subresource},
                            {"name", wanted.name},
                            {"userInfo", sender.user_info}},
                .by_server = {}};
    if (wanted.operation != "DELETE") asked.object = Json::parse(reply->body);
    for (const std::string& warning : reply->warnings)  // other regions have things to say of nodes as well
      if (warning.find("'" + region_ + ".") != std::string::npos) Collect(warning, asked.by_server);
    return asked;
  }

  Ids ByUs(const Kind& kind, const Asked& asked) const {
    Ids ids;
    for (const Gate gate : kind.gates) {
      if (gate == Gate::kNamespace && !IsGoverned(asked.object) && !IsGoverned(asked.old_object)) continue;
      const auto* object = asked.object.is_null() ? nullptr : &asked.object;
      const auto* old_object = asked.old_object.is_null() ? nullptr : &asked.old_object;
      for (const auto& violation :
           rules::Judge(table_, declared_.rules.language, parameters_, {gate, object, old_object, &asked.request}))
        ids.insert(violation.rule);
    }
    return ids;
  }

  // Fails with the least of what is written over which both do not agree.
  void Explain(const Kind& kind, const Wanted& wanted, Sender& sender) {
    const auto with = [&](const Json& body) {
      Wanted less = wanted;
      less.body = body;
      return Send(kind, less, sender, true);
    };
    const Json least = Shrink(wanted.body, [&](const Json& less) {
      const auto asked = with(less);
      return asked && ByUs(kind, *asked) != asked->by_server;
    });
    const auto asked = with(least);
    ADD_FAILURE() << sender.name << ": " << wanted.operation << " " << wanted.name << " " << wanted.subresource << " "
                  << least << "\nwe say " << ::testing::PrintToString(asked ? ByUs(kind, *asked) : Ids())
                  << ", the server " << ::testing::PrintToString(asked ? asked->by_server : Ids())
                  << "\nbefore it was shrunk: " << wanted.body << "\nfrom " << wanted.old_object;
  }

  bool IsGoverned(const Json& ns) const {
    if (ns.is_null()) return false;
    kube::Labels labels;
    const Json given = ns["metadata"].value("labels", Json::object());
    for (const auto& [key, value] : given.items()) labels[key] = value.get<std::string>();
    return namespaces_.Matches(labels);
  }

  std::vector<std::string> bindings_;
  std::vector<std::unique_ptr<Sender>> senders_;
  std::mt19937_64 random_{seed_};
  api::SovereignRegion declared_;
  rules::PolicyContext context_;
  std::vector<rules::Rule> table_;
  Json parameters_;
  kube::LabelSelector namespaces_ = kube::LabelSelector::Of(Json::object()).value();
};

TEST_F(RequestDifferentialTest, WhoDoesItAndWhatWasBefore) {
  Prepare();
  Generator generator(seed_, region_, NodeName("a"), NodeName("foreign"));

  const std::vector<std::string_view> node_labels = {api::kNodeRegionLabel,
                                                     api::kNodeCountryLabel,
                                                     api::kNodeLostSinceLabel,
                                                     api::kNodeLostRegionLabel,
                                                     api::kTopologyRegion,
                                                     api::kTopologyZone,
                                                     api::kLegacyTopologyRegion,
                                                     api::kLegacyTopologyZone,
                                                     "rempart.node-restriction.kubernetes.io/x",
                                                     "rempart.node-restriction.kubernetes.io.example/x",
                                                     "disk"};
  const std::vector<Json> node_values = {region_, id_, Zone("a"), Zone("b"), "other", "", nullptr, nullptr};
  const auto change_node = [&](Json& node) {
    ChangeSome(node["metadata"]["labels"], node_labels, node_values);
    if (Random(4) == 0) node["spec"]["providerID"] = "kwok://" + One({"x", "y"}).get<std::string>();
    if (Random(4) == 0) node["spec"]["unschedulable"] = Random(2) == 0;
  };
  // Its provider id can be given once.
  Json bare = MakeNode(NodeName("bare"), id_, Zone("a"), "");
  bare["spec"].erase("providerID");
  Create(bare);
  Run({.name = "nodes",
       .resource = api::kNodes,
       .gates = {Gate::kNodes},
       .subresources = {"", "", "status"},
       .count = 1'500,
       .objects = {NodeName("a"), NodeName("foreign"), NodeName("bare")},
       .make =
           [&] {
             Json node = MakeNode(NodeName("new"), id_, Zone("a"), "kwok://new");
             change_node(node);
             return node;
           },
       .change = change_node,
       .must_see = {"RP-201", "RP-202"}});

  const auto change_namespace = [&](Json& ns) {
    Json& labels = ns["metadata"]["labels"];
    ChangeSome(labels, {"rempart.dev/region"}, {region_, "other", "", nullptr});
    ChangeSome(labels,
               {"pod-security.kubernetes.io/enforce", "pod-security.kubernetes.io/enforce-version",
                "pod-security.kubernetes.io/warn", "team"},
               {"restricted", "baseline", "privileged", "latest", "v1.30", "", nullptr});
  };
  Run({.name = "namespaces",
       .resource = api::kNamespaces,
       .gates = {Gate::kNamespace},
       .subresources = {"", "", "status"},
       .count = 1'200,
       .objects = {ns_, outside_},
       .make =
           [&] {
             Json ns = MakeNamespace(id_ + "-new", Random(2) == 0 ? region_ : "");
             change_namespace(ns);
             return ns;
           },
       .change = change_namespace,
       .must_see = {"RP-701", "RP-705"}});

  Run({.name = "sovereignregions",
       .resource = api::kRegions,
       .gates = {Gate::kRempart},
       .subresources = {"", "", "status"},
       .count = 400,
       .objects = {region_},
       .make = [&] { return MakeRegion(id_ + "-other", id_, {Zone("c")}); },
       .change =
           [&](Json& region) {
             region["spec"]["language"] = One({"en", "fr"});
           },
       .deletes = true,
       .must_see = {"RP-702"}});
  Run({.name = "perimeterparameters",
       .resource = api::kPerimeterParameters,
       .gates = {Gate::kRempart},
       .subresources = {""},
       .count = 300,
       .objects = {region_},
       .make =
           [&] {
             api::SovereignRegion other;
             other.meta.key.name = id_ + "-other";
             return rules::ParametersOf(other, {});
           },
       .change = [&](Json& parameters) { parameters["spec"]["nodes"][NodeName("foreign")] = true; },
       .deletes = true,
       .must_see = {"RP-702"}});

  // A region that only warns keeps none of that name.
  Json policy = rules::probe::NetworkPolicy();
  policy["metadata"] = {{"name", "web"}};
  const auto make_policy = [&] {
    Json made = generator.NetworkPolicy();
    made["metadata"]["name"] = One({std::string(api::kDefaultDenyName), "another"});
    return made;
  };
  ASSERT_TRUE(Make(api::kNetworkPolicies, policy));
  Run({.name = "networkpolicies",
       .resource = api::kNetworkPolicies,
       .gates = {Gate::kGuards, Gate::kPolicies},
       .subresources = {""},
       .count = 800,
       .objects = {"web"},
       .make = make_policy,
       .change =
           [&](Json& changed) {
             if (Random(2) == 0) changed["spec"] = generator.NetworkPolicy()["spec"];
             ChangeSome(changed["metadata"]["annotations"], {"note"}, {"x", nullptr});
           },
       .deletes = true,
       .must_see = {"RP-507", "RP-508"}});

  // Half of them bad ones now and then, of before the rules; without a node, so that nobody takes them away.
  const auto make_pod = [&](std::size_t made) {
    Json pod = made < 6 ? Pod() : generator.Pod(Pod());
    if (pod["spec"].is_object()) {
      pod["spec"].erase("nodeName");
      pod["spec"]["schedulerName"] = "nobody";
    }
    return pod;
  };
  const auto pods = MakeSome(api::kPods, 12, make_pod);
  ASSERT_EQ(pods.size(), 12u);
  Run({.name = "pods",
       .resource = api::kPods,
       .gates = {Gate::kPods},
       .subresources = {""},
       .count = 1'200,
       .objects = pods,
       .make = {},
       .change =
           [&](Json& pod) {
             const Json other = generator.Pod(Pod());
             ChangeSome(pod["metadata"]["annotations"], {"k8s.v1.cni.cncf.io/networks", "note"},
                        {"kube-system/storage", "x", "", nullptr});
             if (const Json::json_pointer image("/spec/containers/0/image"); Random(2) == 0 && other.contains(image))
               pod[image] = other[image];
             if (Random(3) == 0)
               pod["spec"]["tolerations"].push_back(One({{{"key", "rempart.dev/outside"}, {"operator", "Exists"}},
                                                         {{"operator", "Exists"}},
                                                         {{"key", "gpu"}, {"operator", "Exists"}}}));
           },
       .must_see = {"RP-104", "RP-301"}});
  Run({.name = "pods/ephemeralcontainers",
       .resource = api::kPods,
       .gates = {Gate::kPods},
       .subresources = {"ephemeralcontainers"},
       .count = 400,
       .objects = pods,
       .make = {},
       .change =
           [&](Json& pod) {
             pod["spec"]["ephemeralContainers"].push_back(
                 {{"name", "debug"},
                  {"image", One({"registry.sas.example/app@" + kDigest, "registry.sas.example/app", "busybox"})}});
           },
       .must_see = {"RP-704", "RP-302"}});

  struct Updated {
    std::string name;
    const kube::Resource& resource;
    Gate gate;
    std::function<Json()> generate;
    Ids must_see;  // of claims little can be changed
  };
  const std::vector<Updated> updated = {
      {"services", rules::probe::kServices, Gate::kServices, [&] { return generator.Service(); }, {"RP-502"}},
      {"endpointslices", rules::probe::kSlices, Gate::kEndpoints, [&] { return generator.Slice(); }, {"RP-505"}},
      {"ingresses", rules::probe::kIngresses, Gate::kIngresses, [&] { return generator.Ingress(); }, {"RP-510"}},
      {"persistentvolumeclaims", rules::probe::kClaims, Gate::kClaims, [&] { return generator.Claim(); }, {}},
  };
  for (const Updated& of : updated) {
    const auto objects = MakeSome(of.resource, 6, [&](std::size_t) { return of.generate(); });
    ASSERT_EQ(objects.size(), 6u) << of.name;
    Run({.name = of.name,
         .resource = of.resource,
         .gates = {of.gate},
         .subresources = {""},
         .count = 500,
         .objects = objects,
         .make = {},
         .change =
             [&](Json& object) {
               ChangeSome(object["metadata"]["labels"], {"team"}, {"x", nullptr});
               if (Random(6) == 0) return;
               const Json other = of.generate();
               if (Random(2) == 0 && other["metadata"].contains("annotations"))
                 object["metadata"]["annotations"] = other["metadata"]["annotations"];
               if (Random(4) == 0) return;
               for (const auto& [key, value] : other.items())
                 if (key != "metadata" && key != "addressType" && object.contains(key)) {
                   if (value.is_object())
                     object[key].merge_patch(value);
                   else
                     object[key] = value;
                 }
             },
         .must_see = of.must_see});
  }
  EXPECT_GE(all_judged_, 4'000);
}

}  // namespace
}  // namespace rempart::test
