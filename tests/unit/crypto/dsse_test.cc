#include "src/crypto/dsse.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tests/unit/crypto/keys.h"

namespace rempart::crypto {
namespace {

constexpr const char* kType = "application/vnd.in-toto+json";

DsseEnvelope SignedBy(std::initializer_list<int> keys, const std::string& payload = "{}") {
  DsseEnvelope envelope{kType, payload, {}};
  for (const int n : keys) EXPECT_TRUE(AddSignature(envelope, test::Ed25519Key(n)));
  return envelope;
}

std::vector<NamedKey> Keys(std::initializer_list<int> keys) {
  std::vector<NamedKey> named;
  for (const int n : keys) named.push_back({"key-" + std::to_string(n), test::Ed25519Key(n).public_key()});
  return named;
}

std::vector<std::size_t> Signers(const DsseEnvelope& envelope, std::initializer_list<int> keys) {
  std::vector<PublicKey> plain;
  for (const int n : keys) plain.push_back(test::Ed25519Key(n).public_key());
  return SignersOf(envelope, plain);
}

std::string Refusal(const Json& json) {
  const auto envelope = DecodeDsse(json.dump());
  return envelope ? "" : envelope.error().message;
}

TEST(Dsse, GoesBothWays) {
  const DsseEnvelope envelope = SignedBy({0, 2}, std::string("\0\xff{", 3));
  const auto read = DecodeDsse(EncodeDsse(envelope).dump());
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(*read, envelope);
  EXPECT_EQ(read->signatures[0].key_id, test::Ed25519Key(0).public_key().id());
}

TEST(Dsse, EveryKindOfKeySigns) {
  for (const KeyKind kind : {KeyKind::kEd25519, KeyKind::kEcdsaP256, KeyKind::kEcdsaP384, KeyKind::kRsaPss}) {
    const PrivateKey key = PrivateKey::Generate(kind).value();
    const auto envelope = SignDsse(kType, "payload", key);
    ASSERT_TRUE(envelope);
    EXPECT_TRUE(
        VerifyDsse(*DecodeDsse(EncodeDsse(*envelope).dump()), std::vector<NamedKey>{{"k", key.public_key()}}, 1));
  }
}

TEST(Dsse, TwoOfThree) {
  const auto keys = Keys({0, 1, 2});
  EXPECT_EQ(VerifyDsse(SignedBy({2, 0}), keys, 2).value(), (std::vector<std::string>{"key-0", "key-2"}));
  EXPECT_EQ(VerifyDsse(SignedBy({0, 1, 2}), keys, 2)->size(), 3u);
  const auto one = VerifyDsse(SignedBy({1}), keys, 2);
  ASSERT_FALSE(one);
  EXPECT_EQ(one.error().kind, ErrorKind::kDenied);
  EXPECT_EQ(one.error().message, "signed by 1 of the 2 keys that are needed (key-1)");
  const auto none = VerifyDsse(SignedBy({2}), Keys({0, 1}), 1);
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().message, "none of the 2 known keys signed it");
}

TEST(Dsse, OneKeyCountsOnce) {
  DsseEnvelope envelope = SignedBy({0});
  for (int i = 0; i < 5; ++i) {
    envelope.signatures.push_back(envelope.signatures[0]);
    envelope.signatures.back().key_id = test::Ed25519Key(1 + i % 2).public_key().id();  // says it is somebody else's
  }
  EXPECT_EQ(Signers(envelope, {0, 1, 2}), std::vector<std::size_t>{0});
  EXPECT_FALSE(VerifyDsse(envelope, Keys({0, 1, 2}), 2));
  // Listed twice under two names, it is one key all the same.
  auto twice = Keys({0, 0});
  twice[1].name = "another";
  EXPECT_FALSE(VerifyDsse(SignedBy({0}), twice, 2));
  // ECDSA signatures differ each time they are made; the key does not.
  const PrivateKey ec = PrivateKey::Generate(KeyKind::kEcdsaP256).value();
  DsseEnvelope many{kType, "x", {}};
  for (int i = 0; i < 3; ++i) many.signatures.push_back({"", ec.Sign(PreAuthEncoding(kType, "x")).value()});
  EXPECT_NE(many.signatures[0].signature, many.signatures[1].signature);
  EXPECT_FALSE(
      VerifyDsse(many, std::vector<NamedKey>{{"a", ec.public_key()}, {"b", test::Ed25519Key(0).public_key()}}, 2));
}

TEST(Dsse, AKeyIdThatLiesChangesNothing) {
  for (const std::string& lie : {std::string(), std::string("nobody"), test::Ed25519Key(1).public_key().id()}) {
    DsseEnvelope envelope = SignedBy({0});
    envelope.signatures[0].key_id = lie;
    EXPECT_EQ(Signers(envelope, {0, 1}), std::vector<std::size_t>{0});
    EXPECT_EQ(Signers(envelope, {1}), std::vector<std::size_t>{});
  }
  DsseEnvelope swapped = SignedBy({0, 1});
  std::swap(swapped.signatures[0].key_id, swapped.signatures[1].key_id);
  EXPECT_EQ(Signers(swapped, {0, 1}), (std::vector<std::size_t>{0, 1}));
}

TEST(Dsse, ASignatureBelongsToItsTypeAndPayload) {
  const DsseEnvelope good = SignedBy({0});
  DsseEnvelope other = good;
  other.payload = "{ }";
  EXPECT_TRUE(Signers(other, {0}).empty());
  other = good;
  other.payload_type += "x";
  EXPECT_TRUE(Signers(other, {0}).empty());
  other = good;
  other.payload = good.payload_type;
  other.payload_type = good.payload;
  EXPECT_TRUE(Signers(other, {0}).empty());
}

// Whatever byte of an envelope's text is changed: it is refused, or it says the same as before.
TEST(Dsse, NoByteCanBeChanged) {
  const DsseEnvelope envelope = SignedBy({0}, R"({"country":"FR"})");
  const std::string text = EncodeDsse(envelope).dump();
  int harmless = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    for (int bit = 0; bit < 8; ++bit) {
      std::string changed = text;
      changed[i] = static_cast<char>(changed[i] ^ (1 << bit));
      const auto read = DecodeDsse(changed);
      if (!read || Signers(*read, {0}).empty()) continue;
      EXPECT_EQ(read->payload, envelope.payload) << changed;
      EXPECT_EQ(read->payload_type, envelope.payload_type);
      EXPECT_EQ(read->signatures[0].signature, envelope.signatures[0].signature);
      ++harmless;  // in the key id, or its name, which nobody relies on
    }
  }
  EXPECT_GT(harmless, 0);
  EXPECT_LT(harmless, (64 + 5) * 8);
}

