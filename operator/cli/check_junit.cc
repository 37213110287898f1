#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "operator/cli/check_formats.h"

namespace rempart::cli::formats {
namespace {

// Text and attributes alike. What XML 1.0 cannot hold even as a reference becomes U+FFFD.
std::string Escaped(std::string_view raw) {
  constexpr std::string_view kReplacement = "\xEF\xBF\xBD";
  const std::string text = Clean(raw);
  std::string escaped;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    switch (c) {
      case '&':
        escaped += "&amp;";
        break;
      case '<':
        escaped += "&lt;";
        break;
      case '>':
        escaped += "&gt;";
        break;
      case '"':
        escaped += "&quot;";
        break;
      case '\'':
        escaped += "&apos;";
        break;
      case '\n':
      case '\r':
      case '\t':
        escaped += fmt::format("&#{};", static_cast<int>(c));
        break;
      default: {
        const std::string_view rest = std::string_view(text).substr(i, 3);
        if (static_cast<unsigned char>(c) < 0x20) {
          escaped += kReplacement;
        } else if (rest == "\xEF\xBF\xBE" || rest == "\xEF\xBF\xBF") {  // U+FFFE, U+FFFF
          escaped += kReplacement;
          i += 2;
        } else {
          escaped += c;
        }
      }
    }
  }
  return escaped;
}

struct Suite {
  std::string name;
  std::string cases;
  std::map<std::string, std::size_t> named;
  std::size_t tests = 0, failures = 0, errors = 0, skipped = 0;

  // `outcome` is an element, or "" for a pass. Who reads the report tells cases by their names, and takes what stands
  // before the last dot of a class for its package: the one is made unique, the other has no dots. `file` is GitLab's.
  void Add(std::string case_name, const std::string& outcome) {
    ++tests;
    if (const auto n = ++named[case_name]; n > 1) case_name += fmt::format(" ({})", n);
    std::string class_name = name;
    std::ranges::replace(class_name, '.', '_');
    cases += fmt::format("    <testcase classname=\"{}\" name=\"{}\" file=\"{}\"", Escaped(class_name),
                         Escaped(case_name), Escaped(name));
    cases += outcome.empty() ? "/>\n" : ">\n      " + outcome + "\n    </testcase>\n";
  }
  std::string Numbers() const {
    return fmt::format("tests=\"{}\" failures=\"{}\" errors=\"{}\"", tests, failures, errors);
  }
};

std::string Outcome(const char* element, std::string_view type, std::string_view message, const std::string& where) {
  return fmt::format("<{0} type=\"{1}\" message=\"{2}\">{3}</{0}>", element, Escaped(type), Escaped(message),
                     Escaped(where.empty() ? std::string(message) : where + ": " + std::string(message)));
}

}  // namespace

std::string Junit(const CheckReport& report) {
  std::vector<Suite> suites(report.files.size() + 1);  // the last one for what is of no file
  for (std::size_t i = 0; i < report.files.size(); ++i) suites[i].name = FileName(report, i);
  suites.back().name = "input";

  std::vector<bool> has_finding(report.objects.size());
  for (const Finding& finding : report.findings) has_finding[finding.object] = true;
  for (std::size_t i = 0; i < report.objects.size(); ++i) {
    const CheckedObject& object = report.objects[i];
    if (has_finding[i]) continue;
    Suite& suite = suites[object.file];
    const bool skipped = !object.judged || !object.has_rule;
    if (skipped) ++suite.skipped;
    suite.Add(object.Label(), !object.judged ? "<skipped message=\"its namespace is in no region, or exempt\"/>"
                              : skipped      ? "<skipped message=\"no rule is about its kind\"/>"
                                             : "");
  }
  for (const Finding& finding : report.findings) {
    const CheckedObject& object = report.objects[finding.object];
    Suite& suite = suites[object.file];
    ++suite.failures;
    suite.Add(object.Label() + " " + finding.rule + (finding.field.empty() ? "" : " " + finding.field),
              Outcome("failure", finding.rule, Text(finding), Location(report, object.file, finding.line)));
  }
  for (const CheckProblem& problem : report.problems) {
    Suite& suite = problem.file < report.files.size() ? suites[problem.file] : suites.back();
    ++suite.errors;
    suite.Add(problem.document > 0 ? fmt::format("document {}", problem.document) : std::string("file"),
              Outcome("error", "problem", problem.message, Location(report, problem.file, problem.line)));
  }

  Suite all;
  std::string text;
  for (const Suite& suite : suites) {
    if (suite.tests == 0) continue;
    text += fmt::format("  <testsuite name=\"{}\" {} skipped=\"{}\">\n{}  </testsuite>\n", Escaped(suite.name),
                        suite.Numbers(), suite.skipped, suite.cases);
    all.tests += suite.tests;
    all.failures += suite.failures;
    all.errors += suite.errors;
  }
  return fmt::format(
      "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"kubectl rempart check\" {}>\n{}</testsuites>\n",
      all.Numbers(), text);
}

}  // namespace rempart::cli::formats
