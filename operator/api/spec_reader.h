// Reading a spec of which nothing is sure: the API server may know an older schema of ours, or none. Every value is
// checked as our schema would; what it would have refused is noted as "field: what was found and what is wanted".
#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "src/base/clock.h"
#include "src/kube/decode.h"

namespace rempart::api {

// A value and the way to it.
struct Field {
  kube::View value;
  std::string path;

  Field operator[](std::string_view key) const { return {value[key], path + "." + std::string(key)}; }
};

// What a text must be: a test, and its description for people ("two upper-case letters, …").
struct TextRule {
  bool (*holds)(std::string_view);
  std::string_view wanted;
};
extern const TextRule kCountryRule;      // ISO 3166-1 alpha-2
extern const TextRule kLabelValueRule;   // Kubernetes' label values, not empty
extern const TextRule kRegionNameRule;   // a SovereignRegion's name, which becomes a label's value
extern const TextRule kProfileNameRule;  // a HostingProfile's name: a DNS subdomain (RFC 1123)
extern const TextRule kNodeNameRule;     // a node's name: the same
extern const TextRule kPatternRule;      // a regular expression in RE2's syntax, of at most 512 characters

// As a schema's maxLength counts: characters, not bytes.
std::size_t CountCharacters(std::string_view utf8);

// Collects the first problem. Readers return what they read, or the fallback where it is not there or refused: the
// object stays usable for whoever must show it. Not thread-safe.
class SpecReader {
 public:
  enum class Need { kOptional, kRequired };

  // The first problem found; "" for none.
  std::string TakeProblem() && { return std::move(problem_); }
  void Refuse(const Field& at, std::string_view why);

  // Whether it is an object; another type is refused.
  bool Object(const Field& at, Need need);
  std::string Text(const Field& at, const TextRule& rule, Need need);
  std::int64_t Int(const Field& at, std::int64_t min, std::int64_t max, std::int64_t fallback);
  bool Bool(const Field& at, bool fallback);
  // From zero to 400,000 hours, which can be added to any date without leaving the calendar.
  Duration Time(const Field& at, Duration fallback);
  // A date and time as metav1.Time has it (RFC 3339); nothing where it is not there or refused.
  std::optional<WallTime> Moment(const Field& at);
  // A list of `min` to `max` elements; calls f with each. More elements are refused before any is read.
  template <class F>
  void List(const Field& at, std::size_t min, std::size_t max, std::string_view what, F f) {
    if (!BeginList(at, min, max, what)) return;
    std::size_t i = 0;
    at.value.ForEachElement([&](kube::View element) { f(Field{element, at.path + "[" + std::to_string(i++) + "]"}); });
  }
  // A list of texts, none of which comes twice.
  std::vector<std::string> Texts(const Field& at, std::size_t min, std::size_t max, const TextRule& rule);
  template <class E>
  E OneOf(const Field& at, std::initializer_list<std::pair<std::string_view, E>> choices, E fallback) {
    if (!at.value.exists()) return fallback;
    std::string names;
    for (const auto& [name, choice] : choices) {
      if (at.value.AsString() == name) return choice;
      names.append(names.empty() ? "" : ", ").append(name);
    }
    Refuse(at, Shown(at.value) + " is none of " + names);
    return fallback;
  }

  // For messages: a scalar as JSON, cut where long; "an object" or "a list" for others.
  static std::string Shown(kube::View value);

 private:
  bool BeginList(const Field& at, std::size_t min, std::size_t max, std::string_view what);

  std::string problem_;
};

}  // namespace rempart::api
