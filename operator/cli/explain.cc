#include "operator/cli/explain.h"

#include <fmt/format.h>

#include <memory>

#include "operator/perimeter/qualification.h"
#include "src/kube/text.h"

namespace rempart::cli {
namespace {

constexpr std::size_t kShown = 400;

std::string Source(std::string_view name, const std::string& value) {
  return fmt::format("  {:<50} {}\n", name, value.empty() ? "(not set)" : kube::Printable(value, kShown));
}

std::string VerdictOf(const api::Node& node, const perimeter::RegionPtr& region, const perimeter::RegionPtr& owner) {
  const auto verdict = perimeter::Qualify(node, *region);
  const bool owns = owner && owner->meta.key.name == region->meta.key.name;
  if (owns) return verdict.qualified() ? "in" : "kept: " + verdict.message;
  if (!verdict.qualified()) return fmt::format("outside ({}): {}", ToString(verdict.outside), verdict.message);
  return owner ? fmt::format("outside (ClaimedByOlderRegion): {} has it", owner->meta.key.name) : "outside";
}

}  // namespace

std::string ExplainNode(const api::Node& node, std::vector<api::SovereignRegion> regions) {
  std::vector<perimeter::RegionPtr> by_age;
  by_age.reserve(regions.size());
  for (auto& region : regions) by_age.push_back(std::make_shared<const api::SovereignRegion>(std::move(region)));
  api::SortByAge(by_age);
  const auto owner = perimeter::Claim(node, by_age);

  std::string text = fmt::format("Node {}\n", node.meta.key.name);
  text += Source(api::kTopologyRegion, node.topology_region) + Source(api::kTopologyZone, node.topology_zone);
  if (!node.legacy_region.empty()) text += Source(api::kLegacyTopologyRegion, node.legacy_region);
  if (!node.legacy_zone.empty()) text += Source(api::kLegacyTopologyZone, node.legacy_zone);
  text += Source("spec.providerID", node.provider_id);
  text += Source(api::kNodeRegionLabel, node.region_label) + Source(api::kNodeCountryLabel, node.country_label);
  if (!node.lost_region_label.empty())
    text += Source("lost to region", fmt::format("{} since {}", node.lost_region_label, node.lost_since_label));
  if (by_age.empty()) text += "There is no SovereignRegion.\n";
  for (const auto& region : by_age) {
    text += fmt::format("Region {} ({}): {}\n", region->meta.key.name, region->country.empty() ? "?" : region->country,
                        kube::Printable(VerdictOf(node, region, owner), 2 * kShown));
  }
  return text;
}

}  // namespace rempart::cli
