#include "operator/perimeter/qualification.h"

#include <fmt/format.h>
#include <re2/re2.h>

#include <algorithm>
#include <optional>
#include <unordered_map>
#include <utility>

#include "src/base/text.h"

namespace rempart::perimeter {
namespace {

using api::Location;
using api::Node;
using api::SovereignRegion;

constexpr std::size_t kMaxPattern = 2048;   // bytes: the schema's 512 characters
constexpr std::size_t kMaxLabelValue = 63;  // a region's name becomes a label value
constexpr std::size_t kMaxMessage = 400;    // bytes of a verdict's message
constexpr std::size_t kMaxQuoted = 96;      // bytes of a foreign value inside a message
constexpr std::size_t kMaxPatternsKept =
    512;  // a thread; far above what regions declare, so that it is never reached in earnest

struct Pattern {
  explicit Pattern(const std::string& text) : re(text, Options()) {}
  static re2::RE2::Options Options() {
    re2::RE2::Options options;
    options.set_log_errors(false);
    options.set_max_mem(1 << 20);
    return options;
  }
  re2::RE2 re;
};

// Compiled once a thread and kept, so that thousands of nodes cost a hash look-up each. A thread's own, so that no lock
// is needed.
std::shared_ptr<const Pattern> Compiled(const std::string& text) {
  thread_local std::unordered_map<std::string, std::shared_ptr<const Pattern>> kept;
  if (const auto it = kept.find(text); it != kept.end()) return it->second;
  if (kept.size() >= kMaxPatternsKept) kept.clear();
  return kept.emplace(text, std::make_shared<const Pattern>(text)).first->second;
}

std::string Quoted(std::string_view value) { return "\"" + CleanText(value, kMaxQuoted) + "\""; }
std::string PatternField(std::size_t location) {
  return fmt::format("spec.hosting.locations[{}].providerIDPattern", location);
}

std::string PatternProblem(const SovereignRegion& region) {
  for (std::size_t i = 0; i < region.locations.size(); ++i) {
    const std::string& pattern = region.locations[i].provider_id_pattern;
    if (pattern.empty()) continue;
    if (pattern.size() > kMaxPattern) {
      return fmt::format("{}: has {} bytes, at most {} are allowed: shorten it", PatternField(i), pattern.size(),
                         kMaxPattern);
    }
    const auto compiled = Compiled(pattern);
    if (!compiled->re.ok()) {
      return fmt::format("{}: {} is no regular expression ({}): correct it (RE2 syntax)", PatternField(i),
                         Quoted(pattern), CleanText(compiled->re.error(), kMaxQuoted));
    }
  }
  return {};
}

// Equal but for case and outer blanks: only to name a near miss in a message, never to decide.
bool NearlyEqual(std::string_view a, std::string_view b) {
  const auto trimmed = [](std::string_view text) {
    const std::size_t first = text.find_first_not_of(" \t\r\n");
    return first == text.npos ? std::string_view() : text.substr(first, text.find_last_not_of(" \t\r\n") - first + 1);
  };
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; };
  return std::ranges::equal(trimmed(a), trimmed(b), {}, lower, lower);
}

Verdict Out(Outside outside, const std::string& message) { return {outside, CleanText(message, kMaxMessage)}; }

std::optional<Verdict> CheckLabels(const Node& node) {
  for (const auto& [label, value] :
       {std::pair{api::kTopologyRegion, &node.topology_region}, {api::kTopologyZone, &node.topology_zone}}) {
    if (value->empty()) {
      return Out(Outside::kNoLocation,
                 fmt::format("label {} is not set: let the cloud controller or an admin set it", label));
    }
  }
  const auto disagree = [](std::string_view label, std::string_view value, std::string_view old_label,
                           std::string_view old_value) -> std::optional<Verdict> {
    if (old_value.empty() || old_value == value) return std::nullopt;
    return Out(Outside::kLabelsDisagree,
               fmt::format("label {} is {} but {} is {}: make them equal, or remove the latter", label, Quoted(value),
                           old_label, Quoted(old_value)));
  };
  if (auto v = disagree(api::kTopologyRegion, node.topology_region, api::kLegacyTopologyRegion, node.legacy_region))
    return v;
  return disagree(api::kTopologyZone, node.topology_zone, api::kLegacyTopologyZone, node.legacy_zone);
}

Verdict UnknownLocation(const Node& node, const SovereignRegion& region) {
  std::string message = fmt::format("zone {} of region {} is not declared in spec.hosting.locations",
                                    Quoted(node.topology_zone), Quoted(node.topology_region));
  for (const Location& location : region.locations) {
    if (!NearlyEqual(location.region, node.topology_region)) continue;
    for (const std::string& zone : location.zones) {
      if (NearlyEqual(zone, node.topology_zone)) {
        message += fmt::format("; zone {} of region {} is, but values must be equal in case and blanks too",
                               Quoted(zone), Quoted(location.region));
        return Out(Outside::kUnknownLocation, message);
      }
    }
  }
  return Out(Outside::kUnknownLocation, message);
}

bool Declares(const Location& location, const Node& node) {
  return location.region == node.topology_region &&
         std::ranges::find(location.zones, node.topology_zone) != location.zones.end();
}

bool ProviderAgrees(const Location& location, const Node& node) {
  if (location.provider_id_pattern.empty()) return true;
  return !node.provider_id.empty() &&
         re2::RE2::PartialMatch(node.provider_id, Compiled(location.provider_id_pattern)->re);
}

// The spec is usable and the node's labels are set and agree.
Verdict CheckLocations(const Node& node, const SovereignRegion& region) {
  const Location* agreeing = nullptr;  // of the region's country, provider id included
  const Location* other_country = nullptr;
  bool other_agrees = false;  // the same of another country: then two sources disagree
  std::optional<std::size_t> provider_fails;
  for (std::size_t i = 0; i < region.locations.size(); ++i) {
    const Location& location = region.locations[i];
    if (!Declares(location, node)) continue;
    const bool agrees = ProviderAgrees(location, node);
    if (location.country != region.country) {
      if (other_country == nullptr || (agrees && !other_agrees)) other_country = &location;
      other_agrees = other_agrees || agrees;
    } else if (agrees) {
      agreeing = &location;
    } else if (!provider_fails) {
      provider_fails = i;
    }
  }
  if (agreeing != nullptr && !other_agrees) return {};
  if (agreeing != nullptr) {
    return Out(Outside::kOtherCountry, fmt::format("zone {} of region {} is declared in {} and in {}: give these "
                                                   "locations provider id patterns that exclude each other",
                                                   Quoted(node.topology_zone), Quoted(node.topology_region),
                                                   region.country, other_country->country));
  }
  if (provider_fails && !other_agrees) {
    const std::string wanted =
        PatternField(*provider_fails) + " (" + Quoted(region.locations[*provider_fails].provider_id_pattern) + ")";
    if (node.provider_id.empty())
      return Out(Outside::kProviderMissing, "spec.providerID is not set, " + wanted + " asks for it");
    return Out(Outside::kProviderMismatch, "spec.providerID " + Quoted(node.provider_id) + " does not match " + wanted);
  }
  if (other_country != nullptr) {
    return Out(Outside::kOtherCountry,
               fmt::format("zone {} of region {} is in country {}, spec.country is {}", Quoted(node.topology_zone),
                           Quoted(node.topology_region), Quoted(other_country->country), region.country));
  }
  return UnknownLocation(node, region);
}

// Qualify without looking for a problem of the spec again: for loops over nodes.
Verdict Judge(const Node& node, const SovereignRegion& region, const std::string& problem) {
  if (!problem.empty()) {
    std::string message = fmt::format("region {} cannot be used: {}", region.meta.key.name, problem);
    if (node.region_label == region.meta.key.name) message = "the node stays as it is: " + message;
    return Out(Outside::kRegionUnusable, message);
  }
  if (auto outside = CheckLabels(node)) return *std::move(outside);
  return CheckLocations(node, region);
}

bool Keeps(const Node& node, const SovereignRegion& region, const Verdict& verdict) {
  return verdict.qualified() ||
         (verdict.outside == Outside::kRegionUnusable && node.region_label == region.meta.key.name);
}

struct Claimant {
  RegionPtr region;
  std::string problem;
};

std::vector<Claimant> WithProblems(const std::vector<RegionPtr>& regions) {
  std::vector<Claimant> all;
  all.reserve(regions.size());
  for (const RegionPtr& region : regions) all.push_back({region, SpecProblem(*region)});
  return all;
}

RegionPtr ClaimAmong(const Node& node, const std::vector<Claimant>& claimants, std::vector<RegionPtr>* contenders) {
  RegionPtr owner;
  for (const auto& [region, problem] : claimants) {
    if (owner != nullptr && contenders == nullptr) break;
    const Verdict verdict = Judge(node, *region, problem);
    if (owner == nullptr && Keeps(node, *region, verdict)) {
      owner = region;
    } else if (owner != nullptr && verdict.qualified()) {
      contenders->push_back(region);
    }
  }
  return owner;
}

}  // namespace

