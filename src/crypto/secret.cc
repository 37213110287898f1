#include "src/crypto/secret.h"

#include <openssl/crypto.h>

#include <utility>

namespace rempart::crypto {

void WipeBytes(std::span<char> bytes) { OPENSSL_cleanse(bytes.data(), bytes.size()); }

Secret& Secret::operator=(Secret&& other) noexcept {
  if (this == &other) return *this;
  Wipe();
  bytes_ = std::exchange(other.bytes_, {});
  return *this;
}

void Secret::Wipe() {
  WipeBytes(bytes_);
  bytes_.clear();
}

}  // namespace rempart::crypto
