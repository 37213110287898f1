#include "operator/cli/explain.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <utility>

#include "operator/perimeter/profile_check.h"
#include "operator/perimeter/qualification.h"
#include "src/kube/text.h"

namespace rempart::cli {
namespace {

constexpr std::size_t kShown = 400;

std::string Source(std::string_view name, const std::string& value) {
  return fmt::format("  {:<50} {}\n", name, value.empty() ? "(not set)" : kube::Printable(value, kShown));
}

std::string VerdictOf(const api::Node& node, const perimeter::RegionPtr& region, const perimeter::RegionPtr& owner,
                      const perimeter::Evidence& evidence) {
  const auto verdict = perimeter::Qualify(node, *region, evidence);
  const bool owns = owner && owner->meta.key.name == region->meta.key.name;
  if (owns) return verdict.qualified() ? "in" : "kept: " + verdict.message;
  if (!verdict.qualified()) return fmt::format("outside ({}): {}", ToString(verdict.outside), verdict.message);
  return owner ? fmt::format("outside (ClaimedByOlderRegion): {} has it", owner->meta.key.name) : "outside";
}

// " (its own words)", or nothing.
std::string InBrackets(const std::string& text) { return text.empty() ? "" : " (" + text + ")"; }

// One line of what a profile says.
std::string Say(std::string_view about, const std::string& what) {
  return fmt::format("    {:<48} {}\n", about, kube::Printable(what, 2 * kShown));
}

std::string SayOfPlace(const api::Node& node, const api::HostingProfile& profile) {
  std::string text;
  for (const auto& refused : profile.refused)
    if (refused.region == node.topology_region) text += Say("this region", "refused: " + refused.why);
  for (const auto& at : profile.locations) {
    if (at.region != node.topology_region || std::ranges::find(at.zones, node.topology_zone) == at.zones.end())
      continue;
    text += Say("this zone of this region",
                fmt::format("in {}{}{}{}{}", at.country,
                            at.provider_id_pattern.empty() ? "" : ", provider id " + at.provider_id_pattern,
                            at.confirmed ? "" : ", not confirmed", InBrackets(at.note),
                            at.source.empty() ? "" : "; source: " + at.source));
  }
  return text.empty() ? Say("this zone of this region", "unknown") : text;
}

std::string SayOfLabels(const api::Node& node, const api::HostingProfile& profile) {
  std::string text;
  for (const auto& wanted : profile.required_labels) {
    const auto label = std::ranges::find(node.location_labels, wanted.key, &api::Label::key);
    text += Say(wanted.key,
                fmt::format("{}, wanted: {}", label == node.location_labels.end() ? "(not set)" : label->value,
                            wanted.values.empty() ? "any value" : fmt::format("{}", fmt::join(wanted.values, " or "))));
  }
  return text;
}

std::string ProfileSays(const api::Node& node, const api::SovereignRegion& region,
                        const perimeter::Evidence& evidence) {
  if (region.profile.empty()) return {};
  const std::string name = kube::Printable(region.profile, kShown);
  const api::HostingProfile* profile = evidence.ProfileOf(region);
  if (profile == nullptr) return fmt::format("  HostingProfile {}: there is none of that name\n", name);
  if (!perimeter::ProfileProblem(*profile).empty()) return fmt::format("  HostingProfile {}: cannot be used\n", name);
  std::string text = fmt::format(
      "  HostingProfile {}: {}\n", name,
      kube::Printable(fmt::format("{} of {}, {}{}", profile->system, profile->provider, ToString(profile->state),
                                  profile->since.empty() ? "" : " since " + profile->since),
                      kShown));
  if (!perimeter::CheckTime(*profile, evidence.now, region.rules.language).qualified())
    return text;  // the verdict says it all
  return text + SayOfPlace(node, *profile) + SayOfLabels(node, *profile);
}

// What each says by itself; the verdict on all of them together is the region's.
std::string AttestationsSay(const api::Node& node, const api::SovereignRegion& region,
                            const perimeter::Evidence& evidence) {
  const api::AttestationPolicy& policy = region.attestation;
  if (policy.authorities.empty()) return {};
  std::string text =
      fmt::format("  attestations: {}, {} of {} authorities\n", policy.required ? "required" : "not required",
                  policy.threshold, policy.authorities.size());
  const auto all = evidence.attestations.Of(node.meta.key.name);
  if (all.empty()) return text + Say("NodeAttestation", "none of this node");
  for (const auto& one : all.first(std::min(all.size(), perimeter::kMaxAttestationsOfNode))) {
    const auto verdict = perimeter::Judge(one.get(), perimeter::IdentityOf(node), policy, evidence.now);
    text += Say("NodeAttestation " + kube::Printable(one->meta.key.name, kShown),
                fmt::format("{}: {}", ToString(verdict.attested), verdict.message));
  }
  return text;
}

}  // namespace

std::string ExplainNode(const api::Node& node, Known known, WallTime now) {
  std::vector<perimeter::RegionPtr> by_age;
  by_age.reserve(known.regions.size());
  for (auto& region : known.regions) by_age.push_back(std::make_shared<const api::SovereignRegion>(std::move(region)));
  api::SortByAge(by_age);
  perimeter::Evidence evidence{.profiles = {}, .now = now};
  for (auto& profile : known.profiles)
    evidence.profiles.push_back(std::make_shared<const api::HostingProfile>(std::move(profile)));
  std::vector<api::AttestationPtr> attestations;
  attestations.reserve(known.attestations.size());
  for (auto& one : known.attestations)
    attestations.push_back(std::make_shared<const api::NodeAttestation>(std::move(one)));
  evidence.attestations = perimeter::Attestations(std::move(attestations));
  const auto owner = perimeter::Claim(node, by_age, evidence);

  std::string text = fmt::format("Node {}\n", node.meta.key.name);
  text += Source(api::kTopologyRegion, node.topology_region) + Source(api::kTopologyZone, node.topology_zone);
  if (!node.legacy_region.empty()) text += Source(api::kLegacyTopologyRegion, node.legacy_region);
  if (!node.legacy_zone.empty()) text += Source(api::kLegacyTopologyZone, node.legacy_zone);
  text += Source("spec.providerID", node.provider_id);
  text += Source("status.nodeInfo.systemUUID", node.system_uuid) + Source("status.nodeInfo.machineID", node.machine_id);
  text += Source(api::kNodeRegionLabel, node.region_label) + Source(api::kNodeCountryLabel, node.country_label);
  if (!node.lost_region_label.empty())
    text += Source("lost to region", fmt::format("{} since {}", node.lost_region_label, node.lost_since_label));
  if (by_age.empty()) text += "There is no SovereignRegion.\n";
  for (const auto& region : by_age) {
    text += fmt::format("Region {} ({}): {}\n", region->meta.key.name, region->country.empty() ? "?" : region->country,
                        kube::Printable(VerdictOf(node, region, owner, evidence), 2 * kShown));
    text += ProfileSays(node, *region, evidence) + AttestationsSay(node, *region, evidence);
  }
  return text;
}

}  // namespace rempart::cli
