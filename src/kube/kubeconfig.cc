#include "src/kube/kubeconfig.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "src/kube/kubeconfig_parse.h"
#include "src/kube/read_file.h"

namespace rempart::kube {
namespace {

constexpr std::size_t kMaxKubeconfigBytes = 1024 * 1024;
constexpr std::size_t kMaxFiles = 32;

std::string DirectoryOf(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

Result<KubeconfigFile> ReadKubeconfig(const std::string& path) {
  Result<std::string> text = ReadFile(path, kMaxKubeconfigBytes);
  if (!text) return Fail(std::move(text.error()).While("kubeconfig"));
  return KubeconfigFile{path, DirectoryOf(path), *std::move(text)};
}

// $KUBECONFIG: several paths with colons between. One that is not there is passed over, as kubectl does.
Result<Config> LoadList(const std::string& list, const std::string& context) {
  std::vector<std::string> paths;
  std::string_view rest = list;
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find(':'), rest.size());
    std::string path(rest.substr(0, end));
    rest.remove_prefix(std::min(end + 1, rest.size()));
    if (!path.empty() && std::find(paths.begin(), paths.end(), path) == paths.end()) paths.push_back(std::move(path));
  }
  if (paths.size() > kMaxFiles) {
    return Fail(Error::Invalid("$KUBECONFIG names more than " + std::to_string(kMaxFiles) + " files"));
  }
  std::vector<KubeconfigFile> files;
  for (const std::string& path : paths) {
    Result<KubeconfigFile> file = ReadKubeconfig(path);
    if (file) {
      files.push_back(*std::move(file));
    } else if (file.error().kind != ErrorKind::kNotFound) {
      return Fail(file.error());
    }
  }
  if (files.empty()) return Fail(Error::NotFound("kubeconfig: no file of $KUBECONFIG (" + list + ") is there"));
  return ResolveKubeconfig(files, context);
}

Result<Config> LoadInCluster(const LoadOptions& options, const std::string& host, const Getenv& getenv) {
  if (!options.context.empty()) {
    return Fail(Error::Invalid("--context " + options.context +
                               " was given, but there is no kubeconfig: the service account of this pod would be used. "
                               "Take --context away, or give --kubeconfig"));
  }
  const std::optional<std::string> port = getenv("KUBERNETES_SERVICE_PORT");
  if (!port || port->empty()) {
    return Fail(
        Error::Invalid("KUBERNETES_SERVICE_HOST is set and KUBERNETES_SERVICE_PORT is not: set both, or "
                       "give --kubeconfig"));
  }
  Config config;
  const bool ipv6 = host.find(':') != std::string::npos && !host.starts_with('[');
  const std::string url = "https://" + (ipv6 ? "[" + host + "]" : host) + ":" + *port;
  if (auto ok = SplitServer(url, "KUBERNETES_SERVICE_HOST or _PORT", config); !ok) return Fail(ok.error());

  const std::string& dir = options.service_account_dir;
  const std::string hint = "in-cluster credentials (is automountServiceAccountToken off?)";
  config.ca_file = dir + "/ca.crt";
  Result<std::string> ca = ReadFile(config.ca_file, kMaxKubeconfigBytes);
  if (!ca) return Fail(std::move(ca.error()).While(hint));
  if (ca->find("-----BEGIN CERTIFICATE-----") == std::string::npos) {
    return Fail(Error::Invalid("in-cluster credentials: " + config.ca_file + " has no PEM certificate"));
  }
  config.ca_pem = *std::move(ca);
  config.token_file = dir + "/token";
  // Read here as well, so that what is missing is said at start.
  if (auto token = ReadFile(config.token_file, kMaxKubeconfigBytes); !token) {
    return Fail(std::move(token.error()).While(hint));
  }
  config.ns = "default";
  if (auto ns = ReadFile(dir + "/namespace", 256)) {
    while (!ns->empty() && (ns->back() == '\n' || ns->back() == ' ')) ns->pop_back();
    if (!ns->empty()) config.ns = *ns;
  }
  return config;
}

}  // namespace

Result<Config> ParseKubeconfig(const std::string& text, const std::string& directory, const std::string& context) {
  return ResolveKubeconfig({KubeconfigFile{"(text)", directory, text}}, context);
}

Result<Config> LoadConfig(const LoadOptions& options, const Getenv& getenv) {
  if (!options.kubeconfig.empty()) {
    Result<KubeconfigFile> file = ReadKubeconfig(options.kubeconfig);
    if (!file) return Fail(file.error());
    return ResolveKubeconfig({*file}, options.context);
  }
  if (auto list = getenv("KUBECONFIG"); list && !list->empty()) return LoadList(*list, options.context);
  if (auto host = getenv("KUBERNETES_SERVICE_HOST"); host && !host->empty()) {
    return LoadInCluster(options, *host, getenv);
  }
  const std::optional<std::string> home = getenv("HOME");
  if (home && !home->empty()) {
    Result<KubeconfigFile> file = ReadKubeconfig(*home + "/.kube/config");
    if (file) return ResolveKubeconfig({*file}, options.context);
    if (file.error().kind != ErrorKind::kNotFound) return Fail(file.error());
  }
  return Fail(
      Error::NotFound("no way to the API server: give --kubeconfig, set KUBECONFIG, put a file at "
                      "~/.kube/config, or run in a pod with a service account"));
}

}  // namespace rempart::kube
