#include "operator/perimeter/rules/validations.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <utility>

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
// What is asked of each element is written once for each of several lists, up to this.
constexpr std::size_t kLongestRepeated = 4'000;

using Rules = std::vector<const Rule*>;

// --- what a rule is asked of
// The path of a list, up to the "*", or to a value.
std::vector<std::string> ListPath(const Subject& subject) {
  return {subject.path.begin(), std::ranges::find(subject.path, "*")};
}

bool IsOfAList(const Subject& subject) { return ListPath(subject).size() < subject.path.size(); }
bool IsOfOneValue(const Rule& rule) { return rule.subjects.size() == 1 && !IsOfAList(rule.subjects.front()); }
bool IsOfSeveral(const Rule& rule) { return !rule.subjects.empty() && !IsOfOneValue(rule); }

Item Member(Item item, const std::vector<std::string>& path, std::size_t from = 0) {
  for (std::size_t i = from; i < path.size(); ++i) item = item[std::string_view(path[i])];
  return item;
}

Expr As(bool texts, const Item& item) { return texts ? Expr(item.AsText()) : Expr(item); }

Expr ValueAt(const Subject& subject, bool texts) { return As(texts, Member(Object(), subject.path)); }

List ListAt(const Subject& subject) {
  const Item list = Member(Object(), ListPath(subject));
  return subject.nullable ? list.AsNullableList() : list.AsList();
}

// Of one element of that list.
Expr ValueIn(const Item& element, const Subject& subject, bool texts) {
  return As(texts, Member(element, subject.path, ListPath(subject).size() + 1));
}

Bool IsThere(const Item& element, const Subject& subject) {
  return element[std::string_view(subject.path[ListPath(subject).size() + 1])].Present();
}

List ValuesAt(const Subject& subject, bool texts) {
  if (!IsOfAList(subject)) return ListOf({ValueAt(subject, texts)});
  List list = ListAt(subject);
  if (subject.path.back() == "*") return list;
  if (subject.sparse) list = Filter(list, [&](const Item& element) { return IsThere(element, subject); });
  return MapEach(list, [&](const Item& element) { return ValueIn(element, subject, texts); });
}

List ValuesOf(const Rule& rule) {
  List all;
  for (const Subject& subject : rule.subjects) {
    const List list = ValuesAt(subject, rule.texts);
    all = all.node ? all + list : list;
  }
  return all;
}

// --- whether they hold
// `expr` over It() where it stands by itself: with the value in its place, for rules of one value.
std::string WithValue(const Rule& rule, const Expr& expr) {
  return IsOfOneValue(rule) ? ToCel(Replace(expr, "it", ValueAt(rule.subjects.front(), rule.texts))) : ToCel(expr);
}

std::string AllOf(const List& list, const Expr& of_each) {
  return fmt::format("{}.all(it, {})", ToCel(list), ToCel(of_each));
}

std::string Holds(const Rule& rule) {
  return IsOfSeveral(rule) ? AllOf(ValuesOf(rule), rule.holds) : WithValue(rule, rule.holds);
}

// What is asked of the elements of a list, by all rules together.
struct Loop {
  std::vector<std::string> path;
  List list;
  Bool of_each;  // over It(), the element
};

// What a rule asks of the elements of one of its lists.
Bool OfEach(const Rule& rule, const Subject& subject) {
  Bool holds;
  holds.node = Replace(rule.holds, "it", ValueIn(It(), subject, rule.texts)).node;
  return subject.sparse ? Implies(IsThere(It(), subject), holds) : holds;
}

// Each list is gone through once, as it is: a list of what is asked for would have to be made first. Lists of which the
// same is asked are one.
std::vector<Loop> Joined(std::vector<Loop> loops) {
  std::vector<Loop> joined;
  for (Loop& loop : loops) {
    const auto same =
        std::ranges::find(joined, ToCel(loop.of_each), [](const Loop& one) { return ToCel(one.of_each); });
    if (same == joined.end())
      joined.push_back(std::move(loop));
    else
      same->list = same->list + loop.list;
  }
  return joined;
}

std::string AllHold(const Rules& rules) {
  std::string all;
  int parts = 0;
  const auto add = [&](const std::string& holds) {
    all.append(parts == 0 ? "" : " && ").append(holds);
    ++parts;
  };
  std::vector<Loop> loops;
  for (const Rule* rule : rules) {
    if (std::ranges::find(rules, rule->implied_by, &Rule::id) != rules.end()) continue;
    // One that is long, by a region's lists, is written once for all its lists.
    if (!IsOfSeveral(*rule) || (rule->subjects.size() > 1 && ToCel(rule->holds).size() > kLongestRepeated)) {
      add(Holds(*rule));
      continue;
    }
    for (const Subject& subject : rule->subjects) {
      if (!IsOfAList(subject)) {
        add(ToCel(Replace(rule->holds, "it", ValueAt(subject, rule->texts))));
        continue;
      }
      const Bool of_each = OfEach(*rule, subject);
      const auto same = std::ranges::find(loops, ListPath(subject), &Loop::path);
      if (same == loops.end())
        loops.push_back({ListPath(subject), ListAt(subject), of_each});
      else
        same->of_each = same->of_each && of_each;
    }
  }
  for (const Loop& loop : Joined(std::move(loops))) add(AllOf(loop.list, loop.of_each));
  return parts == 1 ? all : fmt::format("({})", all);
}

