// Texts as the caches keep them.
#pragma once

#include <cstddef>
#include <string>

#include "src/kube/decode.h"

namespace rempart::api {

inline constexpr std::size_t kMaxKnownText = 1024;  // the API server's own limits are below

// "" where it is not there. What cannot be read (no string, or above 1 KiB) must not look like what is not there: it
// becomes a text that equals no label's value and no uid, so that it disagrees with whatever it is compared to.
inline std::string KnownText(kube::View value) {
  if (!value.exists()) return {};
  const auto text = value.AsString();
  return std::string(text && text->size() <= kMaxKnownText ? *text : "(unreadable)");
}

// Compact JSON of the status of one of our resources; "" for none, and for one of another type or above 256 KiB, which
// the schemas do not let through: it is then written anew.
inline std::string StatusText(kube::View status) {
  constexpr std::size_t kMaxStatus = 256 * 1024;
  if (!status.IsObject()) return {};
  std::string text = status.Minified();
  if (text.size() > kMaxStatus) return {};
  text.shrink_to_fit();
  return text;
}

}  // namespace rempart::api
