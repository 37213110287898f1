// Bounded YAML -> JSON values (yaml-cpp stays behind this header), for kubeconfig files and manifests.
#pragma once

#include <cstddef>
#include <string_view>

#include "src/base/json.h"
#include "src/base/result.h"

namespace rempart::kube {

struct YamlLimits {
  std::size_t max_bytes = 1024 * 1024;
  std::size_t max_nodes = 20'000;  // values and keys, counted after aliases are expanded
  std::size_t max_depth = 50;
};

enum class YamlScalars {
  kText,   // every scalar but null is a string, as it was written: `token: 007` stays "007"
  kTyped,  // YAML 1.2's core schema: null, booleans, integers, floats, strings
};

// Exactly one document (an empty text is null). kInvalid, with the line where known and never with the content (it may
// hold secrets): malformed, beyond a limit, a key twice or no scalar, merge keys ("<<"), tags of other types, a second
// document.
Result<Json> ParseYaml(std::string_view text, YamlScalars scalars, const YamlLimits& limits = {});

}  // namespace rempart::kube
