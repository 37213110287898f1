// Bounded YAML -> JSON values (libyaml stays behind this header), for kubeconfig files and manifests. The API's own
// tools read YAML with a translation of libyaml into Go, so that both take the same texts the same way.
#pragma once

#include <cstddef>
#include <expected>
#include <string>
#include <string_view>

#include "src/base/json.h"
#include "src/base/result.h"
#include "src/kube/field_lines.h"

namespace rempart::kube {

struct YamlLimits {
  std::size_t max_bytes = 1024 * 1024;
  std::size_t max_nodes = 20'000;  // values and keys, after aliases are expanded; as many again in copies for anchors
  std::size_t max_depth = 50;
};

enum class YamlScalars {
  kText,        // every scalar but null is a string, as it was written: `token: 007` stays "007"
  kTyped,       // YAML 1.2's core schema: null, booleans, integers, floats, strings
  kKubernetes,  // as kubectl reads manifests: see KubernetesScalar; with merge keys
};

// Why a text cannot be read, and where. Never with the content, which may hold secrets.
struct Unreadable {
  int line = 0;  // 0: unknown
  std::string why;
};

// Exactly one document (an empty text is null). Refused: malformed, beyond a limit, a key twice or no scalar, merge
// keys
// ("<<") but for kKubernetes, tags of other types, a second document. Lines are counted from `first_line`. `lines`,
// where not null, learns where each field is; on an error it is of no use.
std::expected<Json, Unreadable> ReadYaml(std::string_view text, YamlScalars scalars, const YamlLimits& limits,
                                         int first_line = 1, FieldLines* lines = nullptr);

// The same with an Error: kInvalid, with the line where known.
Result<Json> ParseYaml(std::string_view text, YamlScalars scalars, const YamlLimits& limits = {});

}  // namespace rempart::kube
