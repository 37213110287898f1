// Whether node selectors and required node affinity can be met on a region's nodes. Pure.
// Semantics: Kubernetes' NodeSelectorRequirement (k8s.io/api core/v1): terms are ORed, what is in a term is ANDed, a
// term without requirements matches nothing, NotIn and DoesNotExist hold where the label is missing.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "operator/api/places.h"
#include "operator/api/sovereign_region.h"
#include "src/base/json.h"
#include "src/base/result.h"

namespace rempart::workload {

using api::Place;
using api::PlacesOf;

// Requirements that a template may state in all: judging costs requirements × places.
inline constexpr std::size_t kMaxRequirements = 1'000;

struct Requirement {
  enum class Op { kIn, kNotIn, kExists, kDoesNotExist, kGt, kLt };
  std::string_view key;
  Op op = Op::kIn;
  std::set<std::string_view> values;
  std::string ToString(api::Language language) const;  // "topology.kubernetes.io/zone In [a, b]", cut where long
};

// One matchExpressions entry. kInvalid (what is wrong and what is expected) where the API server would not take it.
// Views into `json`.
Result<Requirement> ReadRequirement(const Json& json);

// Whether a qualified node of `region` at `place` can meet it. Labels that nobody knows about can have any value.
bool CanHold(const Requirement& requirement, const Place& place, const api::SovereignRegion& region);

// Values that the label has on the region's nodes, sorted, for messages; nullopt where it is none of those that the
// region determines.
std::optional<std::vector<std::string>> KnownValues(std::string_view key, const std::vector<Place>& places,
                                                    const api::SovereignRegion& region);

// `text` in quotes, cut at 64 bytes: tenants' values in messages.
std::string Quoted(std::string_view text);
// "a, b, c and 4 more".
std::string Listed(const std::vector<std::string>& items, api::Language language, std::size_t most = 8);

}  // namespace rempart::workload
