#include "operator/perimeter/rules/probes.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <expected>
#include <map>
#include <set>

#include "operator/perimeter/rules/judge.h"
#include "operator/perimeter/rules/network_probes.h"
#include "operator/perimeter/rules/probe_objects.h"

namespace rempart::rules {
namespace {

using namespace std::string_literals;
using probe::NoneOf;

// A probe, or why there is none.
using Made = std::expected<Probe, std::string>;

bool Has(const std::vector<std::string>& list, const std::string& name) {
  return std::ranges::find(list, name) != list.end();
}

class Maker {
 public:
  Maker(const api::SovereignRegion& region, const std::vector<Rule>& rules, const Json& parameters,
        const Sender& sender)
      : region_(region), rules_(rules), parameters_(parameters), sender_(sender) {
    stranger_.user = probe::Free(std::string(kProbeName), [&](const std::string& name) {
      const auto& access = region_.rules.access;
      return Has(access.admins, "user:" + name) || Has(access.exec, "user:" + name) ||
             Has(access.node_identity, "user:" + name);
    });
    if (const auto spec = parameters.find("spec"); spec != parameters.end() && spec->contains("nodes"))
      for (const auto& [name, in] : (*spec)["nodes"].items()) nodes_.insert(name);
    const auto images = probe::Images(region_);
    image_ = images.front();
    for (const std::string& image : images) {
      const Json pod = probe::Pod(Name(), image);
      if (!Against(Create(Gate::kPods, api::kPods, pod)).empty()) continue;
      image_ = image;
      break;
    }
  }

  // Against the rule, and no other.
  Made Bad(const Rule& rule) const {
    Made made = MakeBad(rule);
    if (!made) return made;
    made->rule = rule.id;
    made->gate = rule.gate;
    made->from = sender_;
    auto against = Against(*made);
    if (!against.contains(rule.id)) {  // it exempts who sends it
      made->from = stranger_;
      against = Against(*made);
      if (!against.contains(rule.id)) return std::unexpected("the region lets everybody do what this rule is about"s);
      made->unsent = fmt::format("the rule lets {} pass, who would send it", sender_.user);
    }
    against.erase(rule.id);
    made->also.assign(against.begin(), against.end());
    return made;
  }

  // What the gate must let through.
  Made Good(Gate gate) const {
    Made made = MakeGood(gate);
    if (!made) return made;
    made->gate = gate;
    made->from = sender_;
    const auto against = Against(*made);
    if (against.empty()) return made;
    return std::unexpected(fmt::format("{} stands against every request of this kind that {} sends",
                                       fmt::join(against, ", "), sender_.user));
  }

 private:
  const std::string& Name() const { return region_.meta.key.name; }

  std::set<std::string> Against(const Probe& probe) const {
    const Json request = probe.Request();
    std::set<std::string> ids;
    for (const auto& violation : Judge(rules_, region_.rules.language, parameters_,
                                       {probe.gate, probe.object.is_null() ? nullptr : &probe.object,
                                        probe.old_object.is_null() ? nullptr : &probe.old_object, &request}))
      ids.insert(violation.rule);
    return ids;
  }

