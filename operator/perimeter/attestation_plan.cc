#include "operator/perimeter/attestation_plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <utility>

#include "operator/api/conditions.h"
#include "operator/perimeter/attestation_check.h"
#include "operator/perimeter/node_plan.h"
#include "src/base/text.h"
#include "src/kube/status.h"

namespace rempart::perimeter {
namespace {

using api::Condition;

constexpr std::size_t kConditionMessage = 600;  // bytes

struct Judged {
  const api::SovereignRegion* region = nullptr;  // by whose policy; null where none takes anybody's word
  AttestationVerdict verdict;
};

// This one by itself; but where it holds and another that holds contradicts it, none does.
AttestationVerdict JudgeOne(const AttestationObservation& observed, const api::SovereignRegion& region, WallTime now) {
  const Evidence evidence{{}, now, observed.attestations};
  const OpenedPtr opened = observed.attestations.Open(*observed.attestation, region.attestation);
  AttestationVerdict own = Judge(opened.get(), IdentityOf(*observed.node), region.attestation, now);
  if (!own.holds()) return own;
  AttestationVerdict all = JudgeAttestations(*observed.node, region, evidence);
  return all.holds() ? own : all;
}

Judged JudgeByRegions(const AttestationObservation& observed, WallTime now) {
  Judged best;
  for (const RegionPtr& region : observed.regions) {
    if (region->attestation.authorities.empty()) continue;
    AttestationVerdict verdict = JudgeOne(observed, *region, now);
    const bool its_own = region->meta.key.name == observed.node->region_label;
    if (its_own || best.region == nullptr || verdict.attested > best.verdict.attested)
      best = {region.get(), std::move(verdict)};
    if (its_own) break;
  }
  return best;
}

Condition Valid(const AttestationObservation& observed, const Judged& judged) {
  if (!observed.attestation->Usable())
    return {"Valid", "False", ToString(Attested::kMalformed), observed.attestation->invalid};
  if (observed.node == nullptr) {
    return {"Valid", "False", "NoSuchNode",
            fmt::format("there is no node {}: it counts once there is, if it is the machine that was signed",
                        Quoted(observed.attestation->node))};
  }
  if (judged.region == nullptr) {
    return {"Valid", "False", "NoAuthorities",
            "no region takes anybody's word: name authorities in a SovereignRegion's spec.hosting.attestation"};
  }
  return {"Valid", judged.verdict.holds() ? "True" : "False", ToString(judged.verdict.attested),
          api::Say(judged.region->rules.language, "by region {}: {}", "selon la région {} : {}",
                   judged.region->meta.key.name, judged.verdict.message)};
}

void TellChange(const AttestationObservation& observed, const Condition& valid, AttestationPlan& plan) {
  const auto type = valid.status == "True" && valid.reason == ToString(Attested::kHolds) ? kube::Event::Type::kNormal
                                                                                         : kube::Event::Type::kWarning;
  const kube::Meta& meta = observed.attestation->meta;
  const kube::ObjectRef self{api::kAttestations.ApiVersion(), std::string(api::kAttestations.kind), "", meta.key.name,
                             meta.uid};
  plan.events.push_back({self, type, valid.reason, "Verify", valid.message, std::nullopt});
  if (observed.node == nullptr) return;
  const kube::ObjectRef node{api::kNodes.ApiVersion(), std::string(api::kNodes.kind), "", observed.node->meta.key.name,
                             observed.node->meta.uid};
  plan.events.push_back({node, type, "Attestation" + valid.reason, "Verify", valid.message, self});
}

}  // namespace

AttestationPlan PlanAttestation(const AttestationObservation& observed, WallTime now) {
  const api::NodeAttestation& attestation = *observed.attestation;
  Judged judged;
  if (attestation.Usable() && observed.node != nullptr) judged = JudgeByRegions(observed, now);
  Condition valid = Valid(observed, judged);
  valid.message = CleanText(valid.message, kConditionMessage);

  AttestationPlan plan;
  const Json before = api::StatusBefore(attestation.status_json);
  const Json conditions_before = api::ConditionsOf(before);
  Json status = {{"observedGeneration", attestation.meta.generation},
                 {"conditions", api::ConditionsJson({valid}, conditions_before, attestation.meta.generation, now)}};
  if (const auto& claim = judged.verdict.claim) {
    status["country"] = claim->country;
    status["site"] = claim->site;
    status["host"] = claim->host;
    status["issuedAt"] = FormatTime(claim->issued_at);
    status["expiresAt"] = FormatTime(claim->expires_at);
    if (judged.verdict.holds_until) status["validUntil"] = FormatTime(*judged.verdict.holds_until);
  }
  if (!judged.verdict.signers.empty()) status["authorities"] = judged.verdict.signers;
  plan.status_patch = kube::StatusPatch(
      before, std::move(status), {"country", "site", "host", "issuedAt", "expiresAt", "validUntil", "authorities"});
  if (!api::SaidBefore(conditions_before, valid)) TellChange(observed, valid, plan);
  if (observed.node == nullptr) return plan;
  if (const auto next = NextChange(*observed.node, observed.regions, {{}, now, observed.attestations}))
    plan.look_again = std::clamp<Duration>(*next - now, Duration::zero(), kExpiryLook);
  return plan;
}

}  // namespace rempart::perimeter
