// RP-1xx: pods sit on the region's nodes. RP-2xx: nobody makes a node look like one.
#include <fmt/format.h>

#include "operator/perimeter/rules/table.h"

namespace rempart::rules {
namespace {

constexpr char kHosted[] = "SecNumCloud 3.2: 19.2.b";
constexpr std::string_view kNodePrefix = "rempart.node-restriction.kubernetes.io/";

Bool IsQualified(const Text& node) { return In(node, Params()["spec"]["nodes"].AsMap()); }

// Whether every label of ours that `a` has, `b` has with the same value.
Bool OursAreIn(const Item& a, const Item& b) {
  return All(KeysOf(a["metadata"]["labels"].AsMap()), [&](const Item& key) {
    const Text name = key.AsText();
    return !StartsWith(name, Literal(kNodePrefix)) ||
           a["metadata"]["labels"][name].AsText() == b["metadata"]["labels"][name].AsText();
  });
}

}  // namespace

bool NeedsSelector(const api::SovereignRegion& region, const RuleContext& context) {
  return !region.taint_outside_nodes || context.other_regions;
}

void AddPlacementRules(const api::SovereignRegion& region, const RuleContext& context, Table& table) {
  const std::string& name = region.meta.key.name;
  const Text it = It().AsText();
  const Sentence not_a_node = {fmt::format("is not a qualified node of region {}", name),
                               fmt::format("n'est pas un nœud qualifié de la région {}", name)};
  table.push_back({.id = "RP-101",
                   .gate = Gate::kPods,
                   .subjects = {{{"spec", "nodeName"}}},
                   .holds = it == "" || IsQualified(it),
                   .shown = it,
                   .wrong = not_a_node,
                   .fix = {"take spec.nodeName out: the scheduler chooses a node of the region",
                           "retirez spec.nodeName : l'ordonnanceur choisit un nœud de la région"},
                   .clauses = kHosted});
  table.push_back({.id = "RP-102",
                   .gate = Gate::kBindings,
                   .subjects = {{{"target", "name"}}},
                   .holds = IsQualified(it),
                   .shown = it,
                   .wrong = not_a_node,
                   .fix = {"bind the pod to a node of the region", "liez le pod à un nœud de la région"},
                   .clauses = kHosted});
  if (NeedsSelector(region, context)) {
    table.push_back(
        {.id = kSelectorRule,
         .gate = Gate::kPods,
         .subjects = {{{"spec", "nodeSelector", std::string(api::kNodeRegionLabel)}}},
         .holds = it == std::string_view(name),
         .shown = it,
         .wrong = {"the pod is not held to the region's nodes", "le pod n'est pas tenu aux nœuds de la région"},
         .fix = {fmt::format("add to spec.nodeSelector: \"{}\": \"{}\"", api::kNodeRegionLabel, name),
                 fmt::format("ajoutez à spec.nodeSelector : \"{}\": \"{}\"", api::kNodeRegionLabel, name)},
         .clauses = kHosted});
  }
  const Text key = It()["key"].AsText(), effect = It()["effect"].AsText();
  const Bool all_taints = key == "" && (effect == "" || effect == "NoSchedule");
  table.push_back(
      {.id = "RP-104",
       .gate = Gate::kPods,
       .subjects = {{{"spec", "tolerations", "*"}}},
       .texts = false,
       .holds = key != api::kOutsideTaint && !all_taints,
       .shown = If(key == "", Literal("(every taint)"), key),
       .wrong = {"tolerates the taint of nodes outside the region", "tolère la marque des nœuds hors de la région"},
       .fix = {"take the toleration out, or name the key that is meant",
               "retirez cette tolérance, ou nommez la clé voulue"},
       .clauses = kHosted});
  // The kubelet runs it from a file, whether or not the API server takes its mirror: to refuse that would only hide it.
  table.push_back({.id = "RP-105",
                   .gate = Gate::kPods,
                   .subjects = {{{"metadata", "annotations", "kubernetes.io/config.mirror"}}},
                   .holds = it == "",
                   .wrong = {"is a static pod: a kubelet runs it from a file, and no admission holds it",
                             "est un pod statique : un kubelet le lance depuis un fichier, sans aucun contrôle"},
                   .fix = {"take its manifest off the node, and apply it to the API server",
                           "retirez son manifeste du nœud, et appliquez-le au serveur d'API"},
                   .clauses = kHosted,
                   .audit_only = true});
}

void AddNodeRules(const api::SovereignRegion& region, const RuleContext& context, Table& table) {
  const Bool is_update = Request()["operation"].AsText() == "UPDATE";
  // Other regions' nodes are theirs to mind: each may have its gate in another mode.
  Bool concerns = Truth(false);
  for (const Item& node : {Object(), OldObject()})
    for (const std::string_view label : {api::kNodeRegionLabel, api::kNodeLostRegionLabel})
      concerns = concerns || node["metadata"]["labels"][label].AsText() == std::string_view(region.meta.key.name);
  table.push_back({.id = "RP-201",
                   .gate = Gate::kNodes,
                   .holds = IsUser(context.operator_user) || !concerns ||
                            (is_update && OursAreIn(Object(), OldObject()) && OursAreIn(OldObject(), Object())),
                   .wrong = {fmt::format("labels under {} are set by Rempart alone", kNodePrefix),
                             fmt::format("les étiquettes {} ne sont posées que par Rempart", kNodePrefix)},
                   .fix = {"leave them: a node qualifies by its location, see kubectl rempart explain node",
                           "laissez-les : un nœud se qualifie par son emplacement, voir kubectl rempart explain node"},
                   .clauses = kHosted,
                   .needs_request = true});
}

}  // namespace rempart::rules