  Probe Create(Gate gate, const kube::Resource& resource, Json object) const {
    Probe probe{.gate = gate, .from = sender_, .resource = resource, .object = std::move(object)};
    probe.name = probe.object["metadata"]["name"].get<std::string>();
    return probe;
  }
  Made Create(Gate gate, probe::CreatedOr created) const {
    if (!created) return std::unexpected(std::move(created.error()));
    return Create(gate, created->resource, std::move(created->object));
  }
  Probe Update(Gate gate, const kube::Resource& resource, Json old, Json patch) const {
    Probe probe = Create(gate, resource, old);
    probe.operation = "UPDATE";
    probe.old_object = std::move(old);
    probe.object.merge_patch(patch);
    probe.patch = std::move(patch);
    return probe;
  }
  Json Pod() const { return probe::Pod(Name(), image_); }
  Probe PodWith(const Json& spec) const {
    Json pod = Pod();
    pod["spec"].merge_patch(spec);
    return Create(Gate::kPods, api::kPods, std::move(pod));
  }
  Probe PodOf(const std::string& image) const { return Create(Gate::kPods, api::kPods, probe::Pod(Name(), image)); }
  Probe BindingTo(const std::string& node) const {
    Probe probe = Create(Gate::kBindings, api::kPods, probe::Binding(node));
    probe.subresource = "binding";
    return probe;
  }
  // A patch of the node is only tried on one that is there.
  Probe NodeWith(const Json& metadata) const {
    const std::string name = nodes_.empty() ? std::string(kProbeName) : *nodes_.begin();
    Probe probe = Update(Gate::kNodes, api::kNodes, probe::RegionNode(name, Name()), {{"metadata", metadata}});
    if (nodes_.empty()) probe.unsent = "it takes a node of the region, and there is none";
    return probe;
  }
  Probe Exec() const {
    Probe probe{.gate = Gate::kAccess, .from = sender_, .operation = "CONNECT", .resource = api::kPods};
    probe.subresource = "exec";
    return probe;
  }

  std::string UnknownStore() const { return NoneOf(region_.rules.keys->allowed_stores); }

