// The parts of the rule table, a file a topic. Only rules.cc calls them.
#pragma once

#include <string>
#include <vector>

#include "operator/perimeter/rules/rule.h"

namespace rempart::rules {

using Table = std::vector<Rule>;

void AddPlacementRules(const api::SovereignRegion& region, const RuleContext& context, Table& table);  // RP-1xx
void AddNodeRules(const api::SovereignRegion& region, const RuleContext& context, Table& table);       // RP-2xx
void AddImageRules(const api::SovereignRegion& region, Table& table);                                  // RP-3xx
void AddStorageRules(const api::SovereignRegion& region, const RuleContext& context, Table& table);    // RP-4xx
void AddNetworkRules(const api::SovereignRegion& region, Table& table);                                // RP-5xx
void AddEgressRules(const api::SovereignRegion& region, const RuleContext& context, Table& table);     // RP-507-9, 517
void AddEntryRules(const api::SovereignRegion& region, Table& table);                                  // RP-510 to 516
void AddKeyRules(const api::SovereignRegion& region, const RuleContext& context, Table& table);        // RP-6xx
void AddControlRules(const api::SovereignRegion& region, const RuleContext& context, Table& table);    // RP-7xx

// What is asked about. What is deleted has no object, and where a collection is, the request has no name.
Bool IsDeletion();
Text NameOfTheObject();

// What is said.
std::string ListOfNames(const std::vector<std::string>& names);  // "a, b" of what may be named; "-" for nothing
Sentence AskOneOf(const std::vector<std::string>& identities);

// Who asks.
Bool IsUser(const std::string& name);
Bool IsOneOf(const std::vector<std::string>& identities);  // "user:<name>", "group:<name>"
Bool IsClusterController();                                // of kube-system, as the controller manager's are
Bool IsControllerManager();  // itself, where its controllers have no accounts of their own
Bool IsClusterAdmin();       // group system:masters, which RBAC does not hold either

}  // namespace rempart::rules
