#include "operator/perimeter/rules/validations.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <string>

#include "operator/perimeter/rules/cel.h"
#include "operator/perimeter/rules/message.h"

namespace rempart::rules {
namespace {

// cel-go parses 100,000 code points at most.
constexpr std::size_t kLongestExpression = 90'000;
// The server drops a message of more than 5 KiB (MaxEvaluatedMessageExpressionSizeBytes). Warnings it cuts to 256
// characters each once all those of an answer have over 4,096, and Pod Security has some to say as well.
constexpr int kLongestRefusal = 5000, kLongestWarning = 2800;
// How many characters there are in all for the beginnings of what each rule says, where the whole is longer: of four
// bytes each they fit into either.
constexpr int kBeginnings = 1200;

using Rules = std::vector<const Rule*>;

// --- what a rule is asked of
bool IsOfOneValue(const Rule& rule) {
  return rule.subjects.size() == 1 &&
         std::ranges::find(rule.subjects.front().path, "*") == rule.subjects.front().path.end();
}

bool IsOfAList(const Rule& rule) { return !rule.subjects.empty() && !IsOfOneValue(rule); }

Item Member(Item item, const std::vector<std::string>& path, std::size_t from) {
  for (std::size_t i = from; i < path.size(); ++i) item = item[std::string_view(path[i])];
  return item;
}

Expr ValueAt(const Subject& subject, bool texts) {
  const Item item = Member(Object(), subject.path, 0);
  return texts ? Expr(item.AsText()) : Expr(item);
}

List ValuesAt(const Subject& subject, bool texts) {
  const auto& path = subject.path;
  const auto star = static_cast<std::size_t>(std::ranges::find(path, "*") - path.begin());
  if (star == path.size()) return ListOf({ValueAt(subject, texts)});
  List list = Member(Object(), {path.begin(), path.begin() + static_cast<std::ptrdiff_t>(star)}, 0).AsList();
  if (star + 1 == path.size()) return list;
  if (subject.sparse)
    list = Filter(list, [&](const Item& element) { return element[std::string_view(path[star + 1])].Present(); });
  return MapEach(list, [&](const Item& element) {
    const Item at = Member(element, path, star + 1);
    return texts ? Expr(at.AsText()) : Expr(at);
  });
}

List ValuesOf(const Rule& rule) {
  List all;
  for (const Subject& subject : rule.subjects) {
    const List list = ValuesAt(subject, rule.texts);
    all = all.node ? all + list : list;
  }
  return all;
}

// `expr` over It() where it stands by itself: with the value in its place, for rules of one value.
std::string About(const Rule& rule, const Expr& expr) {
  return IsOfOneValue(rule) ? ToCel(Replace(expr, "it", ValueAt(rule.subjects.front(), rule.texts))) : ToCel(expr);
}

// --- whether they hold
std::string Holds(const Rules& of_the_same, const std::string& list) {
  const Rule& first = *of_the_same.front();
  Bool all = first.holds;
  for (std::size_t i = 1; i < of_the_same.size(); ++i) all = all && of_the_same[i]->holds;
  return IsOfAList(first) ? fmt::format("{}.all(it, {})", list, ToCel(all)) : About(first, all);
}

std::string VariableOf(const Rule& rule) { return "variables." + rule.variable; }

// An update is asked first whether it is free: a pod that was there before the rules has to end, whatever it would cost
// to judge it. With all else, which is nearly always as it should be, that comes last.
std::string Or(const std::string& holds, bool some_are_free) {
  return some_are_free
             ? fmt::format("(request.operation == \"UPDATE\" && variables.free) || {} || variables.free", holds)
             : holds;
}

std::string AllHold(const Rules& rules) {
  std::vector<Rules> groups;
  for (const Rule* rule : rules) {
    const auto same = std::ranges::find_if(groups, [&](const Rules& group) {
      return !rule->subjects.empty() && group.front()->variable == rule->variable;
    });
    if (same == groups.end())
      groups.push_back({rule});
    else
      same->push_back(rule);
  }
  std::string all;
  for (const Rules& group : groups) {
    const Rule& first = *group.front();
    all.append(all.empty() ? "" : " && ");
    all.append(Holds(group, IsOfAList(first) ? ToCel(ValuesOf(first)) : ""));
  }
  return groups.size() == 1 ? all : fmt::format("({})", all);
}

// --- what is said
// Whether it says the same of every request.
bool IsConstant(const Rule& rule) { return rule.subjects.empty() || !rule.shown.node; }

// The values that are against a rule of a list, as they are shown.
std::string Found(const Rule& rule) {
  const std::string shown = ToCel(rule.shown);
  return fmt::format("{}.filter(it, !{}){}", VariableOf(rule), ToCel(rule.holds),
                     shown == "it" ? "" : fmt::format(".map(it, {})", shown));
}

// What is said of what was found, which is CEL too.
std::string SaidOf(const Rule& rule, api::RegionRules::Language language, const std::string& found) {
  std::string fields;
  for (const Subject& subject : rule.subjects) fields += (fields.empty() ? "" : ", ") + subject.ToString();
  const auto [before, after] = MessageParts(rule, language, fields);
  return fmt::format("{} + {} + {}", CelText(before), found, CelText(after));
}

// A list with what the rule says where it is broken; else empty.
std::string WhereBroken(const Rule& rule, api::RegionRules::Language language) {
  if (!IsConstant(rule) && IsOfAList(rule))
    return fmt::format("[{}].filter(bad, bad.size() > 0).map(bad, {})", Found(rule),
                       SaidOf(rule, language, "bad.join(\", \")"));
  return fmt::format(
      "({} ? [] : [{}])", Holds({&rule}, VariableOf(rule)),
      IsConstant(rule) ? CelText(MessageOf(rule, language, "", "")) : SaidOf(rule, language, About(rule, rule.shown)));
}

// All of it, or the beginnings, or, since a header takes no control characters and the server would drop the warning
// without a word, the ids (the first six characters).
std::string MessageOfAll(const Rules& rules, const std::string& holds, const api::SovereignRegion& region) {
  std::string each;
  for (const Rule* rule : rules)
    each.append(each.empty() ? "" : " + ").append(WhereBroken(*rule, region.rules.language));
  const bool enforces = region.rules.enforcement == api::RegionRules::Enforcement::kEnforce;
  const bool french = region.rules.language == api::RegionRules::Language::kFrench;
  const std::string unquotable = french ? " : une valeur contient des caractères de contrôle, et n'est pas citée"
                                        : ": a value has control characters in it, and is not quoted";
  return fmt::format(
      "{} ? \"\" : [{}].map(all, [bytes(all.join(\". \")).size() <= {} ? all.join(\". \") : "
      "all.map(one, one.size() <= {} / all.size() ? one : one.substring(0, {} / all.size()) + \"…\").join(\". \")]"
      ".map(text, text.replace(\"\\n\", \" \").replace(\"\\t\", \" \").replace(\"\\r\", \" \"))"
      ".map(text, text.matches(\"\\\\p{{Cc}}\") ? all.map(one, one.substring(0, 6)).join(\", \") + {} : text)[0])[0]",
      holds, each, enforces ? kLongestRefusal : kLongestWarning, kBeginnings, kBeginnings, CelText(unquotable));
}

// What the server says where a message cannot be worked out: it costs too much, or a value cannot be read.
std::string Fallback(const Rules& rules, const api::SovereignRegion& region) {
  if (rules.size() == 1) return MessageOf(*rules.front(), region.rules.language, "", "");
  const std::string& name = region.meta.key.name;
  return region.rules.language == api::RegionRules::Language::kFrench
             ? fmt::format(
                   "refusé par la région {} pour ce qui ne peut être lu, ou cité : kubectl rempart check le nomme",
                   name)
             : fmt::format("refused by region {} for what cannot be read, or quoted: kubectl rempart check names it",
                           name);
}

Json Validation(const std::string& expression, const std::string& message, const std::string& message_expression) {
  Json validation = {{"expression", expression}, {"message", message}, {"reason", "Forbidden"}};
  if (!message_expression.empty()) validation["messageExpression"] = message_expression;
  return validation;
}

Json ValidationOf(const Rule& rule, bool some_are_free, api::RegionRules::Language language) {
  const std::string holds = Or(Holds({&rule}, VariableOf(rule)), some_are_free);
  const auto found = [&] { return IsOfAList(rule) ? Found(rule) + ".join(\", \")" : About(rule, rule.shown); };
  const std::string says = IsConstant(rule) ? "" : SaidOf(rule, language, found());
  return Validation(holds, MessageOf(rule, language, "", ""), says);
}

}  // namespace

Validations ValidationsOf(const Rules& rules, const Bool& free, const api::SovereignRegion& region) {
  const api::RegionRules::Language language = region.rules.language;
  const bool some_are_free = free.node->op != Op::kLiteralBool;
  Validations made{Json::array(), Json::array()};
  std::set<std::string> named;
  if (some_are_free) made.variables.push_back({{"name", "free"}, {"expression", ToCel(free)}});
  for (const Rule* rule : rules)
    if (IsOfAList(*rule) && named.insert(rule->variable).second)
      made.variables.push_back({{"name", rule->variable}, {"expression", ToCel(ValuesOf(*rule))}});

  const std::string holds = Or(AllHold(rules), some_are_free);
  const bool says_the_same = rules.size() == 1 && IsConstant(*rules.front());
  const std::string says = says_the_same ? "" : MessageOfAll(rules, holds, region);
  if (std::max(holds.size(), says.size()) <= kLongestExpression) {
    made.validations.push_back(Validation(holds, Fallback(rules, region), says));
  } else {
    for (const Rule* rule : rules) made.validations.push_back(ValidationOf(*rule, some_are_free, language));
  }
  return made;
}

}  // namespace rempart::rules
