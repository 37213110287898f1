#include "operator/workload/selection.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include "operator/api/names.h"
#include "operator/workload/json_access.h"
#include "src/base/text.h"

namespace rempart::workload {
namespace {

using Op = Requirement::Op;
constexpr std::array<std::pair<std::string_view, Op>, 6> kOperators{{{"In", Op::kIn},
                                                                     {"NotIn", Op::kNotIn},
                                                                     {"Exists", Op::kExists},
                                                                     {"DoesNotExist", Op::kDoesNotExist},
                                                                     {"Gt", Op::kGt},
                                                                     {"Lt", Op::kLt}}};

constexpr std::string_view kOwnPrefix = "rempart.node-restriction.kubernetes.io/";

// What is known of a label on a qualified node at one place.
struct Known {
  std::string_view value;
  bool can_be_set = true;
  bool can_be_missing = false;
};

std::optional<Known> KnownLabel(std::string_view key, const Place& place, const api::SovereignRegion& region) {
  if (key == api::kTopologyRegion) return Known{place.region};
  if (key == api::kTopologyZone) return Known{place.zone};
  // A qualified node need not have the old labels; where it has them they say the same as the new ones.
  if (key == api::kLegacyTopologyRegion) return Known{place.region, true, true};
  if (key == api::kLegacyTopologyZone) return Known{place.zone, true, true};
  if (key == api::kNodeRegionLabel) return Known{region.meta.key.name};
  if (key == api::kNodeCountryLabel) return Known{region.country};
  // The others of ours are on nodes that lost their qualification.
  if (key.starts_with(kOwnPrefix)) return Known{{}, false, true};
  return std::nullopt;
}

std::optional<std::int64_t> Number(std::string_view text) {
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return number;
}

std::string_view NameOf(Op op) {
  return std::ranges::find(kOperators, op, &std::pair<std::string_view, Op>::second)->first;
}

}  // namespace

std::string Quoted(std::string_view text) { return fmt::format("\"{}\"", CleanText(text, 64)); }

std::string Listed(const std::vector<std::string>& items, api::Language language, std::size_t most) {
  const std::size_t shown = std::min(items.size(), most);
  std::string text =
      fmt::format("{}", fmt::join(items.begin(), items.begin() + static_cast<std::ptrdiff_t>(shown), ", "));
  if (items.size() > shown) text += api::Say(language, " and {} more", " et {} de plus", items.size() - shown);
  return text;
}

std::string Requirement::ToString(api::Language language) const {
  if (op == Op::kExists || op == Op::kDoesNotExist) return fmt::format("{} {}", Quoted(key), NameOf(op));
  std::vector<std::string> quoted;
  quoted.reserve(values.size());
  for (const auto value : values) quoted.push_back(Quoted(value));
  return fmt::format("{} {} [{}]", Quoted(key), NameOf(op), Listed(quoted, language, 4));
}

Result<Requirement> ReadRequirement(const Json& json) {
  if (!json.is_object()) return Fail(Error::Invalid("is not an object with key, operator and values"));
  Requirement requirement;
  const std::string* key = Text(Member(json, "key"));
  if (!key || key->empty()) return Fail(Error::Invalid("has no key: name the label"));
  requirement.key = *key;

  const std::string* op = Text(Member(json, "operator"));
  const auto* known =
      std::ranges::find(kOperators, op ? std::string_view(*op) : "", &std::pair<std::string_view, Op>::first);
  if (known == kOperators.end())
    return Fail(Error::Invalid(fmt::format("has the operator {}; it must be In, NotIn, Exists, DoesNotExist, Gt or Lt",
                                           op ? Quoted(*op) : "none")));
  requirement.op = known->second;

  const Json* values = Member(json, "values");
  if (values && !values->is_array()) return Fail(Error::Invalid("has values that are no list"));
  if (values) {
    for (const auto& value : *values) {
      const std::string* text = Text(value);
      if (!text) return Fail(Error::Invalid("has a value that is no string: put it in quotes"));
      requirement.values.insert(*text);
    }
  }
  const std::size_t given = values ? values->size() : 0;
  switch (requirement.op) {
    case Op::kIn:
    case Op::kNotIn:
      if (given == 0)
        return Fail(Error::Invalid(fmt::format("has the operator {} and no values: name at least one", *op)));
      break;
    case Op::kExists:
    case Op::kDoesNotExist:
      if (given != 0)
        return Fail(Error::Invalid(fmt::format("has the operator {} and values: take the values out", *op)));
      break;
    case Op::kGt:
    case Op::kLt:
      if (given != 1 || !Number(*requirement.values.begin()))
        return Fail(
            Error::Invalid(fmt::format("has the operator {}, which takes exactly one value, a whole number", *op)));
      break;
  }
  return requirement;
}

bool CanHold(const Requirement& requirement, const Place& place, const api::SovereignRegion& region) {
  const auto known = KnownLabel(requirement.key, place, region);
  if (!known) return true;
  switch (requirement.op) {
    case Op::kIn:
      return known->can_be_set && requirement.values.contains(known->value);
    case Op::kNotIn:
      return known->can_be_missing || !requirement.values.contains(known->value);
    case Op::kExists:
      return known->can_be_set;
    case Op::kDoesNotExist:
      return known->can_be_missing;
    case Op::kGt:
    case Op::kLt: {
      const auto have = known->can_be_set ? Number(known->value) : std::nullopt;
      const auto asked = Number(*requirement.values.begin());
      if (!have || !asked) return false;
      return requirement.op == Op::kGt ? *have > *asked : *have < *asked;
    }
  }
  return false;
}

std::optional<std::vector<std::string>> KnownValues(std::string_view key, const std::vector<Place>& places,
                                                    const api::SovereignRegion& region) {
  std::set<std::string_view> values;
  // Which keys are known does not depend on the place.
  if (!KnownLabel(key, Place{}, region)) return std::nullopt;
  for (const auto& place : places) {
    const auto known = KnownLabel(key, place, region);
    if (known->can_be_set) values.insert(known->value);
  }
  return std::vector<std::string>(values.begin(), values.end());
}

}  // namespace rempart::workload
