// kubectl-rempart: a kubectl plugin. Names the real clock and network; what is printed is made in operator/cli.
#include <signal.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>
#include <random>

#include "operator/api/names.h"
#include "operator/cli/explain.h"
#include "operator/cli/rules.h"
#include "operator/main/attest_command.h"
#include "operator/main/check_command.h"
#include "operator/main/environment.h"
#include "operator/main/terminal.h"
#include "operator/main/version.h"
#include "src/base/metrics.h"
#include "src/kube/api.h"
#include "src/kube/decode.h"
#include "src/kube/kubeconfig.h"
#include "src/kube/read_file.h"

namespace {

using namespace rempart;

constexpr std::size_t kMaxAnswer = 64 * 1024 * 1024;
constexpr std::size_t kMaxStdin = 512 * 1024 * 1024;

// A way to the API server, and what it is made of.
class Cluster {
 public:
  Status Connect(const std::string& kubeconfig, const std::string& context) {
    const auto config = kube::LoadConfig({kubeconfig, context}, FromEnvironment);
    if (!config) return Fail(config.error());
    auto made = kube::MakeApi(*config, clock_, random_, metrics_, UserAgent("kubectl-rempart"));
    if (!made) return Fail(std::move(made.error()));
    api_ = std::move(*made);
    return {};
  }
  kube::Api& api() { return *api_; }

