#include "operator/perimeter/qualification.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "operator/perimeter/attestation_check.h"
#include "operator/perimeter/location_check.h"
#include "operator/perimeter/profile_check.h"
#include "src/base/text.h"

namespace rempart::perimeter {
namespace {

using api::HostingProfile;
using api::Node;
using api::Say;
using api::SovereignRegion;

constexpr std::size_t kMaxLabelValue = 63;  // a region's name becomes a label value

LocationList ListOf(const SovereignRegion& region) { return {region.locations, {}, region.rules.language}; }

// What holds of a region whatever the node: looked for once, for loops over nodes.
struct Standing {
  const HostingProfile* profile = nullptr;
  Trouble trouble;
  Verdict time;  // of its profile
};

Standing StandingOf(const SovereignRegion& region, const Evidence& evidence) {
  Standing standing;
  standing.profile = evidence.ProfileOf(region);
  standing.trouble = TroubleOf(region, standing.profile);
  if (!standing.trouble && standing.profile != nullptr)
    standing.time = CheckTime(*standing.profile, evidence.now, region.rules.language);
  return standing;
}

Verdict InTrouble(const Node& node, const SovereignRegion& region, const Trouble& trouble) {
  const api::Language language = region.rules.language;
  const std::string message = Say(language, "region {} cannot be used: {}", "la région {} est inutilisable : {}",
                                  region.meta.key.name, trouble.message);
  return Out(trouble.outside,
             node.region_label == region.meta.key.name
                 ? Say(language, "the node stays as it is: {}", "le nœud reste comme il est : {}", message)
                 : message);
}

// Nothing is in the way of judging the node: its labels, the region's list, the profile.
Verdict JudgePlace(const Node& node, const SovereignRegion& region, const HostingProfile* profile) {
  if (Verdict labels = CheckLabels(node, region.rules.language); !labels.qualified()) return labels;
  if (profile != nullptr) {
    if (Verdict refused = CheckRefused(node, *profile, region.rules.language); !refused.qualified()) return refused;
  }
  const bool declares = !region.locations.empty();
  if (declares || profile == nullptr) {
    if (Located own = Locate(node, region.country, ListOf(region)); !own.verdict.qualified()) return own.verdict;
  }
  return profile == nullptr ? Verdict() : CheckProfile(node, region, *profile, declares);
}

Verdict Judge(const Node& node, const SovereignRegion& region, const Standing& standing, const Evidence& evidence) {
  if (standing.trouble) return InTrouble(node, region, standing.trouble);
  if (!standing.time.qualified()) return standing.time;
  if (Verdict place = JudgePlace(node, region, standing.profile); !place.qualified()) return place;
  if (region.attestation.authorities.empty() && !region.attestation.required) return {};
  return CheckAttestation(JudgeAttestations(node, region, evidence), region);
}

bool Keeps(const Node& node, const SovereignRegion& region, const Standing& standing, const Verdict& verdict) {
  return verdict.qualified() || (standing.trouble && node.region_label == region.meta.key.name);
}

struct Claimant {
  RegionPtr region;
  Standing standing;
};

std::vector<Claimant> WithStanding(const std::vector<RegionPtr>& regions, const Evidence& evidence) {
  std::vector<Claimant> all;
  all.reserve(regions.size());
  for (const RegionPtr& region : regions) all.push_back({region, StandingOf(*region, evidence)});
  return all;
}

RegionPtr ClaimAmong(const Node& node, const std::vector<Claimant>& claimants, const Evidence& evidence,
                     std::vector<RegionPtr>* contenders) {
  RegionPtr owner;
  for (const auto& [region, standing] : claimants) {
    if (owner != nullptr && contenders == nullptr) break;
    const Verdict verdict = Judge(node, *region, standing, evidence);
    if (owner == nullptr && Keeps(node, *region, standing, verdict)) {
      owner = region;
    } else if (owner != nullptr && verdict.qualified()) {
      contenders->push_back(region);
    }
  }
  return owner;
}

}  // namespace

std::string SpecProblem(const SovereignRegion& region) {
  if (!region.Usable()) return region.invalid;
  if (region.meta.key.name.size() > kMaxLabelValue) {
    return fmt::format(
        "metadata.name: has {} characters, a label value has at most {}: create the region under a shorter name",
        region.meta.key.name.size(), kMaxLabelValue);
  }
  if (region.country.empty()) return "spec.country: is not set: give an ISO 3166-1 alpha-2 code such as FR";
  return PatternProblem(ListOf(region));
}

Trouble TroubleOf(const SovereignRegion& region, const HostingProfile* profile) {
  if (std::string problem = SpecProblem(region); !problem.empty())
    return {Outside::kRegionUnusable, std::move(problem)};
  if (region.profile.empty()) return {};
  if (profile == nullptr) {
    return {
        Outside::kProfileMissing,
        Say(region.rules.language,
            "spec.hosting.profile: there is no HostingProfile {}: create it, or name one that `kubectl get "
            "hostingprofiles` shows",
            "spec.hosting.profile : il n'y a pas de HostingProfile {} : créez-le, ou nommez-en un que montre `kubectl "
            "get hostingprofiles`",
            Quoted(region.profile))};
  }
  if (const std::string problem = ProfileProblem(*profile); !problem.empty())
    return {Outside::kProfileUnusable, fmt::format("HostingProfile {}: {}", region.profile, problem)};
  return {};
}

Verdict Qualify(const Node& node, const SovereignRegion& region, const Evidence& evidence) {
  return Judge(node, region, StandingOf(region, evidence), evidence);
}

bool IsLeaving(const SovereignRegion& region, const RegionNames& leaving) {
  return region.meta.deleting && leaving.contains(region.meta.key.name);
}

std::vector<RegionPtr> Claimants(const std::vector<RegionPtr>& regions, const RegionNames& leaving) {
  std::vector<RegionPtr> claimants;
  claimants.reserve(regions.size());
  for (const RegionPtr& region : regions) {
    if (!IsLeaving(*region, leaving)) claimants.push_back(region);
  }
  return claimants;
}

RegionPtr Claim(const Node& node, const std::vector<RegionPtr>& claimants, const Evidence& evidence,
                std::vector<RegionPtr>* contenders) {
  if (contenders != nullptr) contenders->clear();
  return ClaimAmong(node, WithStanding(claimants, evidence), evidence, contenders);
}

std::string WhyNot(const Node& node, const SovereignRegion& region, const RegionPtr& claim, const Evidence& evidence) {
  Verdict verdict = Qualify(node, region, evidence);
  if (!verdict.qualified()) return std::move(verdict.message);
  if (claim != nullptr)
    return Say(region.rules.language, "region {}, which is older, claims the node",
               "la région {}, plus ancienne, revendique le nœud", claim->meta.key.name);
  return Say(region.rules.language, "the region gives its nodes up", "la région abandonne ses nœuds");
}

bool ClaimsAny(std::string_view region, const std::vector<RegionPtr>& claimants, const std::vector<NodePtr>& nodes,
               const Evidence& evidence) {
  const bool among = std::ranges::any_of(claimants, [&](const RegionPtr& r) { return r->meta.key.name == region; });
  if (!among) return false;
  const std::vector<Claimant> rivals = WithStanding(claimants, evidence);
  return std::ranges::any_of(nodes, [&](const NodePtr& node) {
    const RegionPtr owner = ClaimAmong(*node, rivals, evidence, nullptr);
    return owner != nullptr && owner->meta.key.name == region;
  });
}

RegionView ViewOf(const SovereignRegion& region, const std::vector<RegionPtr>& claimants,
                  const std::vector<NodePtr>& nodes, const Evidence& evidence) {
  const Standing standing = StandingOf(region, evidence);
  const std::vector<Claimant> rivals = WithStanding(claimants, evidence);
  RegionView view;
  for (const NodePtr& node : nodes) {
    Verdict verdict = Judge(*node, region, standing, evidence);
    if (!verdict.qualified()) {
      view.outside.push_back({node->meta.key.name, ToString(verdict.outside), std::move(verdict.message), ""});
      continue;
    }
    const RegionPtr owner = ClaimAmong(*node, rivals, evidence, nullptr);
    if (owner != nullptr && owner->meta.key.name == region.meta.key.name) {
      view.qualified.push_back(node);
    } else if (owner != nullptr) {
      view.claimed_by_older.push_back(
          {node->meta.key.name, "ClaimedByOlderRegion",
           CleanText(Say(region.rules.language,
                         "region {}, which is older, has the node: let only one of them declare its location",
                         "la région {}, plus ancienne, a le nœud : qu'une seule déclare son emplacement",
                         owner->meta.key.name),
                     kMaxMessage),
           owner->meta.key.name});
      view.outside.push_back(view.claimed_by_older.back());
    } else {
      view.outside.push_back({node->meta.key.name, "RegionLeaving",
                              Say(region.rules.language, "the region is being deleted and nobody uses it",
                                  "la région est en cours de suppression et personne ne l'utilise"),
                              ""});
    }
  }
  std::ranges::sort(view.qualified, {}, [](const NodePtr& node) { return node->meta.key.name; });
  std::ranges::sort(view.outside, {}, &RegionView::OutsideNode::node);
  std::ranges::sort(view.claimed_by_older, {}, &RegionView::OutsideNode::node);
  return view;
}

}  // namespace rempart::perimeter
