// The Api that talks to a real server.
#include <map>
#include <mutex>
#include <optional>
#include <utility>

#include "src/base/log.h"
#include "src/http/header_text.h"
#include "src/kube/api.h"
#include "src/kube/read_file.h"

namespace rempart::kube {
namespace {

constexpr std::size_t kMaxRequestBody = 3 * 1024 * 1024;
constexpr std::size_t kMaxCaBytes = 1024 * 1024;
constexpr Duration kLongestWait = std::chrono::seconds(60);  // for Retry-After, in all
constexpr Duration kBrokenAtOnce = std::chrono::seconds(1);
constexpr Duration kCaFileAge = std::chrono::seconds(10);

const std::vector<double> kLatencyBuckets = {0.005, 0.025, 0.1, 0.25, 0.5, 1, 2, 4, 8, 15, 30, 60};

// 299 <agent> "<text>", where text has backslashes before quotes and backslashes.
std::vector<std::string> WarningsOf(const http::Headers& headers) {
  std::vector<std::string> warnings;
  for (const auto& [name, value] : headers) {
    if (!http::SameIgnoringCase(name, "Warning") || !value.starts_with("299 ")) continue;
    std::string text;
    const auto begin = value.find('"');
    for (std::size_t i = begin == std::string::npos ? value.size() : begin + 1; i < value.size() && value[i] != '"';
         ++i) {
      if (value[i] == '\\' && i + 1 < value.size()) ++i;
      text += value[i];
    }
    if (!text.empty()) warnings.push_back(std::move(text));
  }
  return warnings;
}

// Both clients of the server, replaced together. Who uses them holds a reference until the call is over.
struct Clients {
  std::unique_ptr<http::Client> calls;
  std::unique_ptr<http::Client> watches;
};

class HttpApi final : public Api {
 public:
  HttpApi(const Config& config, std::shared_ptr<Credentials> credentials, Clock& clock, Random& random,
          Metrics& metrics, const std::string& user_agent, MakeHttpClient make_client)
      : config_(config),
        credentials_(std::move(credentials)),
        clock_(clock),
        random_(random),
        metrics_(metrics),
        user_agent_(user_agent),
        make_client_(std::move(make_client)),
        ca_pem_(config.ca_pem) {}

  // Before the first call.
  Status Open() {
    std::scoped_lock lock(mutex_);
    return OpenLocked();
  }

  Result<Reply> Do(const Call& call, std::stop_token stop) override;
  Status Stream(const std::string& target, std::chrono::milliseconds idle, const http::Client::Sink& sink,
                std::stop_token stop) override;

 private:
  // What was presented to the server, to see after a 401 whether there is something else to present.
  struct Login {
    std::string header;
    std::string certificate_pem;
  };

  Result<Login> CurrentLogin();
  // After a 401 to `used`: true when there are other credentials now, false when not; an error when none can be had.
  Result<bool> Renew(const Login& used);
  // After a failed connection: new clients when the CA file says something new.
  void LookAtCa();
  Status OpenLocked();
  std::shared_ptr<Clients> clients() const {
    std::scoped_lock lock(mutex_);
    return clients_;
  }
  http::Request MakeRequest(const std::string& method, const std::string& target, const Login& login) const;
  void Count(const std::string& method, int status);
  void Observe(const std::string& method, MonoTime began);

  const Config config_;
  const std::shared_ptr<Credentials> credentials_;
  Clock& clock_;
  Random& random_;
  Metrics& metrics_;
  const std::string user_agent_;
  const MakeHttpClient make_client_;

  std::mutex handles_mutex_;
  std::map<std::pair<std::string, int>, Counter> counters_;  // by method and status
  std::map<std::string, Histogram> histograms_;              // by method

