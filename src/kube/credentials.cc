#include <algorithm>
#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>
#include <string_view>
#include <utility>

#include "src/base/json.h"
#include "src/base/log.h"
#include "src/kube/base64.h"
#include "src/kube/kubeconfig.h"
#include "src/kube/read_file.h"

namespace rempart::kube {
namespace {

constexpr std::size_t kMaxTokenBytes = 64 * 1024;
constexpr std::size_t kMaxPemBytes = 1024 * 1024;
constexpr Duration kTokenFileAge = std::chrono::minutes(1);
constexpr Duration kPluginPause = std::chrono::seconds(5);

// What may stand in a header: visible ASCII.
bool IsTokenText(const std::string& token) {
  return !token.empty() && std::all_of(token.begin(), token.end(), [](char c) { return c > 0x20 && c < 0x7F; });
}

// A token or a client certificate that never changes, or nothing at all.
class FixedCredentials final : public Credentials {
 public:
  FixedCredentials(const std::string& token, http::Identity identity)
      : header_(token.empty() ? "" : "Bearer " + token), identity_(std::move(identity)) {}
  Result<std::string> AuthorizationHeader() override { return header_; }
  Result<http::Identity> ClientIdentity() override { return identity_; }
  void Rejected() override {}

 private:
  const std::string header_;
  const http::Identity identity_;
};

// A client certificate and key of which at least one is in a file, read whenever a connection is made.
class CertificateFiles final : public Credentials {
 public:
  explicit CertificateFiles(const Config& config) : config_(config) {}
  Result<std::string> AuthorizationHeader() override { return std::string(); }
  Result<http::Identity> ClientIdentity() override {
    http::Identity identity{config_.client_cert_pem, config_.client_key_pem};
    if (auto ok = Read(config_.client_cert_file, identity.certificate_pem, "client certificate"); !ok) {
      return Fail(ok.error());
    }
    if (auto ok = Read(config_.client_key_file, identity.key_pem, "client key"); !ok) return Fail(ok.error());
    return identity;
  }
  void Rejected() override {}

 private:
  static Status Read(const std::string& path, std::string& pem, const std::string& what) {
    if (path.empty()) return {};
    Result<std::string> text = ReadFile(path, kMaxPemBytes);
    if (!text) return Fail(std::move(text.error()).While(what));
    if (text->find("-----BEGIN ") == std::string::npos) return Fail(Error::Invalid(what + ": " + path + " has no PEM"));
    pem = *std::move(text);
    return {};
  }
  const Config config_;
};

// A token that something else keeps fresh in a file (the kubelet, for a service account).
class TokenFile final : public Credentials {
 public:
  TokenFile(std::string path, Clock& clock) : path_(std::move(path)), clock_(clock) {}

  Result<std::string> AuthorizationHeader() override {
    std::scoped_lock lock(mutex_);
    const MonoTime now = clock_.Mono();
    if (!header_.empty() && !rejected_ && now < read_again_) return header_;
    Result<std::string> token = Read();
    if (token) {
      header_ = "Bearer " + *token;
      rejected_ = false;
      read_again_ = now + kTokenFileAge;
      return header_;
    }
    if (header_.empty() || rejected_) return Fail(token.error());
    // The one we have was good a minute ago and may be so still: the server will say.
    log::Warn("token file cannot be read; the last token stays in use", {{"error", token.error()}});
    read_again_ = now + kTokenFileAge;
    return header_;
  }
  Result<http::Identity> ClientIdentity() override { return http::Identity{}; }
  void Rejected() override {
    std::scoped_lock lock(mutex_);
    rejected_ = true;
  }

 private:
  Result<std::string> Read() const {
    Result<std::string> text = ReadFile(path_, kMaxTokenBytes);
    if (!text) return Fail(std::move(text.error()).While("token file"));
    while (!text->empty() && std::string_view(" \t\r\n").contains(text->back())) text->pop_back();
    if (!IsTokenText(*text)) return Fail(Error::Invalid("token file " + path_ + " holds no token"));
    return text;
  }

