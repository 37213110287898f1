#include "src/kube/yaml_scalars.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <limits>
#include <nlohmann/json.hpp>
#include <string_view>

namespace rempart::kube {
namespace {

template <class Int>
std::optional<Int> ParseInteger(std::string_view digits, int base) {
  Int value{};
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value, base);
  if (error != std::errc() || end != digits.data() + digits.size() || digits.empty()) return std::nullopt;
  return value;
}

std::optional<double> ParseFloat(std::string_view digits) {
  if (digits.starts_with('+')) digits.remove_prefix(1);
  double number = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  if (error != std::errc() || end != digits.data() + digits.size() || !std::isfinite(number)) return std::nullopt;
  return number;
}

bool IsOneOf(std::string_view text, std::initializer_list<std::string_view> words) {
  return std::ranges::find(words, text) != words.end();
}

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

void SkipDigits(std::string_view& text) {
  const auto end = std::ranges::find_if_not(text, IsDigit);
  text.remove_prefix(static_cast<std::size_t>(end - text.begin()));
}

// ^[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?$
bool LooksLikeFloat(std::string_view text) {
  if (text.starts_with('-') || text.starts_with('+')) text.remove_prefix(1);
  if (text.starts_with('.')) {
    text.remove_prefix(1);
    if (text.empty() || !IsDigit(text[0])) return false;
    SkipDigits(text);
  } else {
    if (text.empty() || !IsDigit(text[0])) return false;
    SkipDigits(text);
    if (text.starts_with('.')) {
      text.remove_prefix(1);
      SkipDigits(text);
    }
  }
  if (text.starts_with('e') || text.starts_with('E')) {
    text.remove_prefix(1);
    if (text.starts_with('-') || text.starts_with('+')) text.remove_prefix(1);
    if (text.empty()) return false;
    SkipDigits(text);
  }
  return text.empty();
}

// Go's strconv.ParseInt with base 0, then ParseUint: 0x1F, 0b11, 0o17, 017.
std::optional<Json> GoInteger(std::string_view text) {
  const bool negative = text.starts_with('-');
  const bool has_sign = negative || text.starts_with('+');
  if (has_sign) text.remove_prefix(1);
  int base = 10;
  if (text.size() > 1 && text[0] == '0') {
    const char prefix = static_cast<char>(text[1] | 0x20);
    base = prefix == 'x' ? 16 : prefix == 'b' ? 2 : 8;
    text.remove_prefix(prefix == 'x' || prefix == 'b' || prefix == 'o' ? 2 : 1);
  }
  const auto magnitude = ParseInteger<std::uint64_t>(text, base);
  if (!magnitude) return std::nullopt;
  constexpr auto kMax = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
  if (negative) {
    if (*magnitude > kMax + 1) return std::nullopt;
    return Json(static_cast<std::int64_t>(0 - *magnitude));
  }
  if (*magnitude <= kMax) return Json(static_cast<std::int64_t>(*magnitude));
  if (has_sign) return std::nullopt;
  return Json(*magnitude);
}

// Floats are still floats.
std::optional<Json> Resolve(const std::string& text) {
  if (text.empty()) return Json(nullptr);
  const char first = text[0];
  // Most scalars are words: one look at their first letter says that they mean nothing else.
  constexpr std::string_view kHints = "yYnNtTfFoO~.+-0123456789";
  if (kHints.find(first) == kHints.npos) return Json(text);
  if (IsOneOf(text, {"y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON"})) return Json(true);
  if (IsOneOf(text, {"n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF"})) return Json(false);
  if (IsOneOf(text, {"~", "null", "Null", "NULL"})) return Json(nullptr);
  if (IsOneOf(text,
              {".nan", ".NaN", ".NAN", ".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF", "-.inf", "-.Inf", "-.INF"})) {
    return std::nullopt;
  }
  if (first == '.') {
    if (LooksLikeFloat(text)) {
      if (auto number = ParseFloat(text)) return Json(*number);
    }
    return Json(text);
  }
  if (!IsDigit(first) && first != '+' && first != '-') return Json(text);
  std::string plain = text;
  std::erase(plain, '_');
  if (auto integer = GoInteger(plain)) return integer;
  if (LooksLikeFloat(plain)) {
    if (auto number = ParseFloat(plain)) return Json(*number);
  }
  return Json(text);
}

}  // namespace

Json CoreScalar(const std::string& text) {
  if (text == "true" || text == "True" || text == "TRUE") return true;
  if (text == "false" || text == "False" || text == "FALSE") return false;
  std::string_view rest = text;
  if (rest.starts_with("0x")) {
    if (auto n = ParseInteger<std::uint64_t>(rest.substr(2), 16)) return *n;
    return text;
  }
  if (rest.starts_with("0o")) {
    if (auto n = ParseInteger<std::uint64_t>(rest.substr(2), 8)) return *n;
    return text;
  }
  if (rest.starts_with('+')) rest.remove_prefix(1);
  if (rest.empty() || rest.find_first_not_of("0123456789+-.eE") != std::string_view::npos ||
      rest.find_first_of("0123456789") == std::string_view::npos || rest[0] == 'e' || rest[0] == 'E' ||
      rest[0] == '+') {
    return text;
  }
  if (auto n = ParseInteger<std::int64_t>(rest, 10)) return *n;
  if (auto n = ParseInteger<std::uint64_t>(rest, 10)) return *n;
  if (auto number = ParseFloat(rest)) return *number;
  return text;
}

std::optional<Json> KubernetesScalar(const std::string& text) {
  auto value = Resolve(text);
  if (!value || !value->is_number_float()) return value;
  // A float without fraction is written without one as JSON, and read as an integer again.
  constexpr double kBound = 9223372036854775808.0;  // 2^63
  const double number = value->get<double>();
  if (number != std::trunc(number) || number <= -kBound || number >= kBound) return value;
  return Json(static_cast<std::int64_t>(number));
}

std::optional<std::string> KubernetesKey(const std::string& text) {
  const auto value = Resolve(text);
  return value ? KubernetesKey(*value) : std::nullopt;
}

std::optional<std::string> KubernetesKey(const Json& key) {
  if (key.is_string()) return key.get<std::string>();
  if (key.is_boolean()) return key.get<bool>() ? "true" : "false";
  if (key.is_number_integer()) return key.dump();
  if (!key.is_number_float()) return std::nullopt;
  std::array<char, 32> digits;  // the shortest that is the same float of 32 bits: as sigs.k8s.io/yaml writes it
  const auto [end, error] = std::to_chars(digits.data(), digits.data() + digits.size(),
                                          static_cast<float>(key.get<double>()), std::chars_format::general);
  if (error != std::errc()) return std::nullopt;
  return std::string(digits.data(), end);
}

}  // namespace rempart::kube
