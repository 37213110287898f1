// What a SovereignRegion asks of what tenants apply: spec.enforcement, podSecurity, images, storage, network, keys,
// access. Each of the sections that is not there asks for nothing. See crds/sovereignregion.md.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "operator/api/language.h"
#include "operator/api/spec_reader.h"

namespace rempart::api {

struct RegionRules {
  // What the API server does with what a rule is against: writes it to its audit log, warns, or refuses.
  enum class Enforcement : std::uint8_t { kAudit, kWarn, kEnforce };
  using Language = api::Language;
  // The level of Pod Security that the region's namespaces are kept at, with the action that enforcement says.
  enum class PodSecurity : std::uint8_t { kRestricted, kBaseline, kUnmanaged };

  struct Images {
    std::vector<std::string> registries;  // "host[:port]" or "host[:port]/path"; empty: any
    bool require_digest = true;
    bool require_release = false;
    std::vector<std::string> released;  // "sha256:<64 hex>"
  };
  struct Storage {
    std::vector<std::string> classes;           // empty: any
    std::vector<std::string> provisioners{};    // of these classes; empty: any
    std::vector<std::string> inline_drivers{};  // CSI drivers of volumes that pods bring along; asked for with classes
    std::optional<std::vector<std::string>> snapshot_classes{};  // not given: any; given and empty: no snapshots
  };
  struct Port {
    std::string protocol;   // TCP, UDP or SCTP
    int port = 0, end = 0;  // 1 to 65535; end 0: this port alone
  };
  struct Egress {
    std::string cidr;         // without bits beyond its mask
    std::vector<Port> ports;  // empty: all
  };
  struct Network {
    bool allow_external_name = false;
    std::vector<std::string> load_balancer_classes;  // empty: no load balancer
    std::vector<std::string> ranges;                 // CIDR, where endpoints and balancers may be; empty: not asked for
    std::vector<std::string> load_balancer_annotations{};  // keys that a load balancer's Service may have
    // Not given: any. Given and empty: no such object.
    std::optional<std::vector<std::string>> ingress_classes{}, gateway_classes{};
    std::vector<std::string> ingress_annotations{};  // keys that an Ingress may have though they lead elsewhere
    std::vector<std::string> pod_networks{};         // texts by which pods may ask for networks, with egress
    // Where pods may send to besides their own namespace and the cluster's DNS. Not given: not asked for.
    std::optional<std::vector<Egress>> egress{};
  };
  // What a store of the External Secrets operator may take secrets from, by the name of its member of spec.provider.
  struct Provider {
    std::string name;                      // "vault"
    std::vector<std::string> addresses{};  // "https://vault.example:8200", see secret_provider.h; empty: any
  };
  struct Keys {
    bool deny_external_stores = true;
    std::vector<std::string> allowed_stores;  // names of SecretStores and ClusterSecretStores
    std::vector<std::string> allowed_keys{};  // ids of keys that storage classes may name
    std::vector<Provider> providers{};        // of those stores; empty: not asked for
  };
  // "group:<name>" or "user:<name>". An empty list leaves the matter to RBAC.
  struct Access {
    std::vector<std::string> admins;         // who moves namespaces in and out, and writes Rempart's objects
    std::vector<std::string> exec;           // who may exec, attach, port-forward, add ephemeral containers
    std::vector<std::string> node_identity;  // who may change a node's location and provider id
  };

  Enforcement enforcement = Enforcement::kAudit;
  Language language = Language::kEnglish;
  PodSecurity pod_security = PodSecurity::kRestricted;
  std::string namespace_selector;  // a label selector, compact JSON; "" for {matchLabels: {rempart.dev/region: <name>}}
  std::vector<std::string> exempt_namespaces;  // besides kube-system and Rempart's own
  std::optional<Images> images;
  std::optional<Storage> storage;
  std::optional<Network> network;
  std::optional<Keys> keys;
  Access access;
};

// As Kubernetes' labels have it; "" for kUnmanaged.
std::string_view LevelOf(RegionRules::PodSecurity level);

// `spec`: the region's. What the schema would have refused is told to the reader.
RegionRules ReadRegionRules(const Field& spec, SpecReader& reader);

}  // namespace rempart::api
