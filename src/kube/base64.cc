#include "src/kube/base64.h"

#include <openssl/evp.h>

namespace rempart::kube {

Result<std::string> DecodeBase64(std::string_view text) {
  std::string packed;
  packed.reserve(text.size());
  for (char c : text) {
    if (c != '\n' && c != '\r' && c != ' ' && c != '\t') packed += c;
  }
  // EVP_DecodeBlock takes '=' anywhere for a zero and counts padding as data: both are settled here.
  const std::size_t data_end = packed.find('=');
  const std::size_t padding = data_end == std::string::npos ? 0 : packed.size() - data_end;
  if (packed.size() % 4 != 0 || padding > 2 || (padding == 2 && packed.back() != '=')) {
    return Fail(Error::Invalid("not valid base64 (length or padding)"));
  }
  std::string out(packed.size() / 4 * 3, '\0');
  const int n = EVP_DecodeBlock(reinterpret_cast<unsigned char*>(out.data()),
                                reinterpret_cast<const unsigned char*>(packed.data()), static_cast<int>(packed.size()));
  if (n < 0 || static_cast<std::size_t>(n) != out.size()) {
    return Fail(Error::Invalid("not valid base64 (a character outside the alphabet)"));
  }
  out.resize(out.size() - padding);
  return out;
}

}  // namespace rempart::kube
