// How each kind of key signs and verifies: the one place that says which digest and which padding. For this folder.
#pragma once

#include "src/crypto/evp.h"
#include "src/crypto/public_key.h"

namespace rempart::crypto {

// Whether the context is ready for EVP_DigestVerify or EVP_DigestSign; where not, errors are in OpenSSL's queue.
bool StartVerifying(EVP_MD_CTX* context, KeyKind kind, EVP_PKEY* key);
bool StartSigning(EVP_MD_CTX* context, KeyKind kind, EVP_PKEY* key);

}  // namespace rempart::crypto