  const std::string path_;
  Clock& clock_;
  std::mutex mutex_;
  std::string header_;
  bool rejected_ = false;
  MonoTime read_again_{};
};

// A plugin's answer: client.authentication.k8s.io/v1 ExecCredential.
struct PluginCredential {
  std::string header;
  http::Identity identity;
  std::optional<WallTime> expires;
};

Result<PluginCredential> ReadExecCredential(const std::string& text, const ExecPlugin& plugin) {
  // Nothing of the text may reach a message, so the parser's own words stay out as well.
  const auto refuse = [&](const std::string& why) {
    return Fail(Error::Denied("credential plugin " + plugin.command + " gave " + why));
  };
  Result<Json> json = ParseJson(text);
  if (!json || !json->is_object()) return refuse("something that is no JSON object");
  const auto member = [](const Json& object, const char* name) -> std::string {
    const auto found = object.find(name);
    return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
  };
  if (member(*json, "kind") != "ExecCredential") return refuse("an object whose kind is not ExecCredential");
  if (member(*json, "apiVersion") != plugin.api_version) {
    return refuse("an ExecCredential whose apiVersion is not " + plugin.api_version);
  }
  const auto status = json->find("status");
  if (status == json->end() || !status->is_object()) return refuse("an ExecCredential without status");

  PluginCredential credential;
  const std::string token = member(*status, "token");
  if (!token.empty() && !IsTokenText(token)) return refuse("a token with characters that no token has");
  if (!token.empty()) credential.header = "Bearer " + token;
  credential.identity.certificate_pem = member(*status, "clientCertificateData");
  credential.identity.key_pem = member(*status, "clientKeyData");
  if (credential.identity.certificate_pem.empty() != credential.identity.key_pem.empty()) {
    return refuse("only one of clientCertificateData and clientKeyData");
  }
  if (token.empty() && credential.identity.key_pem.empty()) return refuse("neither a token nor a client certificate");
  const std::string expires = member(*status, "expirationTimestamp");
  if (!expires.empty()) {
    Result<WallTime> time = ParseTime(expires);
    if (!time) return refuse("an expirationTimestamp that is no RFC 3339 time");
    credential.expires = *time;
  }
  return credential;
}

// KUBERNETES_EXEC_INFO.
std::string ExecInfo(const Config& config, const ExecPlugin& plugin) {
  Json spec = {{"interactive", false}};
  if (plugin.provide_cluster_info) {
    Json cluster = {{"server", config.server + config.base_path}};
    if (!config.ca_pem.empty()) cluster["certificate-authority-data"] = EncodeBase64(config.ca_pem);
    if (!plugin.cluster_config.empty()) {
      if (Result<Json> extension = ParseJson(plugin.cluster_config)) cluster["config"] = *extension;
    }
    spec["cluster"] = std::move(cluster);
  }
  return Json{{"apiVersion", plugin.api_version}, {"kind", "ExecCredential"}, {"spec", std::move(spec)}}.dump(
      -1, ' ', false, Json::error_handler_t::replace);
}

class ExecCredentials final : public Credentials {
 public:
  ExecCredentials(const Config& config, Clock& clock, RunPlugin run)
      : plugin_(*config.exec), info_(ExecInfo(config, *config.exec)), clock_(clock), run_(std::move(run)) {}

  Result<std::string> AuthorizationHeader() override {
    std::scoped_lock lock(mutex_);
    if (auto ok = Refresh(); !ok) return Fail(ok.error());
    return credential_->header;
  }
  Result<http::Identity> ClientIdentity() override {
    std::scoped_lock lock(mutex_);
    if (auto ok = Refresh(); !ok) return Fail(ok.error());
    return credential_->identity;
  }
  void Rejected() override {
    std::scoped_lock lock(mutex_);
    if (!ran_ || clock_.Mono() - *ran_ >= kPluginPause) credential_.reset();
  }

 private:
  // Runs the plugin where there is nothing fresh. Holds the lock meanwhile: the others need its answer, too.
  Status Refresh() {
    if (credential_ && (!use_until_ || clock_.Now() < *use_until_)) return {};
    if (failure_ && clock_.Mono() - *ran_ < kPluginPause) return Fail(*failure_);
    credential_.reset();
    failure_.reset();
    Result<std::string> output = run_(plugin_, info_);
    Result<PluginCredential> credential =
        output ? ReadExecCredential(*output, plugin_) : Result<PluginCredential>(Fail(output.error()));
    ran_ = clock_.Mono();
    const WallTime now = clock_.Now();
    if (credential && credential->expires && *credential->expires <= now) {
      credential = Fail(Error::Denied("credential plugin " + plugin_.command + " gave a credential that expired at " +
                                      FormatTime(*credential->expires) + ": is this machine's clock right?"));
    }
    if (!credential) {
      failure_ = credential.error();
      return Fail(credential.error());
    }
    // A little before it expires, so that no request travels with one that expires on its way.
    use_until_.reset();
    if (credential->expires) {
      const Duration life = *credential->expires - now;
      use_until_ = *credential->expires - std::min<Duration>(std::chrono::seconds(30), life / 10);
    }
    credential_ = *std::move(credential);
    return {};
  }

  const ExecPlugin plugin_;
  const std::string info_;
  Clock& clock_;
  const RunPlugin run_;
  std::mutex mutex_;
  std::optional<PluginCredential> credential_;
  std::optional<WallTime> use_until_;
  std::optional<Error> failure_;
  std::optional<MonoTime> ran_;  // when the plugin last ended
};

}  // namespace

Result<std::unique_ptr<Credentials>> MakeCredentials(const Config& config, Clock& clock, RunPlugin run) {
  const bool certificate = !config.client_cert_pem.empty() || !config.client_cert_file.empty();
  if (certificate + !config.token.empty() + !config.token_file.empty() + config.exec.has_value() > 1) {
    return Fail(Error::Invalid("more than one of client certificate, token, token file and plugin: keep one"));
  }
  if (config.exec) return std::make_unique<ExecCredentials>(config, clock, std::move(run));
  if (!config.token_file.empty()) return std::make_unique<TokenFile>(config.token_file, clock);
  if (!config.client_cert_file.empty() || !config.client_key_file.empty()) {
    return std::make_unique<CertificateFiles>(config);
  }
  return std::make_unique<FixedCredentials>(config.token,
                                            http::Identity{config.client_cert_pem, config.client_key_pem});
}

}  // namespace rempart::kube
