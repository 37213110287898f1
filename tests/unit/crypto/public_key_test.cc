#include "src/crypto/public_key.h"

#include <gtest/gtest.h>

#include "src/crypto/pem.h"
#include "tests/unit/crypto/keys.h"

namespace rempart::crypto {
namespace {

using test::FromHex;
using test::OpensslKey;
using test::OpensslSign;

std::string Flipped(std::string bytes, std::size_t at, int bit = 0) {
  bytes[at] = static_cast<char>(bytes[at] ^ (1 << bit));
  return bytes;
}

std::string Refusal(std::string_view pem) {
  const auto key = PublicKey::FromPem(pem);
  if (key) return "";
  EXPECT_EQ(key.error().kind, ErrorKind::kInvalid);
  return key.error().message;
}

// RFC 8032, section 7.1: TEST 1, 2, 3 and SHA(abc).
TEST(PublicKey, Ed25519KnownAnswers) {
  const struct {
    const char *point, *message, *signature;
  } kVectors[] = {
      {"d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
       "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe"
       "24655141438e7a100b"},
      {"3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
       "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302a"
       "eeb00d291612bb0c00"},
      {"fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82",
       "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed2"
       "8dc027beceea1ec40a"},
      {"ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf",
       "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce8"
       "0e2a9ac94fa54ca49f",
       "dc2a4459e7369633a52b1bf277839a00201009a3efbf3ecb69bea2186c26b58909351fc9ac90b3ecfdfbc7c66431e0303dca179c138ac1"
       "7ad9bef1177331a704"},
  };
  for (const auto& v : kVectors) {
    const PublicKey key = test::Ed25519FromPoint(v.point);
    EXPECT_EQ(key.kind(), KeyKind::kEd25519);
    const std::string message = FromHex(v.message), signature = FromHex(v.signature);
    EXPECT_TRUE(key.Verify(message, signature)) << v.point;
    EXPECT_FALSE(key.Verify(message + "x", signature));
    for (std::size_t i = 0; i < signature.size(); ++i)
      EXPECT_FALSE(key.Verify(message, Flipped(signature, i))) << "byte " << i;
  }
}

constexpr const char* kRfc6979P256 =
    "-----BEGIN PUBLIC KEY-----\n"
    "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEYP7UuiVanTHJYet0xjVtaMBJuJI7\n"
    "Yfps5mliLmDyn7Z5A/4QCLi8maQa6elWKLxk8vGyDC1+n1F3o8KU1EYimQ==\n"
    "-----END PUBLIC KEY-----\n";
constexpr const char* kRfc6979P384 =
    "-----BEGIN PUBLIC KEY-----\n"
    "MHYwEAYHKoZIzj0CAQYFK4EEACIDYgAE7DpOQVtOGaRWhhgCn0J/pdqai8SukuAu\n"
    "BqrlKGswDGTe+PDqkFWGYGSiVFFUgLwTgBXZty19VyROqO+awMYhiWcIpZNn+d+5\n"
    "9UyoSz8cnbEoiyMcOuDU/nNE/SUzJkcg\n"
    "-----END PUBLIC KEY-----\n";
constexpr const char* kP256Sample =
    "3046022100efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716022100f7cb1c942d657c41d436c7a1b6e29f65f3"
    "e900dbb9aff4064dc4ab2f843acda8";

// RFC 6979, A.2.5 (SHA-256, "sample") and A.2.6 (SHA-384, "sample").
TEST(PublicKey, EcdsaKnownAnswers) {
  const struct {
    const char *pem, *signature;
    KeyKind kind;
  } kVectors[] = {
      {kRfc6979P256, kP256Sample, KeyKind::kEcdsaP256},
      {kRfc6979P384,
       "306602310094edbb92a5ecb8aad4736e56c691916b3f88140666ce9fa73d64c4ea95ad133c81a648152e44acf96e36dd1e80fabe4602310"
       "099ef4aeb15f178cea1fe40db2603138f130e740a19624526203b6351d0a3a94fa329c145786e679e7b82c71a38628ac8",
       KeyKind::kEcdsaP384},
  };
  for (const auto& v : kVectors) {
    const auto key = PublicKey::FromPem(v.pem);
    ASSERT_TRUE(key) << key.error().message;
    EXPECT_EQ(key->kind(), v.kind);
    const std::string signature = FromHex(v.signature);
    EXPECT_TRUE(key->Verify("sample", signature));
    EXPECT_FALSE(key->Verify("Sample", signature));
    EXPECT_FALSE(key->Verify("sample", signature + '\0')) << "garbage after the DER";
    EXPECT_FALSE(key->Verify("sample", "")) << "no signature at all";
    for (std::size_t i = 0; i < signature.size(); ++i)
      EXPECT_FALSE(key->Verify("sample", Flipped(signature, i))) << "byte " << i;
  }
}

// What RFC 6979 gives as the same key's signature with another digest does not count.
TEST(PublicKey, ADigestOfAnotherKindDoesNotCount) {
  const auto p256 = OpensslKey("EC", {"ec_paramgen_curve:P-256"});
  const auto key = PublicKey::FromPem(p256.public_pem).value();
  EXPECT_TRUE(key.Verify("m", OpensslSign(p256.private_pem, "m", "SHA256")));
  EXPECT_FALSE(key.Verify("m", OpensslSign(p256.private_pem, "m", "SHA384")));
  EXPECT_FALSE(key.Verify("m", OpensslSign(p256.private_pem, "m", "SHA1")));
}

TEST(PublicKey, RsaIsPssWithASaltAsLongAsTheDigest) {
  const auto rsa = OpensslKey("RSA", {"rsa_keygen_bits:2048"});
  const auto key = PublicKey::FromPem(rsa.public_pem);
  ASSERT_TRUE(key) << key.error().message;
  EXPECT_EQ(key->kind(), KeyKind::kRsaPss);
  const std::string good = OpensslSign(rsa.private_pem, "m", "SHA256", "pss", 32);
  EXPECT_TRUE(key->Verify("m", good));
  EXPECT_FALSE(key->Verify("n", good));
  for (std::size_t i = 0; i < good.size(); ++i) EXPECT_FALSE(key->Verify("m", Flipped(good, i))) << "byte " << i;
  EXPECT_FALSE(key->Verify("m", OpensslSign(rsa.private_pem, "m", "SHA256", "pss", 20)));
  EXPECT_FALSE(key->Verify("m", OpensslSign(rsa.private_pem, "m", "SHA384", "pss", 48)));
  EXPECT_FALSE(key->Verify("m", OpensslSign(rsa.private_pem, "m", "SHA256", "pkcs1")));
}

// As a number, such a signature is the same without its zero, or with one more.
TEST(PublicKey, AnRsaSignatureIsAsLongAsItsModulus) {
  const auto rsa = OpensslKey("RSA", {"rsa_keygen_bits:2048"});
  const auto key = PublicKey::FromPem(rsa.public_pem).value();
  std::string signature = "not yet signed";
  for (int i = 0; i < 10'000 && signature.front() != '\0'; ++i)  // one in 256 begins so: the salt is drawn each time
    signature = OpensslSign(rsa.private_pem, "m", "SHA256", "pss", 32);
  ASSERT_EQ(signature.front(), '\0');
  EXPECT_TRUE(key.Verify("m", signature));
  EXPECT_FALSE(key.Verify("m", signature.substr(1)));
  EXPECT_FALSE(key.Verify("m", '\0' + signature));
  EXPECT_FALSE(key.Verify("m", signature.substr(0, 255)));
}

TEST(PublicKey, RsaPssIdentifiersWithParametersThatAgree) {
  using Options = std::initializer_list<std::string_view>;
  const struct {
    Options options;
    bool accepted;
  } kCases[] = {
      {{"rsa_keygen_bits:2048"}, true},
      {{"rsa_keygen_bits:2048", "rsa_pss_keygen_md:sha256", "rsa_pss_keygen_mgf1_md:sha256",
        "rsa_pss_keygen_saltlen:32"},
       true},
      {{"rsa_keygen_bits:2048", "rsa_pss_keygen_md:sha256", "rsa_pss_keygen_mgf1_md:sha256",
        "rsa_pss_keygen_saltlen:20"},
       true},  // the least that is allowed: ours is longer
      {{"rsa_keygen_bits:2048", "rsa_pss_keygen_md:sha256", "rsa_pss_keygen_mgf1_md:sha256",
        "rsa_pss_keygen_saltlen:33"},
       false},
      {{"rsa_keygen_bits:2048", "rsa_pss_keygen_md:sha256", "rsa_pss_keygen_mgf1_md:sha1", "rsa_pss_keygen_saltlen:32"},
       false},
      {{"rsa_keygen_bits:2048", "rsa_pss_keygen_md:sha384", "rsa_pss_keygen_mgf1_md:sha384",
        "rsa_pss_keygen_saltlen:32"},
       false},
      {{"rsa_keygen_bits:2048", "rsa_pss_keygen_md:sha1", "rsa_pss_keygen_mgf1_md:sha1", "rsa_pss_keygen_saltlen:20"},
       false},
  };
  for (const auto& c : kCases) {
    const auto made = OpensslKey("RSA-PSS", c.options);
    const auto key = PublicKey::FromPem(made.public_pem);
    ASSERT_EQ(key.has_value(), c.accepted) << c.options.size() << (key ? "" : key.error().message);
    if (!key) {
      EXPECT_TRUE(key.error().message.starts_with("an RSASSA-PSS key whose parameters are not SHA-256"));
      continue;
    }
    EXPECT_EQ(key->kind(), KeyKind::kRsaPss);
    const auto signer = PrivateKey::FromPem(made.private_pem);
    ASSERT_TRUE(signer) << signer.error().message;
    EXPECT_TRUE(key->Verify("m", signer->Sign("m").value()));
  }
}

TEST(PublicKey, OtherKindsAndSizesAreRefused) {
  const struct {
    const char* algorithm;
    std::initializer_list<std::string_view> options;
    const char* found;
  } kCases[] = {
      {"RSA", {"rsa_keygen_bits:1024"}, "an RSA key of 1024 bits: "},
      {"RSA", {"rsa_keygen_bits:2047"}, "an RSA key of 2047 bits: "},
      {"RSA", {"rsa_keygen_bits:2048", "rsa_keygen_pubexp:3"}, "an RSA key whose public exponent"},
      {"EC", {"ec_paramgen_curve:P-521"}, "an EC key on the curve secp521r1: "},
      {"EC", {"ec_paramgen_curve:secp256k1"}, "an EC key on the curve secp256k1: "},
      {"EC", {"ec_paramgen_curve:P-224"}, "an EC key on the curve secp224r1: "},
      {"EC", {"ec_paramgen_curve:brainpoolP256r1"}, "an EC key on the curve brainpoolP256r1: "},
      {"EC", {"ec_paramgen_curve:P-256", "ec_param_enc:explicit"}, "an EC key whose curve is spelled out"},
      {"ED448", {}, "a key of another algorithm (ED448): "},
      {"X25519", {}, "a key of another algorithm (X25519): "},
      {"X448", {}, "a key of another algorithm (X448): "},
  };
  for (const auto& c : kCases) {
    const std::string refusal = Refusal(OpensslKey(c.algorithm, c.options).public_pem);
    EXPECT_TRUE(refusal.starts_with(c.found)) << c.algorithm << ": " << refusal;
    EXPECT_TRUE(refusal.ends_with("give an Ed25519, ECDSA P-256, ECDSA P-384 or RSA key (2048 to 8192 bits)"))
        << refusal;
  }
}

TEST(PublicKey, AnEightKilobitModulusIsTheLargest) {
  // No such key is made here, which would take minutes: the number need not be a product of two primes to be refused.
  const auto spki = [](int bits) {
    const std::size_t bytes = static_cast<std::size_t>(bits) / 8;
    const auto tlv = [](char tag, const std::string& content) {
      const std::size_t n = content.size();
      return std::string{tag, '\x82', static_cast<char>(n >> 8), static_cast<char>(n & 0xff)} + content;
    };
    const std::string modulus = '\0' + std::string(bytes, '\xff');
    const std::string key = tlv('\x30', tlv('\x02', modulus) + FromHex("0203010001"));
    return tlv('\x30', FromHex("300d06092a864886f70d0101010500") + tlv('\x03', '\0' + key));
  };
  EXPECT_TRUE(PublicKey::FromDer(spki(8192)).has_value());
  const auto larger = PublicKey::FromDer(spki(8200));
  ASSERT_FALSE(larger);
  EXPECT_TRUE(larger.error().message.starts_with("an RSA key of 8200 bits: ")) << larger.error().message;
  EXPECT_TRUE(PublicKey::FromPem(WritePem("PUBLIC KEY", spki(8192))).has_value()) << "fits into the limit of a PEM";
}

TEST(PublicKey, TheIdIsTheDigestOfTheDer) {
  // echo of the PEM above | openssl pkey -pubin -outform DER | sha256sum
  EXPECT_EQ(PublicKey::FromPem(kRfc6979P256)->id(), "5a7a78cca4a0f420d9bc62bb669c3c2759e39f723d3ae10dcbe0f0815a07ecd4");
  EXPECT_EQ(test::Ed25519FromPoint("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a").id(),
            "06e3fd8fda29bb60ab59557de61edb0aecdb231134be30e75b455f8e1b792fa9");
}

TEST(PublicKey, PemGoesBothWays) {
  EXPECT_EQ(PublicKey::FromPem(kRfc6979P256)->ToPem(), kRfc6979P256);
  EXPECT_EQ(PublicKey::FromPem(kRfc6979P384)->ToPem(), kRfc6979P384);
  std::string crlf;
  for (const char c : std::string(kRfc6979P256)) crlf += c == '\n' ? std::string("\r\n") : std::string(1, c);
  EXPECT_EQ(PublicKey::FromPem("\n  " + crlf + "\n\t ")->ToPem(), kRfc6979P256);
}

TEST(PublicKey, OneKeyHasOneFormAndOneId) {
  // A compressed point: the same key in fewer bytes.
  EXPECT_TRUE(
      Refusal(WritePem("PUBLIC KEY", FromHex("3039301306072a8648ce3d020106082a8648ce3d03010703220003"
                                             "60fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6")))
          .starts_with("an EC key whose point is compressed: "));
  // A length in two bytes where one does, and something after the end.
  const std::string point = FromHex("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a");
  EXPECT_TRUE(PublicKey::FromDer(FromHex("302a300506032b6570032100") + point));
  EXPECT_FALSE(PublicKey::FromDer(FromHex("30812a300506032b6570032100") + point));
  EXPECT_FALSE(PublicKey::FromDer(FromHex("302b300506032b657003812100") + point));
  EXPECT_FALSE(PublicKey::FromDer(FromHex("302a300506032b6570032100") + point + '\0'));
  EXPECT_FALSE(PublicKey::FromDer(FromHex("302a300506032b6570032100") + point.substr(1)));
  EXPECT_FALSE(PublicKey::FromDer(FromHex("302c300706032b65700500032100") + point)) << "parameters where none belong";
  EXPECT_FALSE(PublicKey::FromDer(""));
}

TEST(PublicKey, TheSameKeyUnderTwoIdentifiersIsOne) {
  const auto rsa = OpensslKey("RSA", {"rsa_keygen_bits:2048"});
  const PublicKey plain = PublicKey::FromPem(rsa.public_pem).value();
  // The same modulus as id-RSASSA-PSS without parameters: 30 0b 06 09 2a864886f70d01010a instead of 300d … 0500.
  std::string der = plain.ToDer();
  const std::string rsa_id = FromHex("300d06092a864886f70d0101010500"), pss_id = FromHex("300b06092a864886f70d01010a");
  const std::size_t at = der.find(rsa_id);
  ASSERT_NE(at, std::string::npos);
  der.replace(at, rsa_id.size(), pss_id);
  der[3] = static_cast<char>(der[3] - 2);  // the outer length, 30 82 hi lo
  const auto pss = PublicKey::FromDer(der);
  ASSERT_TRUE(pss) << pss.error().message;
  EXPECT_NE(pss->id(), plain.id());
  EXPECT_TRUE(pss->SameKey(plain));
  EXPECT_FALSE(pss->SameKey(PublicKey::FromPem(kRfc6979P256).value()));
}

TEST(PublicKey, TextThatIsNoPublicKeyIsRefused) {
  const std::string pem = kRfc6979P256;
  const std::string body = "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE";
  const std::pair<std::string, const char*> kCases[] = {
      {"", "not one PEM block: "},
      {"FR", "not one PEM block: "},
      {body, "not one PEM block: "},
      {pem + pem, "not one PEM block: "},
      {pem + "x", "not one PEM block: "},
      {"# our key\n" + pem, "not one PEM block: "},
      {pem.substr(0, pem.size() - 2), "not one PEM block: "},
      {"-----BEGIN PUBLIC KEY-----\n" + body + "\n-----END PUBLIC KEY", "not one PEM block: "},
      {"-----BEGIN PUBLIC KEY-----\n" + body + "\n-----END RSA KEY-----", "not one PEM block: "},
      {"-----BEGIN PUBLIC KEY-----\n-----END PUBLIC KEY-----\n", "not a DER SubjectPublicKeyInfo: "},
      {"-----BEGIN PUBLIC KEY-----\n" + body + "\n-----END PUBLIC KEY-----\n", "not a DER SubjectPublicKeyInfo: "},
      {"-----BEGIN PUBLIC KEY-----\nProc-Type: 4,ENCRYPTED\n\n" + body + "\n-----END PUBLIC KEY-----\n",
       "not valid PEM (a character outside base64): "},
      {"-----BEGIN PUBLIC KEY-----\n" + body + "!\n-----END PUBLIC KEY-----\n", "the PEM block is not valid base64"},
      {"-----BEGIN CERTIFICATE-----\n" + body + "\n-----END CERTIFICATE-----\n",
       "a PEM block \"CERTIFICATE\" instead of \"PUBLIC KEY\": "},
      {"-----BEGIN RSA PUBLIC KEY-----\n" + body + "\n-----END RSA PUBLIC KEY-----\n",
       "a PEM block \"RSA PUBLIC KEY\" instead of \"PUBLIC KEY\": "},
      {std::string(5000, 'x'), "5000 bytes, a public key's PEM has at most 4096: "},
      {std::string("\0-----BEGIN PUBLIC KEY-----", 27), "not one PEM block: "},
  };
  for (const auto& [text, found] : kCases) {
    EXPECT_TRUE(Refusal(text).starts_with(found)) << text << "\n" << Refusal(text);
    EXPECT_LT(Refusal(text).size(), 400u);
  }
}

// Pasted by mistake, it has left its owner's hands.
TEST(PublicKey, APrivateKeyIsRefusedWithAWarning) {
  const std::string pem = OpensslKey("ED25519").private_pem;
  const std::string refusal = Refusal(pem);
  EXPECT_TRUE(refusal.starts_with("this is a private key, which may now be known to others: make a new one"))
      << refusal;
  EXPECT_EQ(refusal.find(FindPem(pem).body), std::string::npos);
}

// No byte of a key can be changed and leave the key what it was.
TEST(PublicKey, EveryBitOfAKeyMatters) {
  const std::string message = "sample", signature = FromHex(kP256Sample);
  const std::string der = PublicKey::FromPem(kRfc6979P256)->ToDer();
  for (std::size_t i = 0; i < der.size(); ++i) {
    for (int bit = 0; bit < 8; ++bit) {
      const auto key = PublicKey::FromDer(Flipped(der, i, bit));
      EXPECT_FALSE(key && key->Verify(message, signature)) << "byte " << i << " bit " << bit;
    }
  }
}

TEST(PublicKey, ASignatureIsBounded) {
  const PublicKey key = PublicKey::FromPem(kRfc6979P256).value();
  EXPECT_FALSE(key.Verify("sample", FromHex(kP256Sample) + std::string(1'000'000, '\0')));
  EXPECT_FALSE(key.Verify(std::string(1'000'000, 'x'), FromHex(kP256Sample)));
}

}  // namespace
}  // namespace rempart::crypto