  mutable std::mutex mutex_;
  std::shared_ptr<Clients> clients_;
  std::string ca_pem_;
  std::string certificate_pem_;  // of the identity that `clients_` were opened with
  std::optional<MonoTime> ca_looked_at_;
};

Status HttpApi::OpenLocked() {
  const http::TlsOptions tls{ca_pem_, [credentials = credentials_] { return credentials->ClientIdentity(); }};
  auto clients = std::make_shared<Clients>();
  for (std::unique_ptr<http::Client>* client : {&clients->calls, &clients->watches}) {
    Result<std::unique_ptr<http::Client>> made = make_client_(config_.server, tls);
    if (!made) return Fail(std::move(made.error()).While("connect to " + config_.server));
    *client = *std::move(made);
  }
  clients_ = std::move(clients);
  return {};
}

Result<HttpApi::Login> HttpApi::CurrentLogin() {
  Result<std::string> header = credentials_->AuthorizationHeader();
  if (!header) return Fail(header.error());
  std::scoped_lock lock(mutex_);
  return Login{*std::move(header), certificate_pem_};
}

Result<bool> HttpApi::Renew(const Login& used) {
  credentials_->Rejected();
  const Result<std::string> header = credentials_->AuthorizationHeader();
  if (!header) return Fail(header.error());
  Result<http::Identity> identity = credentials_->ClientIdentity();
  if (!identity) return Fail(identity.error());
  std::scoped_lock lock(mutex_);
  if (identity->certificate_pem != certificate_pem_) {
    // Open connections go on presenting the old certificate: new ones are needed.
    if (auto ok = OpenLocked(); !ok) return Fail(ok.error());
    certificate_pem_ = identity->certificate_pem;
  }
  return *header != used.header || certificate_pem_ != used.certificate_pem;
}

void HttpApi::LookAtCa() {
  if (config_.ca_file.empty()) return;
  std::scoped_lock lock(mutex_);
  const MonoTime now = clock_.Mono();
  if (ca_looked_at_ && now - *ca_looked_at_ < kCaFileAge) return;
  ca_looked_at_ = now;
  Result<std::string> pem = ReadFile(config_.ca_file, kMaxCaBytes);
  if (!pem || *pem == ca_pem_ || pem->find("-----BEGIN CERTIFICATE-----") == std::string::npos) return;
  const std::string before = std::exchange(ca_pem_, *std::move(pem));
  if (auto ok = OpenLocked(); !ok) {
    ca_pem_ = before;
    log::Warn("the cluster's CA file has changed and cannot be used",
              {{"file", config_.ca_file}, {"error", ok.error()}});
    return;
  }
  log::Info("the cluster's CA file has changed: connecting anew", {{"file", config_.ca_file}});
}

http::Request HttpApi::MakeRequest(const std::string& method, const std::string& target, const Login& login) const {
  http::Request request;
  request.method = method;
  request.target = config_.base_path + target;
  request.headers = {{"Accept", "application/json"}, {"User-Agent", user_agent_}};
  if (!login.header.empty()) request.headers.emplace_back("Authorization", login.header);
  return request;
}

void HttpApi::Count(const std::string& method, int status) {
  const std::scoped_lock lock(handles_mutex_);
  auto [entry, added] = counters_.try_emplace({method, status});
  if (added) {
    entry->second = metrics_.GetCounter(
        "rest_client_requests_total", "Requests to the API server, by method and code of the answer.",
        {{"code", status == 0 ? "<error>" : std::to_string(status)}, {"method", method}});
  }
  entry->second.Add();
}

void HttpApi::Observe(const std::string& method, MonoTime began) {
  const std::scoped_lock lock(handles_mutex_);
  auto [entry, added] = histograms_.try_emplace(method);
  if (added) {
    entry->second = metrics_.GetHistogram("rest_client_request_duration_seconds",
                                          "How long requests to the API server took, by verb.", kLatencyBuckets,
                                          {{"verb", method}});
  }
  entry->second.Observe(std::chrono::duration<double>(clock_.Mono() - began).count());
}

Result<Reply> HttpApi::Do(const Call& call, std::stop_token stop) {
  if (call.body.size() > kMaxRequestBody) {
    return Fail(Error::Invalid(call.doing + ": the object is " + std::to_string(call.body.size() / 1024) +
                               " KiB, and the API server takes at most 3 MiB: make it smaller"));
  }
  bool renewed = false, sent_again = false;
  Duration waited{0};
  for (;;) {
    const Result<Login> login = CurrentLogin();
    if (!login) return Fail(Error(login.error()).While(call.doing));
    http::Request request = MakeRequest(call.method, call.target, *login);
    request.timeout = call.timeout;
    if (!call.body.empty()) {
      request.headers.emplace_back("Content-Type", call.content_type);
      request.body = call.body;
    }
    const MonoTime began = clock_.Mono();
    Result<http::Response> answer = clients()->calls->Send(request, stop);
    Count(call.method, answer ? answer->status : 0);
    Observe(call.method, began);

    if (!answer) {
      if (answer.error().kind == ErrorKind::kTransient) {
        LookAtCa();
        if (call.method == "GET" && !std::exchange(sent_again, true) && clock_.Mono() - began < kBrokenAtOnce) continue;
      }
      return Fail(std::move(answer.error()).While(call.doing));
    }
    if (answer->status >= 200 && answer->status <= 299) {
      auto warnings = WarningsOf(answer->headers);
      return Reply{answer->status, std::move(answer->body), std::move(warnings)};
    }
    if (answer->status == 401 && !std::exchange(renewed, true)) {
      const Result<bool> other = Renew(*login);
      if (!other) return Fail(Error(other.error()).While(call.doing));
      if (*other) continue;
    }

    Error error = ErrorFromStatus(answer->status, answer->headers, answer->body, clock_.Now());
    const bool busy = answer->status == 429 || answer->status == 503;
    if (busy && error.retry_after && call.obey_retry_after && waited + *error.retry_after <= kLongestWait) {
      // A little longer than asked, each its own, so that not all come back at the same moment.
      const Duration wish = *error.retry_after;
      const Duration spread(static_cast<Duration::rep>(static_cast<double>(wish.count()) * 0.1 * random_.Unit()));
      const Duration wait = std::min(wish + spread, kLongestWait - waited);
      if (!clock_.SleepFor(wait, stop))
        return Fail(Error::Cancelled(call.doing + ": stopped while the server was busy"));
      waited += wait;
      continue;
    }
    return Fail(std::move(error).While(call.doing));
  }
}

Status HttpApi::Stream(const std::string& target, std::chrono::milliseconds idle, const http::Client::Sink& sink,
                       std::stop_token stop) {
  const std::string doing = "watch " + target.substr(0, target.find('?'));
  for (bool renewed = false;;) {
    const Result<Login> login = CurrentLogin();
    if (!login) return Fail(Error(login.error()).While(doing));
    http::Request request = MakeRequest("GET", target, *login);
    request.timeout = idle;
    bool began = false;
    Result<http::Response> answer = clients()->watches->Stream(
        request,
        [&](std::string_view piece) {
          began = true;
          return sink(piece);
        },
        stop);
    Count("GET", answer ? answer->status : began ? 200 : 0);
    if (!answer) {
      if (answer.error().kind == ErrorKind::kTransient) LookAtCa();
      return Fail(std::move(answer.error()).While(doing));
    }
    if (answer->status >= 200 && answer->status <= 299) return {};
    if (answer->status == 401 && !std::exchange(renewed, true)) {
      const Result<bool> other = Renew(*login);
      if (!other) return Fail(Error(other.error()).While(doing));
      if (*other) continue;
    }
    return Fail(ErrorFromStatus(answer->status, answer->headers, answer->body, clock_.Now()).While(doing));
  }
}

}  // namespace

Result<std::unique_ptr<Api>> MakeApi(const Config& config, Clock& clock, Random& random, Metrics& metrics,
                                     const std::string& user_agent, MakeHttpClient make_client, RunPlugin run_plugin) {
  Result<std::unique_ptr<Credentials>> credentials = MakeCredentials(config, clock, std::move(run_plugin));
  if (!credentials) return Fail(credentials.error());
  auto api = std::make_unique<HttpApi>(config, *std::move(credentials), clock, random, metrics, user_agent,
                                       std::move(make_client));
  if (auto ok = api->Open(); !ok) return Fail(ok.error());
  return api;
}

}  // namespace rempart::kube
