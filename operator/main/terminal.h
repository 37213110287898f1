// What is asked of a person, not of a pipe.
#pragma once

#include <string>

#include "src/base/result.h"
#include "src/crypto/secret.h"

namespace rempart {

// A line typed at the process's terminal, without showing it. Errors: kInvalid where there is no terminal, or nothing
// was typed.
Result<crypto::Secret> AskSecret(const std::string& prompt);

}  // namespace rempart
