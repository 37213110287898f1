#include "operator/cli/check_output.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>

#include "operator/cli/check_formats.h"
#include "src/base/text.h"
#include "src/kube/text.h"

namespace rempart::cli {
namespace formats {
namespace {

constexpr std::size_t kMaxText = 4000;

std::string Count(std::size_t n, std::string_view what) { return fmt::format("{} {}{}", n, what, n == 1 ? "" : "s"); }

std::string OneLine(std::string_view text) { return kube::Printable(text, kMaxText); }

// In characters, for columns.
std::size_t Width(std::string_view text) {
  return static_cast<std::size_t>(
      std::ranges::count_if(text, [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }));
}

std::ptrdiff_t WithoutRule(const CheckReport& report) {
  return std::ranges::count_if(report.objects, [](const auto& object) { return object.judged && !object.has_rule; });
}

std::string Table(const CheckReport& report) {
  constexpr std::size_t kAligned = 3;  // the message, last, is as long as it is
  constexpr std::size_t kWidest = 60;  // one long name does not push all others away
  using Row = std::array<std::string, kAligned + 1>;
  std::vector<Row> rows;
  rows.push_back(Row{"LOCATION", "OBJECT", "RULE", "MESSAGE"});
  for (const Finding& finding : report.findings) {
    const CheckedObject& object = report.objects[finding.object];
    rows.push_back(Row{OneLine(Location(report, object.file, finding.line)), OneLine(object.Label()),
                       OneLine(finding.rule), OneLine(Text(finding))});
  }
  std::array<std::size_t, kAligned> widths{};
  for (const Row& row : rows) {
    for (std::size_t i = 0; i < kAligned; ++i) widths[i] = std::max(widths[i], std::min(Width(row[i]), kWidest));
  }
  std::string text;
  if (!report.findings.empty()) {
    for (const Row& row : rows) {
      for (std::size_t i = 0; i < kAligned; ++i) {
        text += row[i];
        text.append(2 + widths[i] - std::min(Width(row[i]), widths[i]), ' ');
      }
      text.append(row[kAligned]) += '\n';
    }
    text += '\n';
  }
  if (!report.problems.empty()) {
    text += "Could not be judged:\n";
    for (const CheckProblem& problem : report.problems) {
      const std::string where = Location(report, problem.file, problem.line);
      text += "  " + OneLine(where.empty() ? problem.message : where + ": " + problem.message) + "\n";
    }
    text += '\n';
  }
  return text + Summary(report) + "\n";
}

std::string JsonText(const CheckReport& report) {
  using OrderedJson = nlohmann::ordered_json;
  const auto object_of = [](const CheckedObject& object) {
    return OrderedJson{
        {"apiVersion", object.api_version}, {"kind", object.kind}, {"namespace", object.ns}, {"name", object.name}};
  };
  OrderedJson violations = OrderedJson::array(), problems = OrderedJson::array();
  for (const Finding& finding : report.findings) {
    const CheckedObject& object = report.objects[finding.object];
    violations.push_back(OrderedJson{{"file", FileName(report, object.file)},
                                     {"line", finding.line},
                                     {"document", object.document},
                                     {"object", object_of(object)},
                                     {"rule", finding.rule},
                                     {"field", finding.field},
                                     {"message", Clean(finding.message)}});
  }
  for (const CheckProblem& problem : report.problems) {
    problems.push_back(OrderedJson{{"file", FileName(report, problem.file)},
                                   {"line", problem.line},
                                   {"document", problem.document},
                                   {"message", Clean(problem.message)}});
  }
  const auto judged = std::ranges::count_if(report.objects, &CheckedObject::judged);
  const OrderedJson summary = {{"files", report.files.size()},       {"documents", report.documents},
                               {"objects", report.objects.size()},   {"judged", judged},
                               {"withoutRule", WithoutRule(report)}, {"violations", report.findings.size()},
                               {"problems", report.problems.size()}};
  const OrderedJson all = {{"version", 1}, {"summary", summary}, {"violations", violations}, {"problems", problems}};
  return all.dump(2, ' ', false, OrderedJson::error_handler_t::replace) + "\n";
}

// As GitHub's own toolkit escapes them; in a property, two characters more would end it.
std::string Escaped(std::string_view text, bool property) {
  std::string escaped;
  for (const char c : text) {
    if (c == '%' || c == '\r' || c == '\n' || (property && (c == ':' || c == ','))) {
      escaped += fmt::format("%{:02X}", static_cast<unsigned char>(c));
    } else {
      escaped += c;
    }
  }
  return escaped;
}

std::string GithubError(const CheckReport& report, std::size_t file, int line, const std::string& title,
                        const std::string& message) {
  std::string text = "::error ";
  const bool is_file = file != CheckProblem::kNoFile && report.files[file] != "-";
  if (is_file) text += "file=" + Escaped(FileName(report, file), true) + ",";
  if (is_file && line > 0) text += fmt::format("line={},", line);
  return text + "title=" + Escaped(Clean(title), true) + "::" + Escaped(Clean(message), false) + "\n";
}

std::string Github(const CheckReport& report) {
  std::string text;
  for (const Finding& finding : report.findings) {
    const CheckedObject& object = report.objects[finding.object];
    text += GithubError(report, object.file, finding.line, finding.rule + " " + object.Label(), Text(finding));
  }
  for (const CheckProblem& problem : report.problems) {
    text += GithubError(report, problem.file, problem.line, "could not be judged", problem.message);
  }
  return text + Summary(report) + "\n";
}

}  // namespace

std::string Clean(std::string_view text) { return CleanText(text, kMaxText); }

std::string FileName(const CheckReport& report, std::size_t file) {
  if (file == CheckProblem::kNoFile) return {};
  const std::string& name = report.files[file];
  if (name == "-") return "stdin";
  return Clean(name.starts_with("./") ? std::string_view(name).substr(2) : std::string_view(name));
}

std::string Location(const CheckReport& report, std::size_t file, int line) {
  std::string where = FileName(report, file);
  if (!where.empty() && line > 0) where += fmt::format(":{}", line);
  return where;
}

std::string Text(const Finding& finding) {
  return finding.field.empty() ? finding.message : finding.field + ": " + finding.message;
}

std::string Summary(const CheckReport& report) {
  std::set<std::size_t> concerned;
  for (const Finding& finding : report.findings) concerned.insert(finding.object);
  std::string text = report.findings.empty() ? "no violations in " + Count(report.objects.size(), "object")
                                             : fmt::format("{} in {} of {}", Count(report.findings.size(), "violation"),
                                                           concerned.size(), Count(report.objects.size(), "object"));
  const auto judged = static_cast<std::size_t>(std::ranges::count_if(report.objects, &CheckedObject::judged));
  if (const auto without = WithoutRule(report); without > 0)
    text += fmt::format(", {} of kinds that no rule is about", without);
  if (judged != report.objects.size())
    text += fmt::format(", {} in no region or exempt, and not judged", report.objects.size() - judged);
  if (!report.problems.empty()) text += ", " + Count(report.problems.size(), "problem");
  return text + " (" + Count(report.files.size(), "file") + ")";
}

}  // namespace formats

std::optional<CheckFormat> ParseCheckFormat(std::string_view name) {
  if (name == "table") return CheckFormat::kTable;
  if (name == "json") return CheckFormat::kJson;
  if (name == "sarif") return CheckFormat::kSarif;
  if (name == "junit") return CheckFormat::kJunit;
  if (name == "github") return CheckFormat::kGithub;
  return std::nullopt;
}

std::string PrintCheck(const CheckReport& report, const CheckOutput& output) {
  switch (output.format) {
    case CheckFormat::kTable:
      return formats::Table(report);
    case CheckFormat::kJson:
      return formats::JsonText(report);
    case CheckFormat::kSarif:
      return formats::Sarif(report, output);
    case CheckFormat::kJunit:
      return formats::Junit(report);
    case CheckFormat::kGithub:
      return formats::Github(report);
  }
  return {};
}

}  // namespace rempart::cli
