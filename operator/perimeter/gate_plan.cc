#include "operator/perimeter/gate_plan.h"

#include <algorithm>
#include <iterator>
#include <nlohmann/json.hpp>
#include <utility>

namespace rempart::perimeter {
namespace {

struct Wanted {
  GateMemory::Name name;
  Json object;
  std::string digest;
};

Wanted WantedOf(api::GateKind kind, const std::string& name, Json object) {
  std::string digest = DigestOf(object.dump());
  return {{kind, name}, std::move(object), std::move(digest)};
}

// Mutations first, then policies, then bindings.
std::vector<Wanted> PoliciesWanted(const GateObservation& observed, const rules::PolicyContext& context) {
  std::vector<Wanted> wanted, bindings;
  if (observed.mutation_served) {
    for (auto& [name, policy, binding] : rules::MutationsOf(*observed.region, context)) {
      wanted.push_back(WantedOf(api::GateKind::kMutation, name, std::move(policy)));
      wanted.push_back(WantedOf(api::GateKind::kMutationBinding, name, std::move(binding)));
    }
  }
  for (auto& [name, policy, binding] : rules::PoliciesOf(*observed.region, context)) {
    wanted.push_back(WantedOf(api::GateKind::kPolicy, name, std::move(policy)));
    bindings.push_back(WantedOf(api::GateKind::kBinding, name, std::move(binding)));
  }
  std::ranges::move(bindings, std::back_inserter(wanted));
  return wanted;
}

// One round: what is there beside what was written.
class Round {
 public:
  Round(const GateObservation& observed, const GateMemory& memory) : memory_(memory) {
    for (const auto& object : observed.objects)
      stored_.emplace(GateMemory::Name(object->kind, object->meta.key.name), object.get());
  }

  bool Settled(const GateMemory::Name& name, const std::string& digest) const {
    const api::GateObject* stored = StoredOf(name);
    if (stored != nullptr && stored->meta.deleting) return true;  // made anew once it is gone
    const auto before = memory_.written.find(name);
    return before != memory_.written.end() && before->second.wanted_digest == digest && stored != nullptr &&
           stored->digest == before->second.stored_digest;
  }

  GatePlan::Write WriteOf(Wanted wanted) const {
    const api::GateObject* stored = StoredOf(wanted.name);
    if (stored != nullptr) wanted.object["metadata"]["resourceVersion"] = std::to_string(stored->meta.resource_version);
    const auto before = memory_.written.find(wanted.name);
    const bool restored = before != memory_.written.end() && before->second.wanted_digest == wanted.digest;
    auto& [kind, name] = wanted.name;
    return {kind, std::move(name), wanted.object.dump(), std::move(wanted.digest), stored == nullptr, restored};
  }

 private:
  const api::GateObject* StoredOf(const GateMemory::Name& name) const {
    const auto found = stored_.find(name);
    return found == stored_.end() ? nullptr : found->second;
  }

  const GateMemory& memory_;
  std::map<GateMemory::Name, const api::GateObject*> stored_;
};

// Whether the policies that were last made are what is asked for now.
bool SamePolicies(const GateMemory& memory, const GateObservation& observed, const rules::PolicyContext& context) {
  return memory.policies && memory.policies->generation == observed.region->meta.generation &&
         memory.policies->mutation_served == observed.mutation_served && memory.policies->context == context.rules;
}

}  // namespace

GatePlan PlanGate(const GateObservation& observed, GateMemory& memory, const rules::PolicyContext& context) {
  GatePlan plan;
  const api::SovereignRegion& region = *observed.region;
  if (!SpecProblem(region).empty()) return plan;
  const Round round(observed, memory);
  const auto write = [&](Wanted wanted) {
    if (!round.Settled(wanted.name, wanted.digest)) plan.writes.push_back(round.WriteOf(std::move(wanted)));
  };
  Wanted parameters =
      WantedOf(api::GateKind::kParameters, region.meta.key.name, rules::ParametersOf(region, observed.qualified_nodes));
  const GateMemory::Name parameters_name = parameters.name;
  write(std::move(parameters));

  const auto settled = [&](const auto& policy) { return round.Settled(policy.first, policy.second); };
  if (!SamePolicies(memory, observed, context) || !std::ranges::all_of(memory.policies->digests, settled)) {
    memory.policies = {region.meta.generation, observed.mutation_served, context.rules, {}};
    for (Wanted& wanted : PoliciesWanted(observed, context)) {
      memory.policies->digests.emplace(wanted.name, wanted.digest);
      write(std::move(wanted));
    }
  }
  for (const auto& object : observed.objects)
    if (const GateMemory::Name name(object->kind, object->meta.key.name);
        !object->meta.deleting && name != parameters_name && !memory.policies->digests.contains(name))
      plan.removes.push_back(object);
  // A binding without its policy does nothing, a policy without a binding neither: bindings go first.
  std::ranges::stable_sort(plan.removes, std::greater<>(), [](const auto& object) { return object->kind; });
  return plan;
}

}  // namespace rempart::perimeter
