#include "src/crypto/private_key.h"

#include <gtest/gtest.h>

#include "src/crypto/pem.h"
#include "tests/unit/crypto/keys.h"

namespace rempart::crypto {
namespace {

using test::FromHex;
using test::OpensslKey;

// PKCS#8 made by `openssl genpkey -algorithm ed25519 -aes128 -pass pass:test`: another cipher and fewer rounds than
// ours.
constexpr const char* kEncrypted = R"(-----BEGIN ENCRYPTED PRIVATE KEY-----
MIGbMFcGCSqGSIb3DQEFDTBKMCkGCSqGSIb3DQEFDDAcBAipyJsjgpUg/wICCAAw
DAYIKoZIhvcNAgkFADAdBglghkgBZQMEAQIEEA4bEBMgrssZW5XEmqS1A18EQJNu
0UPl8uAPUh8bijPSTlwfsW2UTIpecLH04WRSYwvpAqc+Qz4Pi0pxB7BgDUEgIR/X
x/SBRrjSGI8+cZ135cY=
-----END ENCRYPTED PRIVATE KEY-----
)";

constexpr KeyKind kKinds[] = {KeyKind::kEd25519, KeyKind::kEcdsaP256, KeyKind::kEcdsaP384, KeyKind::kRsaPss};

AskPassphrase Says(std::string text) {
  return [text] { return Result<Secret>(Secret(text)); };
}
AskPassphrase NeverAsked() {
  return []() -> Result<Secret> {
    ADD_FAILURE() << "asked for a passphrase";
    return Fail(Error::Internal("asked"));
  };
}

std::string Text(const Result<Secret>& pem) {
  EXPECT_TRUE(pem) << pem.error().message;
  return std::string(pem->view());
}

std::string Refusal(std::string_view pem, const AskPassphrase& ask = {}) {
  const auto key = PrivateKey::FromPem(pem, ask);
  if (key) return "";
  EXPECT_EQ(key.error().kind, ErrorKind::kInvalid);
  return key.error().message;
}

TEST(PrivateKey, EachKindIsMadeWrittenReadAndUsed) {
  for (const KeyKind kind : kKinds) {
    SCOPED_TRACE(ToString(kind));
    const auto made = PrivateKey::Generate(kind);
    ASSERT_TRUE(made) << made.error().message;
    EXPECT_EQ(made->kind(), kind);
    const std::string pem = Text(made->ToPem());
    EXPECT_TRUE(pem.starts_with("-----BEGIN PRIVATE KEY-----\n"));
    const auto read = PrivateKey::FromPem(pem, NeverAsked());
    ASSERT_TRUE(read) << read.error().message;
    EXPECT_EQ(read->public_key().id(), made->public_key().id());
    const std::string signature = read->Sign("a message").value();
    EXPECT_TRUE(made->public_key().Verify("a message", signature));
    EXPECT_FALSE(made->public_key().Verify("another", signature));
    const auto public_half = PublicKey::FromPem(made->public_key().ToPem());
    ASSERT_TRUE(public_half);
    EXPECT_EQ(public_half->id(), made->public_key().id());
    EXPECT_NE(PrivateKey::Generate(kind)->public_key().id(), made->public_key().id());
  }
}

TEST(PrivateKey, TheDefaultIsEd25519AndRsaHasThousandsOfBits) {
  EXPECT_EQ(PrivateKey::Generate()->kind(), KeyKind::kEd25519);
  EXPECT_EQ(PrivateKey::Generate(KeyKind::kRsaPss)->Sign("m")->size(), 3072u / 8);
}

// RFC 8032, section 7.1, TEST 2: signatures of this kind are the same every time.
TEST(PrivateKey, Ed25519KnownAnswer) {
  EXPECT_EQ(test::Ed25519Key(1).Sign("\x72").value(),
            FromHex("92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c38"
                    "7b2eaeb4302aeeb00d291612bb0c00"));
}

TEST(PrivateKey, WithAPassphrase) {
  const PrivateKey key = PrivateKey::Generate(KeyKind::kEcdsaP256).value();
  const std::string pem = Text(key.ToPem(Secret("correct horse")));
  EXPECT_TRUE(pem.starts_with("-----BEGIN ENCRYPTED PRIVATE KEY-----\n"));
  EXPECT_EQ(PrivateKey::FromPem(pem, Says("correct horse"))->public_key().id(), key.public_key().id());
  EXPECT_TRUE(Refusal(pem, Says("incorrect horse"))
                  .starts_with("the private key cannot be decrypted: wrong passphrase, or damaged"));
}

TEST(PrivateKey, AnErrorOfThePromptIsPassedOn) {
  const std::string pem = Text(test::Ed25519Key(0).ToPem(Secret("p")));
  const auto key = PrivateKey::FromPem(pem, []() -> Result<Secret> { return Fail(Error::Cancelled("no terminal")); });
  ASSERT_FALSE(key);
  EXPECT_EQ(key.error().kind, ErrorKind::kCancelled);
  EXPECT_EQ(key.error().message, "no terminal");
}

TEST(PrivateKey, PassphrasesAreBounded) {
  const PrivateKey key = test::Ed25519Key(0);
  EXPECT_FALSE(key.ToPem(Secret("")));
  EXPECT_FALSE(key.ToPem(Secret(std::string(1024, 'x'))));
  const std::string pem = Text(key.ToPem(Secret(std::string(1023, 'x'))));
  EXPECT_TRUE(PrivateKey::FromPem(pem, Says(std::string(1023, 'x'))));
  EXPECT_EQ(Refusal(kEncrypted, Says(std::string(2000, 'x'))), "the passphrase has more than 1023 bytes");
  EXPECT_NE(Refusal(kEncrypted, Says("")), "");
  EXPECT_EQ(Refusal(kEncrypted), "the private key is encrypted: give its passphrase");
}

TEST(PrivateKey, ReadsWhatOthersEncrypted) {
  const auto key = PrivateKey::FromPem(kEncrypted, Says("test"));
  ASSERT_TRUE(key) << key.error().message;
  EXPECT_EQ(key->public_key().id(), "ed78e3762422c4de6a27c46092612f6f9472957d19d469c2d2a0e120ade6882b");
}

TEST(PrivateKey, OtherKindsAreRefused) {
  EXPECT_TRUE(Refusal(OpensslKey("RSA", {"rsa_keygen_bits:1024"}).private_pem).starts_with("an RSA key of 1024 bits"));
  EXPECT_TRUE(Refusal(OpensslKey("EC", {"ec_paramgen_curve:P-521"}).private_pem).starts_with("an EC key on the curve"));
  EXPECT_TRUE(Refusal(OpensslKey("ED448").private_pem).starts_with("a key of another algorithm (ED448)"));
}

TEST(PrivateKey, TextThatIsNoPrivateKeyIsRefused) {
  const std::string good = Text(test::Ed25519Key(0).ToPem());
  const std::string body(FindPem(good).body);
  const std::pair<std::string, const char*> kCases[] = {
      {"", "not one PEM block: give one PEM block \"PRIVATE KEY\""},
      {good + good, "not one PEM block: "},
      {"x" + good, "not one PEM block: "},
      {"-----BEGIN EC PRIVATE KEY-----" + body + "-----END EC PRIVATE KEY-----",
       "a PEM block \"EC PRIVATE KEY\", an older form: "},
      {"-----BEGIN CERTIFICATE-----" + body + "-----END CERTIFICATE-----", "a PEM block \"CERTIFICATE\": "},
      {test::Ed25519Key(0).public_key().ToPem(), "a PEM block \"PUBLIC KEY\": "},
      {"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "the private key cannot be read"},
      {"-----BEGIN PRIVATE KEY-----\n-----END PRIVATE KEY-----\n", "the private key cannot be read"},
      {"-----BEGIN ENCRYPTED PRIVATE KEY-----" + body + "-----END ENCRYPTED PRIVATE KEY-----",
       "the private key is labelled encrypted, but is not: "},
      {std::string(40'000, 'x'), "40000 bytes, a private key's PEM has at most 32768"},
  };
  for (const auto& [text, found] : kCases) {
    EXPECT_TRUE(Refusal(text, Says("p")).starts_with(found)) << found << "\n" << Refusal(text, Says("p"));
    EXPECT_EQ(Refusal(text, Says("p")).find(body.substr(1, 40)), std::string::npos) << "no key in a message";
  }
}

// Its public half says another key than its private one: signatures would betray the private half.
TEST(PrivateKey, HalvesThatDoNotBelongTogetherAreRefused) {
  // RFC 5915 within PKCS#8: the scalar of RFC 6979 A.2.5, the point of the DSSE example.
  const std::string ec = FromHex(
      "308187020100301306072a8648ce3d020106082a8648ce3d030107046d306b0201010420"
      "c9afa9d845ba75166b5c215767b1d6934e50c3db36e89b127b8a622b120f6721a144034200"
      "0467cd390f77aa359cb08c2235f65227049"
      "3a9ed832b0abcc01f70954c0390d2380c782bd54e269125a44f4433bff1432ce94e12bca73aa67ac80cea12608ddf74");
  const std::string refusal = Refusal(WritePem("PRIVATE KEY", ec));
  EXPECT_NE(refusal, "");
}

TEST(Secret, IsMovedAndEmptyAfter) {
  Secret a("short");
  Secret b(std::move(a));
  EXPECT_EQ(b.view(), "short");
  EXPECT_TRUE(a.empty());  // NOLINT: what is left is the point
  a = std::move(b);
  EXPECT_EQ(a.view(), "short");
  EXPECT_TRUE(b.empty());  // NOLINT
  a = Secret();
  EXPECT_TRUE(a.empty());
  static_assert(!std::is_copy_constructible_v<Secret> && !std::is_copy_assignable_v<Secret>);
}

}  // namespace
}  // namespace rempart::crypto
