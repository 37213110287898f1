// The HTTP/1.1 client, one small interface; the library that does the work (cpprestsdk, see docs/architecture.md) stays
// inside this folder so that it can be replaced in a day.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "src/base/result.h"

namespace rempart::http {

using Headers = std::vector<std::pair<std::string, std::string>>;  // names compare case-insensitively, see Find
const std::string* Find(const Headers& headers, std::string_view name);

struct Request {
  std::string method = "GET";
  std::string target;  // absolute path with query, percent-encoded already: "/api/v1/pods?limit=500"
  Headers headers;
  std::string body;
  std::chrono::milliseconds timeout{30'000};  // Send: for the whole exchange. Stream: the longest silence between bytes.
  std::size_t max_response_bytes = 64 * 1024 * 1024;  // Send: larger answers are refused while they arrive. Stream: no limit on the sum.
};

struct Response {
  int status = 0;
  Headers headers;
  std::string body;  // Send: whole. Stream: only of an answer other than 2xx, at most 64 KiB of it.
};

// A client certificate and key in PEM, read anew for each new connection so that rotated files are picked up.
struct Identity {
  std::string certificate_pem;
  std::string key_pem;
};

// TLS 1.2 or newer, the server's certificate and name are always verified; there is no switch that turns it off.
struct TlsOptions {
  std::string ca_pem;  // the only authorities trusted; empty: those of the system
  // Gives the identity to present, or an empty one for none. Called on any thread.
  std::function<Result<Identity>()> identity;
};

// A client of one origin, with kept-alive connections. Thread-safe. Calls block the calling thread; a requested stop ends them soon with
// kCancelled. Errors: kTransient (resolve, connect, reset, time-out, truncated answer), kInvalid (answer too large, malformed), kCancelled.
// Any HTTP status is a Response, not an error. Nothing is retried here.
class Client {
 public:
  virtual ~Client() = default;
  virtual Result<Response> Send(const Request& request, std::stop_token stop) = 0;

  // For a 2xx answer, hands the body to `sink` in pieces as they arrive, on the calling thread; at most 256 KiB are buffered, then the
  // connection waits for the sink. The sink returns false to end the stream (that is success). An answer cut short
  // (connection closed inside a chunk or before the announced length) is kTransient.
  using Sink = std::function<bool(std::string_view piece)>;
  virtual Result<Response> Stream(const Request& request, const Sink& sink, std::stop_token stop) = 0;
};

// `origin`: "https://host:port" (IPv6 in brackets), or "http://…" for loopback addresses only (tests, kubectl proxy).
Result<std::unique_ptr<Client>> MakeClient(const std::string& origin, TlsOptions tls);

// Threads that the library's I/O uses, process-wide; once, before the first client. Default 2.
void SetIoThreads(int n);

}  // namespace rempart::http
