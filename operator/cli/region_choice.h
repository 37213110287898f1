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

namespace rempart::cli {

// What `check` needs of a cluster.
struct ClusterView {
  std::vector<api::SovereignRegion> regions;
  std::optional<std::vector<api::Namespace>> namespaces;  // none: there is no right to list them
  std::string default_namespace = "default";              // of the kubeconfig's context
  bool mutates = false;                                   // serves MutatingAdmissionPolicy in v1
  QualifiedNodes nodes{};
};

// Whether the region governs no namespace of that name, whatever labels it has. "" is none.
bool IsExempt(const std::string& ns, const api::SovereignRegion& region, const rules::PolicyContext& context);

// A namespace that several regions select is judged by them all, as the API server does. One that the cluster does not
// have is judged by the region where there is one alone; of several, which it will be in is not known.
class RegionChoice {
 public:
  using MakeJudge = std::function<Result<Judge>(const api::SovereignRegion&)>;
  // Errors: kInvalid where there is no region, or one that cannot be used; or several, and no list of the namespaces.
  static Result<std::unique_ptr<RegionChoice>> Of(ClusterView cluster, const rules::PolicyContext& context,
                                                  const MakeJudge& make_judge);

  // Null: no rule is for it, or Unknown has it. Thread-safe; the judge lives as long as this.
  const Judge* JudgeOf(const std::string& ns);
  // Namespaces that JudgeOf was asked for, and that may come to be in any of several regions.
  std::set<std::string> Unknown() const;

 private:
  RegionChoice() = default;

  Judge all_;  // by every region: where there is one, by that one
  bool one_region_ = false, lists_namespaces_ = false;
  std::function<bool(const std::string&)> exempt_in_all_;
  std::set<std::string> known_;
  std::map<std::string, Judge> governed_;
  mutable std::mutex mutex_;
  std::set<std::string> unknown_;
};

}  // namespace rempart::cli
