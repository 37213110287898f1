// Where a client connects to: scheme, host and port, taken apart and checked.
#pragma once

#include <string>

#include "src/base/result.h"

namespace rempart::http {

struct Origin {
  bool tls = true;
  std::string host;  // a DNS name in lower case, or an address without brackets
  int port = 0;
  bool is_address = false;   // `host` is an IPv4 or IPv6 address
  bool is_loopback = false;  // a loopback address, or "localhost"

  // The Host header: brackets around IPv6, the port only where it is not the scheme's own.
  std::string Authority() const;
  std::string ToString() const;  // "https://host:port"
};

// "https://host[:port]", or "http://…" for loopback. Errors: kInvalid.
Result<Origin> ParseOrigin(const std::string& text);

}  // namespace rempart::http
