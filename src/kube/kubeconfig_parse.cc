#include "src/kube/kubeconfig_parse.h"

#include <algorithm>
#include <charconv>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <string_view>
#include <utility>

#include "src/base/json.h"
#include "src/kube/base64.h"
#include "src/kube/kubeconfig_fields.h"
#include "src/kube/read_file.h"
#include "src/kube/text.h"
#include "src/kube/yaml.h"

namespace rempart::kube {
namespace {

constexpr std::size_t kMaxPemBytes = 1024 * 1024;
constexpr std::string_view kExecExtension = "client.authentication.k8s.io/exec";

// One named entry and where it was: relative paths in it start from its file's directory.
struct Entry {
  Json value;
  const KubeconfigFile* file;
  std::size_t index;  // in its list
};
using Entries = std::map<std::string, Entry>;

struct Merged {
  Entries clusters, users, contexts;
  std::string current_context;
};

// Adds the entries of one list whose name is not there yet.
void MergeList(Fields& top, const char* list, const char* member, Entries& into) {
  std::size_t index = 0;
  for (const Json& item : top.List(list)) {
    Fields entry(item, top.file(), std::string(list) + "[" + std::to_string(index) + "]");
    entry.RefuseUnknown({"name", member});
    const std::string name = entry.Text("name");
    if (name.empty()) entry.Refuse("name", "is missing");
    if (auto ok = entry.status(); !ok) {
      top.Keep(ok.error());
      return;
    }
    into.emplace(name, Entry{entry.Node(member), &top.file(), index++});
  }
}

Status MergeFile(const KubeconfigFile& file, Merged& merged) {
  Result<Json> document = ParseYaml(file.text, YamlScalars::kText);
  if (!document) return Fail(std::move(document.error()).While("kubeconfig " + file.name));
  Fields top(*document, file, "");
  top.RefuseUnknown(
      {"apiVersion", "kind", "preferences", "clusters", "users", "contexts", "current-context", "extensions"});
  const std::string version = top.Text("apiVersion");
  const std::string kind = top.Text("kind");
  if (!version.empty() && version != "v1") top.Refuse("apiVersion", "must be v1");
  if (!kind.empty() && kind != "Config") top.Refuse("kind", "must be Config");
  MergeList(top, "clusters", "cluster", merged.clusters);
  MergeList(top, "users", "user", merged.users);
  MergeList(top, "contexts", "context", merged.contexts);
  if (merged.current_context.empty()) merged.current_context = top.Text("current-context");
  return top.status();
}

std::string Resolve(const KubeconfigFile& file, const std::string& path) {
  return path.starts_with('/') ? path : file.directory + "/" + path;
}

bool LooksLikePem(std::string_view text, std::string_view label) {
  const std::size_t begin = text.find("-----BEGIN ");
  return begin != std::string_view::npos && text.substr(begin).find(label) != std::string_view::npos;
}

// The decoded PEM of a *-data field; "" where it is not set.
std::string PemData(Fields& fields, const char* name, std::string_view label) {
  const std::string data = fields.Text(name);
  if (data.empty()) return {};
  Result<std::string> pem = DecodeBase64(data);
  if (!pem) {
    fields.Refuse(name, "is " + pem.error().message);
    return {};
  }
  if (!LooksLikePem(*pem, label)) {
    fields.Refuse(name, "must be the base64 of a PEM text with a " + std::string(label));
    return {};
  }
  return *pem;
}

Status ReadCluster(const std::string& name, const Entry& entry, Config& config) {
  Fields cluster(entry.value, *entry.file, "clusters[" + name + "].cluster");
  cluster.RefuseUnknown({"server", "certificate-authority", "certificate-authority-data", "insecure-skip-tls-verify",
                         "tls-server-name", "proxy-url", "disable-compression", "extensions"});
  cluster.RefuseIfSet("insecure-skip-tls-verify",
                      "the server's certificate is always verified; give its authority in certificate-authority-data");
  cluster.RefuseIfSet("tls-server-name", "use a server name that the certificate has");
  cluster.RefuseIfSet("proxy-url", "give the operator a direct way to the API server");

  const std::string server = cluster.Text("server");
  if (server.empty()) {
    cluster.Refuse("server", "is missing: write https://host:port");
  } else if (auto ok = SplitServer(server, cluster.Path("server"), config); !ok) {
    cluster.Keep(ok.error());
  }

  config.ca_pem = PemData(cluster, "certificate-authority-data", "CERTIFICATE-----");
  const std::string ca_file = cluster.Text("certificate-authority");
  if (config.ca_pem.empty() && !ca_file.empty() && cluster.status()) {
    config.ca_file = Resolve(*entry.file, ca_file);
    Result<std::string> pem = ReadFile(config.ca_file, kMaxPemBytes);
    if (!pem) {
      cluster.Keep(std::move(pem.error()).While(cluster.Path("certificate-authority")));
    } else if (!LooksLikePem(*pem, "CERTIFICATE-----")) {
      cluster.Refuse("certificate-authority", "names a file without a PEM certificate: " + config.ca_file);
    } else {
      config.ca_pem = *pem;
    }
  }
  return cluster.status();
}

// The extension that goes to plugins with provideClusterInfo, with the types that YAML gives its scalars.
Result<std::string> ExecClusterConfig(const Entry& entry) {
  Result<Json> typed = ParseYaml(entry.file->text, YamlScalars::kTyped);
  if (!typed) return Fail(std::move(typed.error()).While("kubeconfig " + entry.file->name));
  const Json& item = typed->at("clusters").at(entry.index);  // it was there when read as text
  Fields cluster(item.at("cluster"), *entry.file, "clusters[" + std::to_string(entry.index) + "].cluster");
  for (const Json& extension : cluster.List("extensions")) {
    if (!extension.is_object() || extension.value("name", Json()) != kExecExtension) continue;
    return extension.value("extension", Json()).dump(-1, ' ', false, Json::error_handler_t::replace);
  }
  if (auto ok = cluster.status(); !ok) return Fail(ok.error());
  return std::string();
}

void ReadExec(Fields& user, const KubeconfigFile& file, Config& config) {
  Fields exec(user.Node("exec"), file, user.Path("exec"));
  exec.RefuseUnknown({"apiVersion", "command", "args", "env", "installHint", "provideClusterInfo", "interactiveMode"});
  ExecPlugin plugin;
  plugin.directory = file.directory;
  plugin.api_version = exec.Text("apiVersion");
  plugin.command = exec.Text("command");
  plugin.install_hint = exec.Text("installHint");
  plugin.provide_cluster_info = exec.Flag("provideClusterInfo");
  if (plugin.api_version != "client.authentication.k8s.io/v1") {
    exec.Refuse("apiVersion", "is \"" + Printable(plugin.api_version, 80) +
                                  "\": only client.authentication.k8s.io/v1 is supported; upgrade the plugin, or the "
                                  "tool that wrote this file (v1 is served since Kubernetes 1.22)");
  }
  if (plugin.command.empty()) exec.Refuse("command", "is missing");
  const std::string mode = exec.Text("interactiveMode");
  if (mode == "Always") {
    exec.Refuse("interactiveMode", "is Always: nobody can answer a plugin's questions here; use IfAvailable or Never");
  } else if (!mode.empty() && mode != "Never" && mode != "IfAvailable") {
    exec.Refuse("interactiveMode", "must be Never, IfAvailable or Always");
  }
  for (const Json& arg : exec.List("args")) {
    if (arg.is_string()) {
      plugin.args.push_back(arg.get<std::string>());
    } else {
      exec.Refuse("args", "must be a list of texts");
    }
  }
  for (const Json& item : exec.List("env")) {
    Fields variable(item, file, exec.Path("env"));
    variable.RefuseUnknown({"name", "value"});
    const std::string name = variable.Text("name");
    if (name.empty() || name.find('=') != std::string::npos) variable.Refuse("name", "must be set and without '='");
    plugin.env.emplace_back(name, variable.Text("value"));
    if (auto ok = variable.status(); !ok) user.Keep(ok.error());
  }
  if (auto ok = exec.status(); !ok) user.Keep(ok.error());
  config.exec = std::move(plugin);
}

bool IsTokenText(std::string_view token) {
  return std::all_of(token.begin(), token.end(), [](char c) { return c > 0x20 && c < 0x7F; });
}

Status ReadUser(const std::string& name, const Entry& entry, Config& config) {
  Fields user(entry.value, *entry.file, "users[" + name + "].user");
  user.RefuseUnknown({"client-certificate", "client-certificate-data", "client-key", "client-key-data", "token",
                      "tokenFile", "exec", "username", "password", "auth-provider", "as", "as-uid", "as-groups",
                      "as-user-extra", "extensions"});
  const std::string fix = "use a client certificate, token, tokenFile or exec";
  for (const char* field : {"username", "password", "auth-provider"}) user.RefuseIfSet(field, fix);
  for (const char* field : {"as", "as-uid", "as-groups", "as-user-extra"}) {
    user.RefuseIfSet(field, "log in as the user that is meant (impersonation)");
  }

  // Data wins over a file of the same thing, as for kubectl.
  config.client_cert_pem = PemData(user, "client-certificate-data", "CERTIFICATE-----");
  config.client_key_pem = PemData(user, "client-key-data", "PRIVATE KEY-----");
  const std::string cert_file = user.Text("client-certificate");
  const std::string key_file = user.Text("client-key");
  if (config.client_cert_pem.empty() && !cert_file.empty()) config.client_cert_file = Resolve(*entry.file, cert_file);
  if (config.client_key_pem.empty() && !key_file.empty()) config.client_key_file = Resolve(*entry.file, key_file);
  const bool cert = !config.client_cert_pem.empty() || !config.client_cert_file.empty();
  const bool key = !config.client_key_pem.empty() || !config.client_key_file.empty();
  if (cert != key) user.Refuse(cert ? "client-key" : "client-certificate", "is missing beside its counterpart");

  config.token = user.Text("token");
  if (!IsTokenText(config.token)) user.Refuse("token", "has characters that no token has (spaces, line breaks)");
  const std::string token_file = user.Text("tokenFile");
  if (!token_file.empty()) config.token_file = Resolve(*entry.file, token_file);
  if (!user.Node("exec").is_null()) ReadExec(user, *entry.file, config);

  if (cert + !config.token.empty() + !token_file.empty() + config.exec.has_value() > 1) {
    user.Refuse("", "has more than one of client-certificate, token, tokenFile and exec: keep one");
  }
  return user.status();
}

Error Missing(const std::string& what, const std::string& name, const Entries& entries,
              const std::vector<KubeconfigFile>& files) {
  std::string there;
  for (const auto& [key, entry] : entries) there += (there.empty() ? "" : ", ") + key;
  std::string names;
  for (const KubeconfigFile& file : files) names += (names.empty() ? "" : ", ") + file.name;
  return Error::Invalid("kubeconfig " + Printable(names, 200) + ": there is no " + what + " \"" + Printable(name, 100) +
                        "\"" + (there.empty() ? "" : "; there are: " + Printable(there, 300)));
}

}  // namespace

Status SplitServer(const std::string& url, const std::string& where, Config& config) {
  const auto refuse = [&](const std::string& why) {
    return Fail(Error::Invalid(where + " " + why + ": write https://host:port"));
  };
  std::string_view rest = url;
  std::string_view scheme;
  for (std::string_view known : {"https://", "http://"}) {
    if (rest.starts_with(known)) scheme = known;
  }
  if (scheme.empty()) return refuse("has no https:// in front");
  rest.remove_prefix(scheme.size());
  // User names, queries and fragments have no business here, and a user name may be a secret: not quoted.
  if (rest.find_first_of("@?#\\\"<> ") != std::string_view::npos || !IsTokenText(rest)) {
    return refuse("has characters that do not belong into a server's address");
  }
  const std::size_t slash = std::min(rest.find('/'), rest.size());
  std::string_view authority = rest.substr(0, slash);
  std::string_view path = rest.substr(slash);
  while (path.ends_with('/')) path.remove_suffix(1);

  std::string_view host = authority, port = scheme == "https://" ? "443" : "80";
  const std::size_t host_end = authority.starts_with('[') ? authority.find(']') : authority.find(':');
  if (authority.starts_with('[')) {
    if (host_end == std::string_view::npos) return refuse("has no ] after the IPv6 address");
    host = authority.substr(0, host_end + 1);
  } else {
    host = authority.substr(0, host_end);
  }
  if (host.size() < authority.size()) {
    if (authority[host.size()] != ':') return refuse("has something between ] and the port");
    port = authority.substr(host.size() + 1);
  }
  int number = 0;
  const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), number);
  if (error != std::errc() || end != port.data() + port.size() || number < 1 || number > 65535) {
    return refuse("has a port that is no number from 1 to 65535");
  }
  if (host.empty() || host == "[]") return refuse("has no host");
  config.server = std::string(scheme) + std::string(host) + ":" + std::to_string(number);
  config.base_path = std::string(path);
  return {};
}

