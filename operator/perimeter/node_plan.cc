#include "operator/perimeter/node_plan.h"

#include <algorithm>
#include <utility>

#include "operator/perimeter/attestation_check.h"
#include "src/base/text.h"

namespace rempart::perimeter {
namespace {

using api::Language;
using api::Node;
using api::Say;
using api::SovereignRegion;
using api::Taint;

constexpr Duration kBudgetRetry = std::chrono::seconds(5);
constexpr Duration kClockSkew = std::chrono::minutes(5);  // between the replica that wrote lost-since and this one
constexpr std::string_view kTrue = "true";
constexpr std::string_view kNoSchedule = "NoSchedule";

// What one round looks at; `want` is the node as it should be, and starts as the node is.
struct Round {
  const NodeObservation& observed;
  const Node& node;
  Evidence evidence;
  RegionPtr claim;
  bool claim_usable = false;
  Node want;
  std::optional<Loss> loss;

  // The region of that name, unless it gives its nodes up: what it once held then needs no record and no eviction.
  const SovereignRegion* Present(std::string_view name) const {
    if (name.empty()) return nullptr;
    for (const RegionPtr& region : observed.regions) {
      if (region->meta.key.name == name && !IsLeaving(*region, observed.leaving)) return region.get();
    }
    return nullptr;
  }
  WallTime now() const { return evidence.now; }
  std::string WhyNot(const SovereignRegion& region) const { return perimeter::WhyNot(node, region, claim, evidence); }
  bool InTrouble(const SovereignRegion& region) const {
    return static_cast<bool>(TroubleOf(region, evidence.ProfileOf(region)));
  }
  bool ClaimedBy(std::string_view name) const { return claim != nullptr && claim->meta.key.name == name; }
  const std::string& HeldTo(const api::Pod& pod) const {
    return api::HeldTo(pod, observed.workloads.contains({pod.meta.key.ns, pod.workload}));
  }
  bool HasLivePodsOf(std::string_view region) const;
  // Of a region that lost the node just now, or whose record is not older than it takes to move them.
  bool MayHaveBarePodsOf(std::string_view region) const { return now() < BarePodsEnd(region); }
  WallTime BarePodsEnd(std::string_view region) const;
};

// Has not ended, will not soon, and does sit on the node.
bool IsLive(const api::Pod& pod, const Node& node) {
  return !pod.ended() && !EndsSoon(pod) && pod.node == node.meta.key.name;
}

bool Round::HasLivePodsOf(std::string_view region) const {
  return std::ranges::any_of(observed.pods,
                             [&](const PodPtr& pod) { return HeldTo(*pod) == region && IsLive(*pod, node); });
}

std::optional<WallTime> ReadableLostSince(const Node& node, WallTime now) {
  const auto since = ParseLostSince(node.lost_since_label);
  if (!since || *since > Plus(now, kClockSkew)) return std::nullopt;
  return since;
}

WallTime Round::BarePodsEnd(std::string_view name) const {
  const SovereignRegion* region = Present(name);
  if (region == nullptr || !MovesBarePods(*region)) return WallTime::min();
  const WallTime lost = node.lost_region_label == name ? ReadableLostSince(node, now()).value_or(now()) : now();
  return Plus(Plus(Plus(lost, region->grace_period), region->deadline), kLateBinding);
}

void SettleRegionLabels(Round& round) {
  if (round.claim == nullptr) {
    round.want.region_label.clear();
    round.want.country_label.clear();
  } else if (round.claim_usable) {
    round.want.region_label = round.claim->meta.key.name;
    round.want.country_label = round.claim->country;
  }
}

void DropRecord(Node& want) {
  want.lost_region_label.clear();
  want.lost_since_label.clear();
}

// Whether the node, as it is labelled, was the region's until this round.
const SovereignRegion* LosesIt(const Round& round) {
  const Node& node = round.node;
  const SovereignRegion* loser = round.ClaimedBy(node.region_label) ? nullptr : round.Present(node.region_label);
  if (loser == nullptr || node.country_label.empty()) return nullptr;  // gone, or a label put by hand
  if (node.lost_region_label == node.region_label) return nullptr;     // lost before; the label was put back by hand
  return loser;
}

void SettleLoss(Round& round) {
  Node& want = round.want;
  const bool elsewhere = round.claim != nullptr;
  const auto needless = [&](std::string_view region) {
    return elsewhere && !round.HasLivePodsOf(region) && !round.MayHaveBarePodsOf(region);
  };

  if (const SovereignRegion* recorded = round.Present(want.lost_region_label);
      recorded == nullptr || round.ClaimedBy(want.lost_region_label) || needless(want.lost_region_label)) {
    DropRecord(want);
  } else if (!ReadableLostSince(want, round.now())) {
    want.lost_since_label.clear();
  }
  if (const SovereignRegion* loser = LosesIt(round); loser != nullptr && !needless(loser->meta.key.name)) {
    const auto& known = round.observed.unrecorded;
    const bool same = known && known->region == loser->meta.key.name;
    round.loss = Loss{loser->meta.key.name, same ? std::min(known->since, round.now()) : round.now()};
    want.lost_region_label = round.loss->region;
    want.lost_since_label = FormatLostSince(round.loss->since);
  }
}

void SettleCordon(Round& round) {
  Node& want = round.want;
  if (want.cordoned_label != kTrue) want.cordoned_label.clear();
  const SovereignRegion* lost = round.claim == nullptr ? round.Present(want.lost_region_label) : nullptr;
  if (lost != nullptr && round.InTrouble(*lost)) return;  // as it stands
  const bool cordon = lost != nullptr && lost->on_loss == SovereignRegion::OnLoss::kCordon;
  if (cordon && !want.unschedulable) {
    want.unschedulable = true;
    want.cordoned_label = kTrue;
  } else if (!cordon && want.cordoned_label == kTrue) {
    want.unschedulable = false;
    want.cordoned_label.clear();
  }
}

bool IsOutsideTaint(const Taint& taint) {
  return taint.key == api::kOutsideTaint && taint.value == kTrue && taint.effect == kNoSchedule;
}

void SettleTaint(Round& round) {
  bool asked = false;
  bool unclear = false;
  for (const RegionPtr& region : round.observed.regions) {
    if (IsLeaving(*region, round.observed.leaving)) continue;
    const bool usable = !round.InTrouble(*region);
    asked = asked || (usable && region->taint_outside_nodes);
    unclear = unclear || !usable;
  }
  std::vector<Taint>& taints = round.want.taints;
  if (round.claim == nullptr && !asked && unclear) return;
  const bool wanted = round.claim == nullptr && asked;
  bool there = false;
  std::erase_if(taints, [&](const Taint& taint) {
    if (taint.key != api::kOutsideTaint) return false;
    if (!wanted || !IsOutsideTaint(taint) || there) return true;
    there = true;
    return false;
  });
  if (wanted && !there)
    taints.push_back({std::string(api::kOutsideTaint), std::string(kTrue), std::string(kNoSchedule), ""});
}

Json TaintsJson(const std::vector<Taint>& taints) {
  Json list = Json::array();
  for (const Taint& taint : taints) {
    Json one = {{"key", taint.key}, {"effect", taint.effect}};
    if (!taint.value.empty()) one["value"] = taint.value;
    if (!taint.time_added.empty()) one["timeAdded"] = taint.time_added;
    list.push_back(std::move(one));
  }
  return list;
}

Json PatchOf(const Node& node, const Node& want) {
  Json labels = Json::object();
  const auto label = [&labels](std::string_view key, const std::string& is, const std::string& should) {
    if (is != should) labels[std::string(key)] = should.empty() ? Json(nullptr) : Json(should);
  };
  label(api::kNodeRegionLabel, node.region_label, want.region_label);
  label(api::kNodeCountryLabel, node.country_label, want.country_label);
  label(api::kNodeLostSinceLabel, node.lost_since_label, want.lost_since_label);
  label(api::kNodeLostRegionLabel, node.lost_region_label, want.lost_region_label);
  label(api::kNodeCordonedLabel, node.cordoned_label, want.cordoned_label);

  Json spec = Json::object();
  if (node.unschedulable != want.unschedulable) spec["unschedulable"] = want.unschedulable ? Json(true) : Json(nullptr);
  if (node.taints != want.taints) spec["taints"] = want.taints.empty() ? Json(nullptr) : TaintsJson(want.taints);

  if (labels.empty() && spec.empty()) return nullptr;
  Json patch = {{"metadata", {{"resourceVersion", std::to_string(node.meta.resource_version)}}}};
  if (!labels.empty()) patch["metadata"]["labels"] = std::move(labels);
  if (!spec.empty()) patch["spec"] = std::move(spec);
  return patch;
}

class Telling {
 public:
  Telling(const Round& round, std::vector<kube::Event>& events) : round_(round), events_(events) {}