TEST(Dsse, NoBeginningOfItIsAnEnvelope) {
  const std::string text = EncodeDsse(SignedBy({0})).dump();
  for (std::size_t n = 0; n < text.size(); ++n) EXPECT_FALSE(DecodeDsse(text.substr(0, n)));
  EXPECT_FALSE(DecodeDsse(text + "x"));
  EXPECT_FALSE(DecodeDsse(text + text));
}

TEST(Dsse, RefusalsSayTheFieldAndTheFix) {
  const Json good = EncodeDsse(SignedBy({0}));
  const auto with = [&](const char* pointer, const Json& value) {
    Json json = good;
    json[Json::json_pointer(pointer)] = value;
    return json;
  };
  EXPECT_EQ(Refusal(good), "");
  EXPECT_EQ(Refusal(with("/payload", "e30")),
            "payload: not valid base64 (length is no multiple of four: keep the padding)");
  EXPECT_EQ(Refusal(with("/payload", "e30=\n")),
            "payload: not valid base64 (length is no multiple of four: keep the padding)");
  EXPECT_EQ(Refusal(with("/payload", "e3==")), "payload: not valid base64 (bits that belong to no byte are set)");
  EXPECT_EQ(Refusal(with("/payload", "e30=e30=")), "payload: not valid base64 (a character outside the alphabet)");
  EXPECT_EQ(Refusal(with("/payload", 7)), "payload: is not a text");
  EXPECT_EQ(Refusal(with("/payload", nullptr)), "payload: is not a text");
  EXPECT_EQ(Refusal(with("/payloadType", "")), "payloadType: is missing: give the payload's media type");
  EXPECT_EQ(Refusal(with("/payloadType", std::string(257, 'x'))),
            "payloadType: has 257 bytes: at most 256 are allowed");
  EXPECT_EQ(Refusal(with("/signatures", Json::array())), "signatures: has 0 elements: give 1 to 16");
  EXPECT_EQ(Refusal(with("/signatures", Json::object())),
            "signatures: is not a list: give 1 to 16, each an object with keyid and sig");
  EXPECT_EQ(Refusal(with("/signatures/0", "x")), "signatures[0]: is not an object with keyid and sig");
  EXPECT_EQ(Refusal(with("/signatures/0/sig", "")),
            "signatures[0].sig: has 0 bytes: give a signature of 1 to 1024, in base64");
  EXPECT_EQ(Refusal(with("/signatures/0/sig", std::string(1368, 'A'))),
            "signatures[0].sig: has 1026 bytes: give a signature of 1 to 1024, in base64");
  EXPECT_EQ(Refusal(with("/signatures/0/sig", "AAA+AAA_")),
            "signatures[0].sig: not valid base64 (the standard and the URL-safe alphabet are mixed)");
  EXPECT_EQ(Refusal(with("/signatures/0/keyid", Json::array())), "signatures[0].keyid: is not a text");
  EXPECT_EQ(Refusal(with("/signatures/0/keyid", std::string(257, 'x'))),
            "signatures[0].keyid: has 257 bytes: at most 256 are allowed");
  EXPECT_EQ(Refusal(Json::array()), "not an object with payloadType, payload and signatures");
  EXPECT_EQ(Refusal("x"), "not an object with payloadType, payload and signatures");
}

