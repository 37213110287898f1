// Where cpprestsdk writes an answer's body: a stream buffer that hands each piece to the exchange and is full for as
// long as the exchange holds one. (Includes cpprestsdk; for the library's own .cc files only.)
#pragma once

#include <cpprest/streams.h>

#include <memory>

#include "src/http/exchange.h"

namespace rempart::http {

Concurrency::streams::ostream MakeResponseStream(std::shared_ptr<Exchange> exchange);

}  // namespace rempart::http
