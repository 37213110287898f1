#include "operator/perimeter/gate_plan.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

namespace rempart::perimeter {
namespace {

struct Wanted {
  api::GateKind kind;
  std::string name;
  Json object;
};

std::vector<Wanted> WantedObjects(const GateObservation& observed, const rules::PolicyContext& context) {
  std::vector<Wanted> wanted;
  wanted.push_back({api::GateKind::kParameters, observed.region->meta.key.name,
                    rules::ParametersOf(*observed.region, observed.qualified_nodes)});
  if (observed.mutation_served) {
    for (auto& [name, policy, binding] : rules::MutationsOf(*observed.region, context)) {
      wanted.push_back({api::GateKind::kMutation, name, std::move(policy)});
      wanted.push_back({api::GateKind::kMutationBinding, name, std::move(binding)});
    }
  }
  auto policies = rules::PoliciesOf(*observed.region, context);
  for (auto& [name, policy, binding] : policies) wanted.push_back({api::GateKind::kPolicy, name, std::move(policy)});
  for (auto& [name, policy, binding] : policies) wanted.push_back({api::GateKind::kBinding, name, std::move(binding)});
  return wanted;
}

}  // namespace

GatePlan PlanGate(const GateObservation& observed, const GateMemory& memory, const rules::PolicyContext& context) {
  GatePlan plan;
  if (!SpecProblem(*observed.region).empty()) return plan;
  std::set<std::pair<api::GateKind, std::string>> names;
  for (auto& [kind, name, object] : WantedObjects(observed, context)) {
    names.insert({kind, name});
    const auto existing = std::ranges::find_if(
        observed.objects, [&](const auto& o) { return o->kind == kind && o->meta.key.name == name; });
    const api::GateObject* stored = existing == observed.objects.end() ? nullptr : existing->get();
    if (stored != nullptr && stored->meta.deleting) continue;  // made anew once it is gone
    const std::string digest = DigestOf(object.dump());
    const auto before = memory.written.find({kind, name});
    const bool same_wish = before != memory.written.end() && before->second.wanted_digest == digest;
    if (same_wish && stored != nullptr && stored->digest == before->second.stored_digest) continue;
    if (stored != nullptr) object["metadata"]["resourceVersion"] = std::to_string(stored->meta.resource_version);
    plan.writes.push_back({kind, name, object.dump(), digest, stored == nullptr, same_wish});
  }
  for (const auto& object : observed.objects)
    if (!object->meta.deleting && !names.contains({object->kind, object->meta.key.name}))
      plan.removes.push_back(object);
  // A binding without its policy does nothing, a policy without a binding neither: bindings go first.
  std::ranges::stable_sort(plan.removes, std::greater<>(), [](const auto& object) { return object->kind; });
  return plan;
}

}  // namespace rempart::perimeter
