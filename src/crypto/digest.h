// SHA-256 (FIPS 180-4). May be called from any thread.
#pragma once

#include <string>
#include <string_view>

namespace rempart::crypto {

std::string Sha256(std::string_view bytes);     // 32 bytes
std::string Sha256Hex(std::string_view bytes);  // 64 lower-case hex digits

}  // namespace rempart::crypto