const char* ToString(Outside outside) {
  switch (outside) {
    case Outside::kNone:
      return "Qualified";
    case Outside::kRegionUnusable:
      return "RegionUnusable";
    case Outside::kNoLocation:
      return "NoLocation";
    case Outside::kLabelsDisagree:
      return "LabelsDisagree";
    case Outside::kUnknownLocation:
      return "UnknownLocation";
    case Outside::kOtherCountry:
      return "OtherCountry";
    case Outside::kProviderMissing:
      return "ProviderMissing";
    case Outside::kProviderMismatch:
      return "ProviderMismatch";
  }
  return "Unknown";
}

std::string SpecProblem(const SovereignRegion& region) {
  if (!region.Usable()) return region.invalid;
  if (region.meta.key.name.size() > kMaxLabelValue) {
    return fmt::format(
        "metadata.name: has {} characters, a label value has at most {}: create the region under a shorter name",
        region.meta.key.name.size(), kMaxLabelValue);
  }
  if (region.country.empty()) return "spec.country: is not set: give an ISO 3166-1 alpha-2 code such as FR";
  return PatternProblem(region);
}

Verdict Qualify(const Node& node, const SovereignRegion& region) { return Judge(node, region, SpecProblem(region)); }

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

RegionPtr Claim(const Node& node, const std::vector<RegionPtr>& claimants, std::vector<RegionPtr>* contenders) {
  if (contenders != nullptr) contenders->clear();
  return ClaimAmong(node, WithProblems(claimants), contenders);
}

