// kubectl-rempart: a kubectl plugin. Names the real clock and network; what is printed is made in operator/cli.
#include <signal.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <string_view>

#include "operator/api/names.h"
#include "operator/cli/explain.h"
#include "operator/cli/rules.h"
#include "operator/main/attest_command.h"
#include "operator/main/check_command.h"
#include "operator/main/cluster_access.h"
#include "operator/main/completion.h"
#include "operator/main/help.h"
#include "operator/main/policies_command.h"
#include "operator/main/status_command.h"
#include "operator/main/terminal.h"
#include "operator/main/version.h"
#include "src/kube/api.h"
#include "src/kube/discovery.h"
#include "src/kube/read_file.h"

namespace {

using namespace rempart;

constexpr std::size_t kMaxStdin = 512 * 1024 * 1024;
constexpr unsigned kCompletionSeconds = 3;

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
  auto node = GetNode(api, name);
  if (!node) return Fail(std::move(node.error()));
  auto regions = ListRegions(api);
  if (!regions) return Fail(std::move(regions.error()));
  auto profiles = ListProfiles(api, *regions);
  if (!profiles) return Fail(std::move(profiles.error()));
  auto attestations = ListAttestations(api, name, *regions);
  if (!attestations) return Fail(std::move(attestations.error()));
  return cli::ExplainNode(*node, {std::move(*regions), std::move(*profiles), std::move(*attestations)}, now);
}

// As wide as the terminal, within reason; what goes elsewhere is the same every time.
std::size_t Columns() {
  constexpr std::size_t kNarrow = 80, kUsual = 100, kWide = 120;
  winsize size{};
  if (isatty(STDOUT_FILENO) == 0 || ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return kUsual;
  return std::clamp<std::size_t>(size.ws_col, kNarrow, kWide);
}

// The words that are completed are those behind "__complete".
int RunCompletion(const CLI::App& app, const std::vector<std::string>& words) {
  alarm(
      kCompletionSeconds);  // a plugin for credentials, a server far away: better no candidates than a shell that hangs
  const auto of = [](const kube::Resource& resource) {
    return [&resource](const std::string& kubeconfig, const std::string& context) -> std::vector<std::string> {
      Cluster cluster;
      if (!cluster.Connect(kubeconfig, context)) return {};
      return NamesOf(cluster.api(), resource);
    };
  };
  CompletionNames names{.regions = of(api::kRegions), .nodes = of(api::kNodes), .rules = {}};
  for (const auto& rule : cli::RuleTexts()) names.rules.push_back(rule.id);
  return Print({Complete(app, words, names), "", 0});
}

// As `status` and `check`: what cannot be told is 2.
int Complain(const Error& error) {
  std::fprintf(stderr, "error: %s\n", error.message.c_str());
  return 2;
}

}  // namespace

int main(int argc, char** argv) {
  signal(SIGPIPE, SIG_IGN);
  std::string kubeconfig, context, node, rule, shell, ns;
  bool all_namespaces = false;
  PoliciesArguments policies_arguments;
  CheckArguments check_arguments;
  KeygenArguments keygen_arguments;
  AttestArguments attest_arguments;
  StatusArguments status_arguments;
  CLI::App app("Looks at the sovereign regions of a cluster, judges manifests by them, attests nodes.",
               "kubectl rempart");
  app.set_version_flag("--version", "kubectl-rempart " + VersionText());
  app.require_subcommand(1);
  app.fallthrough();
  app.add_option("--kubeconfig", kubeconfig, "Path of a kubeconfig, as kubectl has it");
  app.add_option("--context", context, "Context of the kubeconfig; default its current one");
  // As kubectl has them on every command; `check` has a -n of its own, and nothing else here is in a namespace.
  app.add_option("-n,--namespace", ns, "Means something to `check` alone: all else is in no namespace");
  app.add_flag("-A,--all-namespaces", all_namespaces, "Means nothing: regions see all namespaces");
  auto* explain = app.add_subcommand("explain", "Says how the operator comes to a verdict");
  explain->require_subcommand(1);
  auto* explain_node = explain->add_subcommand("node", "Each source of a node's location, and each region's verdict");
  explain_node->add_option("NAME", node, "The node")->required();
  auto* explain_rule =
      explain->add_subcommand("rule", "What a rule asks, why, and the expression that the server evaluates");
  explain_rule->add_option("ID", rule, "The rule, like RP-301")->required();
  const auto* policies = AddPoliciesCommand(app, policies_arguments);
  const auto* status = AddStatusCommand(app, status_arguments);
  const auto* check = AddCheckCommand(app, check_arguments);
  const auto* keygen = AddKeygenCommand(app, keygen_arguments);
  const auto* attest = AddAttestCommand(app, attest_arguments);
  const auto* completion = AddCompletionCommand(app, shell);
  if (argc > 1 && std::string_view(argv[1]) == "__complete") return RunCompletion(app, {argv + 2, argv + argc});
  if (const auto help = HelpFor(app, {argv + std::min(argc, 1), argv + argc})) return Print(*help);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }

  if (keygen->parsed()) return RunKeygen(keygen_arguments);
  if (completion->parsed()) return Print({CompletionScript(shell), "", 0});
  Cluster cluster;
  if (status->parsed()) {
    StatusWorld world;
    world.regions = [&](const std::string& name) -> Result<RegionObjects> {
      if (auto connected = cluster.Connect(kubeconfig, context); !connected) return Fail(std::move(connected.error()));
      return ReadRegionObjects(cluster.api(), name);
    };
    world.rules = cli::RuleTexts();
    world.width = Columns();
    world.now = SystemClock().Now();
    return Print(ShowStatus(status_arguments, world));
  }
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
    if (check_arguments.ns.empty()) check_arguments.ns = ns;  // -n before the subcommand
    CheckWorld world;
    world.read_stdin = [] { return kube::ReadDescriptor(STDIN_FILENO, "standard input", kMaxStdin); };
    world.cluster = [&]() -> Result<cli::ClusterView> {
      if (auto connected = cluster.Connect(kubeconfig, context); !connected) return Fail(std::move(connected.error()));
      return ViewCluster(cluster);
    };
    world.context = rules::PolicyContext::Of(kUsualOperator);
    world.make_judge = cli::JudgeBy;
    world.rules = cli::RuleTexts;
    world.version = VersionText();
    return Print(Check(check_arguments, world));
  }
  if (policies->parsed()) {
    PoliciesWorld world;
    world.regions = [&]() -> Result<std::vector<api::SovereignRegion>> {
      if (auto connected = cluster.Connect(kubeconfig, context); !connected) return Fail(std::move(connected.error()));
      return ListRegions(cluster.api());
    };
    world.nodes = [&](const std::vector<api::SovereignRegion>& regions) {
      return ReadQualifiedNodes(cluster.api(), regions);
    };
    world.profiles = [&](const std::vector<api::SovereignRegion>& regions) {
      return ProfilesAtHand(cluster.api(), regions);
    };
    world.mutates = [&]() -> Result<bool> { return kube::IsServed(cluster.api(), api::kMutatingPolicies, {}); };
    return Print(Policies(policies_arguments, world));
  }
  Result<std::string> text;
  if (explain_rule->parsed()) {
    text = cli::ExplainRule(rule);
  } else if (const auto connected = cluster.Connect(kubeconfig, context); !connected) {
    return Complain(connected.error());
  } else {
    text = ExplainNode(cluster.api(), node, SystemClock().Now());
  }
  if (!text) return Complain(text.error());
  std::fputs(text->c_str(), stdout);
  return 0;
}
