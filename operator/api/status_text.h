// The status of our own resources as the caches keep it.
#pragma once

#include <string>

#include "src/kube/decode.h"

namespace rempart::api {

// Compact JSON; "" for none, and for one of another type or above 64 KiB, which none of ours is: it is then written
// anew.
inline std::string StatusText(kube::View status) {
  constexpr std::size_t kMaxStatus = 64 * 1024;
  if (!status.IsObject()) return {};
  std::string text = status.Minified();
  if (text.size() > kMaxStatus) return {};
  text.shrink_to_fit();
  return text;
}

}  // namespace rempart::api