Result<Config> ResolveKubeconfig(const std::vector<KubeconfigFile>& files, const std::string& context) {
  Merged merged;
  for (const KubeconfigFile& file : files) {
    if (auto ok = MergeFile(file, merged); !ok) return Fail(ok.error());
  }
  const std::string& context_name = context.empty() ? merged.current_context : context;
  if (context_name.empty()) {
    return Fail(Error::Invalid("kubeconfig " + (files.empty() ? std::string() : files[0].name) +
                               ": current-context is not set: give --context, or run kubectl config use-context"));
  }
  const auto found = merged.contexts.find(context_name);
  if (found == merged.contexts.end()) return Fail(Missing("context", context_name, merged.contexts, files));

  Fields chosen(found->second.value, *found->second.file, "contexts[" + context_name + "].context");
  chosen.RefuseUnknown({"cluster", "user", "namespace", "extensions"});
  const std::string cluster_name = chosen.Text("cluster");
  const std::string user_name = chosen.Text("user");
  Config config;
  config.ns = chosen.Text("namespace");
  if (config.ns.empty()) config.ns = "default";
  if (cluster_name.empty()) chosen.Refuse("cluster", "is missing");
  if (auto ok = chosen.status(); !ok) return Fail(ok.error());

  const auto cluster = merged.clusters.find(cluster_name);
  if (cluster == merged.clusters.end()) return Fail(Missing("cluster", cluster_name, merged.clusters, files));
  if (auto ok = ReadCluster(cluster_name, cluster->second, config); !ok) return Fail(ok.error());
  if (user_name.empty()) return config;  // anonymous, or a proxy that logs in for us

  const auto user = merged.users.find(user_name);
  if (user == merged.users.end()) return Fail(Missing("user", user_name, merged.users, files));
  if (auto ok = ReadUser(user_name, user->second, config); !ok) return Fail(ok.error());
  if (config.exec && config.exec->provide_cluster_info) {
    Result<std::string> extension = ExecClusterConfig(cluster->second);
    if (!extension) return Fail(extension.error());
    config.exec->cluster_config = *extension;
  }
  return config;
}

}  // namespace rempart::kube
