#include "operator/cli/attest.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <utility>

#include "operator/api/names.h"
#include "src/kube/text.h"

namespace rempart::cli {
namespace {

using crypto::KeyKind;
using perimeter::HostingClaim;

constexpr std::size_t kShown = 400;

std::string Shown(std::string_view text) { return "\"" + kube::Printable(text, kShown) + "\""; }

Error Differs(std::string_view flag, std::string_view given, std::string_view there) {
  return Error::Invalid(
      fmt::format("{}: {} was given, the statement that is there says {}: sign it only if it is "
                  "right, or attest the node anew without --add-signature",
                  flag, Shown(given), Shown(there)));
}

// Indented by `blanks`.
std::string Block(std::string_view text, std::size_t blanks) {
  std::string block;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    block += std::string(blanks, ' ') + std::string(text.substr(0, end)) + "\n";
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return block;
}

}  // namespace

std::optional<KeyKind> ParseKeyKind(std::string_view word) {
  constexpr std::array<std::pair<std::string_view, KeyKind>, 4> kKinds = {{{"ed25519", KeyKind::kEd25519},
                                                                           {"ecdsa-p256", KeyKind::kEcdsaP256},
                                                                           {"ecdsa-p384", KeyKind::kEcdsaP384},
                                                                           {"rsa-pss", KeyKind::kRsaPss}}};
  const auto found = std::ranges::find(kKinds, word, [](const auto& kind) { return kind.first; });
  return found == kKinds.end() ? std::nullopt : std::optional(found->second);
}

Result<std::string> AuthorityYaml(const std::string& name, const crypto::PublicKey& key) {
  if (name.empty() || !api::kLabelValueRule.holds(name)) {
    return Fail(Error::Invalid(fmt::format(
        "--name: {} is no name of an authority: give 1 to 63 letters, digits, '-', '_' or '.', with a letter or digit "
        "at both ends",
        Shown(name))));
  }
  // In quotes: a name may look like a number or a truth value to YAML.
  return fmt::format("# {}, key id {}\nauthorities:\n- name: \"{}\"\n  publicKey: |\n{}", ToString(key.kind()),
                     key.id(), name, Block(key.ToPem(), 4));
}

Result<crypto::DsseEnvelope> SignAnew(const api::Node& node, const Stated& stated, const crypto::PrivateKey& key,
                                      WallTime now) {
  const auto issued = std::chrono::floor<std::chrono::seconds>(now);
  if (stated.valid < std::chrono::seconds(1) || stated.valid > std::chrono::hours(24) * 366 * 10)
    return Fail(Error::Invalid("--valid: give a time of one second to ten years, like 720h"));
  auto statement = MakeStatement(perimeter::IdentityOf(node),
                                 {stated.country, stated.site, stated.host, issued, issued + stated.valid});
  if (!statement) return Fail(std::move(statement.error()));
  return crypto::SignDsse(std::string(perimeter::kStatementPayloadType), *std::move(statement), key);
}

Result<crypto::DsseEnvelope> SignToo(const api::NodeAttestation& existing, const api::Node& node, const Stated& stated,
                                     const crypto::PrivateKey& key, WallTime now) {
  const std::string doing = "NodeAttestation " + existing.meta.key.name;
  if (!existing.Usable()) return Fail(Error::Invalid(existing.invalid).While(doing));
  if (existing.envelope.payload_type != perimeter::kStatementPayloadType)
    return Fail(Error::Invalid("is no in-toto statement").While(doing));
  const auto statement = perimeter::ReadStatement(existing.envelope.payload);
  if (!statement) return Fail(Error(statement.error()).While(doing));
  const auto digest = NodeDigest(perimeter::IdentityOf(node));
  if (!digest) return Fail(digest.error());
  if (statement->node != node.meta.key.name || statement->digest != *digest) {
    return Fail(Error::Invalid(fmt::format("is about another machine (node {}, digest {}…), this is {} (digest {}…)",
                                           Shown(statement->node), statement->digest.substr(0, 12), node.meta.key.name,
                                           digest->substr(0, 12)))
                    .While(doing));
  }
  const HostingClaim& claim = statement->claim;
  for (const auto& [flag, given, there] : {std::tuple{"--country", &stated.country, &claim.country},
                                           {"--site", &stated.site, &claim.site},
                                           {"--host", &stated.host, &claim.host}}) {
    const bool needed = given == &stated.country;
    if ((needed || !given->empty()) && *given != *there) return Fail(Differs(flag, *given, *there));
  }
  if (now >= claim.expires_at) {
    return Fail(
        Error::Invalid(fmt::format("expired at {}: attest the node anew", FormatTime(claim.expires_at))).While(doing));
  }
  crypto::DsseEnvelope envelope = existing.envelope;
  if (auto added = crypto::AddSignature(envelope, key); !added) return Fail(std::move(added.error()).While(doing));
  return envelope;
}

Json AttestationManifest(const std::string& name, const std::string& node, const crypto::DsseEnvelope& envelope) {
  return {{"apiVersion", api::kAttestations.ApiVersion()},
          {"kind", api::kAttestations.kind},
          {"metadata", {{"name", name}}},
          {"spec", {{"nodeName", node}, {"envelope", crypto::EncodeDsse(envelope)}}}};
}

// JSON is YAML: what is quoted as JSON cannot be read as anything else.
std::string AttestationYaml(const Json& manifest) {
  const Json& envelope = manifest["spec"]["envelope"];
  std::string text = fmt::format(
      "apiVersion: {}\nkind: {}\nmetadata:\n  name: {}\nspec:\n  nodeName: {}\n  envelope:\n    payloadType: {}\n"
      "    payload: {}\n    signatures:\n",
      manifest["apiVersion"].get<std::string>(), manifest["kind"].get<std::string>(),
      manifest["metadata"]["name"].dump(), manifest["spec"]["nodeName"].dump(), envelope["payloadType"].dump(),
      envelope["payload"].dump());
  for (const Json& signature : envelope["signatures"]) {
    const char* dash = "- ";
    for (const auto& [key, value] : signature.items()) {
      text += fmt::format("    {}{}: {}\n", std::exchange(dash, "  "), key, value.dump());
    }
  }
  return text;
}

Status CheckAuthority(const std::string& name, const crypto::PublicKey& key,
                      const std::vector<api::SovereignRegion>& regions) {
  std::string known;
  for (const auto& region : regions) {
    for (const auto& authority : region.attestation.authorities) {
      if (authority.name == name && authority.key.SameKey(key)) return {};
      if (authority.key.SameKey(key)) known = authority.name;
      if (authority.name == name && known.empty()) known = "(its key is another one)";
    }
  }
  if (known.empty())
    return Fail(Error::Invalid(fmt::format("--authority: no region has an authority {}, nor this key", Shown(name))));
  return Fail(Error::Invalid(fmt::format("--authority: the key is not that of {}: {}", Shown(name), known)));
}

std::string DescribeAttestation(const crypto::DsseEnvelope& envelope, const std::string& name, const api::Node& node,
                                const std::vector<api::SovereignRegion>& regions, WallTime now) {
  std::string text;
  if (const auto statement = perimeter::ReadStatement(envelope.payload)) {
    const HostingClaim& claim = statement->claim;
    text = fmt::format("node {} is in {}, at {}, hosted by {}, from {} until {}; {} signature{}\n", statement->node,
                       claim.country, Shown(claim.site), Shown(claim.host), FormatTime(claim.issued_at),
                       FormatTime(claim.expires_at), envelope.signatures.size(),
                       envelope.signatures.size() == 1 ? "" : "s");
  }
  api::NodeAttestation made;
  made.meta.key.name = name;
  made.node = node.meta.key.name;
  made.envelope = envelope;
  for (const auto& region : regions) {
    if (region.attestation.authorities.empty()) continue;
    const auto verdict = perimeter::Judge(&made, perimeter::IdentityOf(node), region.attestation, now);
    text += fmt::format("region {}: {}: {}\n", region.meta.key.name, ToString(verdict.attested),
                        kube::Printable(verdict.message, kShown));
    if (verdict.holds() && verdict.claim->country != region.country) {
      text +=
          fmt::format("region {}: its country is {}: the node is outside it\n", region.meta.key.name, region.country);
    }
  }
  return text;
}

}  // namespace rempart::cli