 private:
  SystemClock clock_;
  SeededRandom random_{std::random_device{}()};
  Metrics metrics_;
  std::unique_ptr<kube::Api> api_;
};

template <class T>
Result<std::vector<T>> ListAll(kube::Api& api, const kube::Resource& resource, Result<T> (*decode)(kube::View)) {
  kube::Api::Call call;
  call.method = "GET";
  call.target = resource.Path("", "");
  call.doing = "list " + std::string(resource.plural);
  auto reply = api.Do(call, {});
  if (!reply) return Fail(std::move(reply.error()));
  kube::Document document(kMaxAnswer);
  auto list = document.Parse(reply->body);
  if (!list) return Fail(std::move(list.error()).While(call.doing));
  std::vector<T> objects;
  std::optional<Error> failed;
  (*list)["items"].ForEachElement([&](kube::View item) {
    auto object = decode(item);
    if (object)
      objects.push_back(std::move(*object));
    else
      failed = std::move(object.error());
  });
  if (failed) return Fail(std::move(*failed).While(call.doing));
  return objects;
}

// Asked for only where a region names one: whoever may read regions need not have a right to profiles.
Result<std::vector<api::HostingProfile>> ListProfiles(kube::Api& api,
                                                      const std::vector<api::SovereignRegion>& regions) {
  if (std::ranges::all_of(regions, [](const auto& region) { return region.profile.empty(); }))
    return std::vector<api::HostingProfile>();
  return ListAll(api, api::kProfiles, api::DecodeHostingProfile);
}

template <class T>
Result<T> GetOne(kube::Api& api, const kube::Resource& resource, const std::string& name,
                 Result<T> (*decode)(kube::View)) {
  auto reply = api.Get(resource, {"", name}, {});
  if (!reply) return Fail(std::move(reply.error()));
  kube::Document document;
  auto object = document.Parse(reply->body);
  if (!object) return Fail(std::move(object.error()));
  auto decoded = decode(*object);
  if (!decoded) return Fail(std::move(decoded.error()).While(std::string(resource.plural) + " " + name));
  return decoded;
}

// Asked for only where a region takes somebody's word.
Result<std::vector<api::NodeAttestation>> ListAttestations(kube::Api& api, const std::string& node,
                                                           const std::vector<api::SovereignRegion>& regions) {
  if (std::ranges::all_of(regions, [](const auto& region) { return region.attestation.authorities.empty(); }))
    return std::vector<api::NodeAttestation>();
  auto all = ListAll(api, api::kAttestations, api::DecodeNodeAttestation);
  if (all) std::erase_if(*all, [&](const auto& attestation) { return attestation.node != node; });
  return all;
}

Result<AttestSubject> SubjectOf(kube::Api& api, const std::string& node, const std::string& name) {
  auto found = GetOne(api, api::kNodes, node, api::DecodeNode);
  if (!found) return Fail(std::move(found.error()));
  auto existing = GetOne(api, api::kAttestations, name, api::DecodeNodeAttestation);
  if (!existing && existing.error().kind != ErrorKind::kNotFound) return Fail(std::move(existing.error()));
  auto regions = ListAll(api, api::kRegions, api::DecodeSovereignRegion);
  if (!regions) return Fail(std::move(regions.error()));
  AttestSubject subject{std::move(*found), std::nullopt, std::move(*regions)};
  if (existing) subject.existing = std::move(*existing);
  return subject;
}

// In the place of what was looked at, and of nothing that somebody wrote since: two who sign at once both count.
Status ApplyAttestation(kube::Api& api, const Json& manifest, const std::optional<api::NodeAttestation>& existing) {
  constexpr std::string_view kManager = "fieldManager=kubectl-rempart";
  if (!existing) {
    auto made = api.Create(api::kAttestations, "", manifest.dump(), {}, kManager);
    return made ? Status() : Fail(std::move(made.error()));
  }
  const Json patch = {{"metadata", {{"resourceVersion", std::to_string(existing->meta.resource_version)}}},
                      {"spec", {{"envelope", manifest["spec"]["envelope"]}}}};
  auto done =
      api.Patch(api::kAttestations, existing->meta.key, kube::PatchType::kMerge, patch.dump(), false, {}, {}, kManager);
  return done ? Status() : Fail(std::move(done.error()));
}

Result<crypto::Secret> AskNewPassphrase() {
  auto first = AskSecret("Passphrase for the new key: ");
  if (!first) return first;
  const auto second = AskSecret("The same again: ");
  if (!second) return Fail(Error(second.error()));
  if (first->view() != second->view()) return Fail(Error::Invalid("the two are not the same: nothing was written"));
  return first;
}

int Print(const CommandResult& result) {
  std::fputs(result.output.c_str(), stdout);
  std::fputs(result.error.c_str(), stderr);
  // What did not arrive whole (a full disk) must not pass for done.
  return std::fflush(stdout) == 0 ? result.exit_code : 2;
}

int RunKeygen(const KeygenArguments& arguments) {
  KeygenWorld world;
  world.new_passphrase = AskNewPassphrase;
  world.write_to_stdout = [](const crypto::Secret& secret) -> Status {
    std::setvbuf(stdout, nullptr, _IONBF, 0);  // no copy stays in a buffer
    const std::string_view text = secret.view();
    return std::fwrite(text.data(), 1, text.size(), stdout) == text.size()
               ? Status()
               : Fail(Error::Transient("write the private key to standard output"));
  };
  return Print(Keygen(arguments, world));
}

Result<std::string> ExplainNode(kube::Api& api, const std::string& name, WallTime now) {
  auto node = GetOne(api, api::kNodes, name, api::DecodeNode);
  if (!node) return Fail(std::move(node.error()));
  auto regions = ListAll(api, api::kRegions, api::DecodeSovereignRegion);
  if (!regions) return Fail(std::move(regions.error()));
  auto profiles = ListProfiles(api, *regions);
  if (!profiles) return Fail(std::move(profiles.error()));
  auto attestations = ListAttestations(api, name, *regions);
  if (!attestations) return Fail(std::move(attestations.error()));
  return cli::ExplainNode(*node, {std::move(*regions), std::move(*profiles), std::move(*attestations)}, now);
}

Result<std::string> PrintPolicies(kube::Api& api, const std::string& operator_user) {
  auto regions = ListAll(api, api::kRegions, api::DecodeSovereignRegion);
  if (!regions) return Fail(std::move(regions.error()));
  return cli::PrintPolicies(*regions, rules::PolicyContext::Of(operator_user));
}

Result<api::SovereignRegion> OnlyRegion(kube::Api& api) {
  auto regions = ListAll(api, api::kRegions, api::DecodeSovereignRegion);
  if (!regions) return Fail(std::move(regions.error()));
  if (regions->size() == 1) return std::move(regions->front());
  return Fail(Error::Invalid(regions->empty() ? "the cluster has no SovereignRegion: give one with --region FILE"
                                              : "the cluster has more than one SovereignRegion: give the one to judge "
                                                "by with --region FILE"));
}

int Complain(const Error& error) {
  std::fprintf(stderr, "error: %s\n", error.ToString().c_str());
  return 1;
}

}  // namespace

