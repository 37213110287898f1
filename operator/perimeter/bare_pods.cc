#include "operator/perimeter/bare_pods.h"

#include <algorithm>
#include <chrono>
#include <map>
#include <utility>

#include "operator/perimeter/guard_plan.h"
#include "src/base/log.h"
#include "src/kube/decode.h"

namespace rempart::perimeter {
namespace {

constexpr std::size_t kMaxList = 64 * 1024 * 1024;
constexpr std::chrono::milliseconds kTimeout{5'000};

}  // namespace

std::optional<BareLoss> BareLossOf(const NodeObservation& observed, const Evidence& evidence) {
  const api::Node& node = *observed.node;
  const bool recorded = !node.lost_region_label.empty();
  if (!recorded && !observed.unrecorded) return std::nullopt;
  const std::string& name = recorded ? node.lost_region_label : observed.unrecorded->region;
  const auto it =
      std::ranges::find_if(observed.regions, [&](const RegionPtr& region) { return region->meta.key.name == name; });
  if (it == observed.regions.end() || !MovesBarePods(**it) || IsLeaving(**it, observed.leaving)) return std::nullopt;
  if (TroubleOf(**it, evidence.ProfileOf(**it))) return std::nullopt;
  RegionPtr claim = Claim(node, Claimants(observed.regions, observed.leaving), evidence);
  if (claim == *it) return std::nullopt;
  const auto since = recorded ? ParseLostSince(node.lost_since_label) : std::optional(observed.unrecorded->since);
  return BareLoss{*it, since ? Plus(std::min(*since, evidence.now), (*it)->grace_period) : evidence.now,
                  std::move(claim)};
}

std::vector<Eviction> PlanBareEvictions(const std::vector<PodPtr>& pods, const api::Node& node, const BareLoss& loss,
                                        WallTime since, const Evidence& evidence) {
  const bool forced = evidence.now >= Plus(since, loss.region->deadline);
  const std::string why = WhyNot(node, *loss.region, loss.claim, evidence);
  std::vector<Eviction> evictions;
  for (const PodPtr& pod : pods) {
    // Evicted already, or deleted by somebody: left to end, but not for ever.
    if (pod->meta.deleting && (!forced || EndsSoon(*pod))) continue;
    evictions.push_back(EvictionOf(pod, loss.region->meta.key.name, forced, why));
  }
  return evictions;
}

Result<std::vector<PodPtr>> BarePods::On(const std::string& node, const api::SovereignRegion& region,
                                         std::stop_token stop) {
  const auto identity = identity_.Get(stop);
  if (!identity) return Fail(Error(identity.error()));
  // Version 0: from the API server's cache, which has pods by their node; what is old there is told by uids.
  const kube::Api::Call call{
      .method = "GET",
      .target = api::kPods.Path() + "?resourceVersion=0&fieldSelector=" + kube::Escape("spec.nodeName=" + node),
      .doing = "list pods of node " + node,
      .obey_retry_after = false,
      .timeout = kTimeout};
  const auto reply = api_.Do(call, std::move(stop));
  if (!reply) return Fail(Error(reply.error()));
  kube::Document document(kMaxList);
  const auto list = document.Parse(reply->body);
  if (!list) return Fail(Error(list.error()).While("read the list"));

  const auto by_age = caches_.RegionsByAge();
  std::map<std::string, bool, std::less<>> governed;  // by namespace
  const auto is_governed = [&](std::string_view ns) {
    const auto known = governed.find(ns);
    if (known != governed.end()) return known->second;
    const auto object = caches_.namespaces.Get({"", std::string(ns)});
    const Governor governor = object ? GovernorOf(object, by_age, *identity) : Governor{};
    const bool ours = governor.region && governor.region->meta.uid == region.meta.uid;
    governed.emplace(ns, ours);
    return ours;
  };
  std::vector<PodPtr> found;
  (*list)["items"].ForEachElement([&](kube::View item) {
    const kube::View metadata = item["metadata"];
    if (!is_governed(metadata["namespace"].Str())) return;
    if (metadata["annotations"]["kubernetes.io/config.mirror"].exists()) return;
    auto pod = api::DecodeAnyPod(item);
    if (!pod) {
      log::Warn("a pod cannot be read, and is not moved", {{"node", node}, {"error", pod.error()}});
      return;
    }
    if (pod->node != node || pod->ended() || !caches_.HeldTo(*pod).empty()) return;
    pod->region = region.meta.key.name;
    found.push_back(std::make_shared<const api::Pod>(*std::move(pod)));
  });
  return found;
}

}  // namespace rempart::perimeter
