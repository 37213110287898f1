// One request and its answer on a connection, on the calling thread.
#pragma once

#include <cstddef>
#include <string>

#include "src/base/result.h"
#include "src/http/client.h"
#include "src/http/connection.h"

namespace rempart::http {

constexpr std::size_t kHeaderBytes = 256 * 1024;  // the largest header taken
constexpr std::size_t kPieceBytes = 16 * 1024;    // the largest piece handed to a sink: a TLS record
constexpr std::size_t kErrorBody = 64 * 1024;     // how much of a stream's error answer is kept

struct Outcome {
  Result<Response> response;
  bool heard = false;     // anything of an answer arrived
  bool reusable = false;  // the connection is fit for another request
};

// `host`: the Host header. `sink`: null for a Send. Errors: see Client.
Outcome Exchange(Connection& connection, const std::string& host, const Request& request, const Client::Sink* sink,
                 const Patience& patience);

}  // namespace rempart::http
