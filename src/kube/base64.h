// Base64 (RFC 4648, section 4), as kubeconfig's *-data fields and Secrets carry it.
#pragma once

#include <string>
#include <string_view>

#include "src/base/result.h"
#include "src/crypto/base64.h"

namespace rempart::kube {

using crypto::EncodeBase64;

// White space between characters is allowed (YAML block scalars have line breaks); padding is required. kInvalid,
// without the text in the message: it may be a secret.
Result<std::string> DecodeBase64(std::string_view text);

}  // namespace rempart::kube
