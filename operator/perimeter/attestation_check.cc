#include "operator/perimeter/attestation_check.h"

#include <fmt/format.h>

#include <algorithm>
#include <tuple>
#include <utility>

namespace rempart::perimeter {
namespace {

using RegionPtr = std::shared_ptr<const api::SovereignRegion>;

void Sooner(std::optional<WallTime>& soonest, const std::optional<WallTime>& time) {
  if (time && (!soonest || *time < *soonest)) soonest = time;
}

}  // namespace

AttestationVerdict JudgeAttestations(const api::Node& node, const api::SovereignRegion& region,
                                     const Evidence& evidence) {
  const api::AttestationPolicy& policy = region.attestation;
  std::vector<OpenedPtr> opened;
  if (!policy.authorities.empty()) {
    const auto all = evidence.attestations.Of(node.meta.key.name);
    if (all.size() > kMaxAttestationsOfNode)
      return TooMany(IdentityOf(node), all.size(), policy.language);  // none is verified
    for (const AttestationPtr& one : all) opened.push_back(evidence.attestations.Open(*one, policy));
  }
  return Judge(opened, IdentityOf(node), policy, evidence.now);
}

Verdict CheckAttestation(const AttestationVerdict& attested, const api::SovereignRegion& region) {
  if (attested.attested == Attested::kDisagree || attested.attested == Attested::kTooMany)
    return Out(Outside::kAttestationsDisagree, attested.message);
  if (attested.holds()) {
    if (attested.claim->country == region.country) return {};
    return Out(
        Outside::kAttestedElsewhere,
        api::Say(
            region.rules.language,
            "is in country \"{}\" by NodeAttestation {} ({}), spec.country is {}: correct its labels, or have it "
            "attested anew",
            "est dans le pays \"{}\" selon NodeAttestation {} ({}), spec.country est {} : corrigez ses étiquettes, ou "
            "faites-le attester de nouveau",
            attested.claim->country, attested.attestation, fmt::format("{}", fmt::join(attested.signers, ", ")),
            region.country));
  }
  if (!region.attestation.required) return {};
  switch (attested.attested) {
    case Attested::kNotAttested:
      return Out(Outside::kNotAttested, attested.message);
    case Attested::kExpired:
    case Attested::kTooOld:
      return Out(Outside::kAttestationExpired, attested.message);
    default:
      return Out(Outside::kAttestationInvalid, attested.message);
  }
}

bool AnyTakesWord(const std::vector<RegionPtr>& regions) {
  return std::ranges::any_of(regions, [](const RegionPtr& region) { return !region->attestation.authorities.empty(); });
}

std::optional<WallTime> NextChange(const api::Node& node, const std::vector<RegionPtr>& regions,
                                   const Evidence& evidence) {
  std::optional<WallTime> next;
  if (evidence.attestations.Of(node.meta.key.name).empty()) return next;
  for (const RegionPtr& region : regions) Sooner(next, JudgeAttestations(node, *region, evidence).look_again);
  return next;
}

std::optional<WallTime> AttestedUntil(const api::Node& node, const std::vector<RegionPtr>& regions,
                                      const Evidence& evidence) {
  std::optional<WallTime> first;
  if (evidence.attestations.Of(node.meta.key.name).empty()) return first;
  for (const RegionPtr& region : regions) {
    const auto until = JudgeAttestations(node, *region, evidence).holds_until;
    if (until && region->meta.key.name == node.region_label) return until;
    if (!first) first = until;
  }
  return first;
}

Outlook OutlookOf(const api::SovereignRegion& region, const std::vector<std::shared_ptr<const api::Node>>& nodes,
                  const Evidence& evidence) {
  Outlook outlook;
  if (region.attestation.authorities.empty()) return outlook;
  for (const auto& node : nodes) {
    const AttestationVerdict attested = JudgeAttestations(*node, region, evidence);
    Sooner(outlook.look_again, attested.look_again);
    if (attested.attested == Attested::kExpiringSoon)
      outlook.ending.push_back({node->meta.key.name, *attested.holds_until});
  }
  std::ranges::sort(outlook.ending, {}, [](const Outlook::Ending& e) { return std::tie(e.until, e.node); });
  return outlook;
}

}  // namespace rempart::perimeter
