#include "src/kube/base64.h"

#include <gtest/gtest.h>

namespace rempart::kube {
namespace {

// RFC 4648, section 10.
TEST(Base64, BothWays) {
  const std::pair<std::string, std::string> kVectors[] = {{"", ""},
                                                          {"f", "Zg=="},
                                                          {"fo", "Zm8="},
                                                          {"foo", "Zm9v"},
                                                          {"foob", "Zm9vYg=="},
                                                          {"fooba", "Zm9vYmE="},
                                                          {"foobar", "Zm9vYmFy"}};
  for (const auto& [plain, coded] : kVectors) {
    EXPECT_EQ(EncodeBase64(plain), coded);
    const auto decoded = DecodeBase64(coded);
    ASSERT_TRUE(decoded) << coded;
    EXPECT_EQ(*decoded, plain);
  }
}

TEST(Base64, TakesLineBreaks) { EXPECT_EQ(DecodeBase64(" Zm9v\r\nYmFy\n").value(), "foobar"); }

TEST(Base64, AllBytes) {
  std::string bytes;
  for (int i = 0; i < 256; ++i) bytes += static_cast<char>(i);
  EXPECT_EQ(DecodeBase64(EncodeBase64(bytes)).value(), bytes);
}

TEST(Base64, Refuses) {
  for (const char* bad :
       {"Zg", "Zg=", "Z===", "====", "Zm9v=", "Zg==Zg==", "Z=g=", "Zm9v!===", "Zm9-", "Zm9v----", "Zm$v"}) {
    const auto decoded = DecodeBase64(bad);
    ASSERT_FALSE(decoded) << bad;
    EXPECT_EQ(decoded.error().kind, ErrorKind::kInvalid);
    EXPECT_EQ(decoded.error().message.find(bad), std::string::npos) << "secrets stay out of messages";
  }
}

}  // namespace
}  // namespace rempart::kube
