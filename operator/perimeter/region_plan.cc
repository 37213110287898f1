#include "operator/perimeter/region_plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "operator/api/conditions.h"
#include "operator/perimeter/attestation_check.h"
#include "operator/perimeter/declared.h"
#include "operator/perimeter/gate_status.h"
#include "operator/perimeter/profile_check.h"
#include "src/base/text.h"
#include "src/kube/status.h"

namespace rempart::perimeter {
namespace {

using api::Condition;
using api::Language;
using api::Say;
using api::SovereignRegion;

constexpr std::size_t kOutsideListed = 50;
constexpr std::size_t kOutsideBytes = 16 * 1024;
constexpr std::size_t kZonesListed = 64;
constexpr std::size_t kNamespacesListed = 50;
constexpr std::size_t kNamed = 10;              // users, owners, reasons in a message
constexpr std::size_t kConditionMessage = 600;  // bytes

// What the conditions are worked out from.
struct Facts {
  const RegionObservation& observed;
  const SovereignRegion& region;
  const api::HostingProfile* profile;  // null for none
  Trouble trouble;
  Verdict time;  // of the profile
  WallTime now;
  RegionView view;
  GateView gate;
  Outlook outlook;  // of the nodes that are in it
  Language language() const { return region.rules.language; }
};

constexpr char kExpiring[] = "AttestationsExpiring";

// What follows a number: of one, and of more.
struct Noun {
  std::string_view one, many;
};
std::string Count(Language language, std::size_t n, Noun english, Noun french) {
  const Noun& noun = language == Language::kFrench ? french : english;
  const bool one = n == 1 || (n == 0 && language == Language::kFrench);
  return fmt::format("{} {}", n, one ? noun.one : noun.many);
}

// "a, b, c and 4 more" of `total`.
template <class Names>
std::string Some(Language language, const Names& names, std::size_t total) {
  std::string text;
  std::size_t named = 0;
  for (const auto& name : names) {
    if (named == kNamed) break;
    text += (named++ == 0 ? "" : ", ") + std::string(name);
  }
  if (total > named)
    text += named == 0 ? fmt::format("{}", total) : Say(language, " and {} more", " et {} de plus", total - named);
  return text;
}

std::string OwnersOf(Language language, const RegionView& view) {
  std::set<std::string> owners;
  for (const auto& node : view.claimed_by_older) owners.insert(node.owner);
  return Some(language, owners, owners.size());
}

// "4 UnknownLocation, 2 NoLocation", the most frequent first.
std::string ReasonsOf(Language language, const RegionView& view) {
  std::map<std::string, std::size_t> counts;
  for (const auto& node : view.outside) ++counts[node.reason];
  std::vector<std::pair<std::string, std::size_t>> by_count(counts.begin(), counts.end());
  std::ranges::stable_sort(by_count, std::greater<>(), [](const auto& entry) { return entry.second; });
  std::vector<std::string> texts;
  texts.reserve(by_count.size());
  for (const auto& [reason, count] : by_count) texts.push_back(fmt::format("{} {}", count, reason));
  return Some(language, texts, texts.size());
}

std::string UsedBy(Language language, const RegionObservation& observed) {
  return Say(
      language, "{} the region: {}", "{} la région : {}",
      Count(language, observed.user_count, {"workload uses", "workloads use"}, {"charge utilise", "charges utilisent"}),
      Some(language, observed.users, observed.user_count));
}

std::string PodsOutside(const Facts& facts) {
  const Language language = facts.language();
  const std::string pods =
      Count(language, facts.observed.pods_outside, {"pod of the region sits", "pods of the region sit"},
            {"pod de la région", "pods de la région"});
  if (facts.region.on_loss == SovereignRegion::OnLoss::kCordon)
    return Say(language, "{} on nodes outside it; left there (spec.hosting.onLoss.action: Cordon)",
               "{} sur des nœuds hors d'elle ; rien n'y est fait (spec.hosting.onLoss.action : Cordon)", pods);
  return Say(language, "{} on nodes outside it; evicted {} after the loss, by force after {}",
             "{} sur des nœuds hors d'elle ; éviction {} après la perte, de force après {}", pods,
             FormatDuration(facts.region.grace_period), FormatDuration(facts.region.deadline));
}

std::string Unguarded(Language language, const WriteFailures::View& unwritten) {
  return Say(language, "what is kept in {} of the region cannot be written: {}",
             "ce qui est tenu dans {} de la région ne peut être écrit : {}",
             Count(language, unwritten.namespaces, {"namespace", "namespaces"}, {"espace de noms", "espaces de noms"}),
             CleanText(unwritten.first, kConditionMessage / 2));
}

std::string DeletionMessage(Language language, const RegionObservation& observed) {
  if (observed.user_count > 0)
    return Say(language, "deletion waits: {}; delete each, or move it to another region",
               "la suppression attend : {} ; supprimez chacune, ou changez-la de région", UsedBy(language, observed));
  if (observed.pod_count > 0) {
    return Say(
        language, "deletion waits: {}: {}; delete them, or what makes them",
        "la suppression attend : {} : {} ; supprimez-les, ou ce qui les crée",
        Count(language, observed.pod_count, {"pod of the region is still there", "pods of the region are still there"},
              {"pod de la région est encore là", "pods de la région sont encore là"}),
        Some(language, observed.pods, observed.pod_count));
  }
  if (observed.labelled_nodes > 0) {
    return Say(language, "deletion waits until {} the region's labels",
               "la suppression attend que {} les étiquettes de la région",
               Count(language, observed.labelled_nodes, {"node has lost", "nodes have lost"},
                     {"nœud ait perdu", "nœuds aient perdu"}));
  }
  return Say(language, "being deleted: nobody uses the region",
             "en cours de suppression : personne n'utilise la région");
}

// As Ready and Stalled have it: the spec is the region's own unless the name says something else.
std::string ReasonOf(const Trouble& trouble) {
  return trouble.outside == Outside::kRegionUnusable ? "InvalidSpec" : ToString(trouble.outside);
}

// "; …" where the profile expires soon.
std::string ExpirySoon(const Facts& facts) {
  if (facts.profile == nullptr || !facts.profile->expires || *facts.profile->expires - facts.now > kExpirySoon)
    return "";
  return Say(
      facts.language(),
      "; HostingProfile {} expires at {}: check its facts again, and put a later date in its spec.expires",
      " ; HostingProfile {} expire le {} : vérifiez de nouveau ce qu'il affirme, puis repoussez son spec.expires",
      facts.region.profile, FormatTime(*facts.profile->expires));
}

Condition Ready(const Facts& facts) {
  const RegionObservation& observed = facts.observed;
  const RegionView& view = facts.view;
  const Language language = facts.language();
  if (facts.region.meta.deleting) return {"Ready", "False", "Deleting", DeletionMessage(language, observed)};
  if (facts.trouble) {
    std::string message = Say(language, "{}; until then no node qualifies", "{} ; d'ici là aucun nœud n'est qualifié",
                              CleanText(facts.trouble.message, kConditionMessage / 2));
    if (observed.labelled_nodes > 0) {
      message +=
          Say(language, ", {} the region's label, and no pod is evicted",
              ", {} l'étiquette de la région, et aucun pod n'est évincé",
              Count(language, observed.labelled_nodes, {"node keeps", "nodes keep"}, {"nœud garde", "nœuds gardent"}));
    }
    return {"Ready", "False", ReasonOf(facts.trouble), message};
  }
  const std::string and_pods = observed.pods_outside > 0 ? "; " + PodsOutside(facts) : "";
  if (!facts.time.qualified()) return {"Ready", "False", ToString(facts.time.outside), facts.time.message + and_pods};
  if (facts.gate.state == GateView::State::kFailed)
    return {"Ready", "False", facts.gate.self_tested.reason,
            Say(language, "the gate: {}", "la porte : {}", facts.gate.self_tested.message) + and_pods};
  if (observed.unwritten.namespaces > 0)
    return {"Ready", "False", "GuardsNotWritten", Unguarded(language, observed.unwritten) + and_pods};
  if (view.qualified.empty() && !view.claimed_by_older.empty()) {
    return {"Ready", "False", "ClaimedByOlderRegion",
            Say(language, "{} the region, but older regions have {}: {}; let only one of them declare a location{}",
                "{} à la région, mais des régions plus anciennes {} : {} ; qu'une seule déclare un emplacement{}",
                Count(language, view.claimed_by_older.size(), {"node matches", "nodes match"},
                      {"nœud répond", "nœuds répondent"}),
                view.claimed_by_older.size() == 1 ? Say(language, "it", "l'ont")
                                                  : Say(language, "them all", "les ont tous"),
                OwnersOf(language, view), and_pods)};
  }
  if (view.qualified.empty()) {
    const std::string why =
        observed.nodes.empty()
            ? Say(language, "the cluster has no node", "la grappe n'a aucun nœud")
            : Say(language, "none of {} is in the region: {}; see status.outside",
                  "aucun nœud sur {} n'est dans la région : {} ; voir status.outside",
                  language == Language::kFrench ? fmt::format("{}", observed.nodes.size())
                                                : Count(language, observed.nodes.size(), {"node", "nodes"}, {}),
                  ReasonsOf(language, view));
    return {"Ready", "False", "NoQualifiedNode", why + and_pods};
  }
  if (observed.pods_outside > 0) return {"Ready", "False", "PodsOutside", PodsOutside(facts)};
  if (facts.gate.state == GateView::State::kPending)
    return {"Ready", "False", "GateNotProven", facts.gate.self_tested.message};
  std::string message = Count(language, view.qualified.size(), {"node is in the region", "nodes are in the region"},
                              {"nœud est dans la région", "nœuds sont dans la région"});
  if (!view.claimed_by_older.empty()) {
    message +=
        Say(language, "; {} too, but older regions have {}: {}", " ; {} aussi, mais des régions plus anciennes {} : {}",
            Count(language, view.claimed_by_older.size(), {"other matches", "others match"},
                  {"autre y répond", "autres y répondent"}),
            view.claimed_by_older.size() == 1 ? Say(language, "it", "l'ont") : Say(language, "them", "les ont"),
            OwnersOf(language, view));
  }
  return {"Ready", "True", "Qualified", message + ExpirySoon(facts)};
}

Condition Reconciling(const Facts& facts) {
  const Language language = facts.language();
  if (facts.region.meta.deleting) return {"Reconciling", "True", "Deleting", DeletionMessage(language, facts.observed)};
  if (!facts.trouble && facts.observed.pods_outside > 0)
    return {"Reconciling", "True", "PodsOutside", PodsOutside(facts)};
  if (!facts.trouble && facts.gate.state == GateView::State::kPending)
    return {"Reconciling", "True", "GateNotProven", facts.gate.self_tested.message};
  return {"Reconciling", "False", "Settled", Say(language, "nothing is under way", "rien n'est en cours")};
}

Condition Stalled(const Facts& facts) {
  if (facts.region.meta.deleting && facts.observed.InUse())
    return {"Stalled", "True", "InUse", DeletionMessage(facts.language(), facts.observed)};
  if (facts.trouble)
    return {"Stalled", "True", ReasonOf(facts.trouble), CleanText(facts.trouble.message, kConditionMessage / 2)};
  if (!facts.time.qualified()) return {"Stalled", "True", ToString(facts.time.outside), facts.time.message};
  return {"Stalled", "False", "NotStalled",
          Say(facts.language(), "nothing has to be done by hand", "rien n'est à faire à la main")};
}

Condition Expiring(const Facts& facts) {
  const Language language = facts.language();
  if (facts.region.attestation.authorities.empty())
    return {kExpiring, "False", "NoAuthorities",
            Say(language, "the region takes nobody's word about its nodes",
                "la région ne s'en remet à personne pour ses nœuds")};
  const auto& ending = facts.outlook.ending;
  if (ending.empty())
    return {kExpiring, "False", "NoneSoon",
            Say(language, "no attestation of a node of the region expires soon",
                "aucune attestation d'un nœud de la région n'expire bientôt")};
  std::vector<std::string> texts;
  for (const auto& [node, until] : ending) {
    if (texts.size() == kNamed) break;
    texts.push_back(Say(language, "{} at {}", "{} le {}", node, FormatTime(until)));
  }
  return {kExpiring, "True", "ExpiringSoon",
          Say(language, "{} soon no longer attested: {}; attest them anew (kubectl rempart attest node)",
              "{} : {} ; attestez-les de nouveau (kubectl rempart attest node)",
              Count(language, ending.size(), {"node is", "nodes are"},
                    {"nœud ne sera bientôt plus attesté", "nœuds ne seront bientôt plus attestés"}),
              Some(language, texts, ending.size()))};
}

Json NodesJson(const RegionView& view) {
  std::map<std::string, std::size_t> zones;
  for (const NodePtr& node : view.qualified) ++zones[node->topology_zone];
  Json by_zone = Json::object();
  for (const auto& [zone, count] : zones) {
    if (by_zone.size() == kZonesListed) break;
    by_zone[zone] = count;
  }
  return {{"qualified", view.qualified.size()}, {"outside", view.outside.size()}, {"zones", std::move(by_zone)}};
}

Json OutsideJson(const RegionView& view) {
  Json list = Json::array();
  std::size_t bytes = 0;
  for (const auto& [node, reason, message, owner] : view.outside) {
    Json entry = {{"node", node}, {"reason", reason}, {"message", message}};
    bytes += entry.dump(-1, ' ', false, Json::error_handler_t::replace).size() + 1;
    if (list.size() == kOutsideListed || bytes > kOutsideBytes) break;
    list.push_back(std::move(entry));
  }
  return list;
}

Json NamespacesJson(const NamespaceView& view) {
  Json listed = view.in_no_region;
  if (listed.size() > kNamespacesListed) listed.erase(listed.begin() + kNamespacesListed, listed.end());
  return {{"governed", view.governed.size()},
          {"inNoRegion", view.in_no_region.size()},
          {"namesInNoRegion", std::move(listed)}};
}

void AddUnguarded(const WriteFailures::View& unwritten, Json& status) {
  if (unwritten.namespaces == 0) return;
  status["namespaces"]["unguarded"] = unwritten.namespaces;
  status["namespaces"]["firstUnguarded"] = CleanText(unwritten.first, kConditionMessage);
}

void AddAudit(const AuditSummary& audit, Json& status) {
  status["audit"] = {{"objects", audit.objects}, {"violations", audit.violations}};
  if (!audit.left_out.empty()) status["audit"]["leftOut"] = CleanText(audit.left_out, kConditionMessage);
  Json& list = status["violations"] = Json::array();
  for (const auto& [rule, count] : audit.by_rule) list.push_back({{"rule", rule}, {"count", count}});
}

// Leaves empty lists and maps out.
void DropEmpty(Json& object) {
  for (auto it = object.begin(); it != object.end();) {
    if (it->is_object()) DropEmpty(*it);
    it = it->is_structured() && it->empty() ? object.erase(it) : std::next(it);
  }
}

// Ids of the rules that a text names.
std::set<std::string> RulesIn(std::string_view text) {
  constexpr std::size_t kId = 6;  // "RP-101"
  std::set<std::string> rules;
  for (auto at = text.find("RP-"); at != text.npos; at = text.find("RP-", at + 1)) rules.emplace(text.substr(at, kId));
  return rules;
}

// Those that the condition of that type named.
std::set<std::string> RulesNamedBy(std::string_view type, const Json& conditions) {
  std::set<std::string> rules;
  for (const Json& condition : conditions) {
    if (!condition.is_object() || condition.value("type", Json()) != type) continue;
    if (const Json message = condition.value("message", Json()); message.is_string())
      rules.merge(RulesIn(message.get_ref<const std::string&>()));
  }
  return rules;
}

// What Ready says where that is new, which rules the gate does not hold, and that attestations begin to end.
void PlanEvents(const SovereignRegion& region, const std::vector<Condition>& conditions, const Json& before,
                RegionPlan& plan) {
  const auto tell = [&](kube::Event::Type type, const Condition& condition) {
    plan.events.push_back(
        {{api::kRegions.ApiVersion(), std::string(api::kRegions.kind), "", region.meta.key.name, region.meta.uid},
         type,
         condition.reason,
         "Reconcile",
         condition.message,
         std::nullopt});
  };
  std::set<std::string> told_rules = RulesNamedBy("SelfTested", before);
  for (const Condition& condition : conditions) {
    // A further rule, or one that is open while Ready has something else to say.
    if (condition.type == "SelfTested" && condition.status == "False" &&
        !std::ranges::includes(told_rules, RulesIn(condition.message)))
      tell(kube::Event::Type::kWarning, condition);
    if (api::SaidBefore(before, condition)) continue;
    if (condition.type == "Ready") {
      tell(condition.status == "True" ? kube::Event::Type::kNormal : kube::Event::Type::kWarning, condition);
      told_rules.merge(RulesIn(condition.message));
    }
    if (condition.type == kExpiring && condition.status == "True") {
      Condition told = condition;
      told.reason = kExpiring;
      tell(kube::Event::Type::kWarning, told);
    }
  }
}

std::optional<bool> Finalizer(const RegionObservation& observed) {
  const SovereignRegion& region = *observed.region;
  if (!region.meta.deleting) return region.has_finalizer ? std::nullopt : std::optional(true);
  if (region.has_finalizer && !observed.InUse() && observed.labelled_nodes == 0) return false;
  return std::nullopt;
}

RegionView View(const RegionObservation& observed, const Evidence& evidence) {
  RegionNames leaving = observed.leaving;
  if (!observed.InUse()) leaving.insert(observed.region->meta.key.name);
  return ViewOf(*observed.region, Claimants(observed.regions, leaving), observed.nodes, evidence);
}

// How long until then; but a look is taken each hour.
void LookAgain(RegionPlan& plan, Duration after) {
  after = std::clamp<Duration>(after, Duration::zero(), kExpiryLook);
  plan.look_again = std::min(plan.look_again.value_or(after), after);
}

void PlanExpiry(const Facts& facts, RegionPlan& plan) {
  if (facts.gate.look_again) LookAgain(plan, *facts.gate.look_again);
  if (facts.outlook.look_again) LookAgain(plan, *facts.outlook.look_again - facts.now);
  if (facts.profile == nullptr || !facts.profile->expires) return;
  if (facts.now < *facts.profile->expires) {
    LookAgain(plan, *facts.profile->expires - facts.now);
  } else {
    plan.wake_nodes = !facts.trouble && facts.observed.labelled_nodes > 0;
  }
}

}  // namespace

RegionPlan PlanRegion(const RegionObservation& observed, WallTime now) {
  const SovereignRegion& region = *observed.region;
  RegionPlan plan;
  plan.finalizer = Finalizer(observed);
  if (plan.finalizer == false) return plan;

  const Evidence evidence{observed.profiles, now, observed.attestations};
  const api::HostingProfile* profile = evidence.ProfileOf(region);
  const Json before = api::StatusBefore(region.status_json);
  Facts facts{.observed = observed,
              .region = region,
              .profile = profile,
              .trouble = TroubleOf(region, profile),
              .time = profile == nullptr ? Verdict() : CheckTime(*profile, now, region.rules.language),
              .now = now,
              .view = View(observed, evidence),
              .gate = ViewGate(region, observed.proof, observed.unwritten.gate, before, now),
              .outlook = {}};
  facts.outlook = OutlookOf(region, facts.view.qualified, evidence);
  PlanExpiry(facts, plan);
  const Json conditions_before = api::ConditionsOf(before);
  std::vector<Condition> conditions = {Ready(facts), Reconciling(facts), Stalled(facts), facts.gate.self_tested,
                                       FullyDeclared(region)};
  // One that is there is not ours alone to leave out: it is put right.
  if (!region.attestation.authorities.empty() || api::HasType(conditions_before, kExpiring))
    conditions.push_back(Expiring(facts));
  for (Condition& condition : conditions) condition.message = CleanText(condition.message, kConditionMessage);

  Json outside = OutsideJson(facts.view);
  const std::size_t omitted = facts.view.outside.size() - outside.size();
  Json status = {{"observedGeneration", region.meta.generation},
                 {"nodes", NodesJson(facts.view)},
                 {"outside", std::move(outside)},
                 {"workloads", observed.user_count},
                 {"conditions", api::ConditionsJson(conditions, conditions_before, region.meta.generation, now)}};
  if (omitted > 0) status["outsideOmitted"] = omitted;
  if (observed.namespaces) status["namespaces"] = NamespacesJson(*observed.namespaces);
  AddUnguarded(observed.unwritten, status);
  if (observed.audit) AddAudit(*observed.audit, status);
  if (!facts.gate.status.is_null()) status["gate"] = facts.gate.status;
  DropEmpty(status);
  if (!observed.audit && before.is_object() && before.contains("violations") && before["violations"].is_array())
    status["violations"] = before["violations"];  // of the audit before
  plan.status_patch =
      kube::StatusPatch(before, std::move(status), {"outside", "outsideOmitted", "namespaces", "gate", "violations"});

  PlanEvents(region, conditions, conditions_before, plan);
  return plan;
}

}  // namespace rempart::perimeter