  // --- one a rule
  Made ForeignNode() const { return PodWith({{"nodeName", UnknownNode()}}); }
  Made ForeignBinding() const { return BindingTo(UnknownNode()); }
  // Not one without the label, which a mutating policy may add.
  Made OtherSelector() const {
    return PodWith({{"nodeSelector", {{std::string(api::kNodeRegionLabel), std::string(kProbeName)}}}});
  }
  Made Toleration() const {
    return PodWith({{"tolerations", Json::array({{{"key", api::kOutsideTaint}, {"operator", "Exists"}}})}});
  }
  Made NewNode() const { return Create(Gate::kNodes, api::kNodes, probe::RegionNode(std::string(kProbeName), Name())); }
  // The old name of the label: the new one, should the server not keep to the dry run, would move tenants.
  Made NodeMoved() const { return NodeWith({{"labels", {{std::string(api::kLegacyTopologyZone), kProbeName}}}}); }
  Made ForeignImage() const { return PodOf(probe::ForeignImage(region_)); }
  Made NoDigest() const { return PodOf(image_.substr(0, image_.find('@')) + ":1"); }
  Made Unreleased() const { return PodOf(image_.substr(0, image_.find('@') + 1) + probe::UnreleasedDigest(region_)); }
  Made UnknownClass() const {
    return Create(Gate::kClaims, probe::kClaims, probe::Claim(NoneOf(region_.rules.storage->classes)));
  }
  Json StorageClass() const {
    const auto& storage = *region_.rules.storage;
    return probe::StorageClass(storage.classes.front(),
                               storage.provisioners.empty() ? "probe.rempart.dev" : storage.provisioners.front());
  }
  Made UnknownProvisioner() const {
    const auto& storage = *region_.rules.storage;
    return Create(Gate::kClasses, probe::kStorageClasses,
                  probe::StorageClass(storage.classes.front(), NoneOf(storage.provisioners)));
  }
  std::string ForeignZone() const {
    return probe::Free("rempart-probe", [&](const std::string& zone) {
      return std::ranges::any_of(region_.locations, [&](const auto& at) { return Has(at.zones, zone); });
    });
  }
  Made ClassLeaves() const {
    Json of = StorageClass();
    const Json in_zone = {{"key", api::kTopologyZone}, {"values", {ForeignZone()}}};
    of["allowedTopologies"] = Json::array({{{"matchLabelExpressions", Json::array({in_zone})}}});
    return Create(Gate::kClasses, probe::kStorageClasses, std::move(of));
  }
  Json Volume(const std::string& zone) const {
    const auto& storage = *region_.rules.storage;
    Json volume = probe::Volume(storage.classes.front(), zone);
    if (!storage.provisioners.empty()) volume["spec"]["csi"]["driver"] = storage.provisioners.front();
    return volume;
  }
  Made VolumeLeaves() const { return Create(Gate::kVolumes, probe::kVolumes, Volume(ForeignZone())); }
  Made ForeignKey() const {
    Json of = StorageClass();
    of["parameters"]["kmsKeyId"] = NoneOf(region_.rules.keys->allowed_keys);
    return Create(Gate::kClasses, probe::kStorageClasses, std::move(of));
  }
  // Of a kind that the External Secrets operator knows, with all that it asks of one: its definitions refuse all
  // others.
  std::expected<Json, std::string> StoreElsewhere() const {
    const auto& keys = *region_.rules.keys;
    const std::array<Json, 4> kinds = {{{{"fake", {{"data", Json::array({{{"key", "probe"}, {"value", "probe"}}})}}}},
                                        {{"gcpsm", {{"projectID", "probe"}}}},
                                        {{"aws", {{"service", "SecretsManager"}, {"region", "eu-west-3"}}}},
                                        {{"vault", {{"server", "https://probe.invalid"}}}}}};
    for (const Json& provider : kinds) {
      const auto listed = std::ranges::find(keys.providers, provider.begin().key(), &api::RegionRules::Provider::name);
      if (listed != keys.providers.end() && listed->addresses.empty()) continue;
      Json store = probe::SecretStore(keys.allowed_stores.front());
      store["spec"]["provider"] = provider;
      return store;
    }
    return std::unexpected("the region lists all providers that a store of this probe could have"s);
  }
  static Json OfTheCluster(Json store) {
    store["kind"] = probe::kClusterStores.kind;
    return store;
  }
  static Json ClusterStore(const std::string& name) { return OfTheCluster(probe::SecretStore(name)); }
  Made ForeignProvider() const {
    const auto store = StoreElsewhere();
    if (!store) return std::unexpected(store.error());
    return Create(Gate::kStores, probe::kStores, *store);
  }
  Made ForeignProviderOfTheCluster() const {
    const auto store = StoreElsewhere();
    if (!store) return std::unexpected(store.error());
    return Create(Gate::kClusterStores, probe::kClusterStores, OfTheCluster(*store));
  }
  Made ClusterStoreTaken() const {
    return Create(Gate::kClusterStores, probe::kClusterStores,
                  ClusterStore(region_.rules.keys->allowed_stores.front()));
  }
  Made UnknownSecretStore() const { return Create(Gate::kStores, probe::kStores, probe::SecretStore(UnknownStore())); }
  Made UnknownReference() const {
    return Create(Gate::kStores, probe::kExternalSecrets, probe::ExternalSecret(UnknownStore()));
  }
  Made UnknownGenerator() const {
    Json secret = probe::ExternalSecret("");
    const Json generator = {
        {"apiVersion", "generators.external-secrets.io/v1alpha1"}, {"kind", "Webhook"}, {"name", kProbeName}};
    secret["spec"]["dataFrom"] = Json::array({{{"sourceRef", {{"generatorRef", generator}}}}});
    return Create(Gate::kStores, probe::kExternalSecrets, std::move(secret));
  }
  Made UnknownPush() const { return Create(Gate::kStores, probe::kPushSecrets, probe::PushSecret(UnknownStore())); }
  Made StoreTaken() const {
    return Create(Gate::kStores, probe::kStores, probe::SecretStore(region_.rules.keys->allowed_stores.front()));
  }
  Made SaysItIsBound() const {
    Json claim = probe::Claim(region_.rules.storage->classes.front());
    claim["metadata"]["annotations"][std::string(kBindCompleted)] = "yes";
    return Create(Gate::kClaims, probe::kClaims, std::move(claim));
  }
  Made UnknownDriver() const {
    const auto& storage = *region_.rules.storage;
    Json volume = probe::Volume(storage.classes.front(), "");
    volume["spec"]["csi"]["driver"] = NoneOf(storage.provisioners);
    return Create(Gate::kVolumes, probe::kVolumes, std::move(volume));
  }
  Made VolumeBroughtAlong() const {
    const Json csi = {{"driver", NoneOf(region_.rules.storage->inline_drivers)}};
    return PodWith({{"volumes", Json::array({{{"name", "probe"}, {"csi", csi}}})}});
  }
  Made UnknownSnapshotClass() const {
    return Create(Gate::kSnapshots, probe::kSnapshots,
                  probe::Snapshot(NoneOf(*region_.rules.storage->snapshot_classes)));
  }
  Made MovedIn() const { return Create(Gate::kNamespace, api::kNamespaces, probe::Namespace(region_)); }
  // Of a namespace that is there, see CallIn.
  Probe NamespaceWith(const Json& metadata) const {
    return Update(Gate::kNamespace, api::kNamespaces, probe::Namespace(region_), {{"metadata", metadata}});
  }
  Made PodSecurityLoosened() const {
    return NamespaceWith({{"labels", {{std::string(probe::kPodSecurityLevel), "privileged"}}}});
  }
  Made PerimeterEdited() const {
    Json region = probe::Bare(api::kRegions);
    region["metadata"]["name"] = Name();
    return Update(Gate::kRempart, api::kRegions, std::move(region),
                  {{"metadata", {{"annotations", {{"rempart.dev/probe", "true"}}}}}});
  }
  Made StepIn() const { return Exec(); }
  Made EphemeralContainer() const {
    Json container = Pod()["spec"]["containers"][0];
    container["name"] = "ephemeral";
    Probe probe = Update(Gate::kPods, api::kPods, Pod(),
                         {{"spec", {{"ephemeralContainers", Json::array({std::move(container)})}}}});
    probe.subresource = "ephemeralcontainers";
    probe.unsent = "it takes a pod that is there, and the one that probes name is not";
    return probe;
  }
  std::string UnknownNode() const {
    return probe::Free(std::string(kProbeName), [&](const auto& name) { return nodes_.contains(name); });
  }

