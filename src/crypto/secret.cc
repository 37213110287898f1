#include "src/crypto/secret.h"

#include <openssl/crypto.h>

#include <utility>

namespace rempart::crypto {

Secret& Secret::operator=(Secret&& other) noexcept {
  if (this == &other) return *this;
  Wipe();
  bytes_ = std::exchange(other.bytes_, {});
  return *this;
}

void Secret::Wipe() {
  OPENSSL_cleanse(bytes_.data(), bytes_.size());
  bytes_.clear();
}

}  // namespace rempart::crypto
