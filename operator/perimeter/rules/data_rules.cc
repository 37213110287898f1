// RP-4xx: where data is stored. RP-6xx: who keeps its keys.
#include <fmt/format.h>

#include "operator/perimeter/rules/table.h"

namespace rempart::rules {

void AddStorageRules(const api::SovereignRegion& region, Table& table) {
  if (!region.rules.storage || region.rules.storage->classes.empty()) return;
  const auto& classes = region.rules.storage->classes;
  const Text it = It().AsText();
  const std::string list = fmt::format("{}", fmt::join(classes, ", "));
  table.push_back({.id = "RP-401",
                   .gate = Gate::kClaims,
                   .variable = "storageClass",
                   .subjects = {{{"spec", "storageClassName"}}},
                   .holds = In(it, Literal(classes)),
                   .shown = it,
                   .wrong = {"is no storage class of the region", "n'est pas une classe de stockage de la région"},
                   .fix = {"use one of: " + list, "utilisez l'une de : " + list},
                   .clauses = "SecNumCloud 3.2: 19.2.b"});
}

void AddKeyRules(const api::SovereignRegion& region, Table& table) {
  if (!region.rules.keys || !region.rules.keys->deny_external_stores) return;
  const Text it = It().AsText();
  const List allowed = Literal(region.rules.keys->allowed_stores);
  const Sentence fix = {"use a store that the region allows (spec.keys.allowedStores)",
                        "utilisez un coffre que la région admet (spec.keys.allowedStores)"};
  table.push_back({.id = "RP-601",
                   .gate = Gate::kStores,
                   .variable = "store",
                   .subjects = {{{"metadata", "name"}}},
                   .holds = Object()["kind"].AsText() != "SecretStore" || In(it, allowed),
                   .shown = it,
                   .wrong = {"would take secrets from outside the region", "prendrait des secrets hors de la région"},
                   .fix = fix,
                   .clauses = "SecNumCloud 3.2: 10.5.c"});
  table.push_back({.id = "RP-602",
                   .gate = Gate::kStores,
                   .variable = "storeReferences",
                   .subjects = {{{"spec", "secretStoreRef", "name"}},
                                {{"spec", "data", "*", "sourceRef", "storeRef", "name"}},
                                {{"spec", "dataFrom", "*", "sourceRef", "storeRef", "name"}}},
                   .holds = it == "" || In(it, allowed),
                   .shown = it,
                   .wrong = {"is no secret store of the region", "n'est pas un coffre de la région"},
                   .fix = fix,
                   .clauses = "SecNumCloud 3.2: 10.5.c"});
}

}  // namespace rempart::rules
