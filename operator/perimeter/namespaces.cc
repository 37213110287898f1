#include "operator/perimeter/namespaces.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "src/kube/label_selector.h"

namespace rempart::perimeter {
namespace {

// Null for one that the API server would not take either.
std::optional<kube::LabelSelector> SelectorOf(const api::SovereignRegion& region, const rules::PolicyContext& context) {
  auto selector = kube::LabelSelector::Of(rules::NamespaceSelectorOf(region, context));
  if (!selector) return std::nullopt;
  return *std::move(selector);
}

}  // namespace

bool IsOfWhatGoes(const Error& error) {
  return error.kind == ErrorKind::kDenied && error.message.contains("because it is being terminated");
}

NamespaceView NamespacesOf(const api::SovereignRegion& region, const std::vector<RegionPtr>& regions,
                           const std::vector<NamespacePtr>& namespaces, const rules::PolicyContext& context) {
  const auto own = SelectorOf(region, context);
  std::vector<kube::LabelSelector> all;
  std::set<std::string, std::less<>> exempt = {"kube-system", context.own_namespace};
  for (const RegionPtr& other : regions) {
    exempt.insert(other->rules.exempt_namespaces.begin(), other->rules.exempt_namespaces.end());
    if (auto selector = SelectorOf(*other, context)) all.push_back(*std::move(selector));
  }
  NamespaceView view{.known = own.has_value()};
  for (const NamespacePtr& ns : namespaces) {
    const std::string& name = ns->meta.key.name;
    if (own && own->Matches(ns->labels)) view.governed.push_back(name);
    const auto governs = [&](const kube::LabelSelector& selector) { return selector.Matches(ns->labels); };
    if (!exempt.contains(name) && std::ranges::none_of(all, governs)) view.in_no_region.push_back(name);
  }
  std::ranges::sort(view.governed);
  std::ranges::sort(view.in_no_region);
  return view;
}

}  // namespace rempart::perimeter
