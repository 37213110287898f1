// RP-4xx: where data is stored. RP-6xx: who keeps its keys.
//
// StorageClasses and PersistentVolumes belong to the whole cluster, and a rule on all of them would be one on other
// people's. Those whose class is on the region's list concern it: its claims name no other class, and a claim is bound
// only to a volume of the class that it names. So a region that lists no class asks nothing of them.
#include <fmt/format.h>

#include <array>

#include "operator/api/secret_provider.h"
#include "operator/perimeter/rules/table.h"

namespace rempart::rules {
namespace {

constexpr char kLocation[] = "SecNumCloud 3.2: 19.2.b";
constexpr char kKeys[] = "SecNumCloud 3.2: 10.5.c";

// As topologies name places: Kubernetes' own labels, those of long ago, and those of storage drivers.
constexpr char kZoneKey[] = R"(^(topology\..+|failure-domain\.beta\.kubernetes\.io)/(k8s-)?zone$)";
constexpr char kRegionKey[] =
    R"(^(topology\..+|failure-domain\.beta\.kubernetes\.io)/(k8s-)?region$|^csi\.hetzner\.cloud/location$)";
// Parameters of a StorageClass that name a key or who keeps it, as drivers write them: kmsKeyId,
// disk-encryption-kms-key, encryptionKMSID, diskEncryptionSetID.
constexpr char kKeyParameter[] = R"(kms|encryption-?key|diskencryptionset|key-?vault|key-?(id|arn|name|ring)$)";

using Places = RuleContext::Places;

// Of a term of topology: {key, values}. A driver says "" for a volume that every zone reaches.
Bool StaysInside(const Item& term, const Places& places) {
  const Text key = term["key"].AsText();
  const auto all_in = [&](const std::vector<std::string>& names) {
    return All(term["values"].AsList(),
               [&](const Item& value) { return value.AsText() == "" || In(value.AsText(), Literal(names)); });
  };
  return (!Matches(key, kZoneKey) || all_in(places.zones)) && (!Matches(key, kRegionKey) || all_in(places.regions));
}

Bool IsPlace(const Item& term) {
  return Matches(term["key"].AsText(), kZoneKey) || Matches(term["key"].AsText(), kRegionKey);
}

// A PersistentVolume of one of the classes, by either of the names that it may have.
Bool IsOfAClass(const List& classes) {
  return In(Object()["spec"]["storageClassName"].AsText(), classes) ||
         In(Object()["metadata"]["annotations"][kOldStorageClass].AsText(), classes);
}

// The values that a message shows: all of the term's.
Text ValuesOf(const Item& terms) {
  return Join(MapEach(terms.AsList(), [](const Item& term) { return Join(term["values"].AsList(), ", "); }), ", ");
}

void AddTopologyRules(const api::SovereignRegion& region, const RuleContext& context, const List& classes,
                      Table& table) {
  const Places places = context.places.value_or(RulePlacesOf(region, nullptr));
  if (!context.places && places.regions.empty()) return;
  const Sentence wrong = {"is a place outside the region", "est un lieu hors de la région"};
  const Sentence fix = {"name regions and zones where the region's nodes can be (spec.hosting)",
                        "nommez des régions et des zones où les nœuds de la région peuvent être (spec.hosting)"};
  const Item class_terms = It()["matchLabelExpressions"], volume_terms = It()["matchExpressions"];
  table.push_back({.id = "RP-403",
                   .gate = Gate::kClasses,
                   .subjects = {{{"allowedTopologies", "*"}}},
                   .texts = false,
                   .holds = !In(Object()["metadata"]["name"].AsText(), classes) ||
                            All(class_terms.AsList(), [&](const Item& term) { return StaysInside(term, places); }),
                   .shown = ValuesOf(class_terms),
                   .wrong = wrong,
                   .fix = fix,
                   .clauses = kLocation});
  table.push_back({.id = "RP-404",
                   .gate = Gate::kVolumes,
                   .subjects = {{{"spec", "nodeAffinity", "required", "nodeSelectorTerms", "*"}}},
                   .texts = false,
                   .holds = !IsOfAClass(classes) || All(volume_terms.AsList(),
                                                        [&](const Item& term) {
                                                          const Bool names = term["operator"].AsText() == "In";
                                                          // All but some, or any at all, may be anywhere.
                                                          return (names && StaysInside(term, places)) ||
                                                                 (!names && !IsPlace(term));
                                                        }),
                   .shown = ValuesOf(volume_terms),
                   .wrong = wrong,
                   .fix = fix,
                   .clauses = kLocation});
}

// What a pod mounts without a claim. What is on the node, or comes from the API server, is in the region; all else is
// reached over a network that no NetworkPolicy holds: the node does it.
void AddInlineVolumeRule(const api::RegionRules::Storage& storage, Table& table) {
  constexpr std::array<std::string_view, 9> kInside = {
      "projected", "configMap", "secret", "emptyDir", "persistentVolumeClaim", "downwardAPI", "ephemeral",
      "image",      // RP-301
      "hostPath"};  // Pod Security's matter
  Bool inside = Truth(false);
  for (const std::string_view source : kInside) inside = inside || It()[source].Present();
  const Text driver = It()["csi"]["driver"].AsText();
  const std::string known = ListOfNames(storage.inline_drivers);
  table.push_back({.id = "RP-407",
                   .gate = Gate::kPods,
                   .subjects = {{{"spec", "volumes", "*"}}},
                   .texts = false,
                   .holds = inside || In(driver, Literal(storage.inline_drivers)),
                   .shown = If(driver == "", It()["name"].AsText(), driver),
                   .wrong = {"is a volume that the pod brings along from a place the region does not know",
                             "est un volume que le pod apporte d'un lieu que la région ne connaît pas"},
                   .fix = {"use a PersistentVolumeClaim, or a CSI driver of: " + known,
                           "utilisez un PersistentVolumeClaim, ou un pilote CSI de : " + known},
                   .clauses = kLocation});
}

// Of the stores' providers, as It(), which is spec.provider, has them.
class Providers {
 public:
  explicit Providers(const std::vector<api::RegionRules::Provider>& listed) : listed_(listed) {}