bool ClaimsAny(std::string_view region, const std::vector<RegionPtr>& claimants, const std::vector<NodePtr>& nodes) {
  const bool among = std::ranges::any_of(claimants, [&](const RegionPtr& r) { return r->meta.key.name == region; });
  if (!among) return false;
  const std::vector<Claimant> rivals = WithProblems(claimants);
  return std::ranges::any_of(nodes, [&](const NodePtr& node) {
    const RegionPtr owner = ClaimAmong(*node, rivals, nullptr);
    return owner != nullptr && owner->meta.key.name == region;
  });
}

RegionView ViewOf(const SovereignRegion& region, const std::vector<RegionPtr>& claimants,
                  const std::vector<NodePtr>& nodes) {
  const std::string problem = SpecProblem(region);
  const std::vector<Claimant> rivals = WithProblems(claimants);
  RegionView view;
  for (const NodePtr& node : nodes) {
    Verdict verdict = Judge(*node, region, problem);
    if (!verdict.qualified()) {
      view.outside.push_back({node->meta.key.name, ToString(verdict.outside), std::move(verdict.message), ""});
      continue;
    }
    const RegionPtr owner = ClaimAmong(*node, rivals, nullptr);
    if (owner != nullptr && owner->meta.key.name == region.meta.key.name) {
      view.qualified.push_back(node);
    } else if (owner != nullptr) {
      view.claimed_by_older.push_back(
          {node->meta.key.name, "ClaimedByOlderRegion",
           CleanText(fmt::format("region {}, which is older, has the node: let only one of them declare its location",
                                 owner->meta.key.name),
                     kMaxMessage),
           owner->meta.key.name});
      view.outside.push_back(view.claimed_by_older.back());
    } else {
      view.outside.push_back(
          {node->meta.key.name, "RegionLeaving", "the region is being deleted and nobody uses it", ""});
    }
  }
  std::ranges::sort(view.qualified, {}, [](const NodePtr& node) { return node->meta.key.name; });
  std::ranges::sort(view.outside, {}, &RegionView::OutsideNode::node);
  std::ranges::sort(view.claimed_by_older, {}, &RegionView::OutsideNode::node);
  return view;
}

}  // namespace rempart::perimeter
