#include "operator/perimeter/attestation.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "src/base/text.h"
#include "src/crypto/dsse.h"

namespace rempart::perimeter {

namespace {

using api::AttestationPolicy;
using api::Authority;
using api::Language;
using api::Say;

constexpr std::size_t kMaxMessage = 512;  // bytes
constexpr std::size_t kMaxQuoted = 96;    // bytes of a foreign value inside a message
constexpr std::size_t kMaxNamed = 5;      // authorities inside a message
constexpr Duration kMostWarning = std::chrono::days(7);
constexpr int kWarningPart = 3;

std::string Quoted(std::string_view text) { return "\"" + CleanText(text, kMaxQuoted) + "\""; }

std::string Names(const std::vector<std::string>& names, Language language) {
  const std::size_t shown = std::min(names.size(), kMaxNamed);
  std::string text =
      fmt::format("{}", fmt::join(names.begin(), names.begin() + static_cast<std::ptrdiff_t>(shown), ", "));
  if (names.size() > shown) text += Say(language, " and {} more", " et {} de plus", names.size() - shown);
  return text;
}

bool Counts(const Authority& authority, WallTime now) { return !authority.valid_until || now < *authority.valid_until; }

// A verdict under way: what each step needs, and what it fills in.
struct Judging {
  const OpenedAttestation& opened;
  const NodeIdentity& node;
  const AttestationPolicy& policy;
  WallTime now;
  AttestationVerdict verdict;

