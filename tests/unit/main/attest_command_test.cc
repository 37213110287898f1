#include "operator/main/attest_command.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <CLI/CLI.hpp>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "operator/cli/attest.h"
#include "src/crypto/key_file.h"
#include "src/kube/manifests.h"
#include "tests/unit/kube/temp_dir.h"

namespace rempart {
namespace {

using namespace std::chrono_literals;
using kube::test::TempDir;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

constexpr WallTime kNow = std::chrono::sys_days(std::chrono::year(2026) / 11 / 22) + 10h + 23min;

std::string Content(const std::string& path) {
  std::ifstream in(path);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

// The authorities of a region that takes what keygen printed into its spec.
api::AttestationPolicy Read(const std::string& yaml) {
  const auto text = "apiVersion: v1\nkind: Policy\n" + yaml;
  kube::Manifests manifests = kube::ReadDocument({text, 1});
  EXPECT_TRUE(manifests.problems.empty());
  if (manifests.objects.empty()) return {};
  api::SpecReader reader;
  const auto view = kube::ParseOnThread(manifests.objects[0].object.dump());
  auto policy = api::ReadAttestationPolicy({*view, "attestation"}, reader);
  EXPECT_EQ(std::move(reader).TakeProblem(), "");
  return policy;
}

class KeygenTest : public ::testing::Test {
 protected:
  KeygenTest() {
    arguments.name = "hebergeur";
    arguments.out = dir / "key.pem";
    world.new_passphrase = [] { return Result<crypto::Secret>(crypto::Secret("typed twice")); };
    world.write_to_stdout = [this](const crypto::Secret& secret) -> Status {
      on_stdout = secret.view();
      return {};
    };
  }
  CommandResult Run() { return Keygen(arguments, world); }

  TempDir dir;
  KeygenArguments arguments;
  KeygenWorld world;
  std::string on_stdout;
};

TEST_F(KeygenTest, TheTwoHalvesBelongTogetherAndOnlyThePublicOneIsPrinted) {
  for (const auto& [word, kind] : {std::pair{"ed25519", crypto::KeyKind::kEd25519},
                                   {"ecdsa-p256", crypto::KeyKind::kEcdsaP256},
                                   {"ecdsa-p384", crypto::KeyKind::kEcdsaP384},
                                   {"rsa-pss", crypto::KeyKind::kRsaPss}}) {
    arguments.kind = word;
    arguments.out = dir / word;
    const CommandResult made = Run();
    ASSERT_EQ(made.exit_code, 0) << made.error;
    EXPECT_THAT(made.output + made.error, Not(HasSubstr("PRIVATE")));
    EXPECT_THAT(on_stdout, IsEmpty());
    struct stat about {};
    ASSERT_EQ(::stat(arguments.out.c_str(), &about), 0);
    EXPECT_EQ(about.st_mode & 07777, 0600U);
    const auto key = crypto::PrivateKey::FromPem(Content(arguments.out));
    ASSERT_TRUE(key);
    EXPECT_EQ(key->kind(), kind);
    const auto policy = Read(made.output);
    ASSERT_EQ(policy.authorities.size(), 1u) << made.output;
    EXPECT_EQ(policy.authorities[0].name, "hebergeur");
    EXPECT_TRUE(policy.authorities[0].key.SameKey(key->public_key()));
  }
}

TEST_F(KeygenTest, AFileThatIsThereStays) {
  dir.Write("key.pem", "mine");
  const CommandResult refused = Run();
  EXPECT_EQ(refused.exit_code, 1);
  EXPECT_THAT(refused.error, HasSubstr("a key is never overwritten"));
  EXPECT_THAT(refused.output, IsEmpty());
  EXPECT_EQ(Content(arguments.out), "mine");
}

TEST_F(KeygenTest, StandardOutputWhereAsked) {
  arguments.out = "-";
  const CommandResult made = Run();
  EXPECT_EQ(made.exit_code, 0);
  EXPECT_THAT(made.output, IsEmpty()) << "what reads the private half reads nothing else";
  EXPECT_THAT(made.error, HasSubstr("BEGIN PUBLIC KEY"));
  EXPECT_TRUE(crypto::PrivateKey::FromPem(on_stdout));
}

TEST_F(KeygenTest, Encrypted) {
  arguments.passphrase_file = dir.Write("passphrase", "from a file\n");
  ASSERT_EQ(Run().exit_code, 0);
  EXPECT_THAT(Content(arguments.out), HasSubstr("BEGIN ENCRYPTED PRIVATE KEY"));
  const auto says = [](const char* what) { return [what] { return Result<crypto::Secret>(crypto::Secret(what)); }; };
  EXPECT_TRUE(crypto::PrivateKey::FromPem(Content(arguments.out), says("from a file")));
  EXPECT_FALSE(crypto::PrivateKey::FromPem(Content(arguments.out), says("other")));
  arguments.passphrase_file.clear();
  arguments.encrypt = true;
  arguments.out = dir / "typed.pem";
  ASSERT_EQ(Run().exit_code, 0);
  EXPECT_TRUE(crypto::PrivateKey::FromPem(Content(arguments.out), says("typed twice")));
}

TEST_F(KeygenTest, ABadNameIsRefusedBeforeAnythingIsWritten) {
  for (const char* name : {"", "a b", "-a", "a\"b", "a\nb"}) {
    arguments.name = name;
    EXPECT_EQ(Run().exit_code, 2) << name;
    EXPECT_THAT(Content(arguments.out), IsEmpty());
  }
  arguments.name = "123";  // a number to YAML, were it not in quotes
  EXPECT_EQ(Read(Run().output).authorities[0].name, "123");
}

class AttestTest : public ::testing::Test {
 protected:
  AttestTest() {
    subject.node.meta.key.name = "fr-par-1";
    subject.node.provider_id = "kwok://fr-par-1";
    subject.node.system_uuid = "uuid";
    subject.node.machine_id = "machine";
    for (const char* name : {"one", "two"}) {
      const auto key = crypto::PrivateKey::Generate().value();
      EXPECT_TRUE(crypto::WriteKeyFile(dir / name, key.ToPem().value()));
      policy.authorities.push_back({name, key.public_key(), std::nullopt});
    }
    policy.required = true;
    policy.threshold = 2;
    api::SovereignRegion region;
    region.meta.key.name = "france";
    region.country = "FR";
    region.attestation = policy;
    subject.regions = {region};
    arguments.node = "fr-par-1";
    arguments.key = dir / "one";
    arguments.country = "FR";
    arguments.site = "Paris, DC3";
    arguments.host = "Hébergeur SAS";
    arguments.valid = "720h";
    world.now = kNow + 1ms;
    world.passphrase = []() -> Result<crypto::Secret> { return Fail(Error::Invalid("nobody to ask")); };
    world.subject = [this](const std::string&, const std::string&) { return Result<AttestSubject>(subject); };
    world.apply = [this](const Json& manifest, const std::optional<api::NodeAttestation>&) -> Status {
      applied = manifest;
      subject.existing = Decoded(manifest);
      return {};
    };
  }
  static api::NodeAttestation Decoded(Json manifest) {
    manifest["metadata"]["uid"] = "u";
    manifest["metadata"]["resourceVersion"] = "7";
    return api::DecodeNodeAttestation(*kube::ParseOnThread(manifest.dump())).value();
  }
  perimeter::AttestationVerdict Verdict(std::size_t threshold = 1) const {
    api::AttestationPolicy asked = policy;
    asked.threshold = threshold;
    return perimeter::Judge(&*subject.existing, perimeter::IdentityOf(subject.node), asked, kNow);
  }
  CommandResult Run() { return Attest(arguments, world); }
  // The second authority's turn.
  void SignToo() {
    arguments.key = dir / "two";
    arguments.add_signature = true;
    arguments.site.clear();
    arguments.host.clear();
    arguments.valid.clear();
  }

  TempDir dir;
  AttestSubject subject;
  api::AttestationPolicy policy;
  AttestArguments arguments;
  AttestWorld world;
  Json applied;
};

TEST_F(AttestTest, WhatIsAppliedHolds) {
  const CommandResult done = Run();
  ASSERT_EQ(done.exit_code, 0) << done.error;
  EXPECT_EQ(applied["metadata"]["name"], "fr-par-1");
  EXPECT_TRUE(Verdict().holds());
  EXPECT_EQ(Verdict().claim, (perimeter::HostingClaim{"FR", "Paris, DC3", "Hébergeur SAS", kNow, kNow + 720h}));
  EXPECT_THAT(done.output, IsEmpty());
  EXPECT_THAT(done.error, HasSubstr("region france: ThresholdNotMet: "));
  EXPECT_THAT(done.error, HasSubstr("nodeattestation.rempart.dev/fr-par-1 created\n"));
}

TEST_F(AttestTest, TwoSignaturesMakeAThreshold) {
  ASSERT_EQ(Run().exit_code, 0);
  EXPECT_FALSE(Verdict(2).holds());
  SignToo();
  const CommandResult done = Run();
  ASSERT_EQ(done.exit_code, 0) << done.error;
  EXPECT_EQ(applied["spec"]["envelope"]["signatures"].size(), 2u);
  EXPECT_TRUE(Verdict(2).holds());
  EXPECT_THAT(done.error, HasSubstr("region france: Attested: "));
  EXPECT_THAT(done.error, HasSubstr("configured\n"));
  EXPECT_EQ(Run().exit_code, 0) << "once more changes nothing";
  EXPECT_EQ(applied["spec"]["envelope"]["signatures"].size(), 2u);
}

TEST_F(AttestTest, NobodySignsWhatHeDidNotSay) {
  SignToo();
  EXPECT_THAT(Run().error, HasSubstr("there is no NodeAttestation fr-par-1"));
  arguments = {};
  arguments.node = "fr-par-1";
  arguments.key = dir / "one";
  arguments.country = "FR";
  arguments.site = "Paris";
  arguments.host = "H";
  arguments.valid = "1h";
  ASSERT_EQ(Run().exit_code, 0);
  SignToo();
  const auto refused = [this](const char* why) {
    applied = nullptr;
    const CommandResult result = Run();
    EXPECT_NE(result.exit_code, 0);
    EXPECT_THAT(result.error, HasSubstr(why));
    EXPECT_TRUE(applied.is_null());
  };
  arguments.country = "DE";
  refused("--country: \"DE\" was given, the statement that is there says \"FR\"");
  arguments.country = "FR";
  arguments.site = "Lyon";
  refused("--site: ");
  arguments.site.clear();
  arguments.valid = "1h";
  refused("--valid: the statement that is there says");
  arguments.valid.clear();
  world.now = kNow + 1h;
  refused("expired at 2026-11-22T11:23:00Z");
  world.now = kNow;
  subject.node.machine_id = "another";
  refused("is about another machine");
}

TEST_F(AttestTest, RefusedWithTheFieldAndTheFix) {
  const auto refused = [this](auto change, const char* why) {
    const AttestArguments before = arguments;
    change(arguments);
    const CommandResult result = Run();
    EXPECT_NE(result.exit_code, 0) << why;
    EXPECT_THAT(result.error, HasSubstr(why));
    EXPECT_TRUE(applied.is_null());
    arguments = before;
  };
  refused([](auto& a) { a.country.clear(); }, "--country: is missing");
  refused([](auto& a) { a.country = "France"; }, "statement.predicate.country");
  refused([](auto& a) { a.site.clear(); }, "--site, --host and --valid");
  refused([](auto& a) { a.site = "a\x1b[2J"; }, "statement.predicate.site");
  refused([](auto& a) { a.valid = "soon"; }, "--valid");
  refused([](auto& a) { a.valid = "0s"; }, "--valid: give a time of one second to ten years");
  refused([](auto& a) { a.valid = "999999h"; }, "--valid: give a time of one second to ten years");
  refused([](auto& a) { a.authority = "two"; }, "--authority: the key is not that of \"two\": one");
  refused([](auto& a) { a.authority = "nobody"; }, "--authority: the key is not that of \"nobody\": one");
  refused([this](auto& a) { a.key = dir.Write("open", "x", 0644); }, "chmod 600");
  refused([this](auto& a) { a.key = dir.Write("none", "x"); }, "not one PEM block");
  arguments.authority = "one";
  EXPECT_EQ(Run().exit_code, 0);
  subject.node.system_uuid.clear();
  applied = nullptr;
  refused([](auto&) {}, "status.nodeInfo.systemUUID: is empty");
}

TEST_F(AttestTest, AnotherNodesObjectIsNotTaken) {
  ASSERT_EQ(Run().exit_code, 0);
  subject.existing->node = "fr-par-2";
  applied = nullptr;
  EXPECT_THAT(Run().error, HasSubstr("is about node fr-par-2, which cannot be changed"));
  EXPECT_TRUE(applied.is_null());
}

TEST_F(AttestTest, AnEncryptedKey) {
  const auto key = crypto::PrivateKey::Generate().value();
  ASSERT_TRUE(crypto::WriteKeyFile(dir / "sealed", key.ToPem(crypto::Secret("open sesame")).value()));
  arguments.key = dir / "sealed";
  EXPECT_THAT(Run().error, HasSubstr("nobody to ask"));
  arguments.passphrase_file = dir.Write("passphrase", "open sesame\n");
  EXPECT_EQ(Run().exit_code, 0);
  arguments.passphrase_file = dir.Write("wrong", "other\n");
  const CommandResult refused = Run();
  EXPECT_EQ(refused.exit_code, 1);
  EXPECT_THAT(refused.error, HasSubstr("wrong passphrase"));
  EXPECT_THAT(refused.error, Not(HasSubstr("other")));
}

TEST_F(AttestTest, ADryRunPrintsWhatWouldBeApplied) {
  arguments.dry_run = true;
  const CommandResult printed = Run();
  ASSERT_EQ(printed.exit_code, 0) << printed.error;
  EXPECT_TRUE(applied.is_null());
  kube::Manifests manifests = kube::ReadDocument({printed.output, 1});
  ASSERT_EQ(manifests.objects.size(), 1u) << printed.output;
  subject.existing = Decoded(manifests.objects[0].object);
  EXPECT_TRUE(Verdict().holds());
  arguments.format = "json";
  subject.existing = Decoded(Json::parse(Run().output));
  EXPECT_TRUE(Verdict().holds());
}

// A key on a machine that reaches no cluster: the objects come in a file, and what is printed goes back.
TEST_F(AttestTest, FromAFile) {
  const std::string node =
      "apiVersion: v1\nkind: Node\nmetadata: {name: fr-par-1, uid: u, resourceVersion: \"1\"}\n"
      "spec: {providerID: kwok://fr-par-1}\nstatus: {nodeInfo: {systemUUID: uuid, machineID: machine}}\n";
  world.subject = [](const std::string&, const std::string&) -> Result<AttestSubject> {
    return Fail(Error::Transient("no cluster here"));
  };
  arguments.from = dir.Write("node.yaml", node);
  EXPECT_THAT(Run().error, HasSubstr("--from: nothing can be applied without the cluster"));
  arguments.dry_run = true;
  const CommandResult first = Run();
  ASSERT_EQ(first.exit_code, 0) << first.error;
  // As it is read back from the cluster: with what the server sets.
  Json stored = kube::ReadDocument({first.output, 1}).objects.at(0).object;
  stored["metadata"]["uid"] = "u";
  stored["metadata"]["resourceVersion"] = "7";
  arguments.from = dir.Write("both.yaml", node + "---\n" + stored.dump() + "\n");
  SignToo();
  const CommandResult second = Run();
  ASSERT_EQ(second.exit_code, 0) << second.error;
  subject.existing = Decoded(kube::ReadDocument({second.output, 1}).objects.at(0).object);
  EXPECT_TRUE(Verdict(2).holds());

  arguments.from = dir.Write("empty.yaml", "apiVersion: v1\nkind: Pod\n");
  EXPECT_THAT(Run().error, HasSubstr("Node fr-par-1 is not in it"));
  arguments.from = dir.Write("odd.yaml", "apiVersion: v1\nkind: Node\nmetadata: {name: [fr-par-1]}\n");
  EXPECT_THAT(Run().error, HasSubstr("Node fr-par-1 is not in it"));
  arguments.from = dir.Write("broken.yaml", "kind: [\n");
  EXPECT_THAT(Run().error, HasSubstr("broken.yaml:"));
}

TEST(AttestCommand, Arguments) {
  CLI::App app("test", "kubectl rempart");
  KeygenArguments keygen;
  AttestArguments attest;
  AddKeygenCommand(app, keygen);
  const auto* node = AddAttestCommand(app, attest);
  const std::vector<const char*> words = {
      "kubectl-rempart", "attest", "node", "fr-par-1", "--key", "k",       "--country", "FR",
      "--dry-run",       "-o",     "json", "--name",   "na",    "--valid", "1h",        "--site",
      "a site",          "--host", "h"};
  app.parse(static_cast<int>(words.size()), words.data());
  EXPECT_TRUE(node->parsed());
  EXPECT_EQ(attest.node, "fr-par-1");
  EXPECT_EQ(attest.site, "a site");
  EXPECT_EQ(attest.name, "na");
  EXPECT_TRUE(attest.dry_run);
  EXPECT_FALSE(attest.add_signature);
  for (const std::vector<const char*>& wrong : {std::vector<const char*>{"p", "keygen"},
                                                {"p", "keygen", "--name", "a"},
                                                {"p", "keygen", "--name", "a", "--out", "k", "--kind", "dsa"},
                                                {"p", "attest"},
                                                {"p", "attest", "node"},
                                                {"p", "attest", "node", "n"}}) {
    EXPECT_THROW(app.parse(static_cast<int>(wrong.size()), wrong.data()), CLI::ParseError) << wrong.size();
  }
}

}  // namespace
}  // namespace rempart
