#include "operator/perimeter/rules/judge.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "operator/perimeter/rules/evaluate.h"
#include "operator/perimeter/rules/message.h"
#include "src/base/text.h"

namespace rempart::rules {
namespace {

constexpr std::size_t kMaxShown = 256;

struct Found {
  std::string field;
  Value value;
};

// The values at a path, with the way to each. What is of the wrong type on the way fails, and so is a violation.
void Find(const Subject& subject, bool texts, const Json& object, std::vector<Found>& found) {
  struct At {
    std::string field;
    Value value;
  };
  std::vector<At> now = {{"", &object}};
  for (const std::string& part : subject.path) {
    std::vector<At> next;
    for (At& at : now) {
      if (at.value.Bad()) {
        next.push_back(std::move(at));
        continue;
      }
      const auto* json = at.value.As<const Json*>();
      if (part == "*") {
        if (at.value.As<Absent>()) continue;  // no element
        if (json == nullptr || !(*json)->is_array()) {
          next.push_back({at.field, Failed{}});
          continue;
        }
        for (std::size_t i = 0; i < (*json)->size(); ++i)
          next.push_back({fmt::format("{}[{}]", at.field, i), ValueOf(&(**json)[i])});
        continue;
      }
      std::string field = at.field.empty() ? part : at.field + "." + part;
      if (at.value.As<Absent>()) {
        next.push_back({std::move(field), Absent{}});
      } else if (json == nullptr || !(*json)->is_object()) {
        next.push_back({at.field, Failed{}});
      } else {
        const auto member = (*json)->find(part);
        next.push_back({std::move(field), member == (*json)->end() ? Value(Absent{}) : ValueOf(&*member)});
      }
    }
    now = std::move(next);
  }
  for (At& at : now) {
    if (texts && at.value.As<Absent>()) at.value = std::string();
    if (texts && !at.value.As<std::string>()) at.value = Failed{};
    found.push_back({std::move(at.field), std::move(at.value)});
  }
}

class Judging {
 public:
  Judging(api::RegionRules::Language language, const Json& parameters, const Case& judged)
      : language_(language), judged_(judged) {
    bindings_.Set("object", ValueOf(judged.object));
    bindings_.Set("oldObject", ValueOf(judged.old_object));
    bindings_.Set("params", ValueOf(&parameters));
    static const Json kCreation = {{"operation", "CREATE"}};
    bindings_.Set("request", ValueOf(judged.request != nullptr ? judged.request : &kCreation));
  }

  bool IsFree() { return Evaluate(RequestsOf(judged_.gate).free, bindings_).IsTrue(); }

  void Try(const Rule& rule, std::vector<Violation>& violations) {
    if (rule.subjects.empty()) {
      if (!Evaluate(rule.holds, bindings_).IsTrue())
        violations.push_back({rule.id, "", FindingOf(rule, language_, "")});
      return;
    }
    std::vector<Found> found;
    static const Json kNothing = Json::object();
    const Json& object = judged_.object != nullptr ? *judged_.object : kNothing;
    for (const Subject& subject : rule.subjects) Find(subject, rule.texts, object, found);
    for (Found& one : found) {
      const bool readable = !one.value.Bad();
      bindings_.Set("it", std::move(one.value));
      if (readable && Evaluate(rule.holds, bindings_).IsTrue()) continue;
      const Value shown = rule.shown.node ? Evaluate(rule.shown, bindings_) : Value(std::string());
      const auto* text = shown.As<std::string>();
      violations.push_back(
          {rule.id, one.field, FindingOf(rule, language_, text ? CleanText(*text, kMaxShown) : "(unreadable)")});
    }
  }

 private:
  const api::RegionRules::Language language_;
  const Case& judged_;
  Bindings bindings_;
};

}  // namespace

std::vector<Violation> Judge(const std::vector<Rule>& rules, api::RegionRules::Language language,
                             const Json& parameters, const Case& judged) {
  std::vector<Violation> violations;
  Judging judging(language, parameters, judged);
  if (judging.IsFree()) return violations;
  for (const Rule& rule : rules) {
    if (rule.gate != judged.gate || (rule.needs_request && judged.request == nullptr)) continue;
    judging.Try(rule, violations);
  }
  return violations;
}

bool IsGivenSelector(const Json& pod) {
  if (const auto metadata = pod.find("metadata"); metadata != pod.end() && metadata->is_object()) {
    const auto labels = metadata->find("labels");
    if (labels != metadata->end() && labels->is_object() && labels->contains(api::kWorkloadLabel)) return false;
  }
  const auto spec = pod.find("spec");
  if (spec == pod.end() || !spec->is_object()) return false;
  const auto selector = spec->find("nodeSelector");
  if (selector == spec->end() || selector->is_null()) return true;  // null is absent to the server
  return selector->is_object() && !selector->contains(api::kNodeRegionLabel);
}

}  // namespace rempart::rules
