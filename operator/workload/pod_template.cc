#include "operator/workload/pod_template.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <iterator>
#include <set>
#include <utility>

#include "operator/api/names.h"
#include "operator/workload/json_access.h"
#include "src/kube/decode.h"

namespace rempart::workload {
namespace {

constexpr std::string_view kHostname = "kubernetes.io/hostname";

// Members of spec that say where pods may go, or that we set.
constexpr std::array<std::string_view, 5> kJudged = {"nodeName", "nodeSelector", "affinity",
                                                     "topologySpreadConstraints", "restartPolicy"};

bool IsJudged(std::string_view key) { return std::ranges::find(kJudged, key) != kJudged.end(); }

// A part that was parsed as a piece of the whole, and so can be parsed by itself.
Json Parsed(kube::View part) {
  if (!part) return nullptr;
  auto json = ParseJson(part.Minified());
  return json ? *std::move(json) : Json();
}

bool IsNonEmptyList(const Json* json) { return json && json->is_array() && !json->empty(); }

// One zone: in the nodeSelector, which Kubernetes ANDs with every affinity term. Several cannot be said there, so each
// term of the required affinity, which are ORed, gets them.
void AddZones(Json& spec, const std::vector<std::string>& wanted) {
  const std::set<std::string> zones(wanted.begin(),
                                    wanted.end());  // sorted: the order that they are listed in changes nothing
  if (zones.empty()) return;
  if (zones.size() == 1) {
    ObjectAt(spec, "nodeSelector")[std::string(api::kTopologyZone)] = *zones.begin();
    return;
  }
  const Json in_zones = {{"key", api::kTopologyZone}, {"operator", "In"}, {"values", zones}};
  Json& required =
      ObjectAt(ObjectAt(ObjectAt(spec, "affinity"), "nodeAffinity"), "requiredDuringSchedulingIgnoredDuringExecution");
  Json& terms = required["nodeSelectorTerms"];
  if (terms.is_null()) terms = Json::array({Json{{"matchExpressions", Json::array({in_zones})}}});
  if (!terms.is_array()) return;  // refused by CheckPlacement, and by the API server
  for (auto& term : terms) {
    // A term without requirements matches nothing; with one of ours it would match.
    if (!IsNonEmptyList(Member(term, "matchExpressions")) && !IsNonEmptyList(Member(term, "matchFields"))) continue;
    Json& expressions = term["matchExpressions"];
    if (!expressions.is_array()) expressions = Json::array();
    if (std::ranges::find(expressions, in_zones) == expressions.end()) expressions.push_back(in_zones);
  }
}

// The API server refuses two constraints of the same topologyKey and whenUnsatisfiable: the tenant's own stays.
void AddConstraint(Json& spec, Json constraint) {
  Json& constraints = spec["topologySpreadConstraints"];
  if (constraints.is_null()) constraints = Json::array();
  if (!constraints.is_array()) return;  // refused by CheckPlacement, and by the API server
  const bool taken = std::ranges::any_of(constraints, [&](const Json& theirs) {
    return TextAt(&theirs, "topologyKey") == TextAt(&constraint, "topologyKey") &&
           TextAt(&theirs, "whenUnsatisfiable") == TextAt(&constraint, "whenUnsatisfiable");
  });
  if (!taken) constraints.push_back(std::move(constraint));
}

void AddSpread(Json& spec, const api::TenantWorkload& workload) {
  if (workload.kind == api::ChildKind::kDaemonSet) return;  // one on each node anyway
  const auto constraint = [&](std::string_view key, std::string_view unsatisfiable) {
    return Json{{"maxSkew", 1},
                {"topologyKey", key},
                {"whenUnsatisfiable", unsatisfiable},
                {"labelSelector", {{"matchLabels", {{api::kWorkloadLabel, workload.meta.key.name}}}}}};
  };
  const auto& placement = workload.placement;
  using Spread = api::Placement::Spread;
  if (placement.min_zones >= 2) {
    // minDomains counts for DoNotSchedule only: with fewer zones than that, each takes one pod and the others wait.
    Json zones = constraint(api::kTopologyZone, "DoNotSchedule");
    zones["minDomains"] = placement.min_zones;
    AddConstraint(spec, std::move(zones));
  } else if (placement.spread == Spread::kZone) {
    AddConstraint(spec, constraint(api::kTopologyZone, "ScheduleAnyway"));
  }
  if (placement.spread == Spread::kNode) AddConstraint(spec, constraint(kHostname, "ScheduleAnyway"));
}

// The text of an object, with `members` in front of its own.
std::string WithMembers(const std::string& members, const std::string& object) {
  std::string text = "{" + members;
  if (!members.empty() && object != "{}") text += ',';
  return text.append(object, 1);
}

}  // namespace

Result<PodTemplate> ReadPodTemplate(std::string_view text) {
  const auto whole = kube::ParseOnThread(text);
  if (!whole) return Fail(Error(whole.error()));
  PodTemplate read;
  if (!whole->IsObject()) {
    read.judged = Parsed(*whole);
    return read;
  }
  read.judged = Json::object();
  whole->ForEachMember([&](std::string_view key, kube::View member) {
    Json& judged = read.judged[std::string(key)];
    if (key != "spec" || !member.IsObject()) {
      judged = Parsed(member);
      return;
    }
    judged = Json::object();
    member.ForEachMember([&](std::string_view field, kube::View value) {
      if (IsJudged(field)) {
        judged[std::string(field)] = Parsed(value);
      } else {
        fmt::format_to(std::back_inserter(read.rest), "{}{}:{}", read.rest.empty() ? "" : ",", Compact(Json(field)),
                       value ? value.Minified() : "null");
      }
    });
  });
  return read;
}

std::string PodTemplate::ToText() const {
  if (rest.empty()) return Compact(judged);
  std::string text;
  text.reserve(rest.size() + 1024);
  for (const auto& [key, value] : judged.items()) {
    text.append(text.empty() ? "{" : ",").append(Compact(Json(key))).append(":");
    text += key == "spec" ? WithMembers(rest, Compact(value)) : Compact(value);
  }
  return text + "}";
}

Json RenderTemplate(const api::TenantWorkload& workload, Json pod_template, const api::SovereignRegion& region) {
  Json rendered = pod_template.is_object() ? std::move(pod_template) : Json::object();
  Json& labels = ObjectAt(ObjectAt(rendered, "metadata"), "labels");
  labels[std::string(api::kWorkloadLabel)] = workload.meta.key.name;
  labels[std::string(api::kRegionLabel)] = region.meta.key.name;

  Json& spec = ObjectAt(rendered, "spec");
  spec.erase("nodeName");
  // Kubernetes ANDs the nodeSelector with every affinity term; a term of our own would be ORed with the tenant's.
  ObjectAt(spec, "nodeSelector")[std::string(api::kNodeRegionLabel)] = region.meta.key.name;
  AddZones(spec, workload.placement.zones);
  AddSpread(spec, workload);
  return rendered;
}

}  // namespace rempart::workload
