#include "src/base/text.h"

#include <nlohmann/json.hpp>

#include "src/base/json.h"

namespace rempart {

namespace {

constexpr std::string_view kEllipsis = "…";
constexpr std::size_t kLongestCharacter = 4;

bool IsAscii(std::string_view text) {
  for (char c : text) {
    if (static_cast<unsigned char>(c) >= 0x80) return false;
  }
  return true;
}

std::string ValidUtf8(std::string_view text) {
  if (IsAscii(text)) return std::string(text);
  return Json::parse(Json(text).dump(-1, ' ', false, Json::error_handler_t::replace)).get<std::string>();
}

}  // namespace

std::string_view CutAtCharacter(std::string_view text, std::size_t max_bytes) {
  if (text.size() <= max_bytes) return text;
  std::size_t n = max_bytes;
  // Not farther back than a character is long: what is no UTF-8 at all is cut where it is.
  const std::size_t lowest = max_bytes < kLongestCharacter ? 0 : max_bytes - kLongestCharacter + 1;
  while (n > lowest && (static_cast<unsigned char>(text[n]) & 0xc0) == 0x80) --n;
  return text.substr(0, n);
}

std::string CleanText(std::string_view text, std::size_t max_bytes) {
  // Replacing may lengthen (one byte becomes three), so cut before, to bound the work, and after, to bound the result.
  std::string clean = ValidUtf8(CutAtCharacter(text, max_bytes));
  if (text.size() <= max_bytes && clean.size() <= max_bytes) return clean;
  if (max_bytes < kEllipsis.size()) return std::string(CutAtCharacter(clean, max_bytes));
  clean.resize(CutAtCharacter(clean, max_bytes - kEllipsis.size()).size());
  return clean.append(kEllipsis);
}

}  // namespace rempart
