#include "operator/perimeter/declared.h"

#include <algorithm>
#include <array>

#include "operator/api/secret_provider.h"

namespace rempart::perimeter {

using api::RegionRules;
using api::Say;

constexpr char kFullyDeclared[] = "FullyDeclared";

namespace {

bool IsAnywhere(const RegionRules::Provider& provider) {
  return provider.addresses.empty() && api::AddressOfProvider(provider.name) != nullptr;
}

}  // namespace

api::Condition FullyDeclared(const api::SovereignRegion& region) {
  const RegionRules& rules = region.rules;
  const api::Language language = rules.language;
  struct Part {
    bool declared;
    std::string field;  // and what follows
  };
  const bool storage = rules.storage && !rules.storage->classes.empty(), network = rules.network.has_value();
  const bool keys = rules.keys && rules.keys->deny_external_stores;
  const std::string rbac = Say(language, " (RBAC says who)", " (RBAC décide)");
  // What is below a section is named where the section is there.
  const std::array parts{
      Part{rules.pod_security != RegionRules::PodSecurity::kUnmanaged, "podSecurity"},
      Part{rules.images && !rules.images->registries.empty(), "images.registries"},
      Part{storage, "storage.classes"},
      Part{!storage || !rules.storage->provisioners.empty(), "storage.provisioners"},
      Part{!storage || rules.storage->snapshot_classes.has_value(), "storage.snapshotClasses"},
      Part{network, "network"},
      Part{!network || !rules.network->ranges.empty(), "network.ranges"},
      Part{!network || rules.network->ingress_classes.has_value(), "network.ingressClasses"},
      Part{!network || rules.network->gateway_classes.has_value(), "network.gatewayClasses"},
      Part{network && rules.network->egress.has_value(),
           "network.egress" + Say(language, " (no default-deny policy)", " (aucune règle de refus par défaut)")},
      Part{keys, "keys"},
      Part{!keys || rules.keys->allowed_stores.empty() || !rules.keys->providers.empty(), "keys.providers"},
      Part{!keys || std::ranges::none_of(rules.keys->providers, IsAnywhere), "keys.providers.addresses"},
      Part{!rules.access.admins.empty(), "access.admins" + rbac},
      Part{!rules.access.exec.empty(), "access.exec" + rbac},
      Part{!rules.access.node_identity.empty(), "access.nodeIdentity" + rbac},
  };
  std::string open;
  for (const Part& part : parts)
    if (!part.declared) open += (open.empty() ? "" : ", ") + part.field;
  if (open.empty())
    return {kFullyDeclared, "True", "Declared",
            Say(language, "the spec leaves nothing open", "la spec ne laisse rien ouvert")};
  return {kFullyDeclared, "False", "LeftOpen",
          Say(language, "the spec leaves open: {}", "la spec laisse ouvert : {}", open)};
}

}  // namespace rempart::perimeter
