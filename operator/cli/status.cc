#include "operator/cli/status.h"

#include <algorithm>
#include <functional>
#include <limits>
#include <nlohmann/json.hpp>

#include "src/kube/text.h"

namespace rempart::cli {
namespace {

constexpr std::size_t kText = 1024;  // bytes of a message: as long as the operator writes one
constexpr std::size_t kName = 253;   // of a name
constexpr std::size_t kZones = 64, kListed = 50, kRules = 100;

const Json& Member(const Json& of, const char* name) {
  static const Json kNothing;
  const auto it = of.is_object() ? of.find(name) : of.end();
  return of.is_object() && it != of.end() ? *it : kNothing;
}

std::string Text(const Json& value, std::size_t max_bytes) {
  return value.is_string() ? kube::Printable(value.get_ref<const std::string&>(), max_bytes) : std::string();
}

std::string TextAt(const Json& of, const char* name, std::size_t max_bytes = kName) {
  return Text(Member(of, name), max_bytes);
}

// Counts are whole numbers from zero on; anything else is no count.
std::optional<std::uint64_t> Count(const Json& value) {
  if (value.is_number_unsigned()) return value.get<std::uint64_t>();
  return std::nullopt;
}

std::optional<std::uint64_t> CountAt(const Json& of, const char* name) { return Count(Member(of, name)); }

std::uint64_t Sum(std::uint64_t a, std::uint64_t b) {
  return b > std::numeric_limits<std::uint64_t>::max() - a ? std::numeric_limits<std::uint64_t>::max() : a + b;
}

template <class Each>
void ForFirst(const Json& list, std::size_t most, const Each& each) {
  if (!list.is_array()) return;
  for (std::size_t i = 0; i < std::min(list.size(), most); ++i) each(list[i]);
}

std::vector<std::string> Names(const Json& list, std::size_t most) {
  std::vector<std::string> names;
  ForFirst(list, most, [&](const Json& name) {
    if (std::string text = Text(name, kName); !text.empty()) names.push_back(std::move(text));
  });
  return names;
}

std::optional<RegionStatus::Condition> ConditionOf(const Json& conditions, std::string_view type) {
  if (!conditions.is_array()) return std::nullopt;
  for (const Json& one : conditions) {
    if (Member(one, "type") != type) continue;
    return RegionStatus::Condition{TextAt(one, "status"), TextAt(one, "reason"), TextAt(one, "message", kText),
                                   TextAt(one, "lastTransitionTime")};
  }
  return std::nullopt;
}

void ReadNodes(const Json& status, RegionStatus& region) {
  const Json& nodes = Member(status, "nodes");
  region.qualified = CountAt(nodes, "qualified");
  region.outside = CountAt(nodes, "outside");
  if (const Json& zones = Member(nodes, "zones"); zones.is_object()) {
    for (const auto& [zone, nodes_of_it] : zones.items()) {
      if (region.zones.size() == kZones) break;
      if (const auto count = Count(nodes_of_it)) region.zones[kube::Printable(zone, kName)] = *count;
    }
  }
  std::map<std::string, std::uint64_t> reasons;
  ForFirst(Member(status, "outside"), kListed, [&](const Json& node) {
    if (const std::string reason = TextAt(node, "reason"); !reason.empty()) ++reasons[reason];
  });
  region.reasons.assign(reasons.begin(), reasons.end());
  std::ranges::stable_sort(region.reasons, std::greater<>(), [](const auto& reason) { return reason.second; });
  region.outside_omitted = CountAt(status, "outsideOmitted").value_or(0);
}

// A rule's sentence is about some region: about this one here.
std::string SentenceOf(const std::string& rule, const std::string& region, const std::vector<RuleText>& rules) {
  constexpr std::string_view kRegion = "<region>";
  const auto found = std::ranges::find(rules, rule, &RuleText::id);
  if (found == rules.end()) return {};
  std::string sentence = found->summary;
  for (auto at = sentence.find(kRegion); at != sentence.npos; at = sentence.find(kRegion, at + region.size()))
    sentence.replace(at, kRegion.size(), region);
  return sentence;
}

void ReadViolations(const Json& status, const std::vector<RuleText>& rules, RegionStatus& region) {
  const Json& audit = Member(status, "audit");
  region.audited = CountAt(audit, "objects");
  region.violations = CountAt(audit, "violations");
  region.audit_left_out = TextAt(audit, "leftOut", kText);
  std::uint64_t sum = 0;
  ForFirst(Member(status, "violations"), kRules, [&](const Json& one) {
    std::string rule = TextAt(one, "rule");
    const auto count = CountAt(one, "count");
    if (rule.empty() || !count) return;
    sum = Sum(sum, *count);
    std::string sentence = SentenceOf(rule, region.name, rules);
    region.by_rule.push_back({std::move(rule), *count, std::move(sentence)});
  });
  std::ranges::stable_sort(region.by_rule, std::greater<>(), &RegionStatus::RuleCount::count);
  if (!region.violations && !region.by_rule.empty()) region.violations = sum;
}

}  // namespace

bool RegionStatus::IsReady() const { return current && !deleting && ready && ready->status == "True"; }

RegionStatus ReadStatus(const Json& object, const std::vector<RuleText>& rules) {
  RegionStatus region;
  const Json &metadata = Member(object, "metadata"), &spec = Member(object, "spec"), &status = Member(object, "status");
  region.name = TextAt(metadata, "name");
  if (region.name.empty()) region.name = "(unnamed)";
  region.country = TextAt(spec, "country");
  region.enforcement = TextAt(spec, "enforcement");
  if (region.enforcement.empty()) region.enforcement = "Audit";  // the default, for a server that fills none in
  region.deleting = Member(metadata, "deletionTimestamp").is_string();

  const auto generation = CountAt(metadata, "generation"), observed = CountAt(status, "observedGeneration");
  region.there = status.is_object() && !status.empty();
  region.current = region.there && observed && generation == observed;
  const Json& conditions = Member(status, "conditions");
  region.ready = ConditionOf(conditions, "Ready");
  region.self_tested = ConditionOf(conditions, "SelfTested");
  region.expiring = ConditionOf(conditions, "AttestationsExpiring");
  region.fully_declared = ConditionOf(conditions, "FullyDeclared");
  ReadNodes(status, region);
  const Json& gate = Member(status, "gate");
  region.refused = CountAt(gate, "refused");
  region.admitted = CountAt(gate, "admitted");
  region.last_held = TextAt(gate, "lastHeld");
  region.not_probed = Names(Member(gate, "notProbed"), kRules);
  ReadViolations(status, rules, region);
  const Json& namespaces = Member(status, "namespaces");
  region.governed = CountAt(namespaces, "governed");
  region.in_no_region = CountAt(namespaces, "inNoRegion");
  region.names_in_no_region = Names(Member(namespaces, "namesInNoRegion"), kListed);
  region.workloads = CountAt(status, "workloads");
  return region;
}

}  // namespace rempart::cli
