#include "operator/perimeter/profile_check.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "operator/perimeter/location_check.h"
#include "src/base/text.h"

namespace rempart::perimeter {
namespace {

using api::HostingProfile;
using api::Language;
using api::Node;
using api::Say;

std::string Named(const HostingProfile& profile) {
  return fmt::format("HostingProfile {}", CleanText(profile.meta.key.name, 96));
}

LocationList ListOf(const HostingProfile& profile, Language language) {
  return {profile.locations, profile.meta.key.name, language};
}

// ". Its note." where there is one.
std::string Sentence(const std::string& note) { return note.empty() ? "" : ". " + note; }

Verdict Unconfirmed(const Node& node, const HostingProfile& profile, const api::Location& at, Language language) {
  return Out(Outside::kUnconfirmedLocation,
             Say(language,
                 "zone {} of region {} is not confirmed by {}: where you know that it is in {}, declare it in "
                 "spec.hosting.locations{}",
                 "la zone {} de la région {} n'est pas confirmée par {} : si vous la savez en {}, déclarez-la dans "
                 "spec.hosting.locations{}",
                 Quoted(node.topology_zone), Quoted(node.topology_region), Named(profile), at.country,
                 at.note.empty() ? "" : " (" + at.note + ")"));
}

Verdict CheckNodeLabel(const Node& node, const HostingProfile& profile, const HostingProfile::RequiredLabel& wanted,
                       Language language) {
  const auto label = std::ranges::find(node.location_labels, wanted.key, &api::Label::key);
  if (label == node.location_labels.end()) {
    return Out(
        Outside::kNodeLabelMissing,
        Say(language, "label {} is not set, {} asks for it: let the provider's cloud controller set it, or an admin{}",
            "l'étiquette {} manque, {} le demande : au contrôleur du fournisseur ou à un administrateur de la poser{}",
            wanted.key, Named(profile),
            node.more_location_labels
                ? Say(language, "; only the first {} labels of its kind are looked at",
                      " ; seules les {} premières étiquettes de ce genre sont regardées", api::kMaxLocationLabels)
                : ""));
  }
  const auto& values = wanted.values;
  if (values.empty() || std::ranges::find(values, label->value) != values.end()) return {};
  return Out(Outside::kNodeLabelMismatch,
             Say(language, "label {} is {}, {} asks for {}", "l'étiquette {} vaut {}, {} demande {}", wanted.key,
                 Quoted(label->value), Named(profile),
                 fmt::format("{}", fmt::join(values, language == Language::kFrench ? " ou " : " or "))));
}

}  // namespace

std::string ProfileProblem(const HostingProfile& profile) {
  return profile.Usable() ? PatternProblem(ListOf(profile, Language::kEnglish)) : profile.invalid;
}

Verdict CheckTime(const HostingProfile& profile, WallTime now, Language language) {
  if (profile.state == HostingProfile::State::kDefunct) {
    return Out(
        Outside::kProfileDefunct,
        Say(language, "{} ({}) is defunct since {} and qualifies no node: name another in spec.hosting.profile{}",
            "{} ({}) n'existe plus depuis {} et ne qualifie aucun nœud : nommez-en un autre dans "
            "spec.hosting.profile{}",
            Named(profile), CleanText(profile.system, 128), profile.since, Sentence(profile.note)));
  }
  if (profile.expires && now >= *profile.expires) {
    return Out(
        Outside::kProfileExpired,
        Say(language,
            "{} expired at {} and qualifies no node: check its facts again, and put a later date in its "
            "spec.expires{}",
            "{} a expiré le {} et ne qualifie aucun nœud : vérifiez de nouveau ce qu'il affirme, puis repoussez son "
            "spec.expires{}",
            Named(profile), FormatTime(*profile.expires), Sentence(profile.note)));
  }
  return {};
}

Verdict CheckRefused(const Node& node, const HostingProfile& profile, Language language) {
  const auto refused = std::ranges::find(profile.refused, node.topology_region, &HostingProfile::Refused::region);
  if (refused == profile.refused.end()) return {};
  return Out(Outside::kRefusedByProfile,
             Say(language, "region {} is refused by {}: {}", "la région {} est refusée par {} : {}",
                 Quoted(node.topology_region), Named(profile), refused->why));
}

Verdict CheckProfile(const Node& node, const api::SovereignRegion& region, const HostingProfile& profile,
                     bool declared) {
  const Language language = region.rules.language;
  const Located located = Locate(node, region.country, ListOf(profile, language));
  if (!located.verdict.qualified()) return located.verdict;
  if (!located.at->confirmed && !declared) return Unconfirmed(node, profile, *located.at, language);
  for (const auto& wanted : profile.required_labels) {
    Verdict verdict = CheckNodeLabel(node, profile, wanted, language);
    if (!verdict.qualified()) return verdict;
  }
  return {};
}

}  // namespace rempart::perimeter
