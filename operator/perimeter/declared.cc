#include "operator/perimeter/declared.h"

#include <array>

namespace rempart::perimeter {

using api::RegionRules;
using api::Say;

api::Condition FullyDeclared(const api::SovereignRegion& region) {
  const RegionRules& rules = region.rules;
  const api::Language language = rules.language;
  struct Part {
    bool declared;
    std::string open;  // the field, and what follows
  };
  const bool network = rules.network.has_value();
  const std::array parts{
      Part{rules.pod_security != RegionRules::PodSecurity::kUnmanaged,
           Say(language, "podSecurity (any level)", "podSecurity (tout niveau)")},
      Part{rules.images.has_value(), Say(language, "images (from anywhere)", "images (de partout)")},
      Part{rules.storage && !rules.storage->classes.empty(),
           Say(language, "storage.classes (any)", "storage.classes (toutes)")},
      Part{network, Say(language, "network (any Service and route)", "network (tout Service et toute route)")},
      Part{network && rules.network->egress, Say(language, "network.egress (no default-deny policy)",
                                                 "network.egress (aucune règle de refus par défaut)")},
      Part{rules.keys.has_value(), Say(language, "keys (any key service)", "keys (tout service de clés)")},
      Part{!rules.access.admins.empty(), Say(language, "access.admins (RBAC says who)", "access.admins (RBAC décide)")},
      Part{!rules.access.exec.empty(), Say(language, "access.exec (RBAC says who)", "access.exec (RBAC décide)")},
      Part{!rules.access.node_identity.empty(),
           Say(language, "access.nodeIdentity (RBAC says who)", "access.nodeIdentity (RBAC décide)")},
  };
  std::string open;
  for (const Part& part : parts)
    if (!part.declared) open += (open.empty() ? "" : ", ") + part.open;
  if (open.empty())
    return {kFullyDeclared, "True", "Declared",
            Say(language, "the spec leaves nothing open that rules are made from",
                "la spec ne laisse rien ouvert de ce dont les règles sont faites")};
  return {kFullyDeclared, "False", "LeftOpen",
          Say(language, "the spec does not say, and nothing is held: {}",
              "la spec n'en dit rien, et rien n'est tenu : {}", open)};
}

}  // namespace rempart::perimeter
