// The protocol's own vectors (secure-systems-lab/dsse: protocol.md, and testvectors/vectors.json with its keys A and B,
// which are RFC 8032's TEST 1 and TEST 2).
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "src/crypto/base64.h"
#include "src/crypto/dsse.h"
#include "tests/unit/crypto/keys.h"

namespace rempart::crypto {
namespace {

constexpr const char* kInToto = "application/vnd.in-toto+json";
constexpr const char* kStatement = "eyJfdHlwZSI6Imh0dHBzOi8vaW4tdG90by5pby9TdGF0ZW1lbnQvdjEifQ==";
constexpr const char* kByA = "2WAfaHm5jluo0w+0rk8uVkluELJYWjSmU9x7EUzx+AyteDGJ4/nqyJXfmAUVFIAoQafWm7AxBZNw5M9ixNHiCA==";
constexpr const char* kByB = "c1+67/aT0yqEpwx8PsVY3MLHsj9D0CZ014/Fv/QlG59P+9CobUZ7xECJ/V3USG0Ob9CiE5LjReEZUzNF2l7eBw==";

TEST(DsseVectors, PreAuthEncoding) {
  EXPECT_EQ(PreAuthEncoding("http://example.com/HelloWorld", "hello world"),
            "DSSEv1 29 http://example.com/HelloWorld 11 hello world");
  EXPECT_EQ(PreAuthEncoding("", ""), "DSSEv1 0  0 ");
  EXPECT_EQ(PreAuthEncoding("application/vnd.exämple+json", std::string("\0 ", 2)),
            std::string("DSSEv1 29 application/vnd.exämple+json 2 \0 ", 44));
  EXPECT_NE(PreAuthEncoding("a", "b 1 c"), PreAuthEncoding("a 5 b", "1 c")) << "unambiguous";
}

// protocol.md: ECDSA P-256. Its signature is r and s side by side, here in DER, as everything else verifies them.
TEST(DsseVectors, Ecdsa) {
  const auto key = PublicKey::FromPem(
      "-----BEGIN PUBLIC KEY-----\n"
      "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEZ805D3eqNZywjCI19lInBJOp7YMr\n"
      "CrzAH3CVTAOQ0jgMeCvVTiaRJaRPRDOv8UMs6U4SvKc6pnrIDOoSYI3fdA==\n"
      "-----END PUBLIC KEY-----\n");
  ASSERT_TRUE(key) << key.error().message;
  const auto envelope = DecodeDsse(
      R"({"payload": "aGVsbG8gd29ybGQ=",
          "payloadType": "http://example.com/HelloWorld",
          "signatures": [{"sig": "MEQCIANyarEBrVbCdjtsaqyOSHJ14qeRk6CdxfhZ2fjvPEo7AiBR6rDAajabZKciJTfUiHqJPcIAriEGAHTVeCUjW2JIZA=="}]})");
  ASSERT_TRUE(envelope) << envelope.error().message;
  EXPECT_EQ(envelope->payload, "hello world");
  EXPECT_EQ(VerifyDsse(*envelope, std::vector<NamedKey>{{"one", *key}}, 1).value(), std::vector<std::string>{"one"});
}

struct Vector {
  const char* id;
  const char *payload, *payload_type;
  std::vector<std::pair<const char*, const char*>> signatures;  // key id ("" for none) and base64
  const char* trusted;                                          // "A", "AB"
  std::size_t threshold;
  bool accept;
};

TEST(DsseVectors, Envelopes) {
  const Vector kVectors[] = {
      {"single-signature", kStatement, kInToto, {{"A", kByA}}, "A", 1, true},
      {"url-safe-base64",
       "-_-_Pj8=",
       kInToto,
       {{"A", "P-_KHICeR7tI6S_YyejJTRtrXhcQyQ2LYPaL8h90KjC9qN8HU_svOQ6TuDOT1HIrsGW886DbWNWcCmX5twLrAw=="}},
       "A",
       1,
       true},
      {"payload-type-swapped", kStatement, "application/vnd.example.other+json", {{"A", kByA}}, "A", 1, false},
      {"non-ascii-payload-type",
       kStatement,
       "application/vnd.exämple+json",
       {{"A", "xmSk/ug66ysT7ayhkCIjhAq42zgZXSsEWuzUaNL7w2eGAdF/NU6/fRXPtmfN+5DNSAs5/i2lUnHjbbjPsu0tAw=="}},
       "A",
       1,
       true},
      {"empty-payload",
       "",
       kInToto,
       {{"A", "gSggCAaTLTYyRH6FIDBem6meyIynsYy8RTHVzwx9tnTb7Bg/1jMWnuVgI/gffqmbsC2VX5/jHfkkDqsj7CDbDg=="}},
       "A",
       1,
       true},
      {"empty-payload-type",  // a signature that would verify
       kStatement,
       "",
       {{"A", "iC3q/+3Rm0+lpAJRueDmDh15PnwCfxKmS0NAfKsbv+zgulXQC/WM9trc+j1XEqlwDIg/vf/uNfebeD6sxInrDg=="}},
       "A",
       1,
       false},
      {"threshold-two-distinct-keys", kStatement, kInToto, {{"A", kByA}, {"B", kByB}}, "AB", 2, true},
      {"threshold-two-one-key-twice", kStatement, kInToto, {{"A", kByA}, {"A", kByA}}, "AB", 2, false},
      {"threshold-two-without-keyids", kStatement, kInToto, {{"", kByA}, {"", kByB}}, "AB", 2, true},
  };
  for (const Vector& v : kVectors) {
    Json json = {{"payload", v.payload}, {"payloadType", v.payload_type}, {"signatures", Json::array()}};
    for (const auto& [key_id, signature] : v.signatures) {
      json["signatures"].push_back({{"sig", signature}});
      if (*key_id != '\0') json["signatures"].back()["keyid"] = key_id;
    }
    std::vector<NamedKey> trusted;
    for (const char name : std::string(v.trusted))
      trusted.push_back({std::string(1, name), test::Ed25519Key(name - 'A').public_key()});
    const auto envelope = DecodeDsse(json.dump());
    const bool accepted = envelope && VerifyDsse(*envelope, trusted, v.threshold);
    EXPECT_EQ(accepted, v.accept) << v.id;
  }
}

// Ed25519 is deterministic: what we sign is what they signed.
TEST(DsseVectors, TheSameBytesAreSigned) {
  auto envelope = SignDsse(kInToto, DecodeBase64(kStatement).value(), test::Ed25519Key(0));
  ASSERT_TRUE(envelope);
  ASSERT_TRUE(AddSignature(*envelope, test::Ed25519Key(1)));
  const Json json = EncodeDsse(*envelope);
  EXPECT_EQ(json["payload"], kStatement);
  EXPECT_EQ(json["signatures"][0]["sig"], kByA);
  EXPECT_EQ(json["signatures"][1]["sig"], kByB);
}

}  // namespace
}  // namespace rempart::crypto