  // The labels changed from what they were: qualified, lost, moved (both), or put right after an edit by hand.
  void Labels() {
    const Node& node = round_.node;
    const Node& want = round_.want;
    if (node.region_label == want.region_label && node.country_label == want.country_label) return;
    const SovereignRegion* loser = LosesIt(round_);
    if (loser != nullptr && EditedByHand(*loser)) loser = nullptr;
    const bool gained = round_.claim != nullptr && Gained(loser);
    if (loser != nullptr) Lost(*loser);
    if (gained) {
      OnNode(Type::kNormal, "NodeQualified", "Label",
             Say(round_.claim->rules.language, "is in region {} (country {})", "est dans la région {} (pays {})",
                 want.region_label, want.country_label),
             RefTo(*round_.claim));
    }
    const bool leaving =
        !node.region_label.empty() && round_.Present(node.region_label) == nullptr && Known(node.region_label);
    if (loser == nullptr && !gained && !leaving) Restored();
  }

  void Cordon() {
    if (round_.node.unschedulable == round_.want.unschedulable) return;
    if (round_.want.unschedulable) {
      OnNode(Type::kNormal, "NodeCordoned", "Cordon",
             Say(LanguageOf(round_.want.lost_region_label),
                 "made unschedulable: lost to region {}, whose spec.hosting.onLoss.action is Cordon",
                 "fermé aux nouveaux pods : perdu pour la région {}, dont spec.hosting.onLoss.action est Cordon",
                 round_.want.lost_region_label),
             {});
    } else {
      OnNode(Type::kNormal, "NodeUncordoned", "Uncordon",
             Say(LanguageOf(round_.node.lost_region_label), "made schedulable again: the reason for its cordon is gone",
                 "rouvert aux pods : la raison de sa fermeture a disparu"),
             {});
    }
  }

