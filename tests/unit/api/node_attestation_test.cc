#include "operator/api/node_attestation.h"

#include <gtest/gtest.h>

#include "tests/unit/api/decoding.h"

namespace rempart::api {
namespace {

Json Good() {
  return {{"metadata", MetaJson("fr-par-1")},
          {"spec",
           {{"nodeName", "fr-par-1"},
            {"envelope",
             {{"payloadType", "application/vnd.in-toto+json"},
              {"payload", "e30="},
              {"signatures", Json::array({{{"keyid", "k"}, {"sig", "AAAA"}}, {{"sig", "_-__"}}})}}}}},
          {"status", {{"country", "FR"}}}};
}

NodeAttestation Read(const Json& object) { return Decoded(object, DecodeNodeAttestation).value(); }
std::string Invalid(const Json& object) { return Read(object).invalid; }

TEST(DecodeNodeAttestation, ReadsAll) {
  const NodeAttestation attestation = Read(Good());
  EXPECT_TRUE(attestation.Usable()) << attestation.invalid;
  EXPECT_EQ(attestation.meta.key.name, "fr-par-1");
  EXPECT_EQ(attestation.node, "fr-par-1");
  EXPECT_EQ(attestation.envelope.payload_type, "application/vnd.in-toto+json");
  EXPECT_EQ(attestation.envelope.payload, "{}");
  ASSERT_EQ(attestation.envelope.signatures.size(), 2u);
  EXPECT_EQ(attestation.envelope.signatures[0].key_id, "k");
  EXPECT_EQ(attestation.envelope.signatures[0].signature, std::string(3, '\0'));
  EXPECT_EQ(attestation.envelope.signatures[1].signature, "\xff\xef\xff");
  EXPECT_EQ(attestation.status_json, R"({"country":"FR"})");
}

// What was verified is known by it: whatever verification depends on must change it, and a status must not.
TEST(DecodeNodeAttestation, ItsDigestIsOfNodeAndEnvelopeAlone) {
  const std::string digest = Read(Good()).digest;
  EXPECT_EQ(digest.size(), 32u);
  EXPECT_EQ(Read(With(Good(), "/status/country", "DE")).digest, digest);
  EXPECT_EQ(Read(With(Good(), "/metadata/resourceVersion", "99")).digest, digest);
  for (const auto& [pointer, value] : {std::pair{"/spec/nodeName", "fr-par-2"},
                                       {"/spec/envelope/payload", "e31="},
                                       {"/spec/envelope/payloadType", "text/plain"},
                                       {"/spec/envelope/signatures/0/sig", "AAAB"},
                                       {"/spec/envelope/signatures/1/sig", "_-_-"}}) {
    EXPECT_NE(Read(With(Good(), pointer, value)).digest, digest) << pointer;
  }
  EXPECT_EQ(Read(Without(Good(), "/spec/envelope")).digest, "") << "nothing to be known by";
}

TEST(DecodeNodeAttestation, ARefusalSaysFieldAndFix) {
  const std::pair<Json, std::string> kCases[] = {
      {Without(Good(), "/spec"), "spec: is missing: give an object"},
      {Without(Good(), "/spec/nodeName"), "spec.nodeName: is missing: give a node's name: 1 to 253"},
      {With(Good(), "/spec/nodeName", "FR"), "spec.nodeName: \"FR\" is not a node's name"},
      {With(Good(), "/spec/nodeName", "-a"), "spec.nodeName: \"-a\" is not a node's name"},
      {With(Good(), "/spec/nodeName", std::string(254, 'a')), "spec.nodeName: \"aaaa"},
      {Without(Good(), "/spec/envelope"), "spec.envelope: is missing: give an object"},
      {With(Good(), "/spec/envelope", "x"), "spec.envelope: \"x\" is not an object"},
      {With(Good(), "/spec/envelope/payload", "e30"), "spec.envelope: payload: not valid base64"},
      {With(Good(), "/spec/envelope/payload", nullptr), "spec.envelope: payload: is not a text"},
      {With(Good(), "/spec/envelope/signatures", Json::array()), "spec.envelope: signatures: has 0 elements"},
      {With(Good(), "/spec/envelope/signatures/1/sig", "A"), "spec.envelope: signatures[1].sig: not valid base64"},
      {With(Good(), "/spec/envelope/payload", std::string(200'000, 'A')), "spec.envelope: JSON: 200"},
  };
  for (const auto& [object, expected] : kCases) {
    const std::string invalid = Invalid(object);
    EXPECT_TRUE(invalid.starts_with(expected)) << invalid;
    EXPECT_LT(invalid.size(), 400u);
    EXPECT_TRUE(Read(object).envelope.signatures.empty() || !invalid.starts_with("spec.envelope"));
  }
}

TEST(DecodeNodeAttestation, TheLargestThatTheSchemaTakesIsRead) {
  Json object = Good();
  object["spec"]["envelope"]["payload"] = std::string(32768, 'A');
  Json& signatures = object["spec"]["envelope"]["signatures"];
  signatures = Json::array();
  for (int i = 0; i < 16; ++i)
    signatures.push_back({{"keyid", std::string(256, '"')}, {"sig", std::string(1364, 'A') + "AA=="}});
  EXPECT_EQ(Invalid(object), "");
}

// simdjson finds the first, other readers the last.
TEST(DecodeNodeAttestation, AMemberThatComesTwiceIsRefused) {
  kube::Document document;
  const auto view = document.Parse(
      R"({"metadata":{"name":"a","uid":"u","resourceVersion":"1"},"spec":{"nodeName":"a","envelope":
          {"payloadType":"t","payload":"","payload":"e30=","signatures":[{"sig":"AAAA"}]}}})");
  ASSERT_TRUE(view) << view.error().message;
  EXPECT_EQ(DecodeNodeAttestation(*view)->invalid, "spec.envelope: JSON: the member \"payload\" is there twice");
}

TEST(DecodeNodeAttestation, UnreadableMetadataIsAnError) {
  for (const char* pointer : {"/metadata", "/metadata/name", "/metadata/uid", "/metadata/resourceVersion"}) {
    const auto attestation = Decoded(Without(Good(), pointer), DecodeNodeAttestation);
    ASSERT_FALSE(attestation) << pointer;
    EXPECT_EQ(attestation.error().kind, ErrorKind::kInvalid);
    EXPECT_TRUE(attestation.error().message.starts_with("decode NodeAttestation: "));
  }
}

}  // namespace
}  // namespace rempart::api
