#include "src/crypto/base64.h"

#include <gtest/gtest.h>

#include <set>

#include "src/crypto/digest.h"

namespace rempart::crypto {
namespace {

// RFC 4648, section 10.
TEST(StrictBase64, BothWays) {
  const std::pair<std::string, std::string> kVectors[] = {{"", ""},
                                                          {"f", "Zg=="},
                                                          {"fo", "Zm8="},
                                                          {"foo", "Zm9v"},
                                                          {"foob", "Zm9vYg=="},
                                                          {"fooba", "Zm9vYmE="},
                                                          {"foobar", "Zm9vYmFy"}};
  for (const auto& [plain, coded] : kVectors) {
    EXPECT_EQ(EncodeBase64(plain), coded);
    EXPECT_EQ(DecodeBase64(coded).value(), plain);
  }
}

TEST(StrictBase64, EitherAlphabetButNotBoth) {
  const std::string bytes = "\xfb\xff\xbf";
  EXPECT_EQ(EncodeBase64(bytes), "+/+/");
  EXPECT_EQ(DecodeBase64("+/+/").value(), bytes);
  EXPECT_EQ(DecodeBase64("-_-_").value(), bytes);
  for (const char* mixed : {"+_+_", "-/-/", "+/-_", "AAA+AAA_"}) EXPECT_FALSE(DecodeBase64(mixed)) << mixed;
}

TEST(StrictBase64, AllBytes) {
  std::string bytes;
  for (int i = 0; i < 256; ++i) bytes += static_cast<char>(i);
  EXPECT_EQ(DecodeBase64(EncodeBase64(bytes)).value(), bytes);
}

TEST(StrictBase64, Refuses) {
  for (const std::string bad :
       {"Zg",       "Zg=",          "Z===",       "====",         "===",  "=",      "Zm9v=", "Zm9v====",
        "Zg==Zg==", "Z=g=",         "=Zg=",       "Zm9v!===",     "Zm$v", "Zm9v\n", "\nZm9", "Zm9v   ",
        " Zm9v",    "Zm9vYmE=AAAA", "Zm9vYmE=\n", "Zm9vYmE=====", "Zm9é"}) {
    const auto decoded = DecodeBase64(bad);
    ASSERT_FALSE(decoded) << bad;
    EXPECT_EQ(decoded.error().kind, ErrorKind::kInvalid);
    EXPECT_EQ(decoded.error().message.find(bad), std::string::npos);
  }
  EXPECT_FALSE(DecodeBase64(std::string("Zm9\0", 4)));
  EXPECT_FALSE(DecodeBase64(std::string("\0\0\0\0", 4)));
}

// Of four and of two texts that a lax decoder takes for the same bytes, one is right.
TEST(StrictBase64, BitsBesideTheBytesAreRefused) {
  int read_two = 0, read_one = 0;
  std::set<std::string> values;
  for (const char c : std::string("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")) {
    if (const auto one = DecodeBase64(std::string("Z") + c + "==")) ++read_one, values.insert(*one);
    if (const auto two = DecodeBase64(std::string("Zm") + c + "=")) ++read_two, values.insert(*two);
  }
  EXPECT_EQ(read_one, 4);
  EXPECT_EQ(read_two, 16);
  EXPECT_EQ(values.size(), 20u);
}

// FIPS 180-2, appendix B.
TEST(Digest, Sha256) {
  EXPECT_EQ(Sha256Hex("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(Sha256Hex(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(Sha256("abc").size(), 32u);
  EXPECT_EQ(Sha256("abc").substr(0, 2), "\xba\x78");
}

}  // namespace
}  // namespace rempart::crypto
