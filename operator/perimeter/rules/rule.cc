#include "operator/perimeter/rules/rule.h"

#include <array>
#include <cstddef>

namespace rempart::rules {

std::string Subject::ToString() const {
  std::string text;
  for (const std::string& part : path) {
    if (part == "*") {
      text += "[*]";
    } else {
      text.append(text.empty() ? "" : ".").append(part);
    }
  }
  return text;
}

const GateRequests& RequestsOf(Gate gate) {
  using Scope = GateRequests::Scope;
  const auto creates = [](auto... more) { return std::vector<std::string_view>{"CREATE", "UPDATE", more...}; };
  // What does not touch the spec (labels, finalizers of a pod that was there before the rules) is let through: a rule
  // that came later must not keep a pod from ending.
  static const Bool spec_is_untouched =
      Request()["operation"].AsText() == "UPDATE" && Same(Object()["spec"], OldObject()["spec"]);
  static const Bool never = Truth(false);
  // The API server's copy of a static pod, which runs already: to refuse it would only hide it. NodeRestriction lets a
  // node make no other pods.
  static const Bool mirror_of_a_node =
      Object()["metadata"]["annotations"]["kubernetes.io/config.mirror"].Present() &&
      Any(Request()["userInfo"]["groups"].AsList(), [](const Item& group) { return group.AsText() == "system:nodes"; });
  // By annotations, too, a claim says which volume it is of.
  static const auto same_annotation = [](std::string_view key) {
    return Same(Object()["metadata"]["annotations"][key], OldObject()["metadata"]["annotations"][key]);
  };
  static const Bool claim_is_untouched =
      spec_is_untouched && same_annotation(kOldStorageClass) && same_annotation(kBindCompleted);
  // Where annotations say what the spec does not.
  static const Bool annotations_too =
      spec_is_untouched && Same(Object()["metadata"]["annotations"], OldObject()["metadata"]["annotations"]);
  // Those of a pod by which it asks for other networks; all others change all the time.
  static const Bool networks_too =
      spec_is_untouched && same_annotation(kPodNetworks) && same_annotation(kPodDefaultNetwork);
  // Cilium's policies have a second place for rules.
  static const Bool specs_too = spec_is_untouched && Same(Object()["specs"], OldObject()["specs"]);
  static const Bool class_is_untouched = Request()["operation"].AsText() == "UPDATE" &&
                                         Same(Object()["provisioner"], OldObject()["provisioner"]) &&
                                         Same(Object()["parameters"], OldObject()["parameters"]) &&
                                         Same(Object()["allowedTopologies"], OldObject()["allowedTopologies"]);
  static const std::array<GateRequests, kGates> all = {{
      {"pods",
       {{"", {"v1"}, {"pods", "pods/ephemeralcontainers"}}},
       creates(),
       Scope::kNamespaces,
       networks_too || mirror_of_a_node},
      {"bindings", {{"", {"v1"}, {"pods/binding", "bindings"}}}, {"CREATE"}, Scope::kNamespaces, never},
      {"access",
       {{"", {"v1"}, {"pods/exec", "pods/attach", "pods/portforward", "pods/proxy", "services/proxy"}}},
       {"CONNECT"},
       Scope::kNamespaces,
       never},
      // Labels are written by way of the subresources as well.
      {"nodes", {{"", {"v1"}, {"nodes", "nodes/status"}}}, creates(), Scope::kCluster, never},
      {"namespaces",
       {{"", {"v1"}, {"namespaces", "namespaces/status", "namespaces/finalize"}}},
       creates(),
       Scope::kNamespaceObjects,
       never},
      {"services", {{"", {"v1"}, {"services"}}}, creates(), Scope::kNamespaces, annotations_too},
      {"endpoints",
       {{"", {"v1"}, {"endpoints"}}, {"discovery.k8s.io", {"v1"}, {"endpointslices"}}},
       creates(),
       Scope::kNamespaces,
       never},
      {"claims", {{"", {"v1"}, {"persistentvolumeclaims"}}}, creates(), Scope::kNamespaces, claim_is_untouched},
      {"stores",
       {{"external-secrets.io", {"*"}, {"secretstores", "externalsecrets", "pushsecrets"}}},
       creates(),
       Scope::kNamespaces,
       spec_is_untouched},
      {"rempart",
       {{"rempart.dev",
         {"*"},
         {"sovereignregions", "sovereignregions/status", "perimeterparameters", "hostingprofiles"}}},
       creates("DELETE"),
       Scope::kCluster,
       never},
      {"guards", {{"networking.k8s.io", {"v1"}, {"networkpolicies"}}}, creates("DELETE"), Scope::kNamespaces, never},
      {"policies",
       {{"networking.k8s.io", {"v1"}, {"networkpolicies"}},
        {"cilium.io", {"*"}, {"ciliumnetworkpolicies"}},
        {"crd.projectcalico.org", {"*"}, {"networkpolicies", "networksets"}},
        {"projectcalico.org", {"*"}, {"networkpolicies", "networksets"}},
        {"crd.antrea.io", {"*"}, {"networkpolicies"}}},
       creates(),
       Scope::kNamespaces,
       specs_too},
      {"ingresses", {{"networking.k8s.io", {"v1"}, {"ingresses"}}}, creates(), Scope::kNamespaces, annotations_too},
      {"gateways",
       {{"gateway.networking.k8s.io", {"*"}, {"gateways"}}},
       creates(),
       Scope::kNamespaces,
       annotations_too},
      {"routes",
       {{"gateway.networking.k8s.io", {"*"}, {"httproutes", "grpcroutes", "tlsroutes", "tcproutes", "udproutes"}}},
       creates(),
       Scope::kNamespaces,
       spec_is_untouched},
      {"classes", {{"storage.k8s.io", {"v1"}, {"storageclasses"}}}, creates(), Scope::kCluster, class_is_untouched},
      {"volumes", {{"", {"v1"}, {"persistentvolumes"}}}, creates(), Scope::kCluster, spec_is_untouched},
      {"clusterstores",
       {{"external-secrets.io", {"*"}, {"clustersecretstores"}}},
       creates(),
       Scope::kCluster,
       spec_is_untouched},
      {"snapshots",
       {{"snapshot.storage.k8s.io", {"*"}, {"volumesnapshots"}}},
       creates(),
       Scope::kNamespaces,
       spec_is_untouched},
  }};
  return all[static_cast<std::size_t>(gate)];
}

}  // namespace rempart::rules
