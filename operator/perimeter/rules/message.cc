#include "operator/perimeter/rules/message.h"

#include <fmt/format.h>

namespace rempart::rules {
namespace {

const std::string& In(const Sentence& sentence, api::RegionRules::Language language) {
  return language == api::RegionRules::Language::kFrench ? sentence.fr : sentence.en;
}

// All that is the same for every request: before what was found, and behind it.
std::string Begin(const Rule& rule, std::string_view field) {
  return field.empty() ? rule.id + ": " : fmt::format("{} {}: ", rule.id, field);
}
std::string End(const Rule& rule, api::RegionRules::Language language) {
  // French sets a space before a semicolon.
  const std::string_view stop = language == api::RegionRules::Language::kFrench ? " ; " : "; ";
  return fmt::format("{}{}{} ({})", In(rule.wrong, language), stop, In(rule.fix, language), rule.clauses);
}

}  // namespace

std::string FindingOf(const Rule& rule, api::RegionRules::Language language, std::string_view shown) {
  return fmt::format("{}{}{}", shown, shown.empty() ? "" : " ", End(rule, language));
}

std::string MessageOf(const Rule& rule, api::RegionRules::Language language, std::string_view field,
                      std::string_view shown) {
  return Begin(rule, field) + FindingOf(rule, language, shown);
}

std::pair<std::string, std::string> MessageParts(const Rule& rule, api::RegionRules::Language language,
                                                 std::string_view fields) {
  return {Begin(rule, fields), " " + End(rule, language)};
}

}  // namespace rempart::rules
