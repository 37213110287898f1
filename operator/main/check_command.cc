#include "operator/main/check_command.h"

#include <CLI/CLI.hpp>
#include <regex>
#include <utility>

#include "operator/cli/region_file.h"
#include "src/kube/read_file.h"

namespace rempart {
namespace {

constexpr std::size_t kMaxRegionFile = 4 * 1024 * 1024;

Result<cli::RegionFile> ReadRegionFile(const std::string& file) {
  auto content = kube::ReadFile(file, kMaxRegionFile);
  if (!content) return Fail(std::move(content.error()));
  return cli::ReadRegion(std::move(*content), file);
}

// Whether a Kubernetes of this version ("1.36", "v1.36.2") adds a region's node selector to pods: it serves
// MutatingAdmissionPolicy in v1.
Result<bool> Mutates(const std::string& kube_version) {
  constexpr int kFirstMinor = 36;
  constexpr std::size_t kMaxVersion = 64;
  if (kube_version.empty()) return false;
  static const std::regex form(R"(v?1\.([0-9]{1,3})(\.[0-9]+)?([-+].*)?)");
  std::smatch parts;
  if (kube_version.size() > kMaxVersion || !std::regex_match(kube_version, parts, form))
    return Fail(Error::Invalid("--kube-version " + kube_version + ": want a version of Kubernetes, like 1.36"));
  return std::stoi(parts[1]) >= kFirstMinor;
}

// Those that may come to be in any of several regions: neither clean nor not.
void AddUnknown(const cli::RegionChoice& choice, cli::CheckReport& report) {
  for (const std::string& ns : choice.Unknown()) {
    report.problems.push_back(
        {cli::CheckProblem::kNoFile, 0, 0,
         "namespace " + ns +
             ": neither the cluster nor a Namespace among the manifests says which region it will be in: "
             "label it there, or give the region with --region FILE"});
  }
}

}  // namespace

CLI::App* AddCheckCommand(CLI::App& app, CheckArguments& arguments) {
  auto* check = app.add_subcommand("check", "Judges manifests by a region's rules, before they reach a cluster");
  check->footer(
      "YAML and JSON of any number of documents, Lists, what `helm template` and `kustomize build` print.\n"
      "Exit status: 0 clean, 1 violations, 2 some input could not be judged (whatever else was found).\n"
      "\n"
      "  kubectl rempart check --region france.yaml manifests/\n"
      "  helm template chart | kubectl rempart check -n acme -\n"
      "  kustomize build overlays/prod | kubectl rempart check -o sarif - > check.sarif");
  check->add_option("PATH", arguments.paths, "Files, directories (all .yaml, .yml and .json below them), - for stdin");
  check->add_option("-f,--filename", arguments.files, "The same, as kubectl has it; can be repeated")
      ->allow_extra_args(false);
  check->add_option("-o,--output", arguments.format, "table, json, sarif, junit or github")
      ->capture_default_str()
      ->check(CLI::IsMember({"table", "json", "sarif", "junit", "github"}));
  check->add_option("--region", arguments.region_file,
                    "File with the SovereignRegion to judge by, and the HostingProfile that it names; no cluster "
                    "needed. Default the cluster's, for each namespace the one that governs it");
  check->add_option("-n,--namespace", arguments.ns,
                    "Namespace of objects that name none; default the context's, `default` with --region");
  check->add_option(
      "--kube-version", arguments.kube_version,
      "With --region: the version of Kubernetes that the manifests are for. From 1.36 on, where the region "
      "enforces, pods without the region's node selector are given it. Default: an older one");
  return check;
}

CommandResult Check(const CheckArguments& arguments, const CheckWorld& world) {
  cli::CheckInput input;
  input.paths = arguments.files;
  input.paths.insert(input.paths.end(), arguments.paths.begin(), arguments.paths.end());
  if (input.paths.empty()) return Unusable("nothing to check: name files, directories, or - for standard input");
  const auto format = cli::ParseCheckFormat(arguments.format);
  if (!format) return Unusable("-o " + arguments.format + ": want table, json, sarif, junit or github");

  input.read_stdin = world.read_stdin;
  input.default_namespace = arguments.ns.empty() ? "default" : arguments.ns;
  Result<cli::Judge> judge;
  std::vector<api::SovereignRegion> regions;
  cli::RegionPlaces places;
  Result<std::unique_ptr<cli::RegionChoice>> choice;
  if (!arguments.region_file.empty()) {
    const auto read = ReadRegionFile(arguments.region_file);
    if (!read) return Unusable(read.error().message);
    const api::SovereignRegion& region = read->region;
    regions = {region};
    places = cli::PlacesOfRegions(regions, read->profiles);
    const auto mutates = Mutates(arguments.kube_version);
    if (!mutates) return Unusable(mutates.error().message);
    judge = world.make_judge(region, {*mutates, {}, cli::ContextOf(region, places, world.context)});
    if (!judge) return Unusable(judge.error().message);
    const auto is_exempt = [&](const std::string& ns) { return cli::IsExempt(ns, regions.front(), world.context); };
    input.judge_of = [&judge, is_exempt](const std::string& ns) { return is_exempt(ns) ? nullptr : &*judge; };
  } else {
    if (!arguments.kube_version.empty()) return Unusable("--kube-version goes with --region: a cluster tells its own");
    auto cluster = world.cluster();
    if (!cluster) return Unusable(cluster.error().message);
    regions = cluster->regions;
    places = cli::PlacesOfRegions(regions, cluster->profiles);
    const auto make_judge = [&, mutates = cluster->mutates,
                             nodes = std::move(cluster->nodes)](const api::SovereignRegion& region) {
      const auto its = nodes.find(region.meta.key.name);
      rules::PolicyContext context = cli::ContextOf(region, places, world.context);
      context.rules.other_regions = cli::OthersHaveNodes(region, regions, nodes);
      return world.make_judge(
          region, {mutates, its == nodes.end() ? std::vector<std::string>() : its->second, std::move(context)});
    };
    if (arguments.ns.empty()) input.default_namespace = cluster->default_namespace;
    choice = cli::RegionChoice::Of(*std::move(cluster), world.context, make_judge);
    if (!choice) return Unusable(choice.error().message);
    input.judge_of = [&](const std::string& ns) { return (*choice)->JudgeOf(ns); };
    input.expect_namespace = [&](const std::string& ns, kube::Labels labels) {
      (*choice)->Expect(ns, std::move(labels));
    };
  }
  cli::CheckReport report = cli::RunCheck(input);
  if (arguments.region_file.empty()) AddUnknown(**choice, report);
  auto rules = world.rules ? world.rules(regions, places) : std::vector<cli::RuleText>();
  CommandResult result{cli::PrintCheck(report, {*format, world.version, std::move(rules)}), "", cli::ExitCode(report)};
  for (const std::string& unknown : cli::UnknownPlaces(regions, places)) result.error += "warning: " + unknown + "\n";
  return result;
}

}  // namespace rempart
