#include <fmt/format.h>

#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "operator/cli/check_formats.h"
#include "src/base/json.h"

namespace rempart::cli::formats {
namespace {

using OrderedJson = nlohmann::ordered_json;

constexpr const char* kSchema =
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json";

// A path as a URI reference (RFC 3986): relative, or file://.
std::string Uri(const std::string& path) {
  constexpr std::string_view kPlain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~/!$&'()*+,;=@";
  std::string uri = path.starts_with('/') ? "file://" : "";
  for (const char c : path) {
    if (kPlain.contains(c)) {
      uri += c;
    } else {
      uri += fmt::format("%{:02X}", static_cast<unsigned char>(c));
    }
  }
  return uri;
}

OrderedJson Message(std::string_view text) {
  OrderedJson message;
  message["text"] = Clean(text);
  return message;
}

// Nothing where no file is concerned.
OrderedJson Physical(const CheckReport& report, std::size_t file, int line) {
  const std::string name = FileName(report, file);
  if (name.empty()) return nullptr;
  OrderedJson physical;
  physical["artifactLocation"]["uri"] = Uri(name);
  if (line > 0) physical["region"]["startLine"] = line;
  return physical;
}

// Every rule that is known or was found, each once, and its place in the list.
OrderedJson Rules(const CheckReport& report, const CheckOutput& output, std::map<std::string, std::size_t>& places) {
  OrderedJson rules = OrderedJson::array();
  for (const RuleText& rule : output.rules) {
    if (!places.emplace(rule.id, rules.size()).second) continue;
    OrderedJson described;
    described["id"] = rule.id;
    if (!rule.summary.empty()) described["shortDescription"] = Message(rule.summary);
    if (!rule.whole.empty()) described["fullDescription"] = Message(rule.whole);
    if (!rule.help.empty()) described["help"] = Message(rule.help);
    rules.push_back(std::move(described));
  }
  std::set<std::string> found;
  for (const Finding& finding : report.findings) found.insert(finding.rule);
  for (const std::string& id : found) {
    if (!places.emplace(id, rules.size()).second) continue;
    OrderedJson unknown;
    unknown["id"] = id;
    rules.push_back(std::move(unknown));
  }
  return rules;
}

// Which of its file's objects of the same label each object is, from 1.
std::vector<std::size_t> Ordinals(const CheckReport& report) {
  std::map<std::pair<std::size_t, std::string>, std::size_t> seen;
  std::vector<std::size_t> ordinals;
  ordinals.reserve(report.objects.size());
  for (const CheckedObject& object : report.objects) ordinals.push_back(++seen[{object.file, object.Label()}]);
  return ordinals;
}

OrderedJson ResultOf(const CheckReport& report, const Finding& finding, std::size_t rule, std::size_t ordinal) {
  const CheckedObject& object = report.objects[finding.object];
  OrderedJson logical;
  logical["fullyQualifiedName"] = Clean(object.Label() + (finding.field.empty() ? "" : " " + finding.field));
  logical["kind"] = "resource";
  OrderedJson location;
  location["physicalLocation"] = Physical(report, object.file, finding.line);
  location["logicalLocations"] = OrderedJson::array({logical});
  // The same finding after lines or documents were added above it is not a new one; those of two objects of one name
  // are not the same.
  std::string identity =
      fmt::format("{}\n{}\n{}\n{}", FileName(report, object.file), object.Label(), finding.rule, finding.field);
  if (ordinal > 1) identity += fmt::format("\n{}", ordinal);
  OrderedJson result;
  result["ruleId"] = finding.rule;
  result["ruleIndex"] = rule;
  result["level"] = "error";
  result["message"] = Message(object.Label() + ": " + Text(finding));
  result["locations"] = OrderedJson::array({location});
  result["partialFingerprints"]["rempartFinding/v1"] = DigestOf(identity);
  return result;
}

OrderedJson Notification(const CheckReport& report, const CheckProblem& problem) {
  OrderedJson notification;
  notification["level"] = "error";
  notification["message"] = Message(problem.message);
  OrderedJson physical = Physical(report, problem.file, problem.line);
  if (!physical.is_null()) {
    OrderedJson location;
    location["physicalLocation"] = std::move(physical);
    notification["locations"] = OrderedJson::array({location});
  }
  return notification;
}

}  // namespace

std::string Sarif(const CheckReport& report, const CheckOutput& output) {
  std::map<std::string, std::size_t> places;
  OrderedJson driver;
  driver["name"] = "kubectl-rempart";
  if (!output.tool_version.empty()) driver["version"] = output.tool_version;
  driver["rules"] = Rules(report, output, places);

  OrderedJson results = OrderedJson::array();
  const auto ordinals = Ordinals(report);
  for (const Finding& finding : report.findings)
    results.push_back(ResultOf(report, finding, places[finding.rule], ordinals[finding.object]));
  OrderedJson invocation;
  invocation["executionSuccessful"] = report.problems.empty();
  invocation["exitCode"] = ExitCode(report);
  invocation["toolExecutionNotifications"] = OrderedJson::array();
  for (const CheckProblem& problem : report.problems) {
    invocation["toolExecutionNotifications"].push_back(Notification(report, problem));
  }
  OrderedJson run;
  run["tool"]["driver"] = std::move(driver);
  run["invocations"] = OrderedJson::array({invocation});
  run["results"] = std::move(results);
  OrderedJson log;
  log["$schema"] = kSchema;
  log["version"] = "2.1.0";
  log["runs"] = OrderedJson::array({run});
  return log.dump(2, ' ', false, OrderedJson::error_handler_t::replace) + "\n";
}

}  // namespace rempart::cli::formats
