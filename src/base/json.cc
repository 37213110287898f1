#include "src/base/json.h"

#include <fmt/format.h>
#include <openssl/evp.h>

#include <array>
#include <nlohmann/json.hpp>
#include <set>
#include <stdexcept>
#include <vector>

#include "src/base/text.h"

namespace rempart {

namespace {

// Depth is bounded before anything is built, since a parser's own recursion, and ours over the result, costs stack.
// Looks at brackets outside strings only; whether they match is the parser's business.
Status CheckDepth(std::string_view text, std::size_t max_depth) {
  std::size_t depth = 0;
  bool in_string = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    // The parser takes a zero byte for the end of its input and would not look at what follows.
    if (c == '\0') return Fail(Error::Invalid(fmt::format("JSON: a zero byte at byte {}", i)));
    if (in_string) {
      if (c == '\\')
        ++i;
      else if (c == '"')
        in_string = false;
      continue;
    }
    if (c == '"') {
      in_string = true;
    } else if (c == '{' || c == '[') {
      if (++depth > max_depth)
        return Fail(Error::Invalid(fmt::format("JSON: nested deeper than {} at byte {}", max_depth, i)));
    } else if ((c == '}' || c == ']') && depth > 0) {
      --depth;
    }
  }
  return {};
}

// Parses, and looks at the names of each object that is open as they come.
Result<Json> ParseUnique(std::string_view text) {
  std::vector<std::set<std::string>> open;
  std::string twice;
  const auto look = [&](int, Json::parse_event_t event, Json& parsed) {
    if (event == Json::parse_event_t::object_start) {
      open.emplace_back();
    } else if (event == Json::parse_event_t::object_end) {
      open.pop_back();
    } else if (event == Json::parse_event_t::key && !open.back().insert(parsed.get<std::string>()).second) {
      if (twice.empty()) twice = Json(CleanText(parsed.get<std::string>(), 64)).dump();
    }
    return true;
  };
  Json parsed = Json::parse(text, look);
  if (!twice.empty()) return Fail(Error::Invalid(fmt::format("JSON: the member {} is there twice", twice)));
  return parsed;
}

}  // namespace

Result<Json> ParseJson(std::string_view text, const JsonLimits& limits) {
  if (text.size() > limits.max_bytes) {
    return Fail(
        Error::Invalid(fmt::format("JSON: {} bytes, more than the limit of {}", text.size(), limits.max_bytes)));
  }
  if (auto depth = CheckDepth(text, limits.max_depth); !depth) return Fail(std::move(depth.error()));
  try {
    return limits.unique_keys ? ParseUnique(text) : Json::parse(text);
  } catch (const Json::parse_error& e) {
    return Fail(Error::Invalid(fmt::format("JSON: not well-formed at byte {}", e.byte)));
  } catch (const Json::exception& e) {  // a number that no double can hold
    return Fail(Error::Invalid(fmt::format("JSON: {}", e.what())));
  }
}

std::string DigestOf(std::string_view text) {
  // Fetched once: looking an algorithm up costs more than digesting a small object.
  static EVP_MD* const sha256 = EVP_MD_fetch(nullptr, "SHA256", nullptr);
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest;
  unsigned int size = 0;
  if (sha256 == nullptr || EVP_Digest(text.data(), text.size(), digest.data(), &size, sha256, nullptr) != 1 ||
      size < 16) {
    throw std::runtime_error("OpenSSL has no SHA-256");  // an installation that cannot work at all
  }
  constexpr std::string_view kHex = "0123456789abcdef";
  std::string hex;
  hex.reserve(32);
  for (std::size_t i = 0; i < 16; ++i) {
    hex += kHex[digest[i] >> 4];
    hex += kHex[digest[i] & 15];
  }
  return hex;
}

}  // namespace rempart
