// What `kubectl rempart check` prints. Pure. All text from outside comes out escaped as its format asks, bounded, and
// as valid UTF-8.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "operator/cli/check.h"

namespace rempart::cli {

enum class CheckFormat {
  kTable,   // for people
  kJson,    // see docs/check.md
  kSarif,   // SARIF 2.1.0
  kJunit,   // JUnit's XML: a test case a finding, and one an object that has none
  kGithub,  // workflow commands, which GitHub shows at the lines of a pull request
};
std::optional<CheckFormat> ParseCheckFormat(std::string_view name);  // "table", "json", "sarif", "junit", "github"

// What there is to say of a rule, for formats that have a place for it.
struct RuleText {
  std::string id;
  std::string summary;  // a sentence
  std::string help;     // what to do; may be empty
  std::string whole{};  // both, and the clauses; may be empty
};

struct CheckOutput {
  CheckFormat format = CheckFormat::kTable;
  std::string tool_version;
  std::vector<RuleText> rules;  // rules that are not named here but have findings are listed without text
};

// All findings and all problems, with a final newline.
std::string PrintCheck(const CheckReport& report, const CheckOutput& output);

}  // namespace rempart::cli
