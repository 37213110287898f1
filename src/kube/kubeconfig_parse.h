// From the entries of kubeconfig files to a Config; see kubeconfig.h for what is taken and what is refused. Internal to
// src/kube.
#pragma once

#include <string>
#include <vector>

#include "src/base/result.h"
#include "src/kube/kubeconfig.h"

namespace rempart::kube {

// One file, read.
struct KubeconfigFile {
  std::string name;       // for messages: its path
  std::string directory;  // that relative paths in it start from
  std::string text;
};

// Merges `files` as kubectl does (whole entries; the first file that has one wins) and resolves `context`, or the
// current one where it is empty.
Result<Config> ResolveKubeconfig(const std::vector<KubeconfigFile>& files, const std::string& context);

// "https://host[:port][/path]" -> origin with port, and path without trailing slash. `where` names the field.
Status SplitServer(const std::string& url, const std::string& where, Config& config);

}  // namespace rempart::kube
