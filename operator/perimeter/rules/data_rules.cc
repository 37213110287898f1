// RP-4xx: where data is stored. RP-6xx: who keeps its keys.
//
// StorageClasses and PersistentVolumes belong to the whole cluster, and a rule on all of them would be one on other
// people's. Those whose class is on the region's list concern it: its claims name no other class, and a claim is bound
// only to a volume of the class that it names. So a region that lists no class asks nothing of them.
#include <fmt/format.h>

#include "operator/perimeter/rules/table.h"

namespace rempart::rules {
namespace {

constexpr char kLocation[] = "SecNumCloud 3.2: 19.2.b";
constexpr char kKeys[] = "SecNumCloud 3.2: 10.5.c";

// As topologies name places: Kubernetes' own labels, those of long ago, and those of storage drivers.
constexpr char kZoneKey[] = R"(^(topology\..+|failure-domain\.beta\.kubernetes\.io)/zone$)";
constexpr char kRegionKey[] = R"(^(topology\..+|failure-domain\.beta\.kubernetes\.io)/region$)";
// Parameters of a StorageClass that name a key or who keeps it, as drivers write them: kmsKeyId,
// disk-encryption-kms-key, encryptionKMSID, diskEncryptionSetID.
constexpr char kKeyParameter[] = R"(kms|encryption-?key|diskencryptionset|key-?vault|key-?(id|arn|name|ring)$)";

struct Places {
  std::vector<std::string> regions, zones;
};

// The declared ones that are in the region's country. A profile's are not known here.
Places PlacesOf(const api::SovereignRegion& region) {
  Places places;
  for (const auto& location : region.locations) {
    if (location.country != region.country) continue;
    places.regions.push_back(location.region);
    places.zones.insert(places.zones.end(), location.zones.begin(), location.zones.end());
  }
  return places;
}

// Of a term of topology: {key, values}. A driver says "" for a volume that every zone reaches.
Bool StaysInside(const Item& term, const Places& places) {
  const Text key = term["key"].AsText();
  const auto all_in = [&](const std::vector<std::string>& names) {
    return All(term["values"].AsList(),
               [&](const Item& value) { return value.AsText() == "" || In(value.AsText(), Literal(names)); });
  };
  return (!Matches(key, kZoneKey) || all_in(places.zones)) && (!Matches(key, kRegionKey) || all_in(places.regions));
}

// The values that a message shows: all of the term's.
Text ValuesOf(const Item& terms) {
  return Join(MapEach(terms.AsList(), [](const Item& term) { return Join(term["values"].AsList(), ", "); }), ", ");
}

void AddTopologyRules(const api::SovereignRegion& region, const List& classes, Table& table) {
  const Places places = PlacesOf(region);
  if (places.regions.empty()) return;
  const Sentence wrong = {"is a place outside the region", "est un lieu hors de la région"};
  const Sentence fix = {"name regions and zones that spec.hosting.locations declares",
                        "nommez des régions et des zones que spec.hosting.locations déclare"};
  const Item class_terms = It()["matchLabelExpressions"], volume_terms = It()["matchExpressions"];
  table.push_back({.id = "RP-403",
                   .gate = Gate::kClasses,
                   .variable = "topologies",
                   .subjects = {{{"allowedTopologies", "*"}}},
                   .texts = false,
                   .holds = !In(Object()["metadata"]["name"].AsText(), classes) ||
                            All(class_terms.AsList(), [&](const Item& term) { return StaysInside(term, places); }),
                   .shown = ValuesOf(class_terms),
                   .wrong = wrong,
                   .fix = fix,
                   .clauses = kLocation});
  table.push_back(
      {.id = "RP-404",
       .gate = Gate::kVolumes,
       .variable = "nodeTerms",
       .subjects = {{{"spec", "nodeAffinity", "required", "nodeSelectorTerms", "*"}}},
       .texts = false,
       .holds = !In(Object()["spec"]["storageClassName"].AsText(), classes) ||
                All(volume_terms.AsList(),
                    [&](const Item& term) { return term["operator"].AsText() != "In" || StaysInside(term, places); }),
       .shown = ValuesOf(volume_terms),
       .wrong = wrong,
       .fix = fix,
       .clauses = kLocation});
}

}  // namespace

void AddStorageRules(const api::SovereignRegion& region, Table& table) {
  if (!region.rules.storage || region.rules.storage->classes.empty()) return;
  const auto& [names, provisioners] = *region.rules.storage;
  const List classes = Literal(names);
  const Text it = It().AsText();
  const std::string list = fmt::format("{}", fmt::join(names, ", "));
  table.push_back({.id = "RP-401",
                   .gate = Gate::kClaims,
                   .variable = "storageClass",
                   .subjects = {{{"spec", "storageClassName"}}},
                   .holds = In(it, classes),
                   .shown = it,
                   .wrong = {"is no storage class of the region", "n'est pas une classe de stockage de la région"},
                   .fix = {"use one of: " + list, "utilisez l'une de : " + list},
                   .clauses = kLocation});
  if (!provisioners.empty()) {
    const std::string known = fmt::format("{}", fmt::join(provisioners, ", "));
    table.push_back({.id = "RP-402",
                     .gate = Gate::kClasses,
                     .variable = "provisioner",
                     .subjects = {{{"provisioner"}}},
                     .holds = !In(Object()["metadata"]["name"].AsText(), classes) || In(it, Literal(provisioners)),
                     .shown = it,
                     .wrong = {"is no provisioner of the region", "n'est pas un fournisseur de volumes de la région"},
                     .fix = {"use one of: " + known, "utilisez l'un de : " + known},
                     .clauses = kLocation});
  }
  AddTopologyRules(region, classes, table);
}

void AddKeyRules(const api::SovereignRegion& region, const RuleContext& context, Table& table) {
  if (!region.rules.keys || !region.rules.keys->deny_external_stores) return;
  const auto& keys = *region.rules.keys;
  const Text it = It().AsText();
  const List allowed = Literal(keys.allowed_stores);
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
                   .clauses = kKeys});
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
                   .clauses = kKeys});
  if (region.rules.storage && !region.rules.storage->classes.empty()) {
    const Map parameters = Object()["parameters"].AsMap();  // not It(), which would be null where there are none
    const auto asks = [&](const Item& name) {
      const Text id = Object()["parameters"][name.AsText()].AsText();
      return Matches(Lower(name.AsText()), kKeyParameter) && id != "" && !In(id, Literal(keys.allowed_keys));
    };
    table.push_back(
        {.id = "RP-603",
         .gate = Gate::kClasses,
         .variable = "parameters",
         .subjects = {{{"parameters"}}},
         .texts = false,
         .holds = !In(Object()["metadata"]["name"].AsText(), Literal(region.rules.storage->classes)) ||
                  !Any(KeysOf(parameters), asks),
         .shown = Join(Filter(KeysOf(parameters), asks), ", "),
         .wrong = {"names a key that is not one of the region's", "nomme une clé qui n'est pas de la région"},
         .fix = {"use a key that the region allows (spec.keys.allowedKeys)",
                 "utilisez une clé que la région admet (spec.keys.allowedKeys)"},
         .clauses = kKeys});
  }
  // Tenants' references reach the allowed ones alone (RP-602), so that others may do with their own what they like.
  if (!region.rules.access.admins.empty() && !keys.allowed_stores.empty()) {
    const std::string admins = fmt::format("{}", fmt::join(region.rules.access.admins, ", "));
    table.push_back({.id = "RP-604",
                     .gate = Gate::kClusterStores,
                     .variable = "clusterStore",
                     .subjects = {{{"metadata", "name"}}},
                     .holds = !In(it, allowed) || IsUser(context.operator_user) || IsClusterAdmin() ||
                              IsOneOf(region.rules.access.admins),
                     .shown = it,
                     .wrong = {"is a store of the region: only its admins say where it leads",
                               "est un coffre de la région : seuls ses administrateurs disent où il mène"},
                     .fix = {"ask one of: " + admins, "demandez à : " + admins},
                     .clauses = kKeys,
                     .needs_request = true});
  }
}

}  // namespace rempart::rules
