// The languages in which a region speaks to people (spec.language): refusals, reports, events, and the conditions that
// say the same. Reasons, field names and what the API server itself says are not translated; nor is what is wrong with
// an object's own fields ("field: fix"), which `kubectl apply` would have said in English too.
#pragma once

#include <fmt/core.h>

#include <cstdint>
#include <string>

namespace rempart::api {

enum class Language : std::uint8_t { kEnglish, kFrench };

// One of two texts about the same values, with fmt's marks for them. Where French wants another order, both number
// theirs.
template <class... Args>
std::string Say(Language language, fmt::format_string<Args...> english, fmt::format_string<Args...> french,
                Args&&... args) {
  const fmt::string_view text = language == Language::kFrench ? fmt::string_view(french) : fmt::string_view(english);
  return fmt::vformat(text, fmt::make_format_args(args...));
}

}  // namespace rempart::api