int main(int argc, char** argv) {
  signal(SIGPIPE, SIG_IGN);
  std::string kubeconfig, context, node, rule;
  std::string operator_user = "system:serviceaccount:rempart-system:rempart";
  CheckArguments check_arguments;
  KeygenArguments keygen_arguments;
  AttestArguments attest_arguments;
  CLI::App app("Looks at the sovereign regions of a cluster, judges manifests by them, attests nodes.",
               "kubectl rempart");
  app.set_version_flag("--version", "kubectl-rempart " + VersionText());
  app.require_subcommand(1);
  app.fallthrough();
  app.add_option("--kubeconfig", kubeconfig, "Path of a kubeconfig, as kubectl has it");
  app.add_option("--context", context, "Context of the kubeconfig; default its current one");
  auto* explain = app.add_subcommand("explain", "Says how the operator comes to a verdict");
  explain->require_subcommand(1);
  auto* explain_node = explain->add_subcommand("node", "Each source of a node's location, and each region's verdict");
  explain_node->add_option("NAME", node, "The node")->required();
  auto* explain_rule =
      explain->add_subcommand("rule", "What a rule asks, why, and the expression that the server evaluates");
  explain_rule->add_option("ID", rule, "The rule, like RP-301")->required();
  auto* policies =
      app.add_subcommand("policies", "The admission policies that the operator keeps for the cluster's regions");
  policies->add_option("--operator", operator_user, "The operator's user name")->capture_default_str();
  const auto* check = AddCheckCommand(app, check_arguments);
  const auto* keygen = AddKeygenCommand(app, keygen_arguments);
  const auto* attest = AddAttestCommand(app, attest_arguments);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }

  if (keygen->parsed()) return RunKeygen(keygen_arguments);
  Cluster cluster;
  if (attest->parsed()) {
    AttestWorld world;
    world.now = SystemClock().Now();
    world.passphrase = [] { return AskSecret("Passphrase of the key: "); };
    world.subject = [&](const std::string& about, const std::string& name) -> Result<AttestSubject> {
      if (auto connected = cluster.Connect(kubeconfig, context); !connected) return Fail(std::move(connected.error()));
      return SubjectOf(cluster.api(), about, name);
    };
    world.apply = [&](const Json& manifest, const std::optional<api::NodeAttestation>& existing) {
      return ApplyAttestation(cluster.api(), manifest, existing);
    };
    return Print(Attest(attest_arguments, world));
  }
  if (check->parsed()) {
    CheckWorld world;
    world.read_stdin = [] { return kube::ReadDescriptor(STDIN_FILENO, "standard input", kMaxStdin); };
    world.cluster_region = [&]() -> Result<api::SovereignRegion> {
      if (auto connected = cluster.Connect(kubeconfig, context); !connected) return Fail(std::move(connected.error()));
      return OnlyRegion(cluster.api());
    };
    world.make_judge = cli::JudgeBy;
    world.rules = cli::RuleTexts();
    world.version = VersionText();
    return Print(Check(check_arguments, world));
  }
  Result<std::string> text;
  if (explain_rule->parsed()) {
    text = cli::ExplainRule(rule);
  } else if (const auto connected = cluster.Connect(kubeconfig, context); !connected) {
    return Complain(connected.error());
  } else if (policies->parsed()) {
    text = PrintPolicies(cluster.api(), operator_user);
  } else {
    text = ExplainNode(cluster.api(), node, SystemClock().Now());
  }
  if (!text) return Complain(text.error());
  std::fputs(text->c_str(), stdout);
  return 0;
}
