#include "src/kube/label_selector.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

namespace rempart::kube {
namespace {

std::unexpected<Error> Unreadable(const std::string& member, std::string_view why) {
  return Fail(Error::Invalid(fmt::format("{}: {}", member, why)));
}

}  // namespace

Result<LabelSelector> LabelSelector::Of(const Json& selector) {
  using Operator = Requirement::Operator;
  LabelSelector made;
  if (!selector.is_object()) return Unreadable("selector", "is not an object");
  for (const auto& [member, value] : selector.items()) {
    if (member != "matchLabels" && member != "matchExpressions") return Unreadable(member, "is not known");
    if (value.is_null()) continue;
    if (member == "matchLabels" ? !value.is_object() : !value.is_array())
      return Unreadable(member, member == "matchLabels" ? "is not a map" : "is not a list");
  }
  if (const auto labels = selector.find("matchLabels"); labels != selector.end() && labels->is_object()) {
    for (const auto& [key, value] : labels->items()) {
      if (!value.is_string()) return Unreadable("matchLabels." + key, "is not a text");
      made.requirements_.push_back({key, Operator::kIn, {value.get<std::string>()}});
    }
  }
  const auto expressions = selector.find("matchExpressions");
  if (expressions == selector.end() || !expressions->is_array()) return made;
  static const std::map<std::string, Operator, std::less<>> kOperators = {{"In", Operator::kIn},
                                                                          {"NotIn", Operator::kNotIn},
                                                                          {"Exists", Operator::kExists},
                                                                          {"DoesNotExist", Operator::kDoesNotExist}};
  for (std::size_t i = 0; i < expressions->size(); ++i) {
    const Json& expression = (*expressions)[i];
    const std::string member = fmt::format("matchExpressions[{}]", i);
    const auto text = [&](const char* name) -> const std::string* {
      const auto it = expression.is_object() ? expression.find(name) : expression.end();
      return it != expression.end() && it->is_string() ? it->get_ptr<const std::string*>() : nullptr;
    };
    const std::string *key = text("key"), *op = text("operator");
    if (key == nullptr || key->empty()) return Unreadable(member + ".key", "is missing");
    const auto known = op == nullptr ? kOperators.end() : kOperators.find(*op);
    if (known == kOperators.end())
      return Unreadable(member + ".operator", "is none of In, NotIn, Exists, DoesNotExist");
    Requirement requirement{*key, known->second, {}};
    if (const auto values = expression.find("values"); values != expression.end() && !values->is_null()) {
      if (!values->is_array()) return Unreadable(member + ".values", "is not a list");
      for (const Json& value : *values) {
        if (!value.is_string()) return Unreadable(member + ".values", "has what is not a text");
        requirement.values.push_back(value.get<std::string>());
      }
    }
    const bool of_values = requirement.op == Operator::kIn || requirement.op == Operator::kNotIn;
    if (of_values == requirement.values.empty())
      return Unreadable(member + ".values", of_values ? "is empty" : "must be empty with this operator");
    std::ranges::sort(requirement.values);
    made.requirements_.push_back(std::move(requirement));
  }
  return made;
}

bool LabelSelector::Matches(const Labels& labels) const {
  return std::ranges::all_of(requirements_, [&labels](const Requirement& requirement) {
    const auto label = labels.find(requirement.key);
    const bool there = label != labels.end();
    switch (requirement.op) {
      case Requirement::Operator::kIn:
        return there && std::ranges::binary_search(requirement.values, label->second);
      case Requirement::Operator::kNotIn:  // also where there is no such label
        return !there || !std::ranges::binary_search(requirement.values, label->second);
      case Requirement::Operator::kExists:
        return there;
      case Requirement::Operator::kDoesNotExist:
        return !there;
    }
    return false;
  });
}

}  // namespace rempart::kube