// An update is asked first whether it is free: a pod that was there before the rules has to end, whatever it would cost
// to judge it. With all else, which is nearly always as it should be, that comes last.
std::string OrFree(const std::string& holds, const Bool& free) {
  if (free.node->op == Op::kLiteralBool) return holds;
  const std::string text = ToCel(free);
  return fmt::format("(request.operation == \"UPDATE\" && {0}) || {1} || {0}", text, holds);
}

// A match condition is not told of the namespace.
bool AskOfTheNamespace(const Rules& rules, const Bool& free) {
  const auto asks = [](const Expr& expr) { return Uses(expr, "namespaceObject"); };
  return asks(free) || std::ranges::any_of(rules, [&](const Rule* rule) { return asks(rule->holds); });
}

// --- what is said
// Whether it says the same of every request.
bool IsConstant(const Rule& rule) { return rule.subjects.empty() || !rule.shown.node; }

// The values that are against a rule of a list, as they are shown.
std::string Found(const Rule& rule) {
  const std::string shown = ToCel(rule.shown);
  return fmt::format("{}.filter(it, !{}){}", ToCel(ValuesOf(rule)), ToCel(rule.holds),
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
  if (!IsConstant(rule) && IsOfSeveral(rule))
    return fmt::format("[{}].filter(bad, bad.size() > 0).map(bad, {})", Found(rule),
                       SaidOf(rule, language, "bad.join(\", \")"));
  return fmt::format("({} ? [] : [{}])", Holds(rule),
                     IsConstant(rule) ? CelText(MessageOf(rule, language, "", ""))
                                      : SaidOf(rule, language, WithValue(rule, rule.shown)));
}

// All of it, or the beginnings, or, since a header takes no control characters and the server would drop the warning
// without a word, the ids (the first six characters).
std::string MessageOfAll(const Rules& rules, const api::SovereignRegion& region) {
  std::string each;
  for (const Rule* rule : rules)
    each.append(each.empty() ? "" : " + ").append(WhereBroken(*rule, region.rules.language));
  const bool enforces = region.rules.enforcement == api::RegionRules::Enforcement::kEnforce;
  const bool french = region.rules.language == api::RegionRules::Language::kFrench;
  const std::string unquotable = french ? " : une valeur contient des caractères de contrôle, et n'est pas citée"
                                        : ": a value has control characters in it, and is not quoted";
  return fmt::format(
      "[{}].map(all, [bytes(all.join(\". \")).size() <= {} ? all.join(\". \") : "
      "all.map(one, one.size() <= {} / all.size() ? one : one.substring(0, {} / all.size()) + \"…\").join(\". \")]"
      ".map(text, text.replace(\"\\n\", \" \").replace(\"\\t\", \" \").replace(\"\\r\", \" \"))"
      ".map(text, text.matches(\"\\\\p{{Cc}}\") ? all.map(one, one.substring(0, 6)).join(\", \") + {} : text)[0])[0]",
      each, enforces ? kLongestRefusal : kLongestWarning, kBeginnings, kBeginnings, CelText(unquotable));
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

Json ValidationOf(const Rule& rule, const Bool& free, api::RegionRules::Language language) {
  const std::string holds = OrFree(Holds(rule), free);
  const auto found = [&] { return IsOfSeveral(rule) ? Found(rule) + ".join(\", \")" : WithValue(rule, rule.shown); };
  const std::string says = IsConstant(rule) ? "" : SaidOf(rule, language, found());
  return Validation(holds, MessageOf(rule, language, "", ""), says);
}

}  // namespace

Json ValidationsOf(const Rules& rules, const Bool& free, const api::SovereignRegion& region) {
  const std::string holds = OrFree(AllHold(rules), free);
  const bool says_the_same = rules.size() == 1 && IsConstant(*rules.front());
  const std::string says = says_the_same ? "" : MessageOfAll(rules, region);
  if (std::max(holds.size(), says.size()) <= kLongestExpression && !AskOfTheNamespace(rules, free))
    return {{"matchConditions", Json::array({{{"name", "broken-rule"}, {"expression", fmt::format("!({})", holds)}}})},
            {"validations", Json::array({Validation("false", Fallback(rules, region), says)})}};
  Json validations = Json::array();
  for (const Rule* rule : rules) validations.push_back(ValidationOf(*rule, free, region.rules.language));
  return {{"validations", std::move(validations)}};
}

}  // namespace rempart::rules
