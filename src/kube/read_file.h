// Reads small files from outside (kubeconfig, tokens, certificates), bounded.
#pragma once

#include <cstddef>
#include <string>

#include "src/base/result.h"

namespace rempart::kube {

// The whole content. Errors name the path and never the content: kNotFound, kDenied (permissions), kInvalid (too large,
// a directory), kTransient (I/O error).
Result<std::string> ReadFile(const std::string& path, std::size_t max_bytes);

// What is left to read of an open file, a pipe or a terminal; blocks until its end. `name` is for errors. The
// descriptor stays open.
Result<std::string> ReadDescriptor(int fd, const std::string& name, std::size_t max_bytes);

}  // namespace rempart::kube