  AttestationVerdict Ends(Attested attested, const std::string& message) && {
    verdict.attested = attested;
    verdict.message = CleanText(
        Say(policy.language, "NodeAttestation {}: {}", "NodeAttestation {} : {}", opened.name, message), kMaxMessage);
    return std::move(verdict);
  }
};

std::string AttestAgain(const NodeIdentity& node, Language language) {
  return Say(language, "attest it anew (kubectl rempart attest node {})",
             "attestez-le de nouveau (kubectl rempart attest node {})", node.name);
}

// Who signed, of those whose keys count now; the others with the end of their keys.
struct Signers {
  std::vector<std::string> counting, expired;
};
Signers SignersNow(const OpenedAttestation& opened, const AttestationPolicy& policy, WallTime now) {
  Signers signers;
  for (const std::size_t place : opened.signers) {
    if (place >= policy.authorities.size()) continue;  // opened with another policy: counts for nobody
    const Authority& authority = policy.authorities[place];
    if (Counts(authority, now))
      signers.counting.push_back(authority.name);
    else
      signers.expired.push_back(Say(policy.language, "{} (key valid until {})", "{} (clé valable jusqu'au {})",
                                    authority.name, FormatTime(*authority.valid_until)));
  }
  return signers;
}

std::string TooFew(const Signers& signers, const AttestationPolicy& policy) {
  const Language language = policy.language;
  std::string text = Say(language, "{} of the {} authorities that are needed signed it",
                         "signée par {} des {} autorités nécessaires", signers.counting.size(), policy.threshold);
  if (!signers.counting.empty()) text += " (" + Names(signers.counting, language) + ")";
  if (!signers.expired.empty())
    text += Say(language, "; no longer counted: {}", " ; ne comptent plus : {}", Names(signers.expired, language));
  return text +
         Say(language, ": have another authority sign it too", " : faites-la signer par une autre autorité encore");
}

std::string Untrusted(const AttestationPolicy& policy) {
  std::vector<std::string> names;
  names.reserve(policy.authorities.size());
  for (const Authority& authority : policy.authorities) names.push_back(authority.name);
  if (names.empty())
    return Say(policy.language,
               "the region names nobody in spec.hosting.attestation.authorities who could have signed it",
               "la région ne nomme personne dans spec.hosting.attestation.authorities qui aurait pu la signer");
  return Say(policy.language, "none of the region's authorities signed it: have one of these do so: {}",
             "aucune autorité de la région ne l'a signée : faites-le faire par l'une de celles-ci : {}",
             Names(names, policy.language));
}

// The earliest moment from which on fewer than `threshold` of those who signed count; nothing where that never comes.
std::optional<WallTime> EndOfSigners(const OpenedAttestation& opened, const AttestationPolicy& policy, WallTime now) {
  std::vector<WallTime> ends;
  for (const std::size_t place : opened.signers) {
    if (place < policy.authorities.size() && Counts(policy.authorities[place], now))
      ends.push_back(policy.authorities[place].valid_until.value_or(WallTime::max()));
  }
  std::ranges::sort(ends, std::greater());
  const WallTime end = ends[policy.threshold - 1];
  return end == WallTime::max() ? std::nullopt : std::optional(end);
}

// What the statement says of the node is known to be true of another one, or nothing is known: "" for this very node.
std::string AnotherNode(const OpenedAttestation& opened, const NodeIdentity& node, const std::string& digest,
                        Language language) {
  const HostingStatement& statement = *opened.statement;
  for (const auto& [what, name] : {std::pair{std::string("spec.nodeName"), &opened.node},
                                   {Say(language, "the signed statement", "la déclaration signée"), &statement.node}}) {
    if (*name != node.name)
      return Say(language, "{} names node {}, this is {}: {}", "{} nomme le nœud {}, celui-ci est {} : {}", what,
                 Quoted(*name), Quoted(node.name), AttestAgain(node, language));
  }
  if (statement.digest == digest) return {};
  return Say(
      language,
      "it was made for another machine: provider id, system UUID or machine id of node {} are not those "
      "that were signed (digest {}…, signed {}…): find out why, and {}",
      "elle a été faite pour une autre machine : l'identifiant de fournisseur, l'UUID système ou l'identifiant de "
      "machine du nœud {} ne sont pas ceux qui ont été signés (empreinte {}…, signée {}…) : cherchez pourquoi, et {}",
      Quoted(node.name), digest.substr(0, 12), statement.digest.substr(0, 12), AttestAgain(node, language));
}

AttestationVerdict JudgeTime(Judging judging) {
  const HostingClaim& claim = judging.opened.statement->claim;
  const WallTime now = judging.now;
  const Language language = judging.policy.language;
  const std::string again = AttestAgain(judging.node, language);
  const Duration max_age = judging.policy.max_age;
  const bool aged = max_age > Duration::zero();
  const WallTime old_at = aged ? claim.issued_at + max_age : WallTime::max();
  WallTime until = std::min(claim.expires_at, old_at);
  if (const auto end = EndOfSigners(judging.opened, judging.policy, now)) until = std::min(until, *end);
  judging.verdict.holds_until = until;

  if (now < claim.issued_at) {
    judging.verdict.look_again = claim.issued_at;
    return std::move(judging).Ends(
        Attested::kNotYetValid,
        Say(language, "it was issued at {}, which is still to come: wait, or set the clock right",
            "elle est datée du {}, encore à venir : attendez, ou mettez l'horloge à l'heure",
            FormatTime(claim.issued_at)));
  }
  if (now >= claim.expires_at) {
    return std::move(judging).Ends(Attested::kExpired, Say(language, "it expired at {}: {}", "elle a expiré le {} : {}",
                                                           FormatTime(claim.expires_at), again));
  }
  if (now >= old_at) {
    return std::move(judging).Ends(
        Attested::kTooOld,
        Say(language, "it was issued at {}, longer ago than spec.hosting.attestation.maxAge, which is {}: {}",
            "elle est datée du {}, depuis plus longtemps que ne l'admet spec.hosting.attestation.maxAge, {} : {}",
            FormatTime(claim.issued_at), FormatDuration(max_age), again));
  }
  // Not before it was issued: where a key of an authority ends first, its time may be short.
  const WallTime warn_at = until - std::min<Duration>(kMostWarning, (until - claim.issued_at) / kWarningPart);
  const std::string said =
      Say(language, "hosted in {} ({}, {}), signed by {}", "nœud hébergé en {} ({}, {}), attestation signée par {}",
          claim.country, Quoted(claim.site), Quoted(claim.host), Names(judging.verdict.signers, language));
  if (now >= warn_at) {
    judging.verdict.look_again = until;
    return std::move(judging).Ends(Attested::kExpiringSoon,
                                   Say(language, "it holds only until {}: {}; {}",
                                       "elle ne vaut que jusqu'au {} : {} ; {}", FormatTime(until), again, said));
  }
  judging.verdict.look_again = warn_at;
  return std::move(judging).Ends(Attested::kHolds,
                                 Say(language, "{}, until {}", "{}, jusqu'au {}", said, FormatTime(until)));
}

AttestationVerdict NotAttested(const NodeIdentity& node, Language language) {
  AttestationVerdict verdict;
  verdict.message = CleanText(
      Say(language, "no NodeAttestation names node {}: have an authority attest it (kubectl rempart attest node {})",
          "aucune NodeAttestation ne nomme le nœud {} : faites-le attester par une autorité (kubectl rempart attest "
          "node {})",
          Quoted(node.name), node.name),
      kMaxMessage);
  return verdict;
}

// Later is better; of equals, the one that holds longer, then the first by name.
bool Better(const AttestationVerdict& a, const AttestationVerdict& b) {
  if (a.holds() && b.holds() && a.holds_until != b.holds_until) return a.holds_until > b.holds_until;
  if (a.attested != b.attested) return a.attested > b.attested;
  return a.attestation < b.attestation;
}

}  // namespace

const char* ToString(Attested attested) {
  switch (attested) {
    case Attested::kNotAttested:
      return "NotAttested";
    case Attested::kNodeUnidentified:
      return "NodeUnidentified";
    case Attested::kMalformed:
      return "Malformed";
    case Attested::kUntrustedSignature:
      return "UntrustedSignature";
    case Attested::kThresholdNotMet:
      return "ThresholdNotMet";
    case Attested::kWrongNode:
      return "WrongNode";
    case Attested::kTooMany:
      return "TooManyAttestations";
    case Attested::kDisagree:
      return "AttestationsDisagree";
    case Attested::kNotYetValid:
      return "NotYetValid";
    case Attested::kTooOld:
      return "TooOld";
    case Attested::kExpired:
      return "Expired";
    case Attested::kExpiringSoon:
      return "ExpiringSoon";
    case Attested::kHolds:
      return "Attested";
  }
  return "Unknown";
}

OpenedAttestation Open(const api::NodeAttestation& attestation, const AttestationPolicy& policy) {
  OpenedAttestation opened;
  opened.name = attestation.meta.key.name;
  opened.node = attestation.node;
  if (!attestation.Usable()) {
    opened.problem = attestation.invalid;
    return opened;
  }
  // Signatures first: nothing is read of what nobody known signed.
  std::vector<crypto::PublicKey> keys;
  keys.reserve(policy.authorities.size());
  for (const Authority& authority : policy.authorities) keys.push_back(authority.key);
  opened.signers = crypto::SignersOf(attestation.envelope, keys);
  if (opened.signers.empty()) return opened;
  if (attestation.envelope.payload_type != kStatementPayloadType) {
    opened.problem = fmt::format("spec.envelope.payloadType: {} is not {}", Quoted(attestation.envelope.payload_type),
                                 kStatementPayloadType);
    return opened;
  }
  auto statement = ReadStatement(attestation.envelope.payload);
  if (statement)
    opened.statement = *std::move(statement);
  else
    opened.problem = std::move(statement).error().message;
  return opened;
}

AttestationVerdict Judge(const OpenedAttestation* attestation, const NodeIdentity& node,
                         const AttestationPolicy& policy, WallTime now) {
  if (attestation == nullptr) return NotAttested(node, policy.language);
  Judging judging{*attestation, node, policy, now, {}};
  judging.verdict.attestation = attestation->name;
  const auto digest = NodeDigest(node);
  if (!digest) return std::move(judging).Ends(Attested::kNodeUnidentified, digest.error().message);
  const OpenedAttestation& opened = *attestation;
  if (opened.signers.empty() && !opened.problem.empty())
    return std::move(judging).Ends(Attested::kMalformed, opened.problem);

  const Signers signers = SignersNow(opened, policy, now);
  judging.verdict.signers = signers.counting;
  if (signers.counting.empty() && signers.expired.empty())
    return std::move(judging).Ends(Attested::kUntrustedSignature, Untrusted(policy));
  if (policy.threshold == 0 || signers.counting.size() < policy.threshold)
    return std::move(judging).Ends(Attested::kThresholdNotMet, TooFew(signers, policy));
  if (!opened.statement) return std::move(judging).Ends(Attested::kMalformed, opened.problem);
  if (const std::string why = AnotherNode(opened, node, *digest, policy.language); !why.empty())
    return std::move(judging).Ends(Attested::kWrongNode, why);
  judging.verdict.claim = opened.statement->claim;
  return JudgeTime(std::move(judging));
}

AttestationVerdict Judge(const api::NodeAttestation* attestation, const NodeIdentity& node,
                         const AttestationPolicy& policy, WallTime now) {
  if (attestation == nullptr) return NotAttested(node, policy.language);
  const OpenedAttestation opened = Open(*attestation, policy);
  return Judge(&opened, node, policy, now);
}

AttestationVerdict TooMany(const NodeIdentity& node, std::size_t count, Language language) {
  AttestationVerdict verdict;
  verdict.attested = Attested::kTooMany;
  verdict.message = CleanText(
      Say(language,
          "{} NodeAttestations name node {}, of which at most {} are judged: delete those that are not needed",
          "{} NodeAttestations nomment le nœud {}, dont {} au plus sont jugées : supprimez celles qui sont inutiles",
          count, Quoted(node.name), kMaxAttestationsOfNode),
      kMaxMessage);
  return verdict;
}

AttestationVerdict Judge(std::span<const OpenedPtr> attestations, const NodeIdentity& node,
                         const AttestationPolicy& policy, WallTime now) {
  if (attestations.size() > kMaxAttestationsOfNode) return TooMany(node, attestations.size(), policy.language);
  std::optional<AttestationVerdict> best;
  std::optional<WallTime> look_again;
  const auto sooner = [&](const std::optional<WallTime>& time) {
    if (time && (!look_again || *time < *look_again)) look_again = time;
  };
  AttestationVerdict disagreeing;
  for (const OpenedPtr& one : attestations) {
    AttestationVerdict verdict = Judge(one.get(), node, policy, now);
    sooner(verdict.look_again);
    if (best && best->holds() && verdict.holds() && best->claim->country != verdict.claim->country &&
        disagreeing.message.empty()) {
      disagreeing.attested = Attested::kDisagree;
      disagreeing.attestation = std::min(best->attestation, verdict.attestation);
      disagreeing.message =
          CleanText(Say(policy.language,
                        "NodeAttestations {} ({}) and {} ({}) both hold and disagree: delete the one that is wrong",
                        "les NodeAttestations {} ({}) et {} ({}) valent toutes deux et se contredisent : supprimez "
                        "celle qui a tort",
                        best->attestation, best->claim->country, verdict.attestation, verdict.claim->country),
                    kMaxMessage);
    }
    if (!best || Better(verdict, *best)) best = std::move(verdict);
  }
  if (!best) return NotAttested(node, policy.language);
  if (!disagreeing.message.empty()) best = std::move(disagreeing);
  best->look_again = look_again;
  return *std::move(best);
}

}  // namespace rempart::perimeter
