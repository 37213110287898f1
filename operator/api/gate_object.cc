#include "operator/api/gate_object.h"

#include <fmt/format.h>

#include <utility>

#include "operator/api/governed.h"

namespace rempart::api {
namespace {

constexpr std::string_view kSuffix = ".rempart.dev";

}  // namespace

const kube::Resource& ResourceOf(GateKind kind) {
  switch (kind) {
    case GateKind::kParameters:
      return kPerimeterParameters;
    case GateKind::kMutation:
      return kMutatingPolicies;
    case GateKind::kMutationBinding:
      return kMutatingPolicyBindings;
    case GateKind::kPolicy:
      return kAdmissionPolicies;
    case GateKind::kBinding:
      return kAdmissionPolicyBindings;
  }
  return kPerimeterParameters;
}

std::string GateObjectName(std::string_view region, std::string_view gate) {
  return fmt::format("{}.{}{}", region, gate, kSuffix);
}

std::string_view RegionOfGateObject(std::string_view name) {
  if (!name.ends_with(kSuffix)) return {};
  name.remove_suffix(kSuffix.size());
  const auto dot = name.rfind('.');  // a region's own name may have dots, a gate's has none
  return dot == std::string_view::npos ? std::string_view() : name.substr(0, dot);
}

Result<GateObject> DecodeGateObject(GateKind kind, kube::View object) {
  auto meta = kube::DecodeMeta(object);
  if (!meta) return Fail(std::move(meta).error().While(fmt::format("decode {}", ResourceOf(kind).kind)));
  GateObject gate;
  gate.kind = kind;
  gate.region = kind == GateKind::kParameters ? std::string_view(meta->key.name) : RegionOfGateObject(meta->key.name);
  if (gate.region.empty()) return Fail(Error::NotFound("none of ours"));
  gate.meta = std::move(*meta);
  gate.digest = DigestOfGoverned(object);
  return gate;
}

}  // namespace rempart::api
