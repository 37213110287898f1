#include "operator/main/attest_command.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>
#include <utility>

#include "operator/api/names.h"
#include "operator/cli/attest.h"
#include "src/crypto/key_file.h"
#include "src/kube/decode.h"
#include "src/kube/manifests.h"
#include "src/kube/read_file.h"

namespace rempart {
namespace {

constexpr std::size_t kMaxFrom = 16 * 1024 * 1024;
constexpr std::size_t kMaxPassphraseFile = 1024;

CommandResult Failed(const Error& error) { return {"", "error: " + error.message + "\n", 1}; }

// The first line, as `printf` and `echo` both leave it.
Result<crypto::Secret> PassphraseIn(const std::string& path) {
  auto content = crypto::ReadKeyFile(path, kMaxPassphraseFile);
  if (!content) return content;
  const std::string_view text = content->view();
  crypto::Secret line(text.substr(0, text.find_first_of("\r\n")));
  if (line.empty()) return Fail(Error::Invalid("read " + path + ": its first line, the passphrase, is empty"));
  return line;
}

Result<crypto::Secret> PemOf(const crypto::PrivateKey& key, const KeygenArguments& arguments,
                             const KeygenWorld& world) {
  if (!arguments.encrypt && arguments.passphrase_file.empty()) return key.ToPem();
  auto passphrase =
      arguments.passphrase_file.empty() ? world.new_passphrase() : PassphraseIn(arguments.passphrase_file);
  if (!passphrase) return passphrase;
  return key.ToPem(*passphrase);
}

Result<crypto::PrivateKey> KeyOf(const AttestArguments& arguments, const AttestWorld& world) {
  const auto pem = crypto::ReadKeyFile(arguments.key);
  if (!pem) return Fail(Error(pem.error()));
  auto key = crypto::PrivateKey::FromPem(pem->view(), [&]() -> Result<crypto::Secret> {
    return arguments.passphrase_file.empty() ? world.passphrase() : PassphraseIn(arguments.passphrase_file);
  });
  if (!key) return Fail(std::move(key).error().While("--key " + arguments.key));
  return key;
}

std::string NameOf(const AttestArguments& arguments) {
  return arguments.name.empty() ? arguments.node : arguments.name;
}

Result<AttestSubject> SubjectOf(const AttestArguments& arguments, const AttestWorld& world) {
  if (arguments.from.empty()) return world.subject(arguments.node, NameOf(arguments));
  auto content = kube::ReadFile(arguments.from, kMaxFrom);
  if (!content) return Fail(std::move(content.error()));
  return ReadSubject(std::move(*content), arguments.from, arguments.node, NameOf(arguments));
}

// What is missing or does not go together; "" where nothing.
std::string Misuse(const AttestArguments& a) {
  if (a.country.empty()) return "--country: is missing: give the country that the node is hosted in, like FR";
  if (a.add_signature && !a.valid.empty())
    return "--valid: the statement that is there says how long it holds: leave it out with --add-signature";
  if (!a.add_signature && (a.site.empty() || a.host.empty() || a.valid.empty()))
    return "--site, --host and --valid: give all three, or --add-signature to sign the statement that is there";
  if (!a.from.empty() && !a.dry_run)
    return "--from: nothing can be applied without the cluster: add --dry-run, and apply what is printed";
  return "";
}

Result<crypto::DsseEnvelope> Sign(const AttestArguments& arguments, const AttestSubject& subject,
                                  const crypto::PrivateKey& key, WallTime now) {
  cli::Stated stated{arguments.country, arguments.site, arguments.host, {}};
  if (arguments.add_signature) {
    if (!subject.existing) {
      return Fail(Error::NotFound(
          fmt::format("--add-signature: there is no NodeAttestation {}: attest the node first", NameOf(arguments))));
    }
    return cli::SignToo(*subject.existing, subject.node, stated, key, now);
  }
  const auto valid = ParseDuration(arguments.valid);
  if (!valid) return Fail(Error(valid.error()).While("--valid"));
  stated.valid = *valid;
  return cli::SignAnew(subject.node, stated, key, now);
}

// metadata.name; "" where there is none, or something else than a text.
std::string NameIn(const Json& object) {
  const Json::json_pointer name("/metadata/name");
  return object.contains(name) && object.at(name).is_string() ? object.at(name).get<std::string>() : "";
}

template <class T>
Result<T> Decoded(const Json& object, Result<T> (*decode)(kube::View)) {
  auto view = kube::ParseOnThread(object.dump(-1, ' ', false, Json::error_handler_t::replace));
  if (!view) return Fail(std::move(view.error()));
  return decode(*view);
}

}  // namespace

CLI::App* AddKeygenCommand(CLI::App& app, KeygenArguments& arguments) {
  auto* keygen = app.add_subcommand("keygen", "Makes the key of an authority that attests nodes");
  keygen->footer(
      "The private half goes to a new file that only you may read; the public half is printed as a region names it.\n"
      "\n"
      "  kubectl rempart keygen --name hebergeur --out hebergeur.pem --encrypt");
  keygen->add_option("--name", arguments.name, "What the region will call the authority")->required();
  keygen->add_option("--out", arguments.out, "File for the private key, which must not exist; - for stdout")
      ->required();
  keygen->add_option("--kind", arguments.kind, "ed25519, ecdsa-p256, ecdsa-p384 or rsa-pss")
      ->capture_default_str()
      ->check(CLI::IsMember({"ed25519", "ecdsa-p256", "ecdsa-p384", "rsa-pss"}));
  keygen->add_flag("--encrypt", arguments.encrypt, "Ask for a passphrase, and encrypt the private key with it");
  keygen->add_option("--passphrase-file", arguments.passphrase_file, "File whose first line is the passphrase");
  return keygen;
}

CommandResult Keygen(const KeygenArguments& arguments, const KeygenWorld& world) {
  const auto kind = cli::ParseKeyKind(arguments.kind);
  if (!kind) return Unusable("--kind: want ed25519, ecdsa-p256, ecdsa-p384 or rsa-pss");
  const auto key = crypto::PrivateKey::Generate(*kind);
  if (!key) return Failed(key.error());
  const auto yaml = cli::AuthorityYaml(arguments.name, key->public_key());
  if (!yaml) return Unusable(yaml.error().message);  // before anything is written
  const auto pem = PemOf(*key, arguments, world);
  if (!pem) return Failed(pem.error());
  if (arguments.out == "-") {
    if (auto written = world.write_to_stdout(*pem); !written) return Failed(written.error());
    return {"", *yaml, 0};
  }
  if (auto written = crypto::WriteKeyFile(arguments.out, *pem); !written) return Failed(written.error());
  return {*yaml, fmt::format("the private key is in {}\n", arguments.out), 0};
}

CLI::App* AddAttestCommand(CLI::App& app, AttestArguments& arguments) {
  auto* attest = app.add_subcommand("attest", "Signs where something is hosted");
  attest->require_subcommand(1);
  auto* node = attest->add_subcommand("node", "Signs where a node is hosted, and applies the NodeAttestation");
  node->footer(
      "  kubectl rempart attest node fr-par-1 --key hebergeur.pem --country FR --site 'Paris, DC3' \\\n"
      "    --host 'Hebergeur SAS' --valid 720h\n"
      "  kubectl rempart attest node fr-par-1 --key auditor.pem --country FR --add-signature\n"
      "\n"
      "Where the key is on a machine that reaches no cluster, bring the objects there in a file, and what is printed "
      "back:\n"
      "  kubectl get node/fr-par-1 -o yaml > fr-par-1.yaml\n"
      "  kubectl rempart attest node fr-par-1 --from fr-par-1.yaml --dry-run … > attestation.yaml");
  node->add_option("NAME", arguments.node, "The node")->required();
  node->add_option("--key", arguments.key, "File with the authority's private key")->required();
  node->add_option("--passphrase-file", arguments.passphrase_file,
                   "File whose first line is the key's passphrase; else it is asked for where there is one");
  node->add_option("--country", arguments.country, "Where the node is: ISO 3166-1 alpha-2, like FR");
  node->add_option("--site", arguments.site, "Where in that country, like 'Paris, DC3'");
  node->add_option("--host", arguments.host, "Who hosts it, by legal name");
  node->add_option("--valid", arguments.valid, "How long from now on, like 720h");
  node->add_option("--authority", arguments.authority, "Refuse unless a region names the key by this name");
  node->add_flag("--add-signature", arguments.add_signature,
                 "Sign the statement that is there too, for a region that asks for more than one authority");
  node->add_option("--name", arguments.name, "Of the NodeAttestation; default the node's");
  node->add_option("--from", arguments.from, "File with the objects, in the place of the cluster");
  node->add_flag("--dry-run", arguments.dry_run, "Write nothing to the cluster; print what would be applied");
  node->add_option("-o,--output", arguments.format, "Print the NodeAttestation: yaml or json")
      ->check(CLI::IsMember({"yaml", "json"}));
  return node;
}

Result<AttestSubject> ReadSubject(std::string content, const std::string& file, const std::string& node,
                                  const std::string& name) {
  kube::NormalizeText(content);
  AttestSubject subject;
  std::optional<Error> failed;
  bool found = false;
  const auto take = [&](const Json& object) -> Status {
    const std::string kind = object.at("kind").get<std::string>(), own = NameIn(object);
    if (kind == api::kNodes.kind && own == node) {
      auto decoded = Decoded(object, api::DecodeNode);
      if (!decoded) return Fail(std::move(decoded.error()));
      subject.node = *std::move(decoded);
      found = true;
    } else if (kind == api::kAttestations.kind && own == name) {
      auto decoded = Decoded(object, api::DecodeNodeAttestation);
      if (!decoded) return Fail(std::move(decoded.error()));
      subject.existing = *std::move(decoded);
    } else if (kind == api::kRegions.kind) {
      auto decoded = Decoded(object, api::DecodeSovereignRegion);
      if (!decoded) return Fail(std::move(decoded.error()));
      subject.regions.push_back(*std::move(decoded));
    }
    return {};
  };
  for (const kube::DocumentText& document : kube::SplitDocuments(content)) {
    kube::Manifests manifests = kube::ReadDocument(document);
    if (!manifests.problems.empty()) {
      const auto& problem = manifests.problems.front();
      return Fail(Error::Invalid(fmt::format("{}:{}: {}", file, problem.line, problem.message)));
    }
    for (const kube::Manifest& manifest : manifests.objects) {
      const int line = manifest.LineOf("");
      if (auto taken = take(manifest.object); !taken)
        return Fail(std::move(taken.error()).While(fmt::format("{}:{}", file, line)));
    }
  }
  if (!found) {
    return Fail(Error::Invalid(
        fmt::format("{}: Node {} is not in it: kubectl get node/{} -o yaml gives it", file, node, node)));
  }
  return subject;
}

CommandResult Attest(const AttestArguments& arguments, const AttestWorld& world) {
  if (const std::string why = Misuse(arguments); !why.empty()) return Unusable(why);
  const auto key = KeyOf(arguments, world);
  if (!key) return Failed(key.error());
  const auto subject = SubjectOf(arguments, world);
  if (!subject) return Failed(subject.error());
  if (!arguments.authority.empty()) {
    if (auto known = cli::CheckAuthority(arguments.authority, key->public_key(), subject->regions); !known)
      return Failed(known.error());
  }
  const std::string name = NameOf(arguments);
  if (subject->existing && subject->existing->node != arguments.node) {
    return Failed(
        Error::Invalid(fmt::format("NodeAttestation {} is about node {}, which cannot be changed: give this "
                                   "one another --name",
                                   name, subject->existing->node)));
  }
  const auto envelope = Sign(arguments, *subject, *key, world.now);
  if (!envelope) return Failed(envelope.error());

  const Json manifest = cli::AttestationManifest(name, arguments.node, *envelope);
  std::string said = cli::DescribeAttestation(*envelope, name, subject->node, subject->regions, world.now);
  if (!arguments.dry_run) {
    if (auto applied = world.apply(manifest, subject->existing); !applied) return Failed(applied.error());
    said += fmt::format("nodeattestation.rempart.dev/{} {}\n", name, subject->existing ? "configured" : "created");
  }
  std::string output;
  if (arguments.format == "json") {
    output = manifest.dump(2) + "\n";
  } else if (arguments.dry_run || arguments.format == "yaml") {
    output = cli::AttestationYaml(manifest);
  }
  return {output, said, 0};
}

}  // namespace rempart