 private:
  using Type = kube::Event::Type;

  static kube::ObjectRef RefTo(const SovereignRegion& region) {
    return {api::kRegions.ApiVersion(), std::string(api::kRegions.kind), "", region.meta.key.name, region.meta.uid};
  }
  kube::ObjectRef RefToNode() const {
    return {api::kNodes.ApiVersion(), std::string(api::kNodes.kind), "", round_.node.meta.key.name,
            round_.node.meta.uid};
  }
  void OnNode(Type type, const char* reason, const char* action, std::string note,
              std::optional<kube::ObjectRef> related) {
    events_.push_back({RefToNode(), type, reason, action, std::move(note), std::move(related)});
  }

  // Of the region of that name; where there is none, of the one that has the node.
  Language LanguageOf(std::string_view name) const {
    const SovereignRegion* region = round_.Present(name);
    if (region == nullptr) region = round_.claim.get();
    return region == nullptr ? Language::kEnglish : region->rules.language;
  }
  bool Known(std::string_view name) const {
    return std::ranges::any_of(round_.observed.regions, [&](const RegionPtr& r) { return r->meta.key.name == name; });
  }
  // The country label still is the claimant's and not that of the region that the other label names.
  bool EditedByHand(const SovereignRegion& named) const {
    return round_.claim_usable && round_.node.country_label == round_.claim->country &&
           named.country != round_.claim->country;
  }
  // Whether the claimant gets a node that was not its own before, as far as can be told.
  bool Gained(const SovereignRegion* loser) const {
    const Node& node = round_.node;
    if (round_.ClaimedBy(node.region_label)) return false;
    if (round_.ClaimedBy(node.lost_region_label) || loser != nullptr) return true;
    if (node.region_label.empty())
      return node.country_label.empty() && !round_.HasLivePodsOf(round_.claim->meta.key.name);
    return node.country_label != round_.claim->country ||
           (Known(node.region_label) && !round_.Present(node.region_label));
  }

  void Lost(const SovereignRegion& region) {
    const std::string& name = region.meta.key.name;
    const Language language = region.rules.language;
    std::string note = Say(language, "is no longer in region {}: {}; ", "n'est plus dans la région {} : {} ; ", name,
                           round_.WhyNot(region));
    if (round_.InTrouble(region)) {
      note += Say(language, "pods stay until the region can be used",
                  "les pods restent jusqu'à ce que la région soit utilisable");
    } else if (region.on_loss == SovereignRegion::OnLoss::kCordon) {
      note += Say(language, "its pods stay (spec.hosting.onLoss.action: Cordon)",
                  "ses pods restent (spec.hosting.onLoss.action : Cordon)");
    } else {
      note += Say(language, "its pods are evicted after {}", "ses pods sont évincés après {}",
                  FormatDuration(region.grace_period));
    }
    OnNode(Type::kWarning, "NodeLost", "Unlabel", note, RefTo(region));
    events_.push_back({RefTo(region), Type::kWarning, "NodeLost", "Unlabel",
                       Say(language, "node {} {}", "le nœud {} {}", round_.node.meta.key.name, note), RefToNode()});
  }

