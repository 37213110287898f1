#include "src/crypto/pem.h"

#include "src/crypto/base64.h"

namespace rempart::crypto {

namespace {

constexpr std::string_view kBlanks = " \t\r\n";
constexpr std::string_view kBegin = "-----BEGIN ";
constexpr std::string_view kEnd = "-----END ";
constexpr std::string_view kDashes = "-----";
constexpr std::size_t kLineLength = 64;

std::string_view Trimmed(std::string_view text) {
  const std::size_t first = text.find_first_not_of(kBlanks);
  return first == text.npos ? std::string_view() : text.substr(first, text.find_last_not_of(kBlanks) - first + 1);
}

}  // namespace

PemBlock FindPem(std::string_view text) {
  std::string_view rest = Trimmed(text);
  if (!rest.starts_with(kBegin)) return {};
  rest.remove_prefix(kBegin.size());
  const std::size_t label_end = rest.find(kDashes);
  if (label_end == rest.npos) return {};
  const std::string_view label = rest.substr(0, label_end);
  rest.remove_prefix(label_end + kDashes.size());
  const std::size_t body_end = rest.find(kEnd);  // the first: a second block is something beside
  if (body_end == rest.npos) return {};
  std::string_view end = rest.substr(body_end + kEnd.size());
  if (!end.starts_with(label) || end.substr(label.size()) != kDashes) return {};
  return {label, rest.substr(0, body_end)};
}

std::string WritePem(std::string_view label, std::string_view der) {
  const std::string body = EncodeBase64(der);
  std::string pem = std::string(kBegin).append(label).append("-----\n");
  for (std::size_t i = 0; i < body.size(); i += kLineLength) pem.append(body, i, kLineLength).append("\n");
  return pem.append(kEnd).append(label).append("-----\n");
}

}  // namespace rempart::crypto
