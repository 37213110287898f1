#include "operator/workload/placement.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <set>
#include <utility>

#include "operator/api/names.h"
#include "operator/workload/json_access.h"
#include "operator/workload/selection.h"

namespace rempart::workload {
namespace {

constexpr std::string_view kTemplate = "spec.template";
using api::Say;

constexpr std::string_view kRequired = "requiredDuringSchedulingIgnoredDuringExecution";

std::vector<std::string> ZonesOf(const std::vector<Place>& places) {
  std::set<std::string_view> zones;
  for (const auto& place : places) zones.insert(place.zone);
  return {zones.begin(), zones.end()};
}

// Looks through one template in the order of its fields, and narrows down the places that are left for its pods.
class Check {
 public:
  Check(const api::TenantWorkload& workload, const api::SovereignRegion& region, const api::HostingProfile* profile)
      : workload_(workload), region_(region), places_(PlacesOf(region, profile)), left_(places_) {}

  std::vector<Refusal> Run(const Json& pod_template) {
    PlacementZones();
    if (!pod_template.is_object()) {
      Refuse(std::string(kTemplate), "is not an object: write a pod template (metadata, spec)");
    } else {
      Labels(pod_template);
      const std::string field = fmt::format("{}.spec", kTemplate);
      if (const Json* spec = Object(Member(pod_template, "spec"), field)) {
        NodeName(*spec, field + ".nodeName");
        NodeSelector(*spec, field + ".nodeSelector");
        Affinity(*spec, field + ".affinity");
        Spread(*spec, field + ".topologySpreadConstraints");
      }
    }
    MinZones();
    return std::move(refusals_);
  }

 private:
  void PlacementZones();
  void Labels(const Json& pod_template);
  void NodeName(const Json& spec, const std::string& field);
  void NodeSelector(const Json& spec, const std::string& field);
  void Affinity(const Json& spec, const std::string& field);
  void Spread(const Json& spec, const std::string& field);
  void MinZones();

  struct Term {
    std::vector<Requirement> requirements;
    bool selects = false;  // a term without requirements matches nothing
  };
  std::optional<Term> ReadTerm(const Json& json, const std::string& field);
  std::string WhyImpossible(const Term& term) const;

  void Refuse(std::string field, std::string message) {
    if (refusals_.size() < kMaxRefusals) refusals_.push_back({std::move(field), std::move(message)});
  }
  // `json` as it is where it is an object; refused where it is there and none.
  const Json* Object(const Json* json, const std::string& field) {
    if (!json || json->is_object()) return json;
    Refuse(field, "is not an object");
    return nullptr;
  }
  std::string RegionName() const { return region_.meta.key.name; }
  api::Language Language() const { return region_.rules.language; }
  // "" where spec.placement.zones narrows nothing.
  std::string AndZones(const char* english, const char* french) const {
    if (workload_.placement.zones.empty()) return "";
    return Language() == api::Language::kFrench ? french : english;
  }
  bool Somewhere(const Requirement& requirement) const {
    return std::ranges::any_of(places_, [&](const Place& place) { return CanHold(requirement, place, region_); });
  }
  std::string WhatThereIs(std::string_view key) const;

