#include "src/crypto/base64.h"

#include <array>
#include <cstdint>

#include "src/crypto/evp.h"

namespace rempart::crypto {

namespace {

constexpr std::string_view kCommon = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
constexpr std::uint8_t kNone = 0xff;

constexpr std::array<std::uint8_t, 256> kValues = [] {
  std::array<std::uint8_t, 256> values{};
  values.fill(kNone);
  for (std::size_t i = 0; i < kCommon.size(); ++i)
    values[static_cast<unsigned char>(kCommon[i])] = static_cast<std::uint8_t>(i);
  values['+'] = values['-'] = 62;
  values['/'] = values['_'] = 63;
  return values;
}();

Error NotBase64(const char* why) { return Error::Invalid(std::string("not valid base64 (") + why + ")"); }

}  // namespace

std::string EncodeBase64(std::string_view bytes) {
  std::string out((bytes.size() + 2) / 3 * 4 + 1, '\0');  // EVP writes a terminating zero
  const int n = EVP_EncodeBlock(Bytes(out.data()), Bytes(bytes.data()), static_cast<int>(bytes.size()));
  out.resize(static_cast<std::size_t>(n));
  return out;
}

// Not EVP_DecodeBlock: it skips white space at both ends, takes '=' for a zero anywhere, and leaves the bits beside the
// bytes unread.
Result<std::string> DecodeBase64(std::string_view text) {
  if (text.size() % 4 != 0) return Fail(NotBase64("length is no multiple of four: keep the padding"));
  if (text.find_first_of("+/") != text.npos && text.find_first_of("-_") != text.npos)
    return Fail(NotBase64("the standard and the URL-safe alphabet are mixed"));
  std::string_view data = text;
  for (int i = 0; i < 2 && data.ends_with('='); ++i) data.remove_suffix(1);

  std::string out;
  out.reserve(text.size() / 4 * 3);
  std::uint32_t bits = 0;
  int held = 0;  // how many of the lowest of `bits` are not written yet
  for (const char c : data) {
    const std::uint8_t value = kValues[static_cast<unsigned char>(c)];
    if (value == kNone) return Fail(NotBase64("a character outside the alphabet"));
    bits = (bits << 6) | value;
    held += 6;
    if (held >= 8) {
      held -= 8;
      out += static_cast<char>((bits >> held) & 0xff);
    }
  }
  if ((bits & ((1u << held) - 1)) != 0) return Fail(NotBase64("bits that belong to no byte are set"));
  return out;
}

}  // namespace rempart::crypto
