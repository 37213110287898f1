// Base64 (RFC 4648, sections 4 and 5), strictly. What people write into YAML is read by src/kube/base64.h instead.
#pragma once

#include <string>
#include <string_view>

#include "src/base/result.h"

namespace rempart::crypto {

std::string EncodeBase64(std::string_view bytes);  // the standard alphabet, with padding

// The standard or the URL-safe alphabet, but not both in one text; padding is required. One text for one sequence of
// bytes in either alphabet: no white space, no bits beside those of the bytes (RFC 4648, section 3.5). Errors:
// kInvalid, without the text in the message.
Result<std::string> DecodeBase64(std::string_view text);

}  // namespace rempart::crypto