  // Those that are none of the listed ones, or not at one of their addresses.
  List Foreign() const {
    return Filter(KeysOf(It().AsMap()), [&](const Item& name) { return !IsListed(name); });
  }
  Bool AreListed() const {
    return All(KeysOf(It().AsMap()), [&](const Item& name) { return IsListed(name); });
  }
  // "vault https://elsewhere.example, aws"
  Text Shown() const {
    return Join(MapEach(Foreign(), [&](const Item& name) { return name.AsText() + SaidAddress(name); }), ", ");
  }
  // "vault (https://vault.example), kubernetes (https://10.0.0.1, without authRef), scaleway"
  std::string Listed(std::string_view without) const {
    std::vector<std::string> all, names;
    for (const auto& listed : listed_) {
      names.push_back(listed.name);
      all.push_back(listed.name);
      const auto* at = HeldTo(listed);
      if (at == nullptr) continue;
      const std::string besides = at->elsewhere.empty() ? "" : fmt::format(", {} {}", without, at->elsewhere);
      all.back() += fmt::format(" ({}{})", ListOfNames(listed.addresses), besides);
    }
    constexpr std::size_t kMostShown = 500;  // of a fix that people read
    std::string list = ListOfNames(all);
    return list.size() <= kMostShown ? list : ListOfNames(names);
  }

 private:
  // Where its stores say the address that has to be one of those listed; null where they may be anywhere.
  static const api::ProviderAddress* HeldTo(const api::RegionRules::Provider& listed) {
    return listed.addresses.empty() ? nullptr : api::AddressOfProvider(listed.name);
  }
  static Item AddressAt(const api::ProviderAddress& of) {
    Item at = It()[of.name];
    for (const std::string_view member : of.Path()) at = at[member];
    return at;
  }
  Bool IsListed(const Item& name) const {
    Bool is_listed = Truth(false);
    for (const auto& listed : listed_) {
      Bool is = name.AsText() == listed.name;
      if (const auto* at = HeldTo(listed)) {
        is = is && In(AddressAt(*at).AsText(), Literal(listed.addresses));
        if (!at->elsewhere.empty()) is = is && !It()[at->name][at->elsewhere].Present();
      }
      is_listed = is_listed || is;
    }
    return is_listed;
  }
  Text SaidAddress(const Item& name) const {
    Text said = Literal("");
    for (const auto& listed : listed_)
      if (const auto* at = HeldTo(listed))
        said = If(name.AsText() == listed.name, Literal(" ") + AddressAt(*at).AsText(), said);
    return said;
  }