  using Make = Made (Maker::*)() const;
  static const std::map<std::string, Make>& Table() {
    static const std::map<std::string, Make> table = {
        {"RP-101", &Maker::ForeignNode},
        {"RP-102", &Maker::ForeignBinding},
        {"RP-103", &Maker::OtherSelector},
        {"RP-104", &Maker::Toleration},
        {"RP-201", &Maker::NewNode},
        {"RP-202", &Maker::NodeMoved},
        {"RP-301", &Maker::ForeignImage},
        {"RP-302", &Maker::NoDigest},
        {"RP-303", &Maker::Unreleased},
        {"RP-401", &Maker::UnknownClass},
        {"RP-402", &Maker::UnknownProvisioner},
        {"RP-403", &Maker::ClassLeaves},
        {"RP-404", &Maker::VolumeLeaves},
        {"RP-405", &Maker::SaysItIsBound},
        {"RP-406", &Maker::UnknownDriver},
        {"RP-407", &Maker::VolumeBroughtAlong},
        {"RP-408", &Maker::UnknownSnapshotClass},
        {"RP-601", &Maker::UnknownSecretStore},
        {"RP-602", &Maker::UnknownReference},
        {"RP-603", &Maker::ForeignKey},
        {"RP-604", &Maker::ClusterStoreTaken},
        {"RP-605", &Maker::UnknownGenerator},
        {"RP-606", &Maker::UnknownPush},
        {"RP-607", &Maker::StoreTaken},
        {"RP-608", &Maker::ForeignProvider},
        {"RP-609", &Maker::ForeignProviderOfTheCluster},
        {"RP-701", &Maker::MovedIn},
        {"RP-702", &Maker::PerimeterEdited},
        {"RP-703", &Maker::StepIn},
        {"RP-704", &Maker::EphemeralContainer},
        {"RP-705", &Maker::PodSecurityLoosened},
    };
    return table;
  }

