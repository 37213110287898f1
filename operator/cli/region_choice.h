// Which of a cluster's regions judge the objects of a namespace, as the bindings of their gates select them.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "operator/api/observed.h"
#include "operator/api/sovereign_region.h"
#include "operator/cli/check.h"
#include "operator/cli/rules.h"
#include "operator/perimeter/rules/policies.h"
#include "src/base/result.h"
#include "src/kube/label_selector.h"

namespace rempart::cli {

// What `check` needs of a cluster.
struct ClusterView {
  std::vector<api::SovereignRegion> regions;
  std::optional<std::vector<api::Namespace>> namespaces;  // none: there is no right to list them
  std::string default_namespace = "default";              // of the kubeconfig's context
  bool mutates = false;                                   // serves MutatingAdmissionPolicy in v1
  QualifiedNodes nodes{};
  std::vector<api::HostingProfile> profiles{};  // those that its regions name; none where they may not be read
};

// Whether the region governs no namespace of that name, whatever labels it has. "" is none.
bool IsExempt(const std::string& ns, const api::SovereignRegion& region, const rules::PolicyContext& context);

// A namespace that several regions select is judged by them all, as the API server does. One that neither the cluster
// nor the manifests have is judged by the region where there is one alone; of several, which it will be in is not
// known.
class RegionChoice {
 public:
  using MakeJudge = std::function<Result<Judge>(const api::SovereignRegion&)>;
  // Errors: kInvalid where there is no region, or one that cannot be used; or several, and no list of the namespaces.
  static Result<std::unique_ptr<RegionChoice>> Of(ClusterView cluster, const rules::PolicyContext& context,
                                                  const MakeJudge& make_judge);

  // A Namespace among the manifests: with these labels it is in the regions that select it, beside those that it is in
  // already, since applying a manifest need not take labels away. Where none selects it, it says nothing: who moves
  // namespaces in is often not who applies them. Not beside JudgeOf.
  void Expect(const std::string& ns, kube::Labels labels);
  // Null: no rule is for it, or Unknown has it. Thread-safe; the judge lives as long as this.
  const Judge* JudgeOf(const std::string& ns);
  // Namespaces that JudgeOf was asked for, and that may come to be in any of several regions.
  std::set<std::string> Unknown() const;

 private:
  using Regions = std::vector<std::size_t>;  // indices, ascending

  RegionChoice() = default;
  void Know(const std::string& ns, kube::Labels labels);

  std::vector<Judge> judges_;  // by region, as the next
  std::vector<kube::LabelSelector> selectors_;
  Judge all_;  // by every region: where there is one, by that one
  bool lists_namespaces_ = false;
  std::function<bool(const std::string&)> exempt_in_all_;
  std::map<std::string, Regions> known_;  // namespaces, and the regions that they are in, if any
  std::map<Regions, Judge> by_regions_;   // those that known_ has
  mutable std::mutex mutex_;
  std::set<std::string> unknown_;
};

}  // namespace rempart::cli
