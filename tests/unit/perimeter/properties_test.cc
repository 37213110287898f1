// What holds for any node, regions and pods: random worlds of few names, so that they collide often. rapidcheck prints
// the seed of a failure; RC_PARAMS="seed=…" repeats it. (RC_ASSERT evaluates both sides of && and ||, hence the double
// parentheses.)
#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <cstdlib>

#include "operator/perimeter/node_plan.h"
#include "tests/unit/perimeter/builders.h"

namespace rempart::perimeter {
namespace {

using namespace std::chrono_literals;
using test::kNow;
using test::Patched;
using test::Ptr;

// Five times rapidcheck's own number of cases, unless told otherwise.
const int kMoreCases = setenv("RC_PARAMS", "max_success=500", 0);

using Text = std::string;
using Zones = std::vector<Text>;
template <class... Values>
rc::Gen<Text> Any(Values... values) {
  return rc::gen::element(Text(values)...);
}

// Half of what an admin or a cloud controller may have left on a node, half of what the operator writes.
api::Node AnyNode() {
  api::Node node = test::Node("n", *Any("", "r1", "r1", "r1", "r1", "r2"), *Any("", "z1", "z1", "z1", "z1", "z2"));
  node.legacy_region = *Any("", "", "", "", "", "", "r1");
  node.legacy_zone = *Any("", "", "", "", "", "", "z1");
  node.provider_id = *Any("", "cloud-a://n", "cloud-a://n", "cloud-b://n");
  node.region_label = *Any("", "a", "b", "c", "gone");
  node.country_label = *Any("", "FR", "DE", "x");
  node.lost_region_label = *Any("", "", "a", "b", "gone");
  node.lost_since_label = *Any("", FormatLostSince(kNow - 1h), FormatLostSince(kNow - 40s),
                               FormatLostSince(kNow + 2min), FormatLostSince(kNow + 1h), "x");
  node.cordoned_label = *Any("", "true", "x");
  node.unschedulable = *rc::gen::arbitrary<bool>();
  node.taints = *rc::gen::container<std::vector<api::Taint>>(
      rc::gen::element(api::Taint{"rempart.dev/outside", "true", "NoSchedule", ""},
                       api::Taint{"rempart.dev/outside", "x", "NoExecute", "2026-11-22T10:00:00Z"},
                       api::Taint{"nvidia.com/gpu", "", "NoSchedule", ""},
                       api::Taint{"other", "v", "NoExecute", "2026-11-22T10:00:00Z"}));
  return node;
}

api::SovereignRegion AnyRegion(const Text& name) {
  api::SovereignRegion region = test::Region(name, *Any("FR", "FR", "DE"));
  region.meta.created = kNow - 1h * *rc::gen::inRange(1, 4);
  region.meta.deleting = *rc::gen::weightedElement<bool>({{3, false}, {1, true}});
  region.invalid = *rc::gen::weightedElement<Text>({{8, ""}, {1, "spec.country: is no country"}});
  region.on_loss = *rc::gen::element(api::SovereignRegion::OnLoss::kEvict, api::SovereignRegion::OnLoss::kCordon);
  region.taint_outside_nodes = *rc::gen::arbitrary<bool>();
  region.grace_period = *rc::gen::element<Duration>(0s, 30s, 1min);
  region.deadline = *rc::gen::element<Duration>(0s, 10min);
  region.locations.clear();
  for (int n = *rc::gen::inRange(1, 4); n > 0; --n) {
    region.locations.push_back({*Any("r1", "r1", "r2"), *rc::gen::element(Zones{"z1"}, Zones{"z2"}, Zones{"z1", "z2"}),
                                *Any("FR", "FR", "DE"),
                                *Any("", "", "", "^cloud-a://", "^cloud-a://", "cloud-b",
                                     *rc::gen::weightedElement<Text>({{9, ""}, {1, "("}}))});
  }
  return region;
}

// Of the places that regions have, some of them not confirmed.
api::HostingProfile AnyProfile(const Text& name) {
  api::HostingProfile profile = test::Profile(name);
  profile.locations = AnyRegion("r").locations;
  for (auto& location : profile.locations) location.confirmed = *rc::gen::arbitrary<bool>();
  if (*rc::gen::inRange(0, 4) == 0) profile.refused = {{*Any("r1", "r2"), "why not"}};
  if (*rc::gen::inRange(0, 3) == 0)
    profile.required_labels = {{"topology.x.org/net", *rc::gen::element(Zones{}, Zones{"v"})}};
  if (*rc::gen::inRange(0, 6) == 0) profile.state = api::HostingProfile::State::kDefunct;
  if (*rc::gen::inRange(0, 3) == 0) profile.expires = *rc::gen::element<WallTime>(kNow - 1h, kNow + 0h, kNow + 9000h);
  return profile;
}

api::Node Netted(api::Node node) {
  if (const Text net = *Any("", "v", "w"); !net.empty()) node.location_labels = {{"topology.x.org/net", net}};
  return node;
}

NodeObservation AnyWorld() {
  NodeObservation world;
  world.node = Ptr(AnyNode());
  for (const char* name : {"a", "b", "c"}) {
    if (*rc::gen::weightedElement<bool>({{3, true}, {1, false}})) world.regions.push_back(Ptr(AnyRegion(name)));
    if (*rc::gen::weightedElement<bool>({{1, true}, {3, false}})) world.leaving.insert(name);
  }
  SortByAge(world.regions);
  if (*rc::gen::arbitrary<bool>()) world.workloads.insert({"acme", "web"});
  for (int n = *rc::gen::inRange(0, 4); n > 0; --n) {
    api::Pod pod = test::Pod("p" + std::to_string(n), *Any("n", "n", "n", "m"), *Any("", "a", "b", "c", "gone"),
                             *rc::gen::element<Duration>(-1min, 0s, 20s, 5min, 2h));
    pod.phase = *rc::gen::element(api::Pod::Phase::kPending, api::Pod::Phase::kRunning, api::Pod::Phase::kSucceeded,
                                  api::Pod::Phase::kFailed);
    pod.meta.deleting = *rc::gen::weightedElement<bool>({{4, false}, {1, true}});
    pod.grace_seconds = *rc::gen::element<std::int64_t>(0, 30, 31'536'000);
    pod.region_label = *Any("", "a", "b");
    world.pods.push_back(Ptr(pod));
  }
  return world;
}

// The same, where some regions name a profile, beside a list of their own or instead of one, and some of these exist.
NodeObservation AnyWorldWithProfiles() {
  NodeObservation world = AnyWorld();
  world.node = Ptr(Netted(*world.node));
  for (RegionPtr& region : world.regions) {
    api::SovereignRegion changed = *region;
    changed.profile = *Any("", "p", "q");
    if (!changed.profile.empty() && *rc::gen::arbitrary<bool>()) changed.locations.clear();
    region = Ptr(changed);
  }
  if (*rc::gen::inRange(0, 4) > 0) world.profiles.push_back(Ptr(AnyProfile("p")));
  return world;
}

RegionPtr Find(const NodeObservation& world, const Text& name) {
  for (const RegionPtr& region : world.regions) {
    if (region->meta.key.name == name && !IsLeaving(*region, world.leaving)) return region;
  }
  return nullptr;
}

Text HeldTo(const NodeObservation& world, const api::Pod& pod) {
  if (!pod.region.empty()) return pod.region;
  return world.workloads.contains({pod.meta.key.ns, pod.workload}) ? pod.region_label : "";
}

NodeObservation After(NodeObservation world, const NodePlan& plan) {
  world.node = Ptr(Patched(*world.node, plan.patch));
  return world;
}

// The definition of the issue, said once more and in another way: no missing source, no disagreement, one right
// location and no wrong one.
bool ShouldQualify(const api::Node& node, const api::SovereignRegion& region) {
  bool right = false, wrong = false;
  for (const api::Location& location : region.locations) {
    if (location.provider_id_pattern == "(") return false;
    if (location.region != node.topology_region ||
        std::count(location.zones.begin(), location.zones.end(), node.topology_zone) == 0)
      continue;
    const Text& pattern = location.provider_id_pattern;
    const bool provider = pattern.empty() || (pattern == "cloud-b" ? node.provider_id.find("cloud-b") != Text::npos
                                                                   : node.provider_id.starts_with("cloud-a://"));
    if (provider) (location.country == region.country ? right : wrong) = true;
  }
  const bool legacy = (node.legacy_region.empty() || node.legacy_region == node.topology_region) &&
                      (node.legacy_zone.empty() || node.legacy_zone == node.topology_zone);
  return region.invalid.empty() && !node.topology_region.empty() && !node.topology_zone.empty() && legacy && right &&
         !wrong;
}

RC_GTEST_PROP(Qualification, IsWhatTheIssueSays, ()) {
  const api::Node node = AnyNode();
  const api::SovereignRegion region = AnyRegion("a");
  const Verdict verdict = Qualify(node, region);
  RC_TAG(Text(ToString(verdict.outside)));
  RC_ASSERT(verdict.qualified() == ShouldQualify(node, region));
  RC_ASSERT(verdict.message.empty() == verdict.qualified());
}

RC_GTEST_PROP(Qualification, NeverWithoutAMissingSource, ()) {
  api::Node node = AnyNode();
  const api::SovereignRegion region = AnyRegion("a");
  RC_PRE(Qualify(node, region).qualified());
  api::Node without = node;
  without.topology_region.clear();
  RC_ASSERT(Qualify(without, region).outside == Outside::kNoLocation);
  without = node;
  without.topology_zone.clear();
  RC_ASSERT(Qualify(without, region).outside == Outside::kNoLocation);
  without = node;
  without.legacy_zone = node.topology_zone + " ";
  RC_ASSERT(Qualify(without, region).outside == Outside::kLabelsDisagree);
}

RC_GTEST_PROP(Qualification, AProfileBesideAListOnlyTakesAway, ()) {
  const api::Node node = Netted(AnyNode());
  api::SovereignRegion region = AnyRegion("a");
  region.profile = "p";
  const api::HostingProfile profile = AnyProfile("p");
  const bool with = Qualify(node, region, {test::Ptrs(profile), kNow}).qualified();
  RC_CLASSIFY(with, "qualified");
  region.profile.clear();
  RC_ASSERT((!with || Qualify(node, region).qualified()));
  region.locations = profile.locations;
  RC_ASSERT((!with || Qualify(node, region).qualified()));
}

RC_GTEST_PROP(Qualification, WhatIsNotConfirmedNeverCountsByItself, ()) {
  const api::Node node = Netted(AnyNode());
  api::HostingProfile profile = AnyProfile("p");
  for (auto& location : profile.locations) location.confirmed = false;
  const auto region = test::ByProfile(AnyRegion("a"), "p");
  RC_ASSERT(!Qualify(node, region, {test::Ptrs(profile), kNow}).qualified());
}

RC_GTEST_PROP(Claims, ANodeIsNeverInTwoRegions, ()) {
  const NodeObservation world = AnyWorld();
  const auto claimants = Claimants(world.regions, world.leaving);
  const RegionPtr owner = Claim(*world.node, claimants);
  std::vector<Text> in;
  for (const RegionPtr& region : world.regions) {
    const RegionView view = ViewOf(*region, claimants, {world.node});
    RC_ASSERT(view.qualified.size() + view.outside.size() == 1u);
    if (!view.qualified.empty()) in.push_back(region->meta.key.name);
  }
  RC_ASSERT(in.size() <= 1u);
  RC_ASSERT((in.empty() || (owner != nullptr && owner->meta.key.name == in[0])));
}

RC_GTEST_PROP(NodePlans, SettleInOneStep, ()) {
  const NodeObservation world = AnyWorld();
  const NodePlan first = PlanNode(world, kNow);
  for (const Duration later : {Duration(0s), Duration(1s), Duration(1h)}) {
    const NodePlan second = PlanNode(After(world, first), kNow + later);
    RC_ASSERT(second.patch.is_null());
    RC_ASSERT(second.events.empty());
  }
}

RC_GTEST_PROP(NodePlans, SettleInOneStepWithProfilesToo, ()) {
  const NodeObservation world = AnyWorldWithProfiles();
  const NodePlan first = PlanNode(world, kNow);
  for (const Duration later : {Duration(0s), Duration(1s), Duration(1h)}) {
    const NodePlan second = PlanNode(After(world, first), kNow + later);
    RC_ASSERT(second.patch.is_null());
    RC_ASSERT(second.events.empty());
  }
}

// As a region that cannot be read: its nodes and its pods stay.
RC_GTEST_PROP(NodePlans, ARegionWithoutItsProfileLetsNothingLoose, ()) {
  NodeObservation world = AnyWorldWithProfiles();
  world.profiles.clear();
  const NodePlan plan = PlanNode(world, kNow);
  for (const Eviction& eviction : plan.evictions) RC_ASSERT(Find(world, eviction.region)->profile.empty());
  const RegionPtr holder = Find(world, world.node->region_label);
  RC_PRE((holder != nullptr && !holder->profile.empty()));
  const RegionPtr owner = Claim(*world.node, Claimants(world.regions, world.leaving), Evidence{world.profiles, kNow});
  RC_ASSERT(owner != nullptr);
  if (owner == holder) RC_ASSERT((plan.patch.is_null() || !plan.patch["metadata"].contains("labels")));
}

RC_GTEST_PROP(NodePlans, ALabelStandsOnlyForAClaim, ()) {
  const NodeObservation world = AnyWorld();
  const api::Node& node = *world.node;
  const api::Node after = *After(world, PlanNode(world, kNow)).node;
  if (after.region_label.empty()) {
    RC_ASSERT(after.country_label.empty());
    for (const RegionPtr& region : world.regions) {
      RC_ASSERT((IsLeaving(*region, world.leaving) || !ShouldQualify(node, *region)));
    }
    return;
  }
  const RegionPtr region = Find(world, after.region_label);
  RC_ASSERT(region != nullptr);
  if (SpecProblem(*region).empty()) {
    RC_ASSERT(ShouldQualify(node, *region));
    RC_ASSERT(after.country_label == region->country);
  } else {
    RC_ASSERT(node.region_label == after.region_label);
    RC_ASSERT(node.country_label == after.country_label);
  }
  for (const RegionPtr& older : world.regions) {  // sorted by age
    if (older == region) break;
    RC_ASSERT((IsLeaving(*older, world.leaving) || !ShouldQualify(node, *older)));
  }
}

RC_GTEST_PROP(NodePlans, TouchNothingThatIsNotOurs, ()) {
  const NodeObservation world = AnyWorld();
  const NodePlan plan = PlanNode(world, kNow);
  const api::Node& before = *world.node;
  const api::Node after = *After(world, plan).node;
  const auto foreign = [](const api::Node& node) {
    auto taints = node.taints;
    std::erase_if(taints, [](const api::Taint& taint) { return taint.key == api::kOutsideTaint; });
    return taints;
  };
  RC_ASSERT(foreign(before) == foreign(after));
  RC_ASSERT(before.topology_region + before.topology_zone + before.legacy_region + before.legacy_zone +
                before.provider_id ==
            after.topology_region + after.topology_zone + after.legacy_region + after.legacy_zone + after.provider_id);
  if (before.unschedulable && !after.unschedulable) RC_ASSERT(before.cordoned_label == "true");
  if (!before.unschedulable && after.unschedulable)
    RC_ASSERT((after.cordoned_label == "true" && after.region_label.empty() && !after.lost_region_label.empty()));
}

RC_GTEST_PROP(NodePlans, EvictOnlyWhomARegionDoesNotHold, ()) {
  const NodeObservation world = AnyWorld();
  const NodePlan plan = PlanNode(world, kNow);
  const RegionPtr owner = Claim(*world.node, Claimants(world.regions, world.leaving));
  for (const Eviction& eviction : plan.evictions) {
    const api::Pod& pod = *eviction.pod;
    const RegionPtr region = Find(world, HeldTo(world, pod));
    RC_ASSERT(region != nullptr && eviction.region == region->meta.key.name);
    RC_ASSERT(pod.node == "n");
    RC_ASSERT((!pod.meta.deleting || (eviction.force && pod.grace_seconds > 30)));
    RC_ASSERT((eviction.grace_seconds > 0 && eviction.grace_seconds <= 30));
    RC_ASSERT((region != nullptr && region != owner));
    RC_ASSERT(SpecProblem(*region).empty());
    RC_ASSERT(region->on_loss == api::SovereignRegion::OnLoss::kEvict);
    const WallTime created = std::min(pod.meta.created, kNow);  // clocks may disagree
    RC_ASSERT(kNow >= created + region->grace_period);
    RC_ASSERT((!eviction.force || kNow >= created + region->deadline));
  }
  if (plan.look_again) RC_ASSERT(*plan.look_again > 0s);
}

// Nobody is forgotten: who must go is evicted, or a time to look again is set; and after grace and deadline it is by
// force.
RC_GTEST_PROP(NodePlans, WhoMustGoGoes, ()) {
  const NodeObservation world = AnyWorld();
  const RegionPtr owner = Claim(*world.node, Claimants(world.regions, world.leaving));
  const NodePlan plan = PlanNode(world, kNow);
  const NodePlan late =
      PlanNode(After(world, plan), kNow + 16min);  // deadline, a minute of grace, 5 minutes of clock skew
  for (const PodPtr& pod : world.pods) {
    const RegionPtr region = Find(world, HeldTo(world, *pod));
    const bool ended = pod->phase == api::Pod::Phase::kSucceeded || pod->phase == api::Pod::Phase::kFailed;
    const bool ends_soon = pod->meta.deleting && pod->grace_seconds <= 30;
    if (pod->node != "n" || ended || ends_soon || region == nullptr || region == owner ||
        !SpecProblem(*region).empty() || region->on_loss != api::SovereignRegion::OnLoss::kEvict) {
      continue;
    }
    const auto is_it = [&](const Eviction& e) { return e.pod == pod; };
    RC_ASSERT(plan.look_again.has_value());
    const Duration within =
        pod->meta.deleting ? std::max(region->grace_period, region->deadline) : region->grace_period;
    RC_ASSERT((std::ranges::any_of(plan.evictions, is_it) || *plan.look_again <= within));
    const auto forced = std::ranges::find_if(late.evictions, is_it);
    RC_ASSERT(forced != late.evictions.end());
    RC_ASSERT(forced->force);
  }
}

RC_GTEST_PROP(NodePlans, TheOrderOfPodsDoesNotMatter, ()) {
  NodeObservation world = AnyWorld();
  const NodePlan plan = PlanNode(world, kNow);
  std::ranges::reverse(world.pods);
  const NodePlan reversed = PlanNode(world, kNow);
  RC_ASSERT(plan.patch == reversed.patch);
  RC_ASSERT(plan.evictions.size() == reversed.evictions.size());
  RC_ASSERT(plan.look_again == reversed.look_again);
}

RC_GTEST_PROP(LostSince, ReadsWhatItWrites, ()) {
  const auto seconds = std::chrono::seconds(*rc::gen::inRange<std::int64_t>(0, 9'200'000'000));
  RC_ASSERT(ParseLostSince(FormatLostSince(WallTime(seconds))) == WallTime(seconds));
  RC_ASSERT(ParseLostSince(*rc::gen::arbitrary<Text>()) == std::nullopt);
}

}  // namespace
}  // namespace rempart::perimeter
