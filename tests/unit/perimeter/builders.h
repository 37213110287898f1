// Nodes, pods and regions as tables need them, and the API server's part of a merge patch.
#pragma once

#include <chrono>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "operator/perimeter/node_plan.h"
#include "operator/perimeter/qualification.h"

namespace rempart::perimeter {

// Where no region names a profile, there is nothing else to know.
inline Verdict Qualify(const api::Node& node, const api::SovereignRegion& region) { return Qualify(node, region, {}); }
inline RegionPtr Claim(const api::Node& node, const std::vector<RegionPtr>& claimants,
                       std::vector<RegionPtr>* contenders = nullptr) {
  return Claim(node, claimants, Evidence{}, contenders);
}
inline RegionView ViewOf(const api::SovereignRegion& region, const std::vector<RegionPtr>& claimants,
                         const std::vector<NodePtr>& nodes) {
  return ViewOf(region, claimants, nodes, Evidence{});
}

}  // namespace rempart::perimeter

namespace rempart::perimeter::test {

using namespace std::chrono_literals;  // NOLINT: a table of durations is read, not linked

// 2026-11-22T10:23:00Z, the time that the design's example of a lost-since label names.
inline constexpr WallTime kNow = std::chrono::sys_days(std::chrono::year(2026) / 11 / 22) + 10h + 23min;
inline const std::string kNowStamp = "20261122T102300Z";

// An object to be put into a store, which orders objects by their version: 0 stands for the next.
template <class T>
T Next(T object) {
  object.meta.resource_version = 0;
  return object;
}

inline api::Node Node(std::string name, std::string region = "fr-par", std::string zone = "fr-par-1") {
  api::Node node;
  node.meta.key.name = std::move(name);
  node.meta.uid = "uid-of-" + node.meta.key.name;
  node.meta.resource_version = 7;
  node.topology_region = std::move(region);
  node.topology_zone = std::move(zone);
  node.provider_id = "kwok://" + node.meta.key.name;
  return node;
}

// As the operator leaves a node of the region.
inline api::Node Labelled(api::Node node, const std::string& region = "france", const std::string& country = "FR") {
  node.region_label = region;
  node.country_label = country;
  return node;
}

// As the operator leaves a node that a region lost.
inline api::Node Lost(api::Node node, const std::string& region = "france", WallTime since = kNow) {
  node.region_label.clear();
  node.country_label.clear();
  node.lost_region_label = region;
  node.lost_since_label = FormatLostSince(since);
  return node;
}

// A node that the region "france" below does not have.
inline api::Node Frankfurt(std::string name = "de-1") { return Node(std::move(name), "de-fra", "de-fra-1"); }

inline api::Location Place(std::string region, std::vector<std::string> zones, std::string country,
                           std::string pattern = "") {
  return {std::move(region), std::move(zones), std::move(country), std::move(pattern)};
}

// What `profile` says of the place of Node(), and nothing more.
inline api::HostingProfile Profile(std::string name = "cloud") {
  api::HostingProfile profile;
  profile.meta.key.name = std::move(name);
  profile.meta.uid = "uid-of-" + profile.meta.key.name;
  profile.meta.generation = 1;
  profile.system = "The Cloud";
  profile.provider = "Somebody";
  profile.locations = {Place("fr-par", {"fr-par-1", "fr-par-2", "fr-par-3"}, "FR", "^kwok://")};
  return profile;
}

// The region of the issue: fr-par-1 to -3 in France, simulated nodes only.
inline api::SovereignRegion Region(std::string name = "france", std::string country = "FR") {
  api::SovereignRegion region;
  region.meta.key.name = std::move(name);
  region.meta.uid = "uid-of-" + region.meta.key.name;
  region.meta.generation = 3;
  region.meta.created = kNow - 24h;
  region.has_finalizer = true;
  region.country = std::move(country);
  region.locations = {Place("fr-par", {"fr-par-1", "fr-par-2", "fr-par-3"}, "FR", "^kwok://")};
  return region;
}

// The same, with a profile instead of a list of its own.
inline api::SovereignRegion ByProfile(api::SovereignRegion region = Region(), std::string profile = "cloud") {
  region.profile = std::move(profile);
  region.locations.clear();
  return region;
}

inline api::SovereignRegion Germany() {
  api::SovereignRegion region = Region("germany", "DE");
  region.meta.created = kNow - 12h;
  region.locations = {Place("de-fra", {"de-fra-1"}, "DE")};
  return region;
}

inline api::Pod Pod(std::string name, std::string node, std::string region = "france", Duration age = 1h) {
  api::Pod pod;
  pod.meta.key = {"acme", std::move(name)};
  pod.meta.uid = "uid-of-" + pod.meta.key.name;
  pod.meta.created = kNow - age;
  pod.node = std::move(node);
  pod.region = std::move(region);
  pod.workload = "web";
  pod.phase = api::Pod::Phase::kRunning;
  return pod;
}

template <class T>
std::shared_ptr<const T> Ptr(T value) {
  return std::make_shared<const T>(std::move(value));
}
template <class T, class... More>
std::vector<std::shared_ptr<const T>> Ptrs(T first, More... more) {
  std::vector<std::shared_ptr<const T>> all = {Ptr(std::move(first))};
  (all.push_back(Ptr(std::move(more))), ...);
  return all;
}

// What the API server makes of the patch: the node as the object would be read back. Goes through JSON and RFC 7396, so
// that what a patch forgets, or takes away by leaving it out of a list, shows.
api::Node Patched(const api::Node& node, const Json& patch);

}  // namespace rempart::perimeter::test