  void Restored() {
    const Language language = LanguageOf(round_.node.region_label);
    const auto change = [language](std::string_view label, const std::string& is,
                                   const std::string& should) -> std::string {
      if (is == should) return "";
      const std::string was = is.empty() ? Say(language, "missing", "absent") : "\"" + CleanText(is, 63) + "\"";
      const std::string to = should.empty()
                                 ? Say(language, "taken off", "retiré")
                                 : Say(language, "put back to \"{}\"", "remis à \"{}\"", CleanText(should, 63));
      return Say(language, "label {} was {}, {}; ", "l'étiquette {} : {}, {} ; ", label, was, to);
    };
    OnNode(Type::kWarning, "NodeLabelsRestored", "Label",
           change(api::kNodeRegionLabel, round_.node.region_label, round_.want.region_label) +
               change(api::kNodeCountryLabel, round_.node.country_label, round_.want.country_label) +
               Say(language, "only the operator sets them: declare the node's location in a SovereignRegion instead",
                   "seul l'opérateur les pose : déclarez plutôt l'emplacement du nœud dans un SovereignRegion"),
           round_.claim == nullptr ? std::optional<kube::ObjectRef>() : RefTo(*round_.claim));
  }

  const Round& round_;
  std::vector<kube::Event>& events_;
};

void PlanEvictions(const Round& round, NodePlan& plan) {
  const auto look_again_in = [&plan](Duration d) { plan.look_again = std::min(plan.look_again.value_or(d), d); };
  for (const PodPtr& pod : round.observed.pods) {
    const std::string& held_to = round.HeldTo(*pod);
    if (!IsLive(*pod, round.node) || held_to.empty() || round.ClaimedBy(held_to)) continue;
    const SovereignRegion* region = round.Present(held_to);
    if (region == nullptr || region->on_loss != SovereignRegion::OnLoss::kEvict || round.InTrouble(*region)) continue;

    WallTime since = pod->meta.created;
    if (round.want.lost_region_label == held_to) {
      if (const auto lost = ReadableLostSince(round.want, round.now())) since = std::max(since, *lost);
    }
    since = std::min(since, round.now());
    const WallTime due = Plus(since, region->grace_period);
    const WallTime force = Plus(since, region->deadline);
    const bool forced = round.now() >= std::max(due, force);
    if (pod->meta.deleting && !forced) {  // evicted, or deleted by somebody, but in no hurry to end
      look_again_in(std::max(due, force) - round.now());
      continue;
    }
    if (round.now() < due) {
      look_again_in(due - round.now());
      continue;
    }
    plan.evictions.push_back(EvictionOf(pod, held_to, forced, round.WhyNot(*region)));
    look_again_in(forced ? kBudgetRetry : std::min(kBudgetRetry, force - round.now()));
  }
}

void PlanAttestations(const Round& round, NodePlan& plan) {
  plan.attested_until = AttestedUntil(round.node, round.observed.regions, round.evidence);
  const auto next = NextChange(round.node, round.observed.regions, round.evidence);
  if (!next) return;
  const Duration wait = std::clamp<Duration>(*next - round.now(), Duration::zero(), kExpiryLook);
  plan.look_again = std::min(plan.look_again.value_or(wait), wait);
}

}  // namespace

bool MovesBarePods(const SovereignRegion& region) {
  return region.rules.enforcement == api::RegionRules::Enforcement::kEnforce &&
         region.on_loss == SovereignRegion::OnLoss::kEvict;
}

NodePlan PlanNode(const NodeObservation& observed, WallTime now) {
  Round round{.observed = observed,
              .node = *observed.node,
              .evidence = {observed.profiles, now, observed.attestations},
              .claim = nullptr,
              .want = *observed.node,
              .loss = {}};
  round.claim = Claim(round.node, Claimants(observed.regions, observed.leaving), round.evidence);
  round.claim_usable = round.claim != nullptr && !round.InTrouble(*round.claim);

  if (round.claim == nullptr || round.claim_usable) {  // else: a region in trouble holds it, and it stays as it is
    SettleRegionLabels(round);
    SettleLoss(round);
    SettleCordon(round);
  }
  SettleTaint(round);

  NodePlan plan;
  plan.patch = PatchOf(round.node, round.want);
  plan.loss = round.loss;
  Telling telling(round, plan.events);
  telling.Labels();
  telling.Cordon();
  PlanEvictions(round, plan);
  if (round.claim != nullptr && !round.want.lost_region_label.empty()) {  // a record that is dropped some time
    if (const WallTime end = round.BarePodsEnd(round.want.lost_region_label); end > now)
      plan.look_again = std::min(plan.look_again.value_or(end - now), end - now);
  }
  PlanAttestations(round, plan);
  return plan;
}

}  // namespace rempart::perimeter