  Made MakeBad(const Rule& rule) const {
    const auto& of_networks = probe::AgainstNetworkRules();
    if (const auto of_network = of_networks.find(rule.id); of_network != of_networks.end())
      return Create(rule.gate, of_network->second(region_, Pod()));
    const auto found = Table().find(rule.id);
    if (found == Table().end()) return std::unexpected("no probe has been written for this rule"s);
    return (this->*found->second)();
  }

  Made MakeGood(Gate gate) const {
    const auto& of_networks = probe::LetInByNetworkGates();
    if (const auto of_network = of_networks.find(gate); of_network != of_networks.end())
      return Create(gate, of_network->second(region_, Pod()));
    switch (gate) {
      case Gate::kPods:
        return PodOf(image_);
      case Gate::kBindings:
        if (nodes_.empty()) return std::unexpected("no node qualifies, so that no binding can pass"s);
        return BindingTo(*nodes_.begin());
      case Gate::kAccess:
        return Exec();
      case Gate::kNodes:
        return NodeWith({{"annotations", {{"rempart.dev/probe", "true"}}}});
      case Gate::kNamespace:
        return NamespaceWith({{"annotations", {{"rempart.dev/probe", "true"}}}});
      case Gate::kClaims:
        return Create(gate, probe::kClaims, probe::Claim(region_.rules.storage->classes.front()));
      case Gate::kStores: {
        const auto& stores = region_.rules.keys->allowed_stores;
        return Create(gate, probe::kExternalSecrets, probe::ExternalSecret(stores.empty() ? "" : stores.front()));
      }
      case Gate::kRempart:
        return PerimeterEdited();
      case Gate::kClasses:
        return Create(gate, probe::kStorageClasses, StorageClass());
      case Gate::kVolumes:
        return Create(gate, probe::kVolumes, Volume(""));
      case Gate::kSnapshots: {
        const auto& classes = *region_.rules.storage->snapshot_classes;
        return Create(gate, probe::kSnapshots, probe::Snapshot(classes.empty() ? "" : classes.front()));
      }
      case Gate::kClusterStores:
        return Create(gate, probe::kClusterStores, ClusterStore(UnknownStore()));
      case Gate::kServices:
      case Gate::kEndpoints:
      case Gate::kGuards:
      case Gate::kPolicies:
      case Gate::kIngresses:
      case Gate::kGateways:
      case Gate::kRoutes:
        break;  // of networks, see above
    }
    return std::unexpected("no probe has been written for this gate"s);
  }

  const api::SovereignRegion& region_;
  const std::vector<Rule>& rules_;
  const Json& parameters_;
  const Sender& sender_;
  Sender stranger_;  // whom no list of the region names
  std::set<std::string> nodes_;
  std::string image_;
};

}  // namespace

Probes ProbesOf(const api::SovereignRegion& region, const std::vector<Rule>& rules, const Json& parameters,
                const Sender& sender) {
  const Maker maker(region, rules, parameters, sender);
  Probes all;
  std::set<Gate> gates;
  const auto add = [&](const std::string& rule, Gate gate, Made made) {
    if (made) {
      all.probes.push_back(*std::move(made));
    } else {
      all.missing.push_back({rule, gate, std::move(made.error())});
    }
  };
  for (const Rule& rule : rules) {
    if (rule.audit_only) {
      all.missing.push_back({rule.id, rule.gate, "the audit tells of it, and no request is refused by it", true});
      continue;
    }
    gates.insert(rule.gate);
    add(rule.id, rule.gate, maker.Bad(rule));
  }
  for (const Gate gate : gates) add("", gate, maker.Good(gate));
  return all;
}

}  // namespace rempart::rules
