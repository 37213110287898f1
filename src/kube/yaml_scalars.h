// What a plain scalar of YAML means, in each of the ways that we read it.
#pragma once

#include <optional>
#include <string>

#include "src/base/json.h"

namespace rempart::kube {

// YAML 1.2.2, section 10.3.2 (the core schema), without what JSON cannot say (infinities, NaN: they stay text).
Json CoreScalar(const std::string& text);

// As the API's own tools have it (sigs.k8s.io/yaml, which is YAML 1.1 but for base 60 and dates): yes, no, on, off, y
// and n are booleans, 0644 is octal, 1_000 is a number, 1e3 and 3.0 are integers. Nothing for infinities and NaN, which
// they refuse to make JSON of.
std::optional<Json> KubernetesScalar(const std::string& text);

// How a plain scalar reads as a mapping's key there, where keys are always text: "true" for `on`, "420" for `0644`,
// "1e+10" for `1e10`. Nothing for null, infinities and NaN.
std::optional<std::string> KubernetesKey(const std::string& text);
// The same for a value that stands for a key by an alias; nothing for what has values below it, too.
std::optional<std::string> KubernetesKey(const Json& key);

}  // namespace rempart::kube
