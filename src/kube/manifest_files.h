// Which files `-f PATH…` means, and their content. Blocking I/O; errors are values that name the path.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <vector>

#include "src/base/result.h"

namespace rempart::kube {

struct FileLimits {
  std::size_t max_files = 100'000;
  std::size_t max_file_bytes = 64 * 1024 * 1024;
  std::size_t max_total_bytes = 512 * 1024 * 1024;
  std::size_t max_depth = 64;  // of directories in one another
};

struct ManifestFile {
  std::string name;  // as it was given, or under a directory that was; "-" is standard input
  Result<std::string> content;
};

// Files as they are named, with any extension; directories with all below them, sorted by name: *.yaml, *.yml and
// *.json, as kubectl has it. Links are followed; what was seen once under its real path is not read again, so that they
// may form loops. Left out are .git, and names that begin with "..", which a mounted ConfigMap has beside its files.
// "-" is what `read_stdin` gives, once. A path that does not exist or is too large, a directory without a manifest,
// what is beyond a limit: a ManifestFile with an error. The order is that of `paths`.
std::vector<ManifestFile> ReadManifestFiles(const std::vector<std::string>& paths,
                                            const std::function<Result<std::string>()>& read_stdin,
                                            const FileLimits& limits = {});

}  // namespace rempart::kube
