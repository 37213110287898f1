#include "operator/cli/region_choice.h"

#include <algorithm>
#include <utility>

#include "operator/perimeter/namespaces.h"

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
  std::vector<Judge> judges;
  std::vector<perimeter::RegionPtr> regions;
  for (api::SovereignRegion& region : cluster.regions) {
    auto judge = make_judge(region);
    if (!judge) return Fail(std::move(judge.error()));
    judges.push_back(*std::move(judge));
    regions.push_back(std::make_shared<const api::SovereignRegion>(std::move(region)));
  }
  choice->one_region_ = regions.size() == 1;
  choice->exempt_in_all_ = [regions, context](const std::string& ns) {
    return std::ranges::all_of(regions, [&](const auto& region) { return IsExempt(ns, *region, context); });
  };
  choice->lists_namespaces_ = cluster.namespaces.has_value();
  if (cluster.namespaces) {
    std::vector<perimeter::NamespacePtr> namespaces;
    for (api::Namespace& ns : *cluster.namespaces) {
      choice->known_.insert(ns.meta.key.name);
      namespaces.push_back(std::make_shared<const api::Namespace>(std::move(ns)));
    }
    std::map<std::string, std::vector<Judge>> by_namespace;
    for (std::size_t i = 0; i < regions.size(); ++i) {
      for (const std::string& ns : perimeter::NamespacesOf(*regions[i], regions, namespaces, context).governed)
        by_namespace[ns].push_back(judges[i]);
    }
    for (auto& [ns, its] : by_namespace) choice->governed_.emplace(ns, ByAll(std::move(its)));
  }
  choice->all_ = ByAll(std::move(judges));
  return choice;
}

const Judge* RegionChoice::JudgeOf(const std::string& ns) {
  if (ns.empty()) return &all_;  // no rule asks anything of an object in no namespace but by who makes it
  if (const auto its = governed_.find(ns); its != governed_.end()) return &its->second;
  if (known_.contains(ns) || exempt_in_all_(ns)) return nullptr;
  if (one_region_ || !lists_namespaces_) return &all_;
  const std::scoped_lock lock(mutex_);
  unknown_.insert(ns);
  return nullptr;
}

std::set<std::string> RegionChoice::Unknown() const {
  const std::scoped_lock lock(mutex_);
  return unknown_;
}

}  // namespace rempart::cli
