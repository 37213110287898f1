// The evaluator and the server must come to the same rules for whatever a generator that knows their edges thinks of.
#include <gmock/gmock.h>

#include <atomic>
#include <cstdlib>
#include <map>
#include <mutex>
#include <random>
#include <thread>

#include "operator/cli/rules.h"
#include "operator/perimeter/rules/judge.h"
#include "operator/perimeter/rules/policies.h"
#include "operator/perimeter/rules/probe_objects.h"
#include "src/kube/pod_defaults.h"
#include "tests/cluster/gate_fixture.h"
#include "tests/cluster/generator.h"
#include "tests/support/shrink.h"

namespace rempart::test {
namespace {

using rules::Gate;
constexpr kube::Resource kBindings{"", "v1", "bindings", "Binding", true};

// How many of `usual`: $REMPART_DIFFERENTIAL asks for another number of pods, and for as many more of the rest.
int Count(int usual) {
  const char* wanted = std::getenv("REMPART_DIFFERENTIAL");
  return wanted != nullptr ? static_cast<int>(std::atol(wanted) * usual / 21'000) : usual;
}

struct Kind {
  std::string name;
  Gate gate;
  const kube::Resource& resource;
  std::string subresource;
  int count;
  std::function<Json(Generator&)> make;
};

class DifferentialTest : public GateTest {
 protected:
  void Prepare(const std::string& enforcement, const Json& more = Json::object()) {
    Declare(enforcement, more);
    declared_ = Stored();
    enforces_ = declared_.rules.enforcement == api::RegionRules::Enforcement::kEnforce;
    table_ = rules::RulesOf(declared_, {});
    std::erase_if(table_, [](const auto& rule) { return rule.audit_only; });  // the server has none of these
    parameters_ = rules::ParametersOf(declared_, {NodeName("a")});
  }

  struct Verdicts {
    bool valid = true;  // what is no such object to the server never comes to be
    bool agree = true;
    bool unnamed = false;  // refused by the server, which named no rule
    std::set<std::string> by_server, by_us;
    std::string text;  // what the server said
  };
  Verdicts Compare(const Kind& kind, const Json& object) {
    Verdicts verdicts;
    const auto reply = DryRun(kind.resource, object, kind.subresource);
    verdicts.text = reply ? ::testing::PrintToString(reply->warnings) : reply.error().ToString();
    // A gate that enforces refuses what it cannot read, and names no rule then.
    const bool unread = !reply && reply.error().message.contains("resulted in error: ");
    if (!reply && !(enforces_ && (unread || reply.error().kind == ErrorKind::kDenied))) {
      verdicts.valid = false;
      // What is wrong with a binding is told as an error of the server's own.
      const bool of_binding =
          kind.gate == Gate::kBindings && reply.error().http_status == 500 && reply.error().message.contains("target.");
      verdicts.agree = reply.error().kind == ErrorKind::kInvalid || of_binding;
      return verdicts;
    }
    if (!reply) Collect(reply.error().message, verdicts.by_server);
    if (reply)
      for (const std::string& warning : reply->warnings) Collect(warning, verdicts.by_server);
    Json defaulted = object;
    if (kind.gate == Gate::kPods) kube::DefaultVolumes(defaulted);
    if (command_line_) {
      for (const auto& violation : command_line_(defaulted).value_or(std::vector<cli::Violation>{}))
        verdicts.by_us.insert(violation.rule);
    } else {
      for (const auto& violation : rules::Judge(table_, declared_.rules.language, parameters_, {kind.gate, &defaulted}))
        verdicts.by_us.insert(violation.rule);
    }
    verdicts.unnamed = enforces_ && !reply && !verdicts.by_us.empty() && verdicts.by_server.empty();
    verdicts.agree = verdicts.unnamed || (verdicts.by_us == verdicts.by_server && !unread);
    return verdicts;
  }

  void Run(const Kind& kind) {
    SCOPED_TRACE(kind.name);
    const std::uint64_t seed = Generator::Seed();
    std::atomic<int> judged{0}, invalid{0}, violating{0}, unnamed{0};
    std::atomic<bool> failed{false};
    std::mutex mutex;
    std::map<std::string, int> named;  // by the server (and so by us), how often each rule
    const auto part = [&](std::uint64_t part_seed, int n) {
      Generator generator(part_seed, region_, NodeName("a"), NodeName("foreign"));
      for (int i = 0; i < n && !failed; ++i) {
        const Json object = kind.make(generator);
        const Verdicts verdicts = Compare(kind, object);
        if (!verdicts.agree) {
          if (failed.exchange(true)) return;
          Explain(kind, object);
          return;
        }
        if (!verdicts.valid) {
          ++invalid;
          continue;
        }
        ++judged;
        violating += !verdicts.by_us.empty();
        unnamed += verdicts.unnamed;
        std::scoped_lock lock(mutex);
        for (const std::string& rule : verdicts.by_server) ++named[rule];
      }
    };
    {
      std::vector<std::jthread> threads;
      constexpr int kThreads = 4;
      for (int k = 0; k < kThreads; ++k)
        threads.emplace_back(part, seed + static_cast<std::uint64_t>(k), kind.count / kThreads);
    }
    std::printf(
        "%s: seed %llu, %d judged by both, %d of them violate a rule (%d that the server did not name); %d were none "
        "to the server;",
        kind.name.c_str(), static_cast<unsigned long long>(seed), judged.load(), violating.load(), unnamed.load(),
        invalid.load());
    for (const auto& [rule, n] : named) std::printf(" %s %d", rule.c_str(), n);
    std::printf("\n");
    std::fflush(stdout);
    if (failed) {
      ADD_FAILURE() << "again with REMPART_SEED=" << seed;
      return;
    }
    all_judged_ += judged;
    EXPECT_GT(judged * 4, kind.count) << "the generator makes too much that is none to the server";
    EXPECT_GT(violating * 10, judged);
    EXPECT_LT(violating, judged);
    EXPECT_GT((violating - unnamed) * 4, violating) << "of too many it is not known that the rules are the same";
    for (const auto& rule : table_)
      EXPECT_TRUE(rule.gate != kind.gate || rule.needs_request || !Concerns(rule, kind) || kind.count < 400 ||
                  named.contains(rule.id))
          << rule.id << " was never named";
  }

 protected:
  // From here on it is `kubectl rempart check` that judges, which knows that the server adds what is missing.
  void JudgeByCommandLine() {
    auto judge = cli::JudgeBy(declared_, {.mutates = true, .nodes = {NodeName("a")}});
    ASSERT_TRUE(judge) << judge.error().ToString();
    command_line_ = *std::move(judge);
  }

  int all_judged_ = 0;  // by both

 private:
  // Two kinds share the gates of endpoints, stores and network policies, each with a rule of its own.
  static bool Concerns(const rules::Rule& rule, const Kind& kind) {
    static const std::map<std::string, std::string> of = {
        {"RP-505", "endpointslices"},  {"RP-506", "endpoints"},    {"RP-508", "networkpolicies"},
        {"RP-509", "networksets"},     {"RP-601", "secretstores"}, {"RP-602", "externalsecrets"},
        {"RP-605", "externalsecrets"}, {"RP-606", "pushsecrets"},  {"RP-608", "secretstores"}};
    const auto found = of.find(rule.id);
    return found == of.end() || found->second == kind.name;
  }
  void Explain(const Kind& kind, const Json& object) {
    const Json least = Shrink(object, [&](const Json& less) { return !Compare(kind, less).agree; });
    const Verdicts verdicts = Compare(kind, least);
    ADD_FAILURE() << least.dump() << "\nwe say " << ::testing::PrintToString(verdicts.by_us) << ", the server "
                  << ::testing::PrintToString(verdicts.by_server) << ": " << verdicts.text
                  << "\nbefore it was shrunk: " << object.dump();
  }

  api::SovereignRegion declared_;
  bool enforces_ = false;
  std::vector<rules::Rule> table_;
  Json parameters_;
  cli::Judge command_line_;
};

TEST_F(DifferentialTest, EvaluatorAndServerAgree) {
  Prepare("Warn",
          {{"network",
            {{"ranges", {"10.0.0.0/8", "fd00::/8"}},
             {"loadBalancerAnnotations", Json::array({"service.beta.kubernetes.io/ours"})},
             {"ingressClasses", Json::array({"nginx-fr"})},
             {"ingressAnnotations", Json::array({"nginx.ingress.kubernetes.io/auth-url"})},
             {"podNetworks", Json::array({"kube-system/storage"})},
             {"egress", Json::array({{{"cidr", "10.0.0.0/8"}}})}}},
           {"storage",
            {{"provisioners", Json::array({"csi.example"})}, {"inlineDrivers", Json::array({"certificates.example"})}}},
           {"keys", {{"allowedKeys", Json::array({"key-fr"})}}}});
  // Some ten thousand of them are pods to the server.
  Run({"pods", Gate::kPods, api::kPods, "", Count(21'000), [&](Generator& g) { return g.Pod(Pod()); }});
  Run({"services", Gate::kServices, rules::probe::kServices, "", Count(1'200), [](auto& g) { return g.Service(); }});
  Run({"persistentvolumeclaims", Gate::kClaims, rules::probe::kClaims, "", Count(800),
       [](auto& g) { return g.Claim(); }});
  Run({"endpointslices", Gate::kEndpoints, rules::probe::kSlices, "", Count(1'200), [](auto& g) { return g.Slice(); }});
  Run({"endpoints", Gate::kEndpoints, rules::probe::kEndpoints, "", Count(1'200),
       [](auto& g) { return g.Endpoints(); }});
  Run({"networkpolicies", Gate::kPolicies, api::kNetworkPolicies, "", Count(1'200),
       [](auto& g) { return g.NetworkPolicy(); }});
  Run({"ingresses", Gate::kIngresses, rules::probe::kIngresses, "", Count(800), [](auto& g) { return g.Ingress(); }});
  Run({"storageclasses", Gate::kClasses, rules::probe::kStorageClasses, "", Count(800),
       [](auto& g) { return g.StorageClass(); }});
  Run({"persistentvolumes", Gate::kVolumes, rules::probe::kVolumes, "", Count(800),
       [](auto& g) { return g.Volume(); }});
  Json pod = Pod();
  pod["spec"]["schedulerName"] = "nobody";  // stays without a node
  Create(pod);
  Run({"pods/binding", Gate::kBindings, api::kPods, "binding", Count(600), [](auto& g) { return g.Binding(); }});
  Run({"bindings", Gate::kBindings, kBindings, "", Count(600), [](auto& g) { return g.Binding(); }});
  EXPECT_GE(all_judged_, Count(10'000));
}

// Kinds without a schema that would keep wrong types out. Only a gate that enforces refuses what it cannot read.
TEST_F(DifferentialTest, EvaluatorAndServerAgreeOnWhatHasNoSchema) {
  ServeOthersKinds();
  Prepare("Enforce", {{"keys",
                       {{"allowedStores", {"vault-fr"}},
                        {"providers", Json::array({{{"name", "vault"}, {"addresses", {"https://vault.example"}}},
                                                   {{"name", "kubernetes"}, {"addresses", {"https://10.0.0.1"}}},
                                                   {{"name", "fake"}}})}}},
                      {"storage", {{"snapshotClasses", Json::array({"local-fr"})}}},
                      {"network",
                       {{"gatewayClasses", Json::array({"envoy-fr"})},
                        {"loadBalancerAnnotations", Json::array({"service.beta.kubernetes.io/ours"})},
                        {"egress", Json::array({{{"cidr", "10.0.0.0/8"}}})}}}});
  ASSERT_TRUE(AwaitServer([&] {
    Json store = rules::probe::SecretStore("vault-us");
    return RulesAgainst(rules::probe::kStores, store) == std::set<std::string>{"RP-601"};
  }));
  Run({"secretstores", Gate::kStores, rules::probe::kStores, "", Count(400), [](auto& g) { return g.SecretStore(); }});
  Run({"clustersecretstores", Gate::kClusterStores, rules::probe::kClusterStores, "", Count(400),
       [](auto& g) { return g.ClusterSecretStore(); }});
  Run({"externalsecrets", Gate::kStores, rules::probe::kExternalSecrets, "", Count(1'200),
       [](auto& g) { return g.ExternalSecret(); }});
  Run({"pushsecrets", Gate::kStores, rules::probe::kPushSecrets, "", Count(400),
       [](auto& g) { return g.PushSecret(); }});
  Run({"volumesnapshots", Gate::kSnapshots, rules::probe::kSnapshots, "", Count(400),
       [](auto& g) { return g.Snapshot(); }});
  Run({"gateways", Gate::kGateways, rules::probe::kGateways, "", Count(800), [](auto& g) { return g.Gateway(); }});
  Run({"httproutes", Gate::kRoutes, rules::probe::kHttpRoutes, "", Count(800), [](auto& g) { return g.Route(); }});
  Run({"networksets", Gate::kPolicies, rules::probe::kNetworkSets, "", Count(400),
       [](auto& g) { return g.NetworkSet(); }});
}

// Where the region enforces, the server gives a pod the region's selector before it is judged: what the command line
// says of a manifest must be what becomes of it.
TEST_F(DifferentialTest, CommandLineAndServerAgreeWhereItMendsPods) {
  Prepare("Enforce",
          {{"podSecurity", "Unmanaged"}, {"network", {{"egress", Json::array({{{"cidr", "10.0.0.0/8"}}})}}}});
  JudgeByCommandLine();
  Json without = Pod();
  without["spec"].erase("nodeSelector");
  ASSERT_TRUE(AwaitServer([&] { return RulesAgainst(api::kPods, without).empty(); })) << "the server does not mend";
  Run({"pods", Gate::kPods, api::kPods, "", Count(4'000), [&](Generator& g) { return g.Pod(Pod()); }});
}

TEST(Shrink, KeepsWhatMatters) {
  const Json object = Json::parse(R"({"a":[1,{"b":[5,6,7],"c":2},3],"d":{"e":{"f":4}},"g":"h"})");
  const auto has_six = [](const Json& less) { return less.dump().find('6') != std::string::npos; };
  EXPECT_EQ(Shrink(object, has_six).dump(), R"({"a":[{"b":[6]}]})");
  EXPECT_EQ(Shrink(object, has_six, 0), object);
  EXPECT_EQ(Shrink(object, [](const Json&) { return true; }), Json::object());
}

}  // namespace
}  // namespace rempart::test
