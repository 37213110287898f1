// Calls to the API server: paths and bodies in, bodies or a Status turned into an Error out.
#pragma once

#include <memory>
#include <stop_token>
#include <string>
#include <string_view>

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
};

// An interface so that tests can stand in for the server. Thread-safe; calls block. Errors are those of the answer's metav1.Status
// (message, reason, retry_after), with what was being done in front: "apply deployments acme/web: …".
class Api {
 public:
  virtual ~Api() = default;
  struct Call {
    std::string method;  // GET POST PUT PATCH DELETE
    std::string target;  // path and query
    std::string content_type = "application/json";
    std::string body;
    std::string doing;   // for error messages: "apply deployments acme/web"
    bool obey_retry_after = true;  // false: a 429 or 503 is given back at once (an eviction that a disruption budget holds)
  };
  virtual Result<Reply> Do(const Call& call, std::stop_token stop) = 0;
  // A watch, or any long answer: pieces of the body go to `sink` (see http::Client::Stream). `idle` is the longest silence.
  virtual Status Stream(const std::string& target, std::chrono::milliseconds idle, const http::Client::Sink& sink, std::stop_token stop) = 0;

  // Conveniences over Do.
  Result<Reply> Get(const Resource& r, const ObjectKey& key, std::stop_token stop);
  Result<Reply> Create(const Resource& r, std::string_view ns, std::string body, std::stop_token stop, std::string_view query = {});
  // kApply adds fieldManager=rempart and, when `force`, force=true. `subresource` may be empty or "status".
  Result<Reply> Patch(const Resource& r, const ObjectKey& key, PatchType type, std::string body, bool force, std::stop_token stop,
                      std::string_view subresource = {}, std::string_view extra_query = {});
  Result<Reply> Delete(const Resource& r, const ObjectKey& key, std::string body, std::stop_token stop);
};

inline constexpr std::string_view kFieldManager = "rempart";

// The real one. Adds Authorization and User-Agent; obeys Retry-After on 429 and 503 (waits at most 60 s in all,
// then gives the error); on 401 renews credentials once; sends GETs again after a broken kept-alive connection, and other verbs only where the
// server cannot have acted twice with a different outcome (apply, merge patch with a resourceVersion, delete with a uid precondition are the caller's to repeat).
// Counts rest_client_requests_total{code,method} and rest_client_request_duration_seconds{verb}. Watches have connections of their own.
Result<std::unique_ptr<Api>> MakeApi(const Config& config, Clock& clock, Random& random, Metrics& metrics, const std::string& user_agent);

// Exposed for tests: what an answer other than 2xx means.
Error ErrorFromStatus(int http_status, const http::Headers& headers, std::string_view body, WallTime now);

// Percent-encoding of one query value or path segment (RFC 3986 unreserved stay).
std::string Escape(std::string_view text);

}  // namespace rempart::kube
