#include "operator/perimeter/profile_check.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "operator/perimeter/location_check.h"
#include "src/base/text.h"

namespace rempart::perimeter {
namespace {

using api::HostingProfile;
using api::Node;

std::string Named(const HostingProfile& profile) {
  return fmt::format("HostingProfile {}", CleanText(profile.meta.key.name, 96));
}

LocationList ListOf(const HostingProfile& profile) { return {profile.locations, profile.meta.key.name}; }

// ". Its note." where there is one.
std::string Sentence(const std::string& note) { return note.empty() ? "" : ". " + note; }

Verdict Unconfirmed(const Node& node, const HostingProfile& profile, const api::Location& at) {
  return Out(Outside::kUnconfirmedLocation,
             fmt::format("zone {} of region {} is not confirmed by {}: where you know that it is in {}, declare it in "
                         "spec.hosting.locations{}",
                         Quoted(node.topology_zone), Quoted(node.topology_region), Named(profile), at.country,
                         at.note.empty() ? "" : " (" + at.note + ")"));
}

Verdict CheckNodeLabel(const Node& node, const HostingProfile& profile, const HostingProfile::RequiredLabel& wanted) {
  const auto label = std::ranges::find(node.location_labels, wanted.key, &api::Label::key);
  if (label == node.location_labels.end()) {
    return Out(
        Outside::kNodeLabelMissing,
        fmt::format("label {} is not set, {} asks for it: let the provider's cloud controller set it, or an "
                    "admin{}",
                    wanted.key, Named(profile),
                    node.more_location_labels
                        ? fmt::format("; only the first {} labels of its kind are looked at", api::kMaxLocationLabels)
                        : ""));
  }
  const auto& values = wanted.values;
  if (values.empty() || std::ranges::find(values, label->value) != values.end()) return {};
  return Out(Outside::kNodeLabelMismatch, fmt::format("label {} is {}, {} asks for {}", wanted.key,
                                                      Quoted(label->value), Named(profile), fmt::join(values, " or ")));
}

}  // namespace

std::string ProfileProblem(const HostingProfile& profile) {
  return profile.Usable() ? PatternProblem(ListOf(profile)) : profile.invalid;
}

Verdict CheckTime(const HostingProfile& profile, WallTime now) {
  if (profile.state == HostingProfile::State::kDefunct) {
    return Out(Outside::kProfileDefunct,
               fmt::format("{} ({}) is defunct since {} and qualifies no node: name another in spec.hosting.profile{}",
                           Named(profile), CleanText(profile.system, 128), profile.since, Sentence(profile.note)));
  }
  if (profile.expires && now >= *profile.expires) {
    return Out(Outside::kProfileExpired,
               fmt::format("{} expired at {} and qualifies no node: check its facts again, and put a later date in its "
                           "spec.expires{}",
                           Named(profile), FormatTime(*profile.expires), Sentence(profile.note)));
  }
  return {};
}

Verdict CheckRefused(const Node& node, const HostingProfile& profile) {
  const auto refused = std::ranges::find(profile.refused, node.topology_region, &HostingProfile::Refused::region);
  if (refused == profile.refused.end()) return {};
  return Out(Outside::kRefusedByProfile,
             fmt::format("region {} is refused by {}: {}", Quoted(node.topology_region), Named(profile), refused->why));
}

Verdict CheckProfile(const Node& node, const api::SovereignRegion& region, const HostingProfile& profile,
                     bool declared) {
  const Located located = Locate(node, region.country, ListOf(profile));
  if (!located.verdict.qualified()) return located.verdict;
  if (!located.at->confirmed && !declared) return Unconfirmed(node, profile, *located.at);
  for (const auto& wanted : profile.required_labels) {
    Verdict verdict = CheckNodeLabel(node, profile, wanted);
    if (!verdict.qualified()) return verdict;
  }
  return {};
}

}  // namespace rempart::perimeter
