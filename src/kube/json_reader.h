// Bounded JSON -> JSON values with the line of each field; for manifests. What needs no lines is read by ParseJson
// (src/base/json.h) or a Document (src/kube/decode.h).
#pragma once

#include <cstddef>
#include <expected>
#include <string_view>

#include "src/base/json.h"
#include "src/kube/field_lines.h"
#include "src/kube/tree_builder.h"
#include "src/kube/yaml.h"

namespace rempart::kube {

struct ReadValue {
  Json value;
  std::size_t bytes = 0;  // how much of the text it took; another value may follow
};

// The value that `text` begins with (after white space), by RFC 8259. Refused: malformed, beyond a limit, a key twice
// in one object. Lines are counted from `first_line`. `lines`, where not null, learns where each field is; on an error
// it is of no use. The text holds no zero byte, which would be taken for its end.
std::expected<ReadValue, Unreadable> ReadJson(std::string_view text, const TreeLimits& limits, int first_line = 1,
                                              FieldLines* lines = nullptr);

}  // namespace rempart::kube
