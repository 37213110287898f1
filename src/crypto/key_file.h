// Private keys and passphrases in files. Errors name the path, never the content.
#pragma once

#include <cstddef>
#include <string>

#include "src/base/result.h"
#include "src/crypto/private_key.h"
#include "src/crypto/secret.h"

namespace rempart::crypto {

// Makes the file, for its owner alone (0600); one that is there is not touched, nor is one that a symbolic link points
// to. What could not be written whole is taken away. Errors: kConflict (there is one), kNotFound, kDenied, kTransient.
Status WriteKeyFile(const std::string& path, const Secret& content);

// Refused where others than the owner may read or write it; a pipe or a terminal has no such rights. Errors: kNotFound,
// kDenied, kInvalid (too large, a folder, rights that are too wide), kTransient.
Result<Secret> ReadKeyFile(const std::string& path, std::size_t max_bytes = kMaxPrivateKeyPem);

}  // namespace rempart::crypto
