#include "operator/cli/region_choice.h"

#include <algorithm>
#include <utility>

namespace rempart::cli {
namespace {

// What two regions say in the same words is said once.
Judge ByAll(std::vector<Judge> judges) {
  if (judges.size() == 1) return std::move(judges.front());
  return [judges = std::move(judges)](const Json& object) {
    std::optional<std::vector<Violation>> all;
    for (const Judge& judge : judges) {
      auto its = judge(object);
      if (!its) continue;
      if (!all) all.emplace();
      for (Violation& found : *its) {
        const auto same = [&](const Violation& v) {
          return v.rule == found.rule && v.field == found.field && v.message == found.message;
        };
        if (std::ranges::none_of(*all, same)) all->push_back(std::move(found));
      }
    }
    return all;
  };
}

}  // namespace

bool IsExempt(const std::string& ns, const api::SovereignRegion& region, const rules::PolicyContext& context) {
  return ns == "kube-system" || (!ns.empty() && ns == context.own_namespace) ||
         std::ranges::find(region.rules.exempt_namespaces, ns) != region.rules.exempt_namespaces.end();
}

Result<std::unique_ptr<RegionChoice>> RegionChoice::Of(ClusterView cluster, const rules::PolicyContext& context,
                                                       const MakeJudge& make_judge) {
  if (cluster.regions.empty())
    return Fail(Error::Invalid("the cluster has no SovereignRegion: give one with --region FILE"));
  if (!cluster.namespaces && cluster.regions.size() > 1) {
    return Fail(
        Error::Invalid("the cluster has more than one SovereignRegion, and which namespaces are theirs cannot be read: "
                       "get the right to list namespaces, or give the one to judge by with --region FILE"));
  }
  std::unique_ptr<RegionChoice> choice(new RegionChoice);
  for (const api::SovereignRegion& region : cluster.regions) {
    auto judge = make_judge(region);
    if (!judge) return Fail(std::move(judge.error()));
    auto selector = kube::LabelSelector::Of(rules::NamespaceSelectorOf(region, context));
    if (!selector)
      return Fail(
          std::move(selector.error()).While("SovereignRegion " + region.meta.key.name + ": spec.namespaceSelector"));
    choice->judges_.push_back(*std::move(judge));
    choice->selectors_.push_back(*std::move(selector));
  }
  choice->all_ = ByAll(choice->judges_);
  choice->lists_namespaces_ = cluster.namespaces.has_value();
  if (cluster.namespaces)
    for (const api::Namespace& ns : *cluster.namespaces) choice->Know(ns.meta.key.name, ns.labels);
  choice->exempt_in_all_ = [regions = std::move(cluster.regions), context](const std::string& ns) {
    return std::ranges::all_of(regions, [&](const auto& region) { return IsExempt(ns, region, context); });
  };
  return choice;
}

void RegionChoice::Expect(const std::string& ns, kube::Labels labels) {
  labels[rules::kNamespaceName] = ns;
  const auto selects = [&](const kube::LabelSelector& selector) { return selector.Matches(labels); };
  if (std::ranges::any_of(selectors_, selects)) Know(ns, std::move(labels));
}

void RegionChoice::Know(const std::string& ns, kube::Labels labels) {
  labels[rules::kNamespaceName] = ns;  // as the API server does
  std::set<std::size_t> regions;
  if (const auto known = known_.find(ns); known != known_.end())
    regions.insert(known->second.begin(), known->second.end());
  for (std::size_t i = 0; i < selectors_.size(); ++i)
    if (selectors_[i].Matches(labels)) regions.insert(i);
  Regions& its = known_[ns];
  its.assign(regions.begin(), regions.end());
  if (its.empty() || by_regions_.contains(its)) return;
  std::vector<Judge> judges;
  for (const std::size_t i : its) judges.push_back(judges_[i]);
  by_regions_.emplace(its, ByAll(std::move(judges)));
}

const Judge* RegionChoice::JudgeOf(const std::string& ns) {
  if (ns.empty()) return &all_;  // no rule asks anything of an object in no namespace but by who makes it
  if (const auto known = known_.find(ns); known != known_.end())
    return known->second.empty() ? nullptr : &by_regions_.at(known->second);
  if (exempt_in_all_(ns)) return nullptr;
  if (judges_.size() == 1 || !lists_namespaces_) return &all_;
  const std::scoped_lock lock(mutex_);
  unknown_.insert(ns);
  return nullptr;
}

std::set<std::string> RegionChoice::Unknown() const {
  const std::scoped_lock lock(mutex_);
  return unknown_;
}

}  // namespace rempart::cli
