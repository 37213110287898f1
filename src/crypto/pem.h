// PEM as far as labels go (RFC 7468, the strict form but for white space at line ends).
#pragma once

#include <string>
#include <string_view>

namespace rempart::crypto {

// Of the form "-----BEGIN label-----" … "-----END label-----", with nothing but white space around. Views into the
// text.
struct PemBlock {
  std::string_view label;  // "" where the text is no such thing
  std::string_view body;   // between the two lines
};
PemBlock FindPem(std::string_view text);

std::string WritePem(std::string_view label, std::string_view der);

}  // namespace rempart::crypto
