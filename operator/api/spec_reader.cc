#include "operator/api/spec_reader.h"

#include <fmt/format.h>
#include <re2/re2.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <unordered_set>

#include "src/base/json.h"
#include "src/base/text.h"

namespace rempart::api {

namespace {

constexpr std::size_t kMaxLabelValue = 63;  // Kubernetes' own limit
constexpr std::size_t kMaxObjectName = 253;
constexpr std::size_t kMaxPattern = 512;
constexpr std::size_t kMaxShown = 64;
constexpr Duration kMaxTime = std::chrono::hours(400'000);

bool IsUpper(char c) { return c >= 'A' && c <= 'Z'; }
bool IsLowerOrDigit(char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); }
bool IsAlphanumeric(char c) { return IsUpper(c) || IsLowerOrDigit(c); }

bool IsCountry(std::string_view text) { return text.size() == 2 && IsUpper(text[0]) && IsUpper(text[1]); }

bool IsLabelValue(std::string_view text) {
  return !text.empty() && text.size() <= kMaxLabelValue && IsAlphanumeric(text.front()) &&
         IsAlphanumeric(text.back()) &&
         std::ranges::all_of(text, [](char c) { return IsAlphanumeric(c) || c == '-' || c == '_' || c == '.'; });
}

bool IsRegionName(std::string_view text) {
  return IsLabelValue(text) &&
         std::ranges::all_of(text, [](char c) { return IsLowerOrDigit(c) || c == '-' || c == '.'; });
}

bool IsSubdomain(std::string_view text) {
  return !text.empty() && text.size() <= kMaxObjectName && IsLowerOrDigit(text.front()) &&
         IsLowerOrDigit(text.back()) &&
         std::ranges::all_of(text, [](char c) { return IsLowerOrDigit(c) || c == '-' || c == '.'; });
}

bool IsPattern(std::string_view text) {
  if (text.empty() || CountCharacters(text) > kMaxPattern) return false;
  re2::RE2::Options options;
  options.set_log_errors(false);
  options.set_max_mem(1 << 20);
  return re2::RE2(re2::StringPiece(text.data(), text.size()), options).ok();
}

}  // namespace

const TextRule kCountryRule{IsCountry, "a country's code in two upper-case letters (ISO 3166-1 alpha-2), such as FR"};
const TextRule kLabelValueRule{
    IsLabelValue,
    "the value of a label: 1 to 63 letters, digits, '-', '_' or '.', with a letter or digit at both ends"};
const TextRule kRegionNameRule{
    IsRegionName,
    "a region's name: 1 to 63 lower-case letters, digits, '-' or '.', with a letter or digit at both ends"};
const TextRule kNodeNameRule{
    IsSubdomain, "a node's name: 1 to 253 lower-case letters, digits, '-' or '.', with a letter or digit at both ends"};
const TextRule kProfileNameRule{
    IsSubdomain,
    "a HostingProfile's name: 1 to 253 lower-case letters, digits, '-' or '.', with a letter or digit at both ends"};
const TextRule kPatternRule{IsPattern,
                            "a regular expression in RE2's syntax, of 1 to 512 characters and not too costly"};

std::size_t CountCharacters(std::string_view utf8) {
  return static_cast<std::size_t>(
      std::ranges::count_if(utf8, [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }));
}

std::string SpecReader::Shown(kube::View value) {
  if (value.IsObject()) return "an object";
  if (value.IsArray()) return "a list";
  if (const auto text = value.AsString()) return Json(CleanText(*text, kMaxShown)).dump();
  return value.Minified();
}

void SpecReader::Refuse(const Field& at, std::string_view why) {
  if (problem_.empty()) problem_ = at.path + ": " + std::string(why);
}

bool SpecReader::Object(const Field& at, Need need) {
  if (at.value.IsObject()) return true;
  if (at.value.exists())
    Refuse(at, Shown(at.value) + " is not an object");
  else if (need == Need::kRequired)
    Refuse(at, "is missing: give an object");
  return false;
}

std::string SpecReader::Text(const Field& at, const TextRule& rule, Need need) {
  if (!at.value.exists()) {
    if (need == Need::kRequired) Refuse(at, fmt::format("is missing: give {}", rule.wanted));
    return {};
  }
  const auto text = at.value.AsString();
  if (text && rule.holds(*text)) return std::string(*text);
  Refuse(at, fmt::format("{} is not {}", Shown(at.value), rule.wanted));
  return {};
}

std::int64_t SpecReader::Int(const Field& at, std::int64_t min, std::int64_t max, std::int64_t fallback) {
  if (!at.value.exists()) return fallback;
  const auto n = at.value.AsInt();
  if (n && *n >= min && *n <= max) return *n;
  Refuse(at, fmt::format("{} is not a whole number from {} to {}", Shown(at.value), min, max));
  return fallback;
}

bool SpecReader::Bool(const Field& at, bool fallback) {
  if (!at.value.exists()) return fallback;
  if (const auto b = at.value.AsBool()) return *b;
  Refuse(at, Shown(at.value) + " is neither true nor false");
  return fallback;
}

Duration SpecReader::Time(const Field& at, Duration fallback) {
  if (!at.value.exists()) return fallback;
  const auto text = at.value.AsString();
  if (!text) {
    Refuse(at, Shown(at.value) + " is not a duration: write it as text, like \"30s\" or \"10m\"");
    return fallback;
  }
  auto time = ParseDuration(*text);
  if (!time) {
    Refuse(at, time.error().message);
    return fallback;
  }
  if (*time > kMaxTime) {
    Refuse(at, Shown(at.value) + " is longer than 400000h: write a shorter time, like 10m");
    return fallback;
  }
  return *time;
}

std::optional<WallTime> SpecReader::Moment(const Field& at) {
  if (!at.value.exists()) return std::nullopt;
  const auto text = at.value.AsString();
  if (!text) {
    Refuse(at, Shown(at.value) + " is not a time: write it as text, like \"2026-11-22T10:23:00Z\"");
    return std::nullopt;
  }
  const auto time = ParseTime(*text);
  if (time) return *time;
  Refuse(at, time.error().message);
  return std::nullopt;
}

std::vector<std::string> SpecReader::Texts(const Field& at, std::size_t min, std::size_t max, const TextRule& rule) {
  std::vector<std::string> texts;
  std::unordered_set<std::string_view> seen;  // of the document's own texts; a list of images may have thousands
  List(at, min, max, rule.wanted, [&](const Field& element) {
    std::string text = Text(element, rule, Need::kRequired);
    if (text.empty()) return;
    if (!seen.insert(element.value.Str()).second)
      Refuse(element, Shown(element.value) + " is there twice: name it once");
    else
      texts.push_back(std::move(text));
  });
  texts.shrink_to_fit();
  return texts;
}

bool SpecReader::BeginList(const Field& at, std::size_t min, std::size_t max, std::string_view what) {
  if (!at.value.exists()) {
    if (min > 0) Refuse(at, fmt::format("is missing: give at least {}, each {}", min, what));
    return false;
  }
  if (!at.value.IsArray()) {
    Refuse(at, Shown(at.value) + " is not a list");
    return false;
  }
  const std::size_t n = at.value.Size();
  if (n >= min && n <= max) return true;
  Refuse(at, fmt::format("has {} elements: give {} to {}, each {}", n, min, max, what));
  return false;
}

}  // namespace rempart::api
