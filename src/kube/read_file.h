// Reads small files from outside (kubeconfig, tokens, certificates), bounded.
#pragma once

#include <cstddef>
#include <string>

#include "src/base/result.h"

namespace rempart::kube {

// The whole content. Errors name the path and never the content: kNotFound, kDenied (permissions), kInvalid (too large,
// a directory), kTransient (I/O error).
Result<std::string> ReadFile(const std::string& path, std::size_t max_bytes);

}  // namespace rempart::kube