  const api::TenantWorkload& workload_;
  const api::SovereignRegion& region_;
  const std::vector<Place> places_;
  std::vector<Place> left_;  // that placement and template leave; not narrowed by what was refused already
  std::size_t requirements_ = 0;
  std::vector<Refusal> refusals_;
};

std::string Check::WhatThereIs(std::string_view key) const {
  const auto values = KnownValues(key, places_, region_);
  if (!values || values->empty())
    return Say(Language(), "no qualified node has this label", "aucun nœud qualifié n'a cette étiquette");
  return Say(Language(), "its nodes have {}", "ses nœuds ont {}", Listed(*values, Language()));
}

void Check::PlacementZones() {
  const auto& wanted = workload_.placement.zones;
  if (wanted.empty()) return;
  const auto known = ZonesOf(places_);
  std::vector<std::string> unknown;
  for (const auto& zone : wanted)
    if (!std::ranges::binary_search(known, zone)) unknown.push_back(Quoted(zone));
  if (!unknown.empty()) {
    Refuse("spec.placement.zones",
           Say(Language(), "{}: not in region {}, whose zones are {}; take out what is not among them",
               "{} : hors de la région {}, dont les zones sont {} ; retirez ce qui n'en est pas",
               Listed(unknown, Language()), RegionName(),
               known.empty() ? Say(Language(), "none", "aucune") : Listed(known, Language())));
  }
  std::vector<Place> left;
  for (const auto& place : left_)
    if (std::ranges::find(wanted, place.zone) != wanted.end()) left.push_back(place);
  if (!left.empty()) left_ = std::move(left);
}

void Check::Labels(const Json& pod_template) {
  const std::string metadata_field = fmt::format("{}.metadata", kTemplate), field = metadata_field + ".labels";
  const Json* metadata = Object(Member(pod_template, "metadata"), metadata_field);
  const Json* labels = Object(Member(metadata, "labels"), field);
  const std::pair<std::string_view, std::string> reserved[] = {{api::kRegionLabel, RegionName()},
                                                               {api::kWorkloadLabel, workload_.meta.key.name}};
  for (const auto& [key, value] : reserved) {
    const Json* found = Member(labels, key);
    if (!found || (found->is_string() && *Text(found) == value)) continue;
    Refuse(fmt::format("{}[{}]", field, key),
           Say(Language(), "is {}; Rempart keeps this label and sets it to \"{}\": take it out",
               "vaut {} ; Rempart tient cette étiquette et la met à \"{}\" : retirez-le",
               found->is_string() ? Quoted(*Text(found)) : Say(Language(), "not a string", "autre chose qu'un texte"),
               value));
  }
}

void Check::NodeName(const Json& spec, const std::string& field) {
  const Json* name = Member(spec, "nodeName");
  if (!name || (name->is_string() && Text(name)->empty())) return;
  Refuse(field,
         Say(Language(),
             "is {}; a pod with a node name passes the scheduler by, and with it the region: take it out, and "
             "choose a node with nodeSelector kubernetes.io/hostname instead",
             "vaut {} ; un pod qui nomme son nœud contourne l'ordonnanceur, et la région avec lui : retirez-le, et "
             "choisissez un nœud par nodeSelector kubernetes.io/hostname",
             name->is_string() ? Quoted(*Text(name)) : Say(Language(), "set", "autre chose qu'un texte")));
}

void Check::NodeSelector(const Json& spec, const std::string& field) {
  const Json* selector = Object(Member(spec, "nodeSelector"), field);
  if (!selector) return;
  std::vector<Requirement> requirements;
  for (const auto& [key, value] : selector->items()) {
    const std::string* text = Text(value);
    if (!text) {
      Refuse(fmt::format("{}[{}]", field, Quoted(key)), "is not a string: put the value in quotes");
      continue;
    }
    if (!KnownValues(key, places_, region_)) continue;  // a label that the region does not determine
    if (++requirements_ > kMaxRequirements) {
      Refuse(field, Say(Language(), "names more than {} labels that the region determines: take some out",
                        "nomme plus de {} étiquettes que la région détermine : retirez-en", kMaxRequirements));
      return;
    }
    Requirement requirement{key, Requirement::Op::kIn, {*text}};
    if (!places_.empty() && !Somewhere(requirement)) {
      Refuse(fmt::format("{}[{}]", field, key),
             Say(Language(), "is {}, which no node of region {} has; {}: take it out or choose another",
                 "vaut {}, qu'aucun nœud de la région {} n'a ; {} : retirez-le ou choisissez-en un autre",
                 Quoted(*text), RegionName(), WhatThereIs(key)));
      continue;
    }
    requirements.push_back(std::move(requirement));
  }
  std::vector<Place> left;
  for (const auto& place : left_)
    if (std::ranges::all_of(requirements, [&](const Requirement& r) { return CanHold(r, place, region_); }))
      left.push_back(place);
  if (left.empty() && !left_.empty()) {
    std::vector<std::string> stated;
    stated.reserve(requirements.size());
    for (const auto& r : requirements) stated.push_back(fmt::format("{}={}", r.key, *r.values.begin()));
    Refuse(field, Say(Language(), "{}: no place of region {} is all of this{}: take one of them out",
                      "{} : aucun lieu de la région {} n'est tout cela{} : retirez-en un", Listed(stated, Language()),
                      RegionName(), AndZones(" and in spec.placement.zones", " et dans spec.placement.zones")));
    return;
  }
  left_ = std::move(left);
}

std::optional<Check::Term> Check::ReadTerm(const Json& json, const std::string& field) {
  if (!json.is_object()) {
    Refuse(field, "is not an object with matchExpressions or matchFields");
    return std::nullopt;
  }
  Term term;
  bool readable = true;
  for (const std::string_view part : {"matchExpressions", "matchFields"}) {
    const Json* list = Member(json, part);
    if (!list) continue;
    const std::string list_field = fmt::format("{}.{}", field, part);
    if (!list->is_array()) {
      Refuse(list_field, "is not a list");
      readable = false;
      continue;
    }
    if (!list->empty()) term.selects = true;
    for (std::size_t i = 0; i < list->size(); ++i) {
      if (++requirements_ > kMaxRequirements) return std::nullopt;
      auto requirement = ReadRequirement((*list)[i]);
      if (!requirement) {
        Refuse(fmt::format("{}[{}]", list_field, i), requirement.error().message);
        readable = false;
      } else if (part == "matchExpressions") {  // matchFields select nodes by name, which can be any
        term.requirements.push_back(std::move(*requirement));
      }
    }
  }
  if (!readable) return std::nullopt;
  return term;
}

std::string Check::WhyImpossible(const Term& term) const {
  if (!term.selects)
    return Say(Language(), "states nothing, which matches no node", "ne dit rien, ce qui ne retient aucun nœud");
  for (const auto& r : term.requirements)
    if (!Somewhere(r))
      return Say(Language(), "asks for {}; {}", "demande {} ; {}", r.ToString(Language()), WhatThereIs(r.key));
  std::vector<std::string> stated;
  for (const auto& r : term.requirements)
    if (KnownValues(r.key, places_, region_)) stated.push_back(r.ToString(Language()));
  return Say(Language(), "asks for {}, which no place that is left meets together",
             "demande {}, qu'aucun des lieux restants ne réunit", Listed(stated, Language(), 4));
}

void Check::Affinity(const Json& spec, const std::string& field) {
  const Json* affinity = Object(Member(spec, "affinity"), field);
  const std::string node_field = field + ".nodeAffinity", required_field = fmt::format("{}.{}", node_field, kRequired);
  const Json* node_affinity = Object(Member(affinity, "nodeAffinity"), node_field);
  const Json* required = Object(Member(node_affinity, kRequired), required_field);
  if (!required) return;
  const std::string terms_field = required_field + ".nodeSelectorTerms";
  const Json* terms = Member(required, "nodeSelectorTerms");
  if (!terms || !terms->is_array() || terms->empty()) {
    Refuse(terms_field, "is not a list of at least one term: add a term, or take the required affinity out");
    return;
  }
  std::vector<bool> meets(left_.size());  // some term; terms and places are many, so no term keeps places of its own
  std::vector<std::string> reasons;
  const std::size_t before = refusals_.size();
  for (std::size_t i = 0; i < terms->size(); ++i) {
    const auto term = ReadTerm((*terms)[i], fmt::format("{}[{}]", terms_field, i));
    if (requirements_ > kMaxRequirements) {
      Refuse(terms_field,
             Say(Language(), "states more than {} requirements: name labels that several nodes share",
                 "pose plus de {} conditions : nommez des étiquettes que plusieurs nœuds partagent", kMaxRequirements));
      return;
    }
    if (!term) continue;
    bool possible = false;
    for (std::size_t p = 0; term->selects && p < left_.size(); ++p) {
      const bool met =
          std::ranges::all_of(term->requirements, [&](const Requirement& r) { return CanHold(r, left_[p], region_); });
      possible = possible || met;
      meets[p] = meets[p] || met;
    }
    if (!possible && reasons.size() < 3)
      reasons.push_back(Say(Language(), "term {} {}", "le terme {} {}", i, WhyImpossible(*term)));
  }
  if (refusals_.size() > before) return;  // what cannot be read was said; what is left is not known
  if (places_.empty()) return;            // not the tenant's doing
  if (std::ranges::find(meets, true) == meets.end()) {
    Refuse(terms_field,
           Say(Language(),
               "no term can be met in region {}{}: {}. Change one of the terms so that a node of the region meets it",
               "aucun terme ne peut être satisfait dans la région {}{} : {}. Changez-en un pour qu'un nœud de la "
               "région le satisfasse",
               RegionName(), AndZones(" and spec.placement.zones", " et spec.placement.zones"),
               fmt::format("{}", fmt::join(reasons, "; "))));
    return;
  }
  std::size_t kept = 0;
  for (std::size_t p = 0; p < left_.size(); ++p)
    if (meets[p]) left_[kept++] = left_[p];
  left_.resize(kept);
}

void Check::Spread(const Json& spec, const std::string& field) {
  const Json* constraints = Member(spec, "topologySpreadConstraints");
  if (!constraints) return;
  if (!constraints->is_array()) return Refuse(field, "is not a list");
  for (std::size_t i = 0; i < constraints->size(); ++i)
    if (!(*constraints)[i].is_object()) Refuse(fmt::format("{}[{}]", field, i), "is not an object");
}

void Check::MinZones() {
  // What was refused before already says which zones are to be named; a region without places makes pods wait.
  if (!refusals_.empty() || places_.empty() || workload_.placement.min_zones < 2) return;
  const auto zones = ZonesOf(left_);
  if (static_cast<std::size_t>(workload_.placement.min_zones) <= zones.size()) return;
  Refuse(
      "spec.placement.minZones",
      Say(Language(),
          "is {}, but region {}, spec.placement.zones and the template leave {} ({}): lower it, or allow more zones",
          "vaut {}, mais la région {}, spec.placement.zones et le modèle laissent {} ({}) : abaissez-le, ou admettez "
          "plus de zones",
          workload_.placement.min_zones, RegionName(),
          zones.size() == 1 ? "1 zone" : fmt::format("{} zones", zones.size()), Listed(zones, Language())));
}

}  // namespace

std::vector<Refusal> CheckPlacement(const api::TenantWorkload& workload, const Json& pod_template,
                                    const api::SovereignRegion& region, const api::HostingProfile* profile) {
  return Check(workload, region, profile).Run(pod_template);
}

}  // namespace rempart::workload
