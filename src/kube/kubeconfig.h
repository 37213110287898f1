// Where the API server is and who we are: kubeconfig files and in-cluster credentials.
// kubeconfig: clusters (server, certificate-authority[-data]), users (client-certificate[-data], client-key[-data],
// token, tokenFile, exec), contexts, several files in $KUBECONFIG merged as kubectl does (first one wins). Relative
// paths are relative to the file that names them. insecure-skip-tls-verify, username/password, auth-provider,
// tls-server-name and proxy-url are refused with a message that says so.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "src/base/clock.h"
#include "src/base/result.h"
#include "src/http/client.h"

namespace rempart::kube {

// client.authentication.k8s.io/v1 exec plugin.
struct ExecPlugin {
  std::string api_version;
  std::string command;
  std::vector<std::string> args;
  std::vector<std::pair<std::string, std::string>> env;
  bool provide_cluster_info = false;
  std::string install_hint;
  std::string directory;       // of the kubeconfig, for a relative command with a slash
  std::string cluster_config;  // JSON of the cluster's extension client.authentication.k8s.io/exec, else empty
};

struct Config {
  std::string server;     // "https://host:port", without trailing slash
  std::string base_path;  // path behind a proxy ("/k8s/clusters/c1"), else empty
  std::string ca_pem;     // data, or read from file at load; empty: the authorities of the system
  std::string ca_file;    // when set, the real Api reads it again when connections fail (rotation of the cluster's CA)
  std::string ns;         // of the context, or of the service account; default "default"
  // at most one of these kinds
  std::string client_cert_pem, client_key_pem;    // inline
  std::string client_cert_file, client_key_file;  // read again for each connection
  std::string token;
  std::string token_file;  // read again at most once a minute, and after a 401
  std::optional<ExecPlugin> exec;
};

struct LoadOptions {
  std::string kubeconfig;  // --kubeconfig: one path; empty: $KUBECONFIG, else in-cluster, else ~/.kube/config
  std::string context;     // --context; empty: current-context
  // Where the kubelet puts token, ca.crt and namespace. Tests point it elsewhere.
  std::string service_account_dir = "/var/run/secrets/kubernetes.io/serviceaccount";
};
// Environment lookup, passed in for tests: the value, or nullopt.
using Getenv = std::function<std::optional<std::string>(const char* name)>;

// In-cluster is chosen when neither --kubeconfig nor $KUBECONFIG is given and KUBERNETES_SERVICE_HOST is set.
// Errors name the file, the field and the fix, never a secret: kInvalid (also an unknown field or a kind of login that
// is not supported), kNotFound and kDenied (files). Bounded: 1 MiB and 20,000 values a file, 32 files.
Result<Config> LoadConfig(const LoadOptions& options, const Getenv& getenv);
// Exposed for tests: one kubeconfig text. `directory` resolves relative paths.
Result<Config> ParseKubeconfig(const std::string& text, const std::string& directory, const std::string& context);

// Gives the Authorization header and the client certificate, renewed as they rotate. Thread-safe. Secrets never reach
// logs or errors.
class Credentials {
 public:
  virtual ~Credentials() = default;
  virtual Result<std::string> AuthorizationHeader() = 0;  // "Bearer …", or "" for none
  virtual Result<http::Identity> ClientIdentity() = 0;    // empty for none
  // The server said 401: what is cached is not used again. A plugin that ran less than 5 s ago is not run anew for
  // that (several threads' answers of 401 arrive together), and one that failed is not run again for 5 s.
  virtual void Rejected() = 0;
};
// `run`: runs an exec plugin and gives its standard output (bounded 1 MiB, and 20 s so that a shutdown is not held up
// longer); passed in for tests, RunExecPlugin is the real one: no shell, our environment and the plugin's `env` and
// KUBERNETES_EXEC_INFO, no standard input.
using RunPlugin = std::function<Result<std::string>(const ExecPlugin&, const std::string& exec_info_json)>;
Result<std::string> RunExecPlugin(const ExecPlugin& plugin, const std::string& exec_info_json);
Result<std::unique_ptr<Credentials>> MakeCredentials(const Config& config, Clock& clock, RunPlugin run = RunExecPlugin);

}  // namespace rempart::kube
