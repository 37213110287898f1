// RulesOf: the whole table, for one region.
#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "operator/api/places.h"
#include "operator/perimeter/rules/table.h"

namespace rempart::rules {

Bool IsDeletion() { return Request()["operation"].AsText() == "DELETE"; }

Text NameOfTheObject() {
  return If(IsDeletion(), OldObject()["metadata"]["name"].AsText(), Object()["metadata"]["name"].AsText());
}

std::string ListOfNames(const std::vector<std::string>& names) {
  return names.empty() ? "-" : fmt::format("{}", fmt::join(names, ", "));
}

Sentence AskOneOf(const std::vector<std::string>& identities) {
  if (identities.empty())
    return {"list who may in spec.access.admins: without it only system:masters may",
            "nommez qui le peut dans spec.access.admins : sans cela, seul system:masters le peut"};
  return {"ask one of: " + ListOfNames(identities), "demandez à : " + ListOfNames(identities)};
}

Bool IsUser(const std::string& name) { return Request()["userInfo"]["username"].AsText() == std::string_view(name); }

Bool IsOneOf(const std::vector<std::string>& identities) {
  const List known = Literal(identities);
  const Item user = Request()["userInfo"];
  return In(Literal("user:") + user["username"].AsText(), known) ||
         Any(user["groups"].AsList(), [&](const Item& group) { return In(Literal("group:") + group.AsText(), known); });
}

Bool IsClusterController() {
  return StartsWith(Request()["userInfo"]["username"].AsText(), Literal("system:serviceaccount:kube-system:"));
}

Bool IsControllerManager() { return IsUser("system:kube-controller-manager"); }

Bool IsClusterAdmin() {
  return Any(Request()["userInfo"]["groups"].AsList(),
             [](const Item& group) { return group.AsText() == "system:masters"; });
}

RuleContext::Places RulePlacesOf(const api::SovereignRegion& region, const api::HostingProfile* profile) {
  std::set<std::string_view> regions, zones;
  for (const auto& [in_region, zone] : api::PlacesOf(region, profile)) {
    regions.insert(in_region);
    zones.insert(zone);
  }
  std::vector<std::string> labels;
  if (profile != nullptr)
    for (const auto& required : profile->required_labels) labels.push_back(required.key);
  return {{regions.begin(), regions.end()}, {zones.begin(), zones.end()}, std::move(labels)};
}

std::vector<Rule> RulesOf(const api::SovereignRegion& region, const RuleContext& context) {
  Table table;
  AddPlacementRules(region, context, table);
  AddNodeRules(region, context, table);
  AddImageRules(region, table);
  AddStorageRules(region, context, table);
  AddNetworkRules(region, table);
  AddEgressRules(region, context, table);
  AddEntryRules(region, table);
  AddKeyRules(region, context, table);
  AddControlRules(region, context, table);
  std::ranges::sort(table, {}, &Rule::id);
  return table;
}

}  // namespace rempart::rules
