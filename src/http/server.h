// A small HTTP/1.1 server for health and metrics (Boost.Beast), on one thread of its own. GET and HEAD only, no request
// body. What exceeds a limit is told so: 405, 408, 413, 431, or 400 for what is not HTTP.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>

#include "src/base/result.h"

namespace rempart::http {

struct ServerReply {
  int status = 200;
  std::string content_type = "text/plain; charset=utf-8";
  std::string body;
};
// Called on the server's thread with the path without query. Must not block for long.
using Handler = std::function<ServerReply(const std::string& path)>;

struct ServerLimits {
  std::size_t header_bytes = 8 * 1024;
  int connections = 64;                            // one more, and the oldest is closed
  std::chrono::milliseconds request_time{10'000};  // to read a request, and again to take the answer
};

class Server {
 public:
  // `address`: "host:port" with an IP address or localhost, ":8080" for every interface, port 0 for a free one. Errors:
  // kInvalid (address), kTransient (in use), kDenied (not allowed).
  static Result<std::unique_ptr<Server>> Listen(const std::string& address, Handler handler, ServerLimits limits = {});
  virtual ~Server() = default;  // closes all connections, and joins its thread
  virtual int port() const = 0;
};

}  // namespace rempart::http
