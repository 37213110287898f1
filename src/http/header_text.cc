#include "src/http/header_text.h"

#include <algorithm>
#include <array>
#include <string>

#include "src/base/text.h"

namespace rempart::http {
namespace {

constexpr std::array<std::string_view, 7> kMethods = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"};

// Framing and routing are the client's own business; a second opinion in a header would leave the peers out of step.
constexpr std::array<std::string_view, 7> kReserved = {
    "Host", "Content-Length", "Transfer-Encoding", "Connection", "Upgrade", "Expect", "Trailer"};

char Lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

bool IsAlnum(char c) { return (c >= '0' && c <= '9') || (Lower(c) >= 'a' && Lower(c) <= 'z'); }

bool IsTokenCharacter(char c) {
  return IsAlnum(c) || (c != '\0' && std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos);
}

bool IsValueCharacter(char c) {  // RFC 9110 5.5: visible, space, tab, and bytes above 127
  const auto byte = static_cast<unsigned char>(c);
  return byte == '\t' || (byte >= 0x20 && byte != 0x7f);
}

bool IsTargetCharacter(char c) {  // RFC 3986: pchar, '/', '?'
  return IsAlnum(c) || (c != '\0' && std::string_view("-._~!$&'()*+,;=:@/?%").find(c) != std::string_view::npos);
}

bool IsHex(char c) { return (c >= '0' && c <= '9') || (Lower(c) >= 'a' && Lower(c) <= 'f'); }

Status CheckTarget(std::string_view target) {
  if (!target.starts_with('/') || target.starts_with("//"))
    return Fail(Error::Invalid("target must begin with exactly one slash"));
  if (target.size() > 64 * 1024) return Fail(Error::Invalid("target is longer than 64 KiB"));
  for (std::size_t i = 0; i < target.size(); ++i) {
    if (!IsTargetCharacter(target[i]))
      return Fail(Error::Invalid("target has a character at " + std::to_string(i) + " that must be percent-encoded"));
    if (target[i] == '%' && (i + 2 >= target.size() || !IsHex(target[i + 1]) || !IsHex(target[i + 2])))
      return Fail(Error::Invalid("target has a bad percent-encoding at " + std::to_string(i)));
  }
  return {};
}

}  // namespace

bool SameIgnoringCase(std::string_view a, std::string_view b) {
  return std::ranges::equal(a, b, [](char x, char y) { return Lower(x) == Lower(y); });
}

const std::string* Find(const Headers& headers, std::string_view name) {
  const auto found = std::ranges::find_if(headers, [&](const auto& h) { return SameIgnoringCase(h.first, name); });
  return found == headers.end() ? nullptr : &found->second;
}

Status CheckRequest(const Request& request) {
  if (std::ranges::find(kMethods, request.method) == kMethods.end())
    return Fail(Error::Invalid("unknown method \"" + CleanText(request.method, 40) + "\""));
  if (request.timeout <= std::chrono::milliseconds::zero()) return Fail(Error::Invalid("timeout must be above zero"));
  if (auto status = CheckTarget(request.target); !status) return status;
  for (const auto& [name, value] : request.headers) {
    if (name.empty() || !std::ranges::all_of(name, IsTokenCharacter))
      return Fail(Error::Invalid("header name \"" + CleanText(name, 100) + "\" is malformed"));
    if (!std::ranges::all_of(value, IsValueCharacter))
      return Fail(Error::Invalid("header " + name + " has a control character in its value"));
    if (std::ranges::any_of(kReserved, [&](std::string_view r) { return SameIgnoringCase(r, name); }))
      return Fail(Error::Invalid("header " + name + " is set by the client itself"));
  }
  return {};
}

}  // namespace rempart::http
