#include "src/kube/kubeconfig.h"

#include <gtest/gtest.h>

#include <map>

#include "src/kube/base64.h"
#include "tests/unit/kube/temp_dir.h"

namespace rempart::kube {
namespace {

using test::TempDir;

const std::string kCa = "-----BEGIN CERTIFICATE-----\nY2E=\n-----END CERTIFICATE-----\n";
const std::string kCert = "-----BEGIN CERTIFICATE-----\nY2VydA==\n-----END CERTIFICATE-----\n";
const std::string kKey = "-----BEGIN PRIVATE KEY-----\na2V5\n-----END PRIVATE KEY-----\n";

// A file with one context; the parts are flow mappings.
std::string File(const std::string& cluster, const std::string& user, const std::string& context_extra = "") {
  return "apiVersion: v1\nkind: Config\ncurrent-context: c\nclusters: [{name: k, cluster: " + cluster +
         "}]\nusers: [{name: u, user: " + user + "}]\ncontexts: [{name: c, context: {cluster: k, user: u" +
         context_extra + "}}]\npreferences: {}\n";
}
const std::string kPlainCluster = "{server: 'https://h:6443'}";

Result<Config> Parse(const std::string& text, const std::string& context = "") {
  return ParseKubeconfig(text, "/dir", context);
}

TEST(Kubeconfig, Token) {
  const auto config = Parse(File("{server: 'https://h:6443/', certificate-authority-data: " + EncodeBase64(kCa) + "}",
                                 "{token: abc.def}", ", namespace: acme"));
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(config->server, "https://h:6443");
  EXPECT_EQ(config->base_path, "");
  EXPECT_EQ(config->ca_pem, kCa);
  EXPECT_EQ(config->ca_file, "");
  EXPECT_EQ(config->token, "abc.def");
  EXPECT_EQ(config->ns, "acme");
}

TEST(Kubeconfig, ScalarsAreText) {
  const auto config = Parse(File(kPlainCluster, "{token: 00123}"));
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(config->token, "00123");
  EXPECT_EQ(config->ns, "default");
}

TEST(Kubeconfig, ClientCertificateData) {
  const auto config = Parse(File(kPlainCluster, "{client-certificate-data: " + EncodeBase64(kCert) +
                                                    ", client-key-data: " + EncodeBase64(kKey) + "}"));
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(config->client_cert_pem, kCert);
  EXPECT_EQ(config->client_key_pem, kKey);
}

TEST(Kubeconfig, RelativePathsStartFromTheFile) {
  const auto config = Parse(File(kPlainCluster, "{client-certificate: pki/a.crt, client-key: /abs/a.key}"));
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(config->client_cert_file, "/dir/pki/a.crt");
  EXPECT_EQ(config->client_key_file, "/abs/a.key");
  EXPECT_EQ(Parse(File(kPlainCluster, "{tokenFile: t}")).value().token_file, "/dir/t");
}

TEST(Kubeconfig, DataWinsOverFiles) {
  const auto config = Parse(File(
      "{server: 'https://h', certificate-authority: /nowhere, certificate-authority-data: " + EncodeBase64(kCa) + "}",
      "{}"));
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(config->ca_pem, kCa);
  EXPECT_EQ(config->ca_file, "");
}

TEST(Kubeconfig, CaFile) {
  TempDir dir;
  dir.Write("ca.crt", kCa);
  const auto config =
      ParseKubeconfig(File("{server: 'https://h', certificate-authority: ca.crt}", "{}"), dir.path(), "");
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(config->ca_pem, kCa);
  EXPECT_EQ(config->ca_file, dir / "ca.crt");
}

TEST(Kubeconfig, ExecPlugin) {
  const auto config = Parse(
      File("{server: 'https://h', extensions: [{name: client.authentication.k8s.io/exec, extension: {n: 5, s: '5', b: "
           "true}}]}",
           "{exec: {apiVersion: client.authentication.k8s.io/v1, command: ./get-token, args: [a, '1'], "
           "env: [{name: X, value: y}], installHint: brew, provideClusterInfo: true, interactiveMode: IfAvailable}}"));
  ASSERT_TRUE(config) << config.error().message;
  ASSERT_TRUE(config->exec);
  EXPECT_EQ(config->exec->command, "./get-token");
  EXPECT_EQ(config->exec->args, (std::vector<std::string>{"a", "1"}));
  EXPECT_EQ(config->exec->env, (std::vector<std::pair<std::string, std::string>>{{"X", "y"}}));
  EXPECT_EQ(config->exec->install_hint, "brew");
  EXPECT_TRUE(config->exec->provide_cluster_info);
  EXPECT_EQ(config->exec->directory, "/dir");
  EXPECT_EQ(config->exec->cluster_config, R"({"b":true,"n":5,"s":"5"})");
}

TEST(Kubeconfig, Servers) {
  struct Case {
    const char* url;
    const char* server;  // empty: refused
    const char* path;
  };
  const Case kCases[] = {
      {"https://h", "https://h:443", ""},
      {"https://h/", "https://h:443", ""},
      {"https://h:6443/k8s/clusters/c1/", "https://h:6443", "/k8s/clusters/c1"},
      {"https://[::1]:6443", "https://[::1]:6443", ""},
      {"https://[fd00::1]", "https://[fd00::1]:443", ""},
      {"http://127.0.0.1:8001", "http://127.0.0.1:8001", ""},  // that it is a loopback is for the HTTP client to judge
      {"http://localhost", "http://localhost:80", ""},
      {"h:6443", "", ""},
      {"ftp://h", "", ""},
      {"https://", "", ""},
      {"https://:6443", "", ""},
      {"https://h:", "", ""},
      {"https://h:0", "", ""},
      {"https://h:65536", "", ""},
      {"https://h:64x", "", ""},
      {"https://h:1:2", "", ""},
      {"https://[::1", "", ""},
      {"https://[]:1", "", ""},
      {"https://[::1]x:1", "", ""},
      {"https://user:hunter2@h", "", ""},
      {"https://h/?q", "", ""},
      {"https://h/a b", "", ""},
      {"https://h#f", "", ""},
      {"https://h\\r\\nX: y", "", ""},
  };
  for (const Case& c : kCases) {
    const auto config = Parse(File("{server: \"" + std::string(c.url) + "\"}", "{}"));
    if (*c.server == '\0') {
      ASSERT_FALSE(config) << c.url;
      EXPECT_NE(config.error().message.find("clusters[k].cluster.server"), std::string::npos) << config.error().message;
      EXPECT_EQ(config.error().message.find("hunter2"), std::string::npos) << "a secret in an error";
    } else {
      ASSERT_TRUE(config) << c.url << ": " << config.error().message;
      EXPECT_EQ(config->server, c.server);
      EXPECT_EQ(config->base_path, c.path);
    }
  }
}

// Each refusal names the place, and says what to do. "hunter2" stands for secrets: it is never said.
TEST(Kubeconfig, Refusals) {
  const std::string exec = "{exec: {apiVersion: client.authentication.k8s.io/v1, command: x";
  struct Case {
    std::string text;
    std::string says;
  };
  const Case kCases[] = {
      {File("{server: 'https://h', insecure-skip-tls-verify: true}", "{}"),
       "cluster.insecure-skip-tls-verify is not supported"},
      {File("{server: 'https://h', tls-server-name: x}", "{}"), "cluster.tls-server-name is not supported"},
      {File("{server: 'https://h', proxy-url: 'http://p'}", "{}"), "cluster.proxy-url is not supported"},
      {File("{server: 'https://h', sever: x}", "{}"), "unknown field \"sever\""},
      {File("{}", "{}"), "clusters[k].cluster.server is missing"},
      {File("[]", "{}"), "clusters[k].cluster must be a mapping"},
      {File("{server: [a]}", "{}"), "cluster.server must be a text"},
      {File("{server: 'https://h', insecure-skip-tls-verify: maybe}", "{}"),
       "insecure-skip-tls-verify is not supported"},
      {File("{server: 'https://h', certificate-authority-data: '%%%%'}", "{}"),
       "certificate-authority-data is not valid base64"},
      {File("{server: 'https://h', certificate-authority-data: aGVsbG8=}", "{}"),
       "certificate-authority-data must be the base64 of a PEM"},
      {File("{server: 'https://h', certificate-authority: nowhere}", "{}"),
       "certificate-authority: read /dir/nowhere: No such file"},
      {File(kPlainCluster, "{username: a, password: hunter2}"),
       "users[u].user.username is not supported: use a client certificate"},
      {File(kPlainCluster, "{password: hunter2}"), "user.password is not supported"},
      {File(kPlainCluster, "{auth-provider: {name: gcp}}"), "user.auth-provider is not supported"},
      {File(kPlainCluster, "{token: hunter2, as: root}"), "user.as is not supported"},
      {File(kPlainCluster, "{token: hunter2, tokn: hunter2}"), "unknown field \"tokn\""},
      {File(kPlainCluster, "{token: hunter2, tokenFile: x}"), "more than one of"},
      {File(kPlainCluster, "{token: hunter2, client-certificate: x, client-key: y}"), "more than one of"},
      {File(kPlainCluster, "{token: \"hunter2\\r\\nX: y\"}"), "user.token has characters"},
      {File(kPlainCluster, "{token: [hunter2]}"), "user.token must be a text"},
      {File(kPlainCluster, "{client-certificate: x}"), "user.client-key is missing"},
      {File(kPlainCluster, "{client-key: x}"), "user.client-certificate is missing"},
      {File(kPlainCluster, "{client-key-data: aHVudGVyMg==}"), "client-key-data must be the base64 of a PEM"},
      {File(kPlainCluster, "{exec: {apiVersion: client.authentication.k8s.io/v1beta1, command: x}}"),
       "user.exec.apiVersion is \"client.authentication.k8s.io/v1beta1\": only client.authentication.k8s.io/v1 is "
       "supported"},
      {File(kPlainCluster, "{exec: {apiVersion: client.authentication.k8s.io/v1}}"), "user.exec.command is missing"},
      {File(kPlainCluster, exec + ", interactiveMode: Always}}"), "interactiveMode is Always"},
      {File(kPlainCluster, exec + ", interactiveMode: Perhaps}}"), "interactiveMode must be"},
      {File(kPlainCluster, exec + ", args: x}}"), "user.exec.args must be a list"},
      {File(kPlainCluster, exec + ", args: [[x]]}}"), "user.exec.args must be a list of texts"},
      {File(kPlainCluster, exec + ", env: [{value: hunter2}]}}"), "user.exec.env.name must be set"},
      {File(kPlainCluster, exec + ", env: [{name: A=B, value: hunter2}]}}"), "user.exec.env.name must be set"},
      {File(kPlainCluster, exec + ", env: [x]}}"), "user.exec.env must be a mapping"},
      {File(kPlainCluster, exec + ", shell: true}}"), "unknown field \"shell\""},
      {File(kPlainCluster, exec + ", provideClusterInfo: 5}}"), "provideClusterInfo must be true or false"},
      {File(kPlainCluster, "{}", ", nmespace: x"), "contexts[c].context has the unknown field \"nmespace\""},
      {"apiVersion: v2\n", "apiVersion must be v1"},
      {"kind: Secret\n", "kind must be Config"},
      {"apiVersion: v1\nclusterz: []\n", "the file has the unknown field \"clusterz\""},
      {"- a\n", "the file must be a mapping"},
      {"clusters: {}\n", "clusters must be a list"},
      {"clusters: [x]\n", "clusters[0] must be a mapping"},
      {"users: [{user: {token: hunter2}}]\n", "users[0].name is missing"},
      {"a: [", "YAML"},
      {"", "current-context is not set"},
      {"current-context: x\ncontexts: [{name: a, context: {}}, {name: b, context: {}}]\n",
       "there is no context \"x\"; there are: a, b"},
      {"current-context: a\ncontexts: [{name: a, context: {}}]\n", "contexts[a].context.cluster is missing"},
      {"current-context: a\ncontexts: [{name: a, context: {cluster: k}}]\n", "there is no cluster \"k\""},
      {"current-context: c\nclusters: [{name: k, cluster: {server: 'https://h'}}]\ncontexts: [{name: c, context: "
       "{cluster: k, user: u}}]\n",
       "there is no user \"u\""},
  };
  for (const Case& c : kCases) {
    const auto config = Parse(c.text);
    ASSERT_FALSE(config) << c.text;
    EXPECT_NE(config.error().message.find(c.says), std::string::npos)
        << "expected: " << c.says << "\nhad: " << config.error().message;
    EXPECT_EQ(config.error().message.find("hunter2"), std::string::npos)
        << "a secret in an error: " << config.error().message;
    EXPECT_TRUE(config.error().message.starts_with("kubeconfig ")) << config.error().message;
  }
}

TEST(Kubeconfig, WhatIsNotChosenIsNotJudged) {
  const auto config = Parse(
      "current-context: c\nclusters: [{name: k, cluster: {server: 'https://h'}}, {name: old, cluster: {proxy-url: "
      "x}}]\n"
      "contexts: [{name: c, context: {cluster: k}}]\nusers: [{name: x, user: {username: a}}]\n");
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(config->token, "");
}

TEST(Kubeconfig, EmptyAndFalseValuesAreNotSet) {
  const auto config = Parse(File("{server: 'https://h', insecure-skip-tls-verify: false, proxy-url: ''}",
                                 "{username: '', token: t, exec: null}"));
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(config->token, "t");
}

TEST(Kubeconfig, ContextByName) {
  const std::string text =
      "current-context: a\nclusters: [{name: k, cluster: {server: 'https://h'}}]\n"
      "contexts: [{name: a, context: {cluster: k, namespace: na}}, {name: b, context: {cluster: k, namespace: nb}}]\n";
  EXPECT_EQ(Parse(text).value().ns, "na");
  EXPECT_EQ(Parse(text, "b").value().ns, "nb");
  EXPECT_FALSE(Parse(text, "z"));
}

class LoadConfigTest : public testing::Test {
 protected:
  Result<Config> Load(LoadOptions options = {}) {
    if (options.service_account_dir.starts_with("/var/run")) options.service_account_dir = dir_ / "sa";
    return LoadConfig(options, [this](const char* name) -> std::optional<std::string> {
      const auto found = env_.find(name);
      return found == env_.end() ? std::nullopt : std::optional(found->second);
    });
  }
  void InCluster() {
    env_["KUBERNETES_SERVICE_HOST"] = "10.0.0.1";
    env_["KUBERNETES_SERVICE_PORT"] = "443";
    dir_.Write("sa/ca.crt", kCa);
    dir_.Write("sa/token", "t0\n");
    dir_.Write("sa/namespace", "rempart-system\n");
  }

