#include "src/crypto/digest.h"

#include <stdexcept>

#include "src/crypto/evp.h"

namespace rempart::crypto {

std::string Sha256(std::string_view bytes) {
  // Fetched once: looking an algorithm up costs more than digesting a small text.
  static EVP_MD* const sha256 = EVP_MD_fetch(nullptr, "SHA256", nullptr);
  std::string digest(32, '\0');
  unsigned int size = 0;
  if (sha256 == nullptr || EVP_Digest(bytes.data(), bytes.size(), Bytes(digest.data()), &size, sha256, nullptr) != 1 ||
      size != digest.size()) {
    throw std::runtime_error("OpenSSL has no SHA-256");  // an installation that cannot work at all
  }
  return digest;
}

std::string Sha256Hex(std::string_view bytes) {
  constexpr std::string_view kHex = "0123456789abcdef";
  std::string hex;
  hex.reserve(64);
  for (const char c : Sha256(bytes)) {
    const auto byte = static_cast<unsigned char>(c);
    hex += kHex[byte >> 4];
    hex += kHex[byte & 15];
  }
  return hex;
}

}  // namespace rempart::crypto
