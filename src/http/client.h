// The HTTP/1.1 client, one small interface. An exchange runs on the calling thread; Beast takes answers apart, OpenSSL
// does TLS, and nothing of either is seen outside this folder.
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
  // Host, Content-Length and what else frames the message are set by the client, and refused here.
  Headers headers;
  std::string body;
  // Send: for the whole exchange. Stream: the longest silence between bytes; what the sink takes is not silence. To
  // connect, either has 30 s at most.
  std::chrono::milliseconds timeout{30'000};
  // Send: larger answers are refused while they arrive. Stream: without meaning, there is no limit on the sum.
  std::size_t max_response_bytes = 64 * 1024 * 1024;
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
  // Gives the identity to present, or an empty one for none. Called by Send and Stream, on their threads.
  std::function<Result<Identity>()> identity;
};

inline constexpr char kTimedOut[] = "TimedOut";  // Error::reason: time was up
inline constexpr char kSilent[] = "Silent";      // the same, of an answer that had begun

// A client of one origin, with kept-alive connections: one for each call under way, and up to 32 that wait for the next
// (those idle for 45 s are not used again). Thread-safe. Calls block the calling thread; a requested stop ends them
// soon with kCancelled. Errors: kTransient (resolve, connect, TLS, reset, time-out, truncated answer, a kept-alive
// connection that the server had closed), kInvalid (request or answer malformed, answer too large), kCancelled, and
// what TlsOptions::identity returns. Any HTTP status from 200 to 599 is a Response, not an error; one below, which
// nothing here asks for, is malformed. Nothing is retried here, no redirect is followed, nothing is decompressed, and
// no proxy is used.
class Client {
 public:
  virtual ~Client() = default;
  virtual Result<Response> Send(const Request& request, std::stop_token stop) = 0;

  // For a 2xx answer, hands the body to `sink` in pieces as they arrive, on the calling thread, of at most 16 KiB;
  // where a piece ends means nothing, a chunk may come in several. Nothing is read ahead: the connection waits for the
  // sink. The sink returns false to end the stream (that is success). An answer cut short (connection closed inside a
  // chunk or before the announced length) is kTransient. What arrived before an error was handed to the sink, except
  // after a stop. One that began and then came no further within the request's timeout has the reason kSilent.
  using Sink = std::function<bool(std::string_view piece)>;
  virtual Result<Response> Stream(const Request& request, const Sink& sink, std::stop_token stop) = 0;
};

// `origin`: "https://host:port" (IPv6 in brackets), or "http://…" for loopback addresses only (tests, kubectl proxy).
Result<std::unique_ptr<Client>> MakeClient(const std::string& origin, TlsOptions tls);

}  // namespace rempart::http
