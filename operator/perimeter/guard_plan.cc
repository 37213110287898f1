#include "operator/perimeter/guard_plan.h"

#include <array>
#include <map>
#include <string_view>

namespace rempart::perimeter {
namespace {

using Enforcement = api::RegionRules::Enforcement;

constexpr std::string_view kPodSecurityPrefix = "pod-security.kubernetes.io/";
constexpr std::array<std::string_view, 3> kModes = {"audit", "enforce", "warn"};  // sorted, as they are recorded

// How much a level asks for; what is no level asks for nothing.
int StrictnessOf(std::string_view level) { return level == "restricted" ? 2 : level == "baseline" ? 1 : 0; }

std::string_view LevelOf(const Governor& governor) {
  return governor.region ? api::LevelOf(governor.region->rules.pod_security) : "";
}

// Audit refuses and says nothing, Warn refuses nothing: as with the gate itself.
bool Wants(std::string_view mode, Enforcement enforcement) {
  if (mode == "audit") return true;
  return mode == "warn" ? enforcement != Enforcement::kAudit : enforcement == Enforcement::kEnforce;
}

std::string LabelOf(const api::Namespace& ns, const std::string& key) {
  const auto found = ns.labels.find(key);
  return found == ns.labels.end() ? "" : found->second;
}

// "audit=restricted,enforce=restricted", as the annotation has it.
std::map<std::string, std::string, std::less<>> ReadRecord(std::string_view text) {
  std::map<std::string, std::string, std::less<>> record;
  while (!text.empty()) {
    const auto comma = text.find(',');
    const std::string_view entry = text.substr(0, comma);
    if (const auto equal = entry.find('='); equal != entry.npos)
      record.emplace(entry.substr(0, equal), entry.substr(equal + 1));
    text = comma == text.npos ? std::string_view() : text.substr(comma + 1);
  }
  return record;
}

void PlanLabels(const api::Namespace& ns, const Governor& governor, GuardPlan& plan) {
  const std::string level(LevelOf(governor));
  const auto before = ReadRecord(ns.guarded);
  Json labels = Json::object();
  std::string record;
  for (const std::string_view mode : kModes) {
    const std::string key = std::string(kPodSecurityPrefix) + std::string(mode), now = LabelOf(ns, key);
    const auto recorded = before.find(mode);
    const bool was_set = recorded != before.end(), is_ours = was_set && recorded->second == now;
    if (level.empty() || !Wants(mode, governor.region->rules.enforcement)) {
      if (is_ours) labels[key] = nullptr;
      continue;
    }
    // Somebody's stricter level stays, and one that is as it should be is not made ours, to be taken off one day.
    if (!is_ours && StrictnessOf(now) >= StrictnessOf(level)) {
      if (!was_set || now != level) continue;
    } else if (now != level) {
      labels[key] = level;
      plan.labels_restored = plan.labels_restored || (was_set && !is_ours);
    }
    record.append(record.empty() ? "" : ",").append(mode).append("=").append(level);
  }
  // A level of long ago asks for less than today's of that name.
  const std::string version = std::string(kPodSecurityPrefix) + "enforce-version", pinned = LabelOf(ns, version);
  if (!level.empty() && governor.region->rules.enforcement == Enforcement::kEnforce && !pinned.empty() &&
      pinned != "latest")
    labels[version] = nullptr;

  Json metadata = Json::object();
  if (!labels.empty()) metadata["labels"] = std::move(labels);
  if (record != ns.guarded)
    metadata["annotations"][std::string(api::kPodSecurityAnnotation)] = record.empty() ? Json() : Json(record);
  if (metadata.empty()) return;
  metadata["resourceVersion"] = std::to_string(ns.meta.resource_version);
  plan.namespace_patch = {{"metadata", std::move(metadata)}};
}

void PlanPolicy(const api::Namespace& ns, const Governor& governor, const NetworkGuardPtr& policy,
                const GuardMemory& memory, GuardPlan& plan) {
  const auto* rules = governor.region ? &governor.region->rules : nullptr;
  const bool wanted = rules != nullptr && rules->enforcement == Enforcement::kEnforce && rules->network &&
                      rules->network->egress.has_value();
  // Made anew, or not, once it is gone. One that goes but is not as we wrote it is still overwritten: somebody's
  // finalizer could keep it, and what it opens, for ever.
  if (policy && policy->meta.deleting && (!wanted || policy->digest == memory.stored_digest)) return;
  if (!wanted) {
    plan.remove_policy = policy && policy->ours;
    return;
  }
  Json object = NetworkPolicyOf(*governor.region, ns.meta.key.name);
  std::string digest = DigestOf(object.dump());
  const bool same_wish = memory.wanted_digest == digest;
  if (same_wish && policy && policy->digest == memory.stored_digest) return;
  if (policy) object["metadata"]["resourceVersion"] = std::to_string(policy->meta.resource_version);
  plan.policy = object.dump();
  plan.wanted_digest = std::move(digest);
  plan.create = !policy;
  plan.policy_restored = same_wish;
}

Json DnsOfTheCluster() {
  const Json kube_system = {{"matchLabels", {{"kubernetes.io/metadata.name", "kube-system"}}}};
  const Json kube_dns = {{"matchLabels", {{"k8s-app", "kube-dns"}}}};
  return {{"to", Json::array({{{"namespaceSelector", kube_system}, {"podSelector", kube_dns}}})},
          {"ports", Json::array({{{"protocol", "UDP"}, {"port", 53}}, {{"protocol", "TCP"}, {"port", 53}}})}};
}

}  // namespace

Governor GovernorOf(const NamespacePtr& ns, const std::vector<RegionPtr>& by_age, const rules::PolicyContext& context) {
  bool unreadable = false;
  for (const RegionPtr& region : by_age) {
    const NamespaceView view = NamespacesOf(*region, {}, {ns}, context);
    const bool usable = view.known && SpecProblem(*region).empty();
    if (!view.governed.empty()) return usable ? Governor{region, false} : Governor{nullptr, true};
    unreadable = unreadable || !usable;
  }
  return {nullptr, unreadable};
}

Json NetworkPolicyOf(const api::SovereignRegion& region, const std::string& ns) {
  const Json everyone_here = {{"podSelector", Json::object()}};
  Json egress = Json::array({{{"to", Json::array({everyone_here})}}, DnsOfTheCluster()});
  for (const auto& [cidr, ports] : *region.rules.network->egress) {
    Json rule = {{"to", Json::array({{{"ipBlock", {{"cidr", cidr}}}}})}};
    for (const auto& [protocol, port, end] : ports) {
      rule["ports"].push_back({{"protocol", protocol}, {"port", port}});
      if (end != 0) rule["ports"].back()["endPort"] = end;
    }
    egress.push_back(std::move(rule));
  }
  // Of the region, so that it goes with it, also where no operator is there any more.
  const Json owner = {{"apiVersion", api::kRegions.ApiVersion()},
                      {"kind", api::kRegions.kind},
                      {"name", region.meta.key.name},
                      {"uid", region.meta.uid}};
  return {{"apiVersion", api::kNetworkPolicies.ApiVersion()},
          {"kind", api::kNetworkPolicies.kind},
          {"metadata",
           {{"name", api::kDefaultDenyName},
            {"namespace", ns},
            {"labels", {{api::kManagedByLabel, "rempart"}, {api::kRegionLabel, region.meta.key.name}}},
            {"ownerReferences", Json::array({owner})}}},
          {"spec",
           {{"podSelector", Json::object()},
            {"policyTypes", {"Ingress", "Egress"}},
            {"ingress", Json::array({{{"from", Json::array({everyone_here})}}})},
            {"egress", std::move(egress)}}}};
}

GuardPlan PlanGuards(const NamespacePtr& ns, const Governor& governor, const NetworkGuardPtr& policy,
                     const GuardMemory& memory) {
  GuardPlan plan;
  if (governor.unsure || ns->meta.deleting) return plan;
  PlanLabels(*ns, governor, plan);
  PlanPolicy(*ns, governor, policy, memory, plan);
  return plan;
}

}  // namespace rempart::perimeter
