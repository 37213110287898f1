// kubectl-rempart: a kubectl plugin. Names the real clock and network; what is printed is made in operator/cli.
#include <signal.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <random>

#include "operator/api/names.h"
#include "operator/cli/explain.h"
#include "operator/main/environment.h"
#include "operator/main/version.h"
#include "src/base/metrics.h"
#include "src/kube/api.h"
#include "src/kube/decode.h"
#include "src/kube/kubeconfig.h"

namespace {

using namespace rempart;

constexpr std::size_t kMaxAnswer = 64 * 1024 * 1024;

Result<std::vector<api::SovereignRegion>> ListRegions(kube::Api& api) {
  kube::Api::Call call;
  call.method = "GET";
  call.target = api::kRegions.Path("", "");
  call.doing = "list sovereignregions";
  auto reply = api.Do(call, {});
  if (!reply) return Fail(std::move(reply.error()));
  kube::Document document(kMaxAnswer);
  auto list = document.Parse(reply->body);
  if (!list) return Fail(std::move(list.error()).While(call.doing));
  std::vector<api::SovereignRegion> regions;
  std::optional<Error> failed;
  (*list)["items"].ForEachElement([&](kube::View item) {
    auto region = api::DecodeSovereignRegion(item);
    if (region)
      regions.push_back(std::move(*region));
    else
      failed = std::move(region.error());
  });
  if (failed) return Fail(std::move(*failed).While(call.doing));
  return regions;
}

Result<std::string> ExplainNode(kube::Api& api, const std::string& name) {
  auto reply = api.Get(api::kNodes, {"", name}, {});
  if (!reply) return Fail(std::move(reply.error()));
  kube::Document document;
  auto object = document.Parse(reply->body);
  if (!object) return Fail(std::move(object.error()));
  auto node = api::DecodeNode(*object);
  if (!node) return Fail(std::move(node.error()).While("node " + name));
  auto regions = ListRegions(api);
  if (!regions) return Fail(std::move(regions.error()));
  return cli::ExplainNode(*node, std::move(*regions));
}

}  // namespace

int main(int argc, char** argv) {
  signal(SIGPIPE, SIG_IGN);
  std::string kubeconfig, context, node;
  CLI::App app("Looks at the sovereign regions of a cluster.", "kubectl rempart");
  app.set_version_flag("--version", "kubectl-rempart " + VersionText());
  app.require_subcommand(1);
  app.fallthrough();
  app.add_option("--kubeconfig", kubeconfig, "Path of a kubeconfig, as kubectl has it");
  app.add_option("--context", context, "Context of the kubeconfig; default its current one");
  auto* explain = app.add_subcommand("explain", "Says how the operator comes to a verdict");
  explain->require_subcommand(1);
  auto* explain_node = explain->add_subcommand("node", "Each source of a node's location, and each region's verdict");
  explain_node->add_option("NAME", node, "The node")->required();
  CLI11_PARSE(app, argc, argv);

  const auto fail = [](const Error& error) {
    std::fprintf(stderr, "error: %s\n", error.ToString().c_str());
    return 1;
  };
  const auto config = kube::LoadConfig({kubeconfig, context}, FromEnvironment);
  if (!config) return fail(config.error());
  SystemClock clock;
  SeededRandom random(std::random_device{}());
  Metrics metrics;
  auto api = kube::MakeApi(*config, clock, random, metrics, UserAgent("kubectl-rempart"));
  if (!api) return fail(api.error());
  const auto text = ExplainNode(**api, node);
  if (!text) return fail(text.error());
  std::fputs(text->c_str(), stdout);
  return 0;
}
