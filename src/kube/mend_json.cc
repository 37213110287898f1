#include "src/kube/mend_json.h"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <system_error>

namespace rempart::kube {
namespace {

constexpr std::string_view kOfNumbers = "0123456789+-.eE";

bool BeginsNumber(char c) { return c == '-' || (c >= '0' && c <= '9'); }

// Where the string, number or single character at `begin` ends.
std::size_t EndOfToken(std::string_view text, std::size_t begin) {
  if (BeginsNumber(text[begin])) return std::min(text.find_first_not_of(kOfNumbers, begin), text.size());
  if (text[begin] != '"') return begin + 1;
  for (std::size_t at = begin + 1; at < text.size(); ++at) {
    if (text[at] == '"') return at + 1;
    if (text[at] == '\\') ++at;
  }
  return text.size();
}

bool IsBeyond64Bits(std::string_view token) {
  if (!BeginsNumber(token[0]) || token.find_first_of("+.eE") != token.npos) return false;
  const char* const end = token.data() + token.size();
  std::int64_t negative = 0;
  std::uint64_t positive = 0;
  const auto read =
      token[0] == '-' ? std::from_chars(token.data(), end, negative) : std::from_chars(token.data(), end, positive);
  return read.ec == std::errc::result_out_of_range;
}

}  // namespace

std::string MendJson(std::string_view text, std::size_t max_depth) {
  std::string mended;
  mended.reserve(text.size());
  std::size_t depth = 0;
  for (std::size_t at = 0; at < text.size();) {
    const std::string_view token = text.substr(at, EndOfToken(text, at) - at);
    at += token.size();
    if ((token == "{" || token == "[") && ++depth == max_depth + 1)
      mended.append("\"").append(kNestedTooDeeply).append("\"");
    if (depth <= max_depth) {
      mended += token;
      if (IsBeyond64Bits(token)) mended += "e0";
    }
    if ((token == "}" || token == "]") && depth > 0) --depth;
  }
  return mended;
}

}  // namespace rempart::kube
