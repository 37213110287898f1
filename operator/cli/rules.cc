#include "operator/cli/rules.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <nlohmann/json.hpp>

#include "operator/perimeter/rules/cel.h"
#include "operator/perimeter/rules/message.h"
#include "operator/perimeter/rules/rule.h"

namespace rempart::cli {
namespace {

// One that asks for every rule, so that all can be explained without a cluster. What a real region names is in <> here.
api::SovereignRegion Everything() {
  api::SovereignRegion region;
  region.meta.key.name = "<region>";
  auto& rules = region.rules;
  rules.images.emplace();
  rules.images->registries = {"<registry>"};
  rules.images->require_release = true;
  rules.storage = {{"<class>"}};
  rules.network.emplace();
  rules.network->load_balancer_classes = {"<class>"};
  rules.network->ranges = {"<range>"};
  rules.keys.emplace();
  rules.access = {{"<admins>"}, {"<exec>"}, {"<nodeIdentity>"}};
  return region;
}

std::string Upper(std::string_view text) {
  std::string upper(text);
  std::ranges::transform(upper, upper.begin(), [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
  return upper;
}

}  // namespace

Result<std::string> ExplainRule(std::string_view id) {
  const auto all = rules::RulesOf(Everything(), {"<operator>"});
  const auto found = std::ranges::find(all, Upper(id), &rules::Rule::id);
  if (found == all.end()) {
    std::string ids;
    for (const auto& rule : all) ids += (ids.empty() ? "" : ", ") + rule.id;
    return Fail(Error::NotFound(fmt::format("there is no rule \"{}\": name one of {}", id, ids)));
  }
  const auto& requests = rules::RequestsOf(found->gate);
  std::string resources, fields;
  for (const auto& [group, versions, names] : requests.resources)
    for (const auto& name : names)
      resources += fmt::format("{}{}{}{}", resources.empty() ? "" : ", ", name, group.empty() ? "" : ".", group);
  for (const auto& subject : found->subjects) fields += (fields.empty() ? "" : ", ") + subject.ToString();
  using Language = api::RegionRules::Language;
  return fmt::format("{}\n  asked of   {} ({})\n  fields     {}\n  en         {}\n  fr         {}\n  expression {}\n",
                     found->id, resources, fmt::join(requests.operations, ", "),
                     fields.empty() ? "(the request)" : fields, rules::MessageOf(*found, Language::kEnglish, "", ""),
                     rules::MessageOf(*found, Language::kFrench, "", ""), rules::ToCel(found->holds));
}

std::string PrintPolicies(const std::vector<api::SovereignRegion>& regions, const rules::PolicyContext& context) {
  Json items = Json::array();
  for (api::SovereignRegion region : regions) {
    region.meta.uid.clear();  // an owner reference would name it
    items.push_back(rules::ParametersOf(region, {}));
    for (auto& [name, policy, binding] : rules::PoliciesOf(region, context)) {
      items.push_back(std::move(policy));
      items.push_back(std::move(binding));
    }
  }
  const Json list = {{"apiVersion", "v1"}, {"kind", "List"}, {"items", std::move(items)}};
  return list.dump(2) + "\n";
}

}  // namespace rempart::cli
