#include "tests/unit/perimeter/builders.h"

#include <gtest/gtest.h>

namespace rempart::perimeter::test {
namespace {

std::string Name(std::string_view text) { return std::string(text); }

Json AsObject(const api::Node& node) {
  Json labels = Json::object();
  const auto label = [&labels](std::string_view key, const std::string& value) {
    if (!value.empty()) labels[Name(key)] = value;
  };
  label(api::kTopologyRegion, node.topology_region);
  label(api::kTopologyZone, node.topology_zone);
  label(api::kLegacyTopologyRegion, node.legacy_region);
  label(api::kLegacyTopologyZone, node.legacy_zone);
  label(api::kNodeRegionLabel, node.region_label);
  label(api::kNodeCountryLabel, node.country_label);
  label(api::kNodeLostSinceLabel, node.lost_since_label);
  label(api::kNodeLostRegionLabel, node.lost_region_label);
  label(api::kNodeCordonedLabel, node.cordoned_label);
  Json object = {{"metadata", {{"name", node.meta.key.name}, {"labels", labels}}},
                 {"spec", {{"providerID", node.provider_id}}}};
  if (node.unschedulable) object["spec"]["unschedulable"] = true;
  for (const api::Taint& taint : node.taints) {
    Json one = {{"key", taint.key}, {"effect", taint.effect}};
    if (!taint.value.empty()) one["value"] = taint.value;
    if (!taint.time_added.empty()) one["timeAdded"] = taint.time_added;
    object["spec"]["taints"].push_back(one);
  }
  return object;
}

std::string Text(const Json& object, std::string_view key) {
  const auto it = object.find(Name(key));
  return it == object.end() ? "" : it->get<std::string>();
}

}  // namespace

api::Node Patched(const api::Node& node, const Json& patch) {
  if (patch.is_null()) return node;
  EXPECT_EQ(patch.at("metadata").at("resourceVersion"), std::to_string(node.meta.resource_version));
  for (const auto& [key, value] : patch.items()) EXPECT_TRUE(key == "metadata" || key == "spec") << patch;
  Json object = AsObject(node);
  object.merge_patch(patch);

  api::Node after = node;
  ++after.meta.resource_version;
  const Json& labels = object.at("metadata").at("labels");
  after.topology_region = Text(labels, api::kTopologyRegion);
  after.topology_zone = Text(labels, api::kTopologyZone);
  after.legacy_region = Text(labels, api::kLegacyTopologyRegion);
  after.legacy_zone = Text(labels, api::kLegacyTopologyZone);
  after.region_label = Text(labels, api::kNodeRegionLabel);
  after.country_label = Text(labels, api::kNodeCountryLabel);
  after.lost_since_label = Text(labels, api::kNodeLostSinceLabel);
  after.lost_region_label = Text(labels, api::kNodeLostRegionLabel);
  after.cordoned_label = Text(labels, api::kNodeCordonedLabel);
  after.provider_id = Text(object.at("spec"), "providerID");
  after.unschedulable = object.at("spec").value("unschedulable", false);
  after.taints.clear();
  for (const Json& taint : object.at("spec").value("taints", Json::array())) {
    after.taints.push_back({Text(taint, "key"), Text(taint, "value"), Text(taint, "effect"), Text(taint, "timeAdded")});
  }
  return after;
}

}  // namespace rempart::perimeter::test
