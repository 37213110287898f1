// What stands in the API server for a region's rules: its admission policies, their bindings, and the parameters that
// they look things up in. Kept small: what is in them is told by a digest.
#pragma once

#include <cstdint>
#include <string>

#include "operator/api/names.h"
#include "src/base/result.h"
#include "src/kube/decode.h"
#include "src/kube/object.h"

namespace rempart::api {

// In the order in which they are written: a binding whose parameters are missing refuses everything, and what mends a
// request stands before what would refuse it.
enum class GateKind : std::uint8_t { kParameters, kMutation, kMutationBinding, kPolicy, kBinding };
inline constexpr int kGateKinds = 5;
// Mutating policies are served by Kubernetes 1.36 and later (KEP-3962); the others by whatever we run on.
inline bool IsMutation(GateKind kind) { return kind == GateKind::kMutation || kind == GateKind::kMutationBinding; }
const kube::Resource& ResourceOf(GateKind kind);

struct GateObject {
  kube::Meta meta;
  GateKind kind = GateKind::kParameters;
  std::string region;  // by its name
  std::string digest;  // DigestOfGoverned
};

// "<region>.<gate>.rempart.dev", of a policy and its binding.
std::string GateObjectName(std::string_view region, std::string_view gate);
// The region of a policy's or a binding's name; "" for a name that is none of ours.
std::string_view RegionOfGateObject(std::string_view name);

// kNotFound for policies and bindings whose names are none of ours.
Result<GateObject> DecodeGateObject(GateKind kind, kube::View object);

}  // namespace rempart::api
