#include <gtest/gtest.h>

#include "tests/unit/perimeter/attesting.h"

namespace rempart::perimeter {
namespace {

using namespace test;

std::string Refusal(const Json& statement) {
  const auto read = ReadStatement(statement.dump());
  return read ? "" : read.error().message;
}

Json Good() { return Json::parse(Statement()); }

Json With(Json object, const char* pointer, const Json& value) {
  object[Json::json_pointer(pointer)] = value;
  return object;
}

// for id in https://rempart.dev/node-hosting/v1 "$provider_id" "$uuid" "$machine_id"; do printf '%s:%s,' "${#id}"
// "$id"; done | sha256sum
TEST(NodeDigest, KnownAnswers) {
  EXPECT_EQ(NodeDigest(Machine()).value(), "dca1f72501315bbc13a8a33cf5f24a03c71ed4c2b7d5fdfd1b2fc5890fd95fe3");
  NodeIdentity bare = Machine();
  bare.provider_id.clear();
  EXPECT_EQ(NodeDigest(bare).value(), "aec98f00727ae3b42494348623abcb218ea91a94d940fb6585393f204e86db76");
}

TEST(NodeDigest, NoTwoMachinesHaveOne) {
  const NodeIdentity kMachines[] = {
      {"n", "ab", "c", "d"},  {"n", "a", "bc", "d"},    {"n", "a", "b", "cd"},    {"n", "", "abc", "d"},
      {"n", "", "ab", "cd"},  {"n", "a,1:b", "c", "d"}, {"n", "a", "b,1:c", "d"}, {"n", "a", "b", "c,1:d"},
      {"n", "a", "b", "D"},   {"n", "a", "B", "d"},     {"n", "A", "b", "d"},     {"n", "a ", "b", "d"},
      {"n", "a", "b", "d\n"}, {"n", "1:a,", "b", "d"},
  };
  std::set<std::string> digests;
  for (const NodeIdentity& machine : kMachines) EXPECT_TRUE(digests.insert(NodeDigest(machine).value()).second);
  NodeIdentity renamed = Machine("another");
  EXPECT_EQ(NodeDigest(renamed).value(), NodeDigest(Machine()).value()) << "the name is signed beside it";
}

TEST(NodeDigest, WithoutIdsNothingCanBeBound) {
  NodeIdentity node = Machine();
  node.machine_id.clear();
  EXPECT_EQ(NodeDigest(node).error().message,
            "status.nodeInfo.machineID: is empty, so that nothing can be bound to this machine: give the machine a "
            "/etc/machine-id of its own, and restart its kubelet");
  node = Machine();
  node.system_uuid.clear();
  EXPECT_TRUE(NodeDigest(node).error().message.starts_with("status.nodeInfo.systemUUID: is empty"));
  EXPECT_FALSE(NodeDigest(Machine("")));
  EXPECT_FALSE(MakeStatement(node, Hosted()));
}

TEST(NodeDigest, IsOfWhatTheNodeSays) {
  api::Node node = test::Node("fr-par-1");
  node.provider_id = "p";
  node.system_uuid = "s";
  node.machine_id = "m";
  const NodeIdentity identity = IdentityOf(node);
  EXPECT_EQ(identity.name + identity.provider_id + identity.system_uuid + identity.machine_id, "fr-par-1psm");
}

TEST(Statement, IsAnInTotoStatement) {
  EXPECT_EQ(Good(), Json::parse(R"({
    "_type": "https://in-toto.io/Statement/v1",
    "subject": [{"name": "fr-par-1",
                 "digest": {"sha256": "dca1f72501315bbc13a8a33cf5f24a03c71ed4c2b7d5fdfd1b2fc5890fd95fe3"}}],
    "predicateType": "https://rempart.dev/node-hosting/v1",
    "predicate": {"country": "FR", "site": "Paris, DC3", "host": "Hébergeur SAS",
                  "issuedAt": "2026-11-21T10:23:00Z", "expiresAt": "2027-01-20T10:23:00Z"}})"));
}

TEST(Statement, GoesBothWays) {
  HostingClaim claim = Hosted();
  claim.issued_at += 999ms;  // cut off
  const auto read = ReadStatement(Statement(claim));
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(read->claim, Hosted());
  EXPECT_EQ(read->node, "fr-par-1");
  EXPECT_EQ(read->digest, NodeDigest(Machine()).value());
}

TEST(Statement, RefusalsSayTheFieldAndTheFix) {
  const std::pair<Json, std::string> kCases[] = {
      {With(Good(), "/_type", "https://in-toto.io/Statement/v0.1"),
       "statement._type: \"https://in-toto.io/Statement/v0.1\" is not https://in-toto.io/Statement/v1"},
      {With(Good(), "/_type", nullptr), "statement._type: is missing: give https://in-toto.io/Statement/v1"},
      {With(Good(), "/predicateType", "https://slsa.dev/provenance/v1"),
       "statement.predicateType: \"https://slsa.dev/provenance/v1\" is not https://rempart.dev/node-hosting/v1"},
      {With(Good(), "/subject", Json::array()), "statement.subject: has 0 elements: give 1 to 1"},
      {With(Good(), "/subject", Json::array({Good()["subject"][0], Good()["subject"][0]})),
       "statement.subject: has 2 elements"},
      {With(Good(), "/subject", Good()["subject"][0]), "statement.subject: an object is not a list"},
      {With(Good(), "/subject/0/name", ""), "statement.subject[0].name: \"\" is not a node's name"},
      {With(Good(), "/subject/0/digest", nullptr), "statement.subject[0].digest: is missing"},
      {With(Good(), "/subject/0/digest", {{"sha512", "x"}}), "statement.subject[0].digest.sha256: is missing"},
      {With(Good(), "/subject/0/digest/sha256", std::string(64, 'A')),
       "statement.subject[0].digest.sha256: \"AAAAAAAAAAAAA"},
      {With(Good(), "/subject/0/digest/sha256", std::string(63, 'a')), "statement.subject[0].digest.sha256: \"aaaaaa"},
      {With(Good(), "/predicate", nullptr), "statement.predicate: is missing: give an object"},
      {With(Good(), "/predicate/country", "fr"), "statement.predicate.country: \"fr\" is not a country's code"},
      {With(Good(), "/predicate/country", Json::array({"FR"})), "statement.predicate.country: a list is not"},
      {With(Good(), "/predicate/site", ""), "statement.predicate.site: \"\" is not one line of 1 to 256 bytes"},
      {With(Good(), "/predicate/site", nullptr), "statement.predicate.site: is missing: give one line"},
      {With(Good(), "/predicate/host", std::string(257, 'x')), "statement.predicate.host: \"xxx"},
      {With(Good(), "/predicate/host", 7), "statement.predicate.host: 7 is not one line"},
      {With(Good(), "/predicate/issuedAt", "2026-11-22"), "statement.predicate.issuedAt: \"2026-11-22\" is not a time"},
      {With(Good(), "/predicate/issuedAt", 1795342980), "statement.predicate.issuedAt: 1795342980 is not a time"},
      {With(Good(), "/predicate/issuedAt", "1999-12-31T23:59:59Z"), "statement.predicate.issuedAt: "},
      {With(Good(), "/predicate/expiresAt", "2200-01-01T00:00:00Z"), "statement.predicate.expiresAt: "},
      {With(Good(), "/predicate/expiresAt", "2026-11-21T10:23:00Z"),
       "statement.predicate.expiresAt: \"2026-11-21T10:23:00Z\" is not after issuedAt, which is "
       "\"2026-11-21T10:23:00Z\""},
      {Json::array(), "statement: a list is not an object"},
      {7, "statement: 7 is not an object"},
  };
  for (const auto& [statement, expected] : kCases) {
    EXPECT_TRUE(Refusal(statement).starts_with(expected)) << Refusal(statement) << "\n" << expected;
    EXPECT_LT(Refusal(statement).size(), 400u);
  }
  EXPECT_EQ(Refusal(nullptr), "statement: is missing: give an object");
}

TEST(Statement, TextsAreOneVisibleLine) {
  for (const char* good : {"a", "Saint-Denis (Île-de-France)", "東京", "a  b", "🇫🇷", "Hôtel “Nord” — 2ᵉ", "a\u00a0b"})
    EXPECT_EQ(Refusal(With(Good(), "/predicate/site", good)), "") << good;
  for (const char* bad : {" a", "a ", "a\nb", "a\tb", "\x7f", "a\u0085b", "a\u009b31mb", "a\u2028b", "a\u202eb",
                          "a\u2066b", "a\u200fb", "\u001b[31m"}) {
    EXPECT_NE(Refusal(With(Good(), "/predicate/site", bad)), "") << bad;
  }
  EXPECT_NE(Refusal(With(Good(), "/predicate/site", std::string("a\0b", 3))), "");
  EXPECT_EQ(Refusal(With(Good(), "/predicate/host", std::string(256, 'x'))), "");
}

// in-toto, "parsing rules": what a consumer does not know it leaves alone.
TEST(Statement, UnknownMembersAreLeftAlone) {
  Json statement = With(Good(), "/predicate/rack", "B12");
  statement["x"] = {{"y", Json::array({1, nullptr})}};
  statement["subject"][0]["digest"]["gitCommit"] = "x";
  EXPECT_EQ(Refusal(statement), "");
}

TEST(Statement, OddJsonIsRefused) {
  const std::string good = Statement();
  const auto refusal = [](const std::string& text) {
    const auto read = ReadStatement(text);
    return read ? std::string() : read.error().message;
  };
  EXPECT_TRUE(refusal("").starts_with("statement: JSON: "));
  EXPECT_TRUE(refusal("{").starts_with("statement: JSON: "));
  EXPECT_TRUE(refusal(good + "{}").starts_with("statement: JSON: "));
  EXPECT_TRUE(refusal(good + '\0').starts_with("statement: JSON: a zero byte"));
  EXPECT_TRUE(refusal(good.substr(0, good.size() - 1) + R"(,"x":"\ud800"})").starts_with("statement: "));
  EXPECT_TRUE(refusal(good.substr(0, good.size() - 1) + ",\"x\":\"\xff\"}").starts_with("statement: "));
  EXPECT_TRUE(refusal(good.substr(0, good.size() - 1) + ",\"x\":" + std::string(20, '[') + std::string(20, ']') + "}")
                  .starts_with("statement: JSON: nested deeper than 16"));
  EXPECT_TRUE(refusal(std::string(100'000, '[')).starts_with("statement: JSON: "));
  EXPECT_TRUE(refusal(good.substr(0, good.size() - 1) + ",\"x\":\"" + std::string(20'000, 'x') + "\"}")
                  .starts_with("statement: JSON: "));
  std::string twice = good;
  twice.replace(twice.find("\"country\":\"FR\""), 14, R"("country":"DE","country":"FR")");
  EXPECT_EQ(refusal(twice), "statement: JSON: the member \"country\" is there twice");
  // Each beginning of it, and each byte of it taken out: an answer, never a crash.
  for (std::size_t n = 0; n < good.size(); ++n) {
    EXPECT_NE(refusal(good.substr(0, n)), "");
    refusal(good.substr(0, n) + good.substr(n + 1));
  }
}

TEST(Statement, IsMadeOnlyOfWhatCanBeRead) {
  const auto refusal = [](HostingClaim claim) {
    const auto made = MakeStatement(Machine(), claim);
    return made ? std::string() : made.error().message;
  };
  HostingClaim claim = Hosted();
  claim.country = "France";
  EXPECT_TRUE(refusal(claim).starts_with("statement.predicate.country: \"France\" is not a country's code"));
  claim = Hosted();
  claim.site = "caf\xe9";
  EXPECT_EQ(refusal(claim), "statement.predicate: a text is not UTF-8: write it in UTF-8");
  claim = Hosted();
  claim.expires_at = claim.issued_at + 999ms;
  EXPECT_NE(refusal(claim), "") << "nothing is left of it in seconds";
  claim.expires_at = WallTime::max();
  EXPECT_NE(refusal(claim), "");
  EXPECT_TRUE(MakeStatement(Machine("Bad Name"), Hosted()).error().message.starts_with("statement.subject[0].name: "));
}

}  // namespace
}  // namespace rempart::perimeter