TEST(Dsse, SizesAndDepthsAreBounded) {
  Json json = EncodeDsse(SignedBy({0}));
  for (int i = 1; i < 16; ++i) json["signatures"].push_back(json["signatures"][0]);
  EXPECT_EQ(Refusal(json), "");
  json["signatures"].push_back(json["signatures"][0]);
  EXPECT_EQ(Refusal(json), "signatures: has 17 elements: give 1 to 16");

  json = EncodeDsse(SignedBy({0}, std::string(900'000, 'x')));
  EXPECT_TRUE(Refusal(json).starts_with("JSON: ")) << "above a MiB in base64";
  EXPECT_TRUE(DecodeDsse(json.dump(), 2 * 1024 * 1024));
  EXPECT_FALSE(DecodeDsse(EncodeDsse(SignedBy({0})).dump(), 100));

  const auto deep = [](std::size_t n) { return R"({"x":)" + std::string(n, '[') + std::string(n, ']') + "}"; };
  EXPECT_TRUE(DecodeDsse(deep(1000)).error().message.starts_with("JSON: nested deeper than 16"));
  EXPECT_TRUE(DecodeDsse(deep(500'000)).error().message.starts_with("JSON: nested deeper than 16"));
}

TEST(Dsse, UnknownMembersAreLeftAlone) {
  Json json = EncodeDsse(SignedBy({0}));
  json["signatures"][0]["cert"] = "-----BEGIN CERTIFICATE-----";  // as Sigstore writes it
  json["extra"] = {{"a", Json::array({1})}};
  EXPECT_EQ(Refusal(json), "");
  json["signatures"][0].erase("keyid");  // "empty fields may be omitted"
  EXPECT_EQ(Refusal(json), "");
  json.erase("payload");
  EXPECT_EQ(DecodeDsse(json.dump())->payload, "");
}

TEST(Dsse, AMemberThatComesTwiceIsRefused) {
  const Json good = EncodeDsse(SignedBy({0}));
  const std::string payload = good["payload"].dump(), signatures = good["signatures"].dump();
  const std::string twice = R"({"payloadType":"application/vnd.in-toto+json","payload":"","signatures":)" + signatures +
                            R"(,"payload":)" + payload + "}";
  EXPECT_EQ(DecodeDsse(twice).error().message, "JSON: the member \"payload\" is there twice");
  const std::string escaped = R"({"payloadType":"application/vnd.in-toto+json","p\u0061yload":"","signatures":)" +
                              signatures + R"(,"payload":)" + payload + "}";
  EXPECT_EQ(DecodeDsse(escaped).error().message, "JSON: the member \"payload\" is there twice");
}

TEST(Dsse, UnicodeIsBytes) {
  Json json = EncodeDsse(SignedBy({0}));
  json["signatures"][0]["keyid"] = "clé de l'autorité 🗝";
  EXPECT_EQ(DecodeDsse(json.dump())->signatures[0].key_id, "clé de l'autorité 🗝");
  EXPECT_FALSE(DecodeDsse("{\"payloadType\":\"\xff\",\"signatures\":[]}")) << "no UTF-8";
  EXPECT_FALSE(DecodeDsse(R"({"payloadType":"\ud800","signatures":[]})")) << "half a character";
}

TEST(Dsse, Thresholds) {
  EXPECT_EQ(VerifyDsse(SignedBy({0}), Keys({0}), 0).error().kind, ErrorKind::kInvalid);
  EXPECT_EQ(VerifyDsse(SignedBy({0}), Keys({0}), 2).error().kind, ErrorKind::kInvalid);
  EXPECT_EQ(VerifyDsse(SignedBy({0}), {}, 1).error().kind, ErrorKind::kInvalid);
}

TEST(Dsse, SigningTwiceAddsNothing) {
  DsseEnvelope envelope = SignedBy({0});
  ASSERT_TRUE(AddSignature(envelope, test::Ed25519Key(0)));
  EXPECT_EQ(envelope.signatures.size(), 1u);
  for (int i = 0; i < 15; ++i) envelope.signatures.push_back({"", "x"});
  EXPECT_TRUE(AddSignature(envelope, test::Ed25519Key(0)));
  EXPECT_FALSE(AddSignature(envelope, test::Ed25519Key(1))) << "no more room";
  EXPECT_FALSE(SignDsse("", "x", test::Ed25519Key(0)));
}

}  // namespace
}  // namespace rempart::crypto
