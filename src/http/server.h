// A small HTTP/1.1 server for health and metrics (Boost.Beast). Bounded: 8 KiB of header, no request body, 64 connections,
// 10 s for a request; GET and HEAD only.
#pragma once

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

class Server {
 public:
  // `address`: "host:port", ":8080" for every interface, port 0 for a free one. Errors: kInvalid (address), kTransient (in use).
  static Result<std::unique_ptr<Server>> Listen(const std::string& address, Handler handler);
  virtual ~Server() = default;  // stops, and joins its thread
  virtual int port() const = 0;
};

}  // namespace rempart::http
