#include "operator/cli/static_policies.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "operator/cli/check_output.h"
#include "src/kube/text.h"

namespace rempart::cli {
namespace {

using rules::Node;
using rules::NodePtr;
using rules::Op;

constexpr std::string_view kSuffix = ".static.k8s.io";
// The API server refuses an expression of more than 100,000 characters (cel-go's limit); a list of ours is one of
// several parts of one.
constexpr std::size_t kInlined = 80'000;

// The member of params.spec that the node reads as a map; "" for any other node.
std::string_view MapOfParameters(const Node& node) {
  if (node.op != Op::kMembers) return {};
  const Node& field = *node.of.at(0);
  if (field.op != Op::kField) return {};
  const Node& spec = *field.of.at(0);
  const bool is_spec = spec.op == Op::kField && spec.text == "spec" && spec.of.at(0)->op == Op::kVariable &&
                       spec.of.at(0)->text == "params";
  return is_spec ? std::string_view(field.text) : std::string_view();
}

// A rule's tree with what it looks up written into it.
class Inliner {
 public:
  explicit Inliner(const Json& parameters) : parameters_(parameters) {}

  NodePtr Inline(const NodePtr& node) {
    if (node->op == Op::kVariable && node->text == "params") why_ = "it looks things up that only the cluster knows";
    if (const std::string_view map = MapOfParameters(*node); !map.empty()) return Literal(std::string(map));
    Node copy = *node;
    for (NodePtr& child : copy.of) child = Inline(child);
    return std::make_shared<const Node>(std::move(copy));
  }
  // Why it cannot be; "" where it can.
  const std::string& why() const { return why_; }

 private:
  NodePtr Literal(const std::string& map) {
    Node list{.op = Op::kLiteralTexts};
    if (map == "nodes") {
      why_ = "which nodes are qualified changes as they come and go, and a static policy has no parameters";
    } else if (const auto spec = parameters_["spec"].find(map); spec == parameters_["spec"].end()) {
      why_ = fmt::format("it looks up {}, which a static policy has no parameters for", map);
    } else {
      std::size_t bytes = 0;
      for (const auto& [key, unused] : spec->items()) {
        bytes += key.size() + 4;
        list.texts.push_back(key);
      }
      if (bytes > kInlined) {
        why_ = fmt::format(
            "{} entries are more than an expression of the API server may hold, and a static policy has "
            "no parameters",
            list.texts.size());
      }
    }
    return std::make_shared<const Node>(std::move(list));
  }

  const Json& parameters_;
  std::string why_;
};

void AddStatic(Json policy, std::string& manifests) {
  const std::string name = policy["metadata"]["name"].get<std::string>() + std::string(kSuffix);
  policy["metadata"]["name"] = name;
  if (Json& spec = policy["spec"]; spec.contains("policyName")) spec["policyName"] = name;
  manifests += "---\n" + policy.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace

StaticPolicies StaticPoliciesOf(const std::vector<api::SovereignRegion>& regions, const RegionPlaces& places,
                                const QualifiedNodes& nodes, const rules::PolicyContext& context) {
  StaticPolicies made{"", UnknownPlaces(regions, places)};
  for (api::SovereignRegion region : regions) {
    const std::string name = region.meta.key.name;
    if (!region.Usable()) {
      made.left_out.push_back(
          kube::Printable(fmt::format("region {}: its spec cannot be used: {}", name, region.invalid), 1000));
      continue;
    }
    region.meta.uid.clear();  // no owner: the files outlive the region
    const Json parameters = rules::ParametersOf(region, {});
    std::vector<rules::Rule> kept;
    rules::PolicyContext its_context = ContextOf(region, places, context);
    its_context.rules.other_regions = OthersHaveNodes(region, regions, nodes);
    for (rules::Rule& rule : rules::RulesOf(region, its_context.rules)) {
      if (rule.audit_only) continue;
      Inliner inliner(parameters);
      rule.holds.node = inliner.Inline(rule.holds.node);
      if (inliner.why().empty()) {
        kept.push_back(std::move(rule));
      } else {
        made.left_out.push_back(fmt::format("region {}: {}: {}", name, rule.id, inliner.why()));
      }
    }
    for (rules::Policy& policy : rules::PoliciesOf(kept, region, context)) {
      AddStatic(std::move(policy.policy), made.manifests);
      AddStatic(std::move(policy.binding), made.manifests);
    }
  }
  // Comments stand within the first document: a document of comments alone is one without a kind, and refused.
  if (!made.manifests.empty()) {
    std::string head =
        "---\n# For a folder that staticManifestsDir of the plugin ValidatingAdmissionPolicy names (KEP-5793).\n"
        "# They are asked before the operator's own: see docs/kubectl.md.\n";
    for (const std::string& why : made.left_out) head += "# Not here: " + why + "\n";
    made.manifests.replace(0, std::string_view("---\n").size(), head);
  }
  return made;
}

}  // namespace rempart::cli