  const std::vector<api::RegionRules::Provider>& listed_;
};

}  // namespace

void AddStorageRules(const api::SovereignRegion& region, const RuleContext& context, Table& table) {
  if (!region.rules.storage || region.rules.storage->classes.empty()) return;
  const auto& storage = *region.rules.storage;
  const std::vector<std::string>& names = storage.classes;
  const List classes = Literal(names);
  const Text it = It().AsText();
  const std::string list = ListOfNames(names);
  const Item old_class = Object()["metadata"]["annotations"][kOldStorageClass];
  table.push_back({.id = "RP-401",
                   .gate = Gate::kClaims,
                   .subjects = {{{"spec", "storageClassName"}}},
                   .holds = In(it, classes) && (!old_class.Present() || In(old_class.AsText(), classes)),
                   .shown = If(old_class.Present() && In(it, classes), old_class.AsText(), it),
                   .wrong = {"is no storage class of the region", "n'est pas une classe de stockage de la région"},
                   .fix = {"use one of: " + list, "utilisez l'une de : " + list},
                   .clauses = kLocation});
  // A claim that says of itself that it is bound is bound to any volume that it names, whatever its class. The
  // controller of volumes writes that into claims that are there; one that is made with it has it from whoever wrote a
  // StatefulSet's claim template, or a pod's, though a controller makes it.
  const Item bound = Object()["metadata"]["annotations"][kBindCompleted];
  const Bool was_bound = Same(bound, OldObject()["metadata"]["annotations"][kBindCompleted]);
  table.push_back({.id = "RP-405",
                   .gate = Gate::kClaims,
                   .holds = !bound.Present() || (Request()["operation"].AsText() == "UPDATE" &&
                                                 (was_bound || IsClusterController() || IsControllerManager())),
                   .wrong = {"says that it is bound, which only the controller of volumes may write",
                             "se dit lié, ce que seul le contrôleur de volumes peut écrire"},
                   .fix = {fmt::format("take the annotation {} out", kBindCompleted),
                           fmt::format("retirez l'annotation {}", kBindCompleted)},
                   .clauses = kLocation,
                   .needs_request = true});
  if (!storage.provisioners.empty()) {
    const std::string known = ListOfNames(storage.provisioners);
    const Sentence wrong = {"is no provisioner of the region", "n'est pas un fournisseur de volumes de la région"};
    const Sentence fix = {"use one of: " + known, "utilisez l'un de : " + known};
    table.push_back(
        {.id = "RP-402",
         .gate = Gate::kClasses,
         .subjects = {{{"provisioner"}}},
         .holds = !In(Object()["metadata"]["name"].AsText(), classes) || In(it, Literal(storage.provisioners)),
         .shown = it,
         .wrong = wrong,
         .fix = fix,
         .clauses = kLocation});
    table.push_back({.id = "RP-406",
                     .gate = Gate::kVolumes,
                     .subjects = {{{"spec", "csi", "driver"}}},
                     .holds = !IsOfAClass(classes) || In(it, Literal(storage.provisioners)) ||
                              (it == "" && Object()["spec"]["local"].Present()),  // a disk of a node
                     .shown = it,
                     .wrong = wrong,
                     .fix = fix,
                     .clauses = kLocation});
  }
  AddInlineVolumeRule(storage, table);
  if (storage.snapshot_classes) {
    const std::string known = ListOfNames(*storage.snapshot_classes);
    table.push_back({.id = "RP-408",
                     .gate = Gate::kSnapshots,
                     .subjects = {{{"spec", "volumeSnapshotClassName"}}},
                     .holds = In(it, Literal(*storage.snapshot_classes)),
                     .shown = it,
                     .wrong = {"is no snapshot class of the region", "n'est pas une classe d'instantanés de la région"},
                     .fix = {"set spec.volumeSnapshotClassName to one of: " + known,
                             "donnez à spec.volumeSnapshotClassName l'une de : " + known},
                     .clauses = kLocation});
  }
  AddTopologyRules(region, context, classes, table);
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
                   .subjects = {{{"metadata", "name"}}},
                   .holds = Object()["kind"].AsText() != "SecretStore" || In(it, allowed),
                   .shown = it,
                   .wrong = {"would take secrets from outside the region", "prendrait des secrets hors de la région"},
                   .fix = fix,
                   .clauses = kKeys});
  table.push_back({.id = "RP-602",
                   .gate = Gate::kStores,
                   .subjects = {{{"spec", "secretStoreRef", "name"}},
                                {{"spec", "data", "*", "sourceRef", "storeRef", "name"}},
                                {{"spec", "dataFrom", "*", "sourceRef", "storeRef", "name"}}},
                   .holds = it == "" || In(it, allowed),
                   .shown = it,
                   .wrong = {"is no secret store of the region", "n'est pas un coffre de la région"},
                   .fix = fix,
                   .clauses = kKeys});
  // Where a store is not what is asked: a generator goes where its own spec says.
  const std::vector<std::string> kLocalGenerators = {"Password", "SSHKey", "UUID"};
  table.push_back(
      {.id = "RP-605",
       .gate = Gate::kStores,
       .subjects = {{{"spec", "data", "*", "sourceRef", "generatorRef", "kind"}},
                    {{"spec", "dataFrom", "*", "sourceRef", "generatorRef", "kind"}},
                    {{"spec", "selector", "generatorRef", "kind"}}},
       .holds = it == "" || In(it, Literal(kLocalGenerators)),
       .shown = it,
       .wrong = {"is a generator that may ask, or tell, anybody",
                 "est un générateur qui peut interroger, ou renseigner, n'importe qui"},
       .fix = {"use one of: " + ListOfNames(kLocalGenerators), "utilisez l'un de : " + ListOfNames(kLocalGenerators)},
       .clauses = kKeys});
  table.push_back({.id = "RP-606",
                   .gate = Gate::kStores,
                   .subjects = {{{"spec", "secretStoreRefs", "*"}}},
                   .texts = false,
                   .holds = In(It()["name"].AsText(), allowed),  // one by labels names none
                   .shown = It()["name"].AsText(),
                   .wrong = {"would take secrets out of the region", "emporterait des secrets hors de la région"},
                   .fix = fix,
                   .clauses = kKeys});
  if (region.rules.storage && !region.rules.storage->classes.empty()) {
    const List names = KeysOf(It().AsMap());
    const auto asks = [&](const Item& name) {
      const Text id = It()[name.AsText()].AsText();
      return Matches(Lower(name.AsText()), kKeyParameter) && id != "" && !In(id, Literal(keys.allowed_keys));
    };
    table.push_back(
        {.id = "RP-603",
         .gate = Gate::kClasses,
         .subjects = {{{"parameters"}}},
         .texts = false,
         .holds =
             !In(Object()["metadata"]["name"].AsText(), Literal(region.rules.storage->classes)) || !Any(names, asks),
         .shown = Join(Filter(names, asks), ", "),
         .wrong = {"names a key that is not one of the region's", "nomme une clé qui n'est pas de la région"},
         .fix = {"use a key that the region allows (spec.keys.allowedKeys)",
                 "utilisez une clé que la région admet (spec.keys.allowedKeys)"},
         .clauses = kKeys});
  }
  // Others are out of tenants' reach (RP-601, RP-602).
  if (!keys.providers.empty() && !keys.allowed_stores.empty()) {
    const Providers providers(keys.providers);
    const auto rule = [&](std::string id, Gate gate, const Bool& concerns) {
      return Rule{.id = std::move(id),
                  .gate = gate,
                  .subjects = {{{"spec", "provider"}}},
                  .texts = false,
                  .holds = !concerns || providers.AreListed(),
                  .shown = providers.Shown(),
                  .wrong = {"is no provider of the region, or not at an address of it exactly as it is listed",
                            "n'est pas un fournisseur de la région, ou pas à une adresse telle qu'elle y est écrite"},
                  .fix = {"use one of spec.keys.providers: " + providers.Listed("without"),
                          "utilisez l'un de spec.keys.providers : " + providers.Listed("sans")},
                  .clauses = kKeys};
    };
    table.push_back(rule("RP-608", Gate::kStores, Object()["kind"].AsText() == "SecretStore"));
    table.push_back(rule("RP-609", Gate::kClusterStores, In(Object()["metadata"]["name"].AsText(), allowed)));
  }
  // Tenants' references reach the allowed ones alone (RP-602), so that others may do with their own what they like.
  if (!keys.allowed_stores.empty()) {
    const Bool is_trusted = IsUser(context.operator_user) || IsClusterAdmin() || IsOneOf(region.rules.access.admins);
    const auto rule = [&](std::string id, Gate gate, const Bool& concerns) {
      return Rule{.id = std::move(id),
                  .gate = gate,
                  .subjects = {{{"metadata", "name"}}},
                  .holds = !concerns || !In(it, allowed) || is_trusted,
                  .shown = it,
                  .wrong = {"is a store of the region: only its admins say where it leads",
                            "est un coffre de la région : seuls ses administrateurs disent où il mène"},
                  .fix = AskOneOf(region.rules.access.admins),
                  .clauses = kKeys,
                  .needs_request = true};
    };
    table.push_back(rule("RP-604", Gate::kClusterStores, Truth(true)));
    table.push_back(rule("RP-607", Gate::kStores, Object()["kind"].AsText() == "SecretStore"));
  }
}

}  // namespace rempart::rules