  TempDir dir_;
  std::map<std::string, std::string> env_;
};

TEST_F(LoadConfigTest, InClusterCredentials) {
  InCluster();
  const auto config = Load();
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(config->server, "https://10.0.0.1:443");
  EXPECT_EQ(config->ca_pem, kCa);
  EXPECT_EQ(config->ca_file, dir_ / "sa/ca.crt");
  EXPECT_EQ(config->token_file, dir_ / "sa/token");
  EXPECT_EQ(config->token, "");
  EXPECT_EQ(config->ns, "rempart-system");
}

TEST_F(LoadConfigTest, InClusterOverIpv6) {
  InCluster();
  env_["KUBERNETES_SERVICE_HOST"] = "fd00::1";
  EXPECT_EQ(Load().value().server, "https://[fd00::1]:443");
}

TEST_F(LoadConfigTest, InClusterSaysWhatIsMissing) {
  InCluster();
  EXPECT_NE(Load({.context = "x"}).error().message.find("--context x"), std::string::npos);
  dir_.Remove("sa/namespace");
  EXPECT_EQ(Load().value().ns, "default");
  dir_.Remove("sa/token");
  EXPECT_NE(Load().error().message.find("sa/token"), std::string::npos);
  dir_.Write("sa/token", "t");
  dir_.Write("sa/ca.crt", "rubbish");
  EXPECT_NE(Load().error().message.find("no PEM certificate"), std::string::npos);
  dir_.Remove("sa/ca.crt");
  EXPECT_EQ(Load().error().kind, ErrorKind::kNotFound);
  EXPECT_NE(Load().error().message.find("automountServiceAccountToken"), std::string::npos);
  env_.erase("KUBERNETES_SERVICE_PORT");
  EXPECT_NE(Load().error().message.find("KUBERNETES_SERVICE_PORT"), std::string::npos);
}

TEST_F(LoadConfigTest, OrderOfSources) {
  const auto file = [](const std::string& host) { return File("{server: 'https://" + host + "'}", "{}"); };
  EXPECT_EQ(Load().error().kind, ErrorKind::kNotFound);
  env_["HOME"] = dir_ / "home";
  EXPECT_NE(Load().error().message.find("no way to the API server"), std::string::npos);
  dir_.Write("home/.kube/config", file("home"));
  EXPECT_EQ(Load().value().server, "https://home:443");
  InCluster();
  EXPECT_EQ(Load().value().server, "https://10.0.0.1:443");
  env_["KUBECONFIG"] = "";
  EXPECT_EQ(Load().value().server, "https://10.0.0.1:443");
  env_["KUBECONFIG"] = dir_.Write("env", file("env"));
  EXPECT_EQ(Load().value().server, "https://env:443");
  EXPECT_EQ(Load({.kubeconfig = dir_.Write("flag", file("flag"))}).value().server, "https://flag:443");
  EXPECT_EQ(Load({.kubeconfig = dir_ / "missing"}).error().kind, ErrorKind::kNotFound);
}

TEST_F(LoadConfigTest, HomeFileThatNamesAMissingFileIsNotPassedOver) {
  env_["HOME"] = dir_ / "home";
  dir_.Write("home/.kube/config", File("{server: 'https://h', certificate-authority: gone}", "{}"));
  EXPECT_NE(Load().error().message.find("gone"), std::string::npos);
}

TEST_F(LoadConfigTest, SeveralFilesTheFirstOneWins) {
  dir_.Write("ca.crt", kCa);
  const std::string one = dir_.Write("one/config", "clusters: [{name: k, cluster: {server: 'https://one'}}]\n");
  const std::string two = dir_.Write(
      "two/config",
      "current-context: two\nclusters: [{name: k, cluster: {server: 'https://two', certificate-authority: ../ca.crt}},"
      " {name: l, cluster: {server: 'https://l', certificate-authority: ../ca.crt}}]\n"
      "contexts: [{name: two, context: {cluster: k, user: u}}, {name: l, context: {cluster: l}}]\n");
  const std::string three = dir_.Write("three/config",
                                       "current-context: three\nusers: [{name: u, user: {tokenFile: t}}]\n"
                                       "contexts: [{name: two, context: {cluster: nowhere}}]\n");
  env_["KUBECONFIG"] = one + "::" + dir_ / "missing" + ":" + two + ":" + one + ":" + three + ":";
  const auto config = Load();
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(config->server, "https://one:443");
  EXPECT_EQ(config->ca_pem, "") << "whole entries win: nothing of the second file's cluster k is used";
  EXPECT_EQ(config->token_file, dir_ / "three/t");
  EXPECT_EQ(Load({.context = "l"}).value().ca_file, dir_ / "two/../ca.crt");

  env_["KUBECONFIG"] = dir_ / "missing" + ":" + dir_ / "missing2";
  EXPECT_EQ(Load().error().kind, ErrorKind::kNotFound);
  std::string many;
  for (int i = 0; i < 40; ++i) many += dir_ / std::to_string(i) + ":";
  env_["KUBECONFIG"] = many;
  EXPECT_NE(Load().error().message.find("more than 32 files"), std::string::npos);
}

TEST_F(LoadConfigTest, BoundsAndKindsOfFiles) {
  EXPECT_NE(Load({.kubeconfig = dir_.path()}).error().message.find("Is a directory"), std::string::npos);
  const std::string large = dir_.Write("large", std::string(1024 * 1024 + 1, '#'));
  EXPECT_NE(Load({.kubeconfig = large}).error().message.find("larger than 1024 KiB"), std::string::npos);
}

}  // namespace
}  // namespace rempart::kube
