// Calls to the API server: paths and bodies in, bodies or a Status turned into an Error out.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "src/base/clock.h"
#include "src/base/metrics.h"
#include "src/base/random.h"
#include "src/base/result.h"
#include "src/http/client.h"
#include "src/kube/kubeconfig.h"
#include "src/kube/object.h"

namespace rempart::kube {

enum class PatchType { kApply, kMerge, kJson };  // application/apply-patch+yaml, merge-patch+json, json-patch+json

struct Reply {
  int status = 0;  // 200, 201 (created), 202
  std::string body;
  std::vector<std::string>
      warnings;  // the texts of Warning headers with code 299 (RFC 7234 5.5), as admission gives them
};

// An interface so that tests can stand in for the server. Thread-safe; calls block. Errors are those of the answer's
// metav1.Status (message, reason, retry_after), with what was being done in front: "apply deployments acme/web: …".
class Api {
 public:
  virtual ~Api() = default;
  struct Call {
    std::string method;  // GET POST PUT PATCH DELETE
    std::string target;  // path and query
    std::string content_type = "application/json";
    std::string body;              // at most 3 MiB, the API server's own limit
    std::string doing;             // for error messages: "apply deployments acme/web"
    bool obey_retry_after = true;  // false: a 429 or 503 is given back at once (an eviction that a budget holds)
    std::chrono::milliseconds timeout{30'000};  // for each exchange with the server
  };
  virtual Result<Reply> Do(const Call& call, std::stop_token stop) = 0;
  // A watch, or any long answer: pieces of the body go to `sink` (see http::Client::Stream). `idle` is the longest
  // silence.
  virtual Status Stream(const std::string& target, std::chrono::milliseconds idle, const http::Client::Sink& sink,
                        std::stop_token stop) = 0;

  // Conveniences over Do. Writes name the field manager "rempart", unless the query already names one.
  Result<Reply> Get(const Resource& r, const ObjectKey& key, std::stop_token stop);
  Result<Reply> Create(const Resource& r, std::string_view ns, std::string body, std::stop_token stop,
                       std::string_view query = {});
  // PUT: `body` is the whole object; with a metadata.resourceVersion, only in the place of that version (else
  // kConflict).
  Result<Reply> Replace(const Resource& r, const ObjectKey& key, std::string body, std::stop_token stop);
  // `force` (only for kApply) takes fields that other managers own. `subresource` may be empty or "status".
  Result<Reply> Patch(const Resource& r, const ObjectKey& key, PatchType type, std::string body, bool force,
                      std::stop_token stop, std::string_view subresource = {}, std::string_view extra_query = {});
  Result<Reply> Delete(const Resource& r, const ObjectKey& key, std::string body, std::stop_token stop);
};

inline constexpr std::string_view kFieldManager = "rempart";

// How the real Api comes by its connections; passed in for tests.
using MakeHttpClient =
    std::function<Result<std::unique_ptr<http::Client>>(const std::string& origin, http::TlsOptions tls)>;

// The real one. Adds Authorization and User-Agent; obeys Retry-After on 429 and 503 (waits at most 60 s in all, then
// gives the error); on 401 renews credentials once and asks again where that gave other ones. A GET whose connection
// broke within a second (a kept-alive one that the server had closed) is sent once more; no other verb is repeated:
// whether that is harmless only the caller knows.
// Connections are made anew, with what the files then say, when a client certificate was renewed after a 401, and when
// the cluster's CA file has changed (looked at when connections fail, at most every 10 s). Watches have connections of
// their own.
// Counts rest_client_requests_total{code,method} (code "<error>": no answer; a watch when it ends) and, but for
// watches, rest_client_request_duration_seconds{verb}. `clock`, `random` and `metrics` must outlive it.
Result<std::unique_ptr<Api>> MakeApi(const Config& config, Clock& clock, Random& random, Metrics& metrics,
                                     const std::string& user_agent, MakeHttpClient make_client = http::MakeClient,
                                     RunPlugin run_plugin = RunExecPlugin);

// What an answer other than 2xx means: 400, 413, 422 kInvalid; 401, 403 kDenied; 404 kNotFound; 409 kConflict (also
// "AlreadyExists"); 410 kGone; 408, 429, 5xx kTransient; others kInternal. The message is the Status' own with the
// causes that it does not have in it, at most 1 KiB each; of a body that is no Status the first 200 bytes. retry_after
// is Retry-After (seconds or a date), else details.retryAfterSeconds, within 1 s to 60 s.
Error ErrorFromStatus(int http_status, const http::Headers& headers, std::string_view body, WallTime now);

// Percent-encoding of one query value or path segment (RFC 3986 unreserved stay).
std::string Escape(std::string_view text);

}  // namespace rempart::kube
