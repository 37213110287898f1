#include "operator/main/options.h"

#include <CLI/CLI.hpp>

#include "operator/cli/nearest.h"
#include "operator/main/version.h"

namespace rempart {
namespace {

std::vector<std::string> LongNames(const CLI::App& app) {
  std::vector<std::string> names;
  for (const auto* option : app.get_options())
    for (const auto& name : option->get_lnames()) names.push_back("--" + name);
  return names;
}

// Unknown arguments, each with the flag that was probably meant.
std::string Complain(const CLI::App& app) {
  std::string text;
  for (const auto& word : app.remaining()) {
    text += "unknown argument " + word;
    if (const auto near = cli::Nearest(word.substr(0, word.find('=')), LongNames(app)))
      text += " (did you mean " + *near + "?)";
    text += "\n";
  }
  return text + "See --help.\n";
}

}  // namespace

ParsedOptions ParseOptions(int argc, const char* const* argv) {
  Options options;
  std::string level = "info", format = "json", audit_interval = "5m";
  CLI::App app("Holds tenant workloads to the nodes of their sovereign region.", "rempart-operator");
  app.set_version_flag("--version", "rempart-operator " + VersionText());
  app.option_defaults()->multi_option_policy(
      CLI::MultiOptionPolicy::TakeLast);  // a flag given twice: the last one, as kubectl has it
  app.allow_extras();                     // they are errors too, but with a suggestion
  app.add_option("--kubeconfig", options.kubeconfig,
                 "Path of a kubeconfig; default $KUBECONFIG, else in-cluster, else ~/.kube/config")
      ->envname("REMPART_KUBECONFIG");
  app.add_option("--context", options.context, "Context of the kubeconfig; default its current one")
      ->envname("REMPART_CONTEXT");
  app.add_flag("--leader-elect,!--no-leader-elect", options.leader_elect,
               "Work only while holding the Lease (default true)")
      ->envname("REMPART_LEADER_ELECT");
  app.add_option("--lease-namespace", options.lease_namespace,
                 "Namespace of the Lease; default the pod's, or the context's")
      ->envname("REMPART_LEASE_NAMESPACE");
  app.add_option("--lease-name", options.lease_name, "Name of the Lease")
      ->envname("REMPART_LEASE_NAME")
      ->capture_default_str();
  app.add_option("--metrics-addr", options.metrics_addr, "Where /metrics is served, host:port; 0 for nowhere")
      ->envname("REMPART_METRICS_ADDR")
      ->capture_default_str();
  app.add_option("--health-addr", options.health_addr,
                 "Where /healthz and /readyz are served, host:port; 0 for nowhere")
      ->envname("REMPART_HEALTH_ADDR")
      ->capture_default_str();
  app.add_option("--workers", options.workers, "Reconciles at the same time")
      ->envname("REMPART_WORKERS")
      ->capture_default_str()
      ->check(CLI::Range(1, 256));
  app.add_option("--log-level", level, "debug, info, warn or error")
      ->envname("REMPART_LOG_LEVEL")
      ->capture_default_str()
      ->check(CLI::IsMember({"debug", "info", "warn", "error"}));
  app.add_option("--log-format", format, "json or console")
      ->envname("REMPART_LOG_FORMAT")
      ->capture_default_str()
      ->check(CLI::IsMember({"json", "console"}));
  app.add_option("--audit-interval", audit_interval,
                 "How often what already runs is judged by the rules, as 5m or 1h; 0 for never")
      ->envname("REMPART_AUDIT_INTERVAL")
      ->capture_default_str();
  app.add_flag("--dry-run", options.dry_run,
               "Print what would be written, as the server would take it; write nothing; end when all was looked at")
      ->envname("REMPART_DRY_RUN");

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    if (e.get_exit_code() == 0)
      return {std::nullopt, e.get_name() == "CallForVersion" ? std::string(e.what()) + "\n" : app.help(), 0};
    return {std::nullopt, std::string(e.what()) + "\nSee --help.\n", 2};
  }
  if (app.remaining_size() > 0) return {std::nullopt, Complain(app), 2};
  const Result<Duration> interval = audit_interval == "0" ? Duration::zero() : ParseDuration(audit_interval);
  if (!interval || (*interval != Duration::zero() && *interval < std::chrono::seconds(1)))
    return {std::nullopt, "--audit-interval: give a time like 5m, one second at least, or 0 for none\nSee --help.\n",
            2};
  options.audit_interval = *interval;
  options.log_level = *log::ParseLevel(level);
  options.log_format = *log::ParseFormat(format);
  return {options, "", 0};
}

}  // namespace rempart
