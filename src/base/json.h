// Bounded JSON for what we build and compare (nlohmann/json). Streams of the API server are decoded by simdjson
// instead, see src/kube/decode.h.
#pragma once

#include <cstddef>
#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

#include "src/base/result.h"

namespace rempart {

using Json = nlohmann::json;

struct JsonLimits {
  std::size_t max_bytes = 4 * 1024 * 1024;  // above the API server's own limit of 3 MiB a request
  std::size_t max_depth = 100;
  // Refuse an object with two members of one name, of which readers may take either: for what is signed.
  bool unique_keys = false;
};

// RFC 8259, strictly; refuses what is larger or deeper than the limits, before it is built.
Result<Json> ParseJson(std::string_view text, const JsonLimits& limits = {});

// Stable 128-bit digest of a text, as 32 hex digits (SHA-256, cut). For change detection, not for secrets.
std::string DigestOf(std::string_view text);

}  // namespace rempart
