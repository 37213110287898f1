// Rules of HTTP's text (RFC 9110): names of methods and headers, values, targets.
#pragma once

#include <string_view>

#include "src/base/result.h"
#include "src/http/client.h"

namespace rempart::http {

bool SameIgnoringCase(std::string_view a, std::string_view b);  // ASCII

// Refuses what could break out of its place in a request, and headers that the client writes itself. Errors: kInvalid,
// naming the field.
Status CheckRequest(const Request& request);

}  // namespace rempart::http
