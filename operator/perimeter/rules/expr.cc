#include "operator/perimeter/rules/expr.h"

#include <algorithm>
#include <utility>

namespace rempart::rules {
namespace {

template <class T>
T Make(Op op, std::vector<NodePtr> of, std::string_view text = {}) {
  T made;
  made.node = std::make_shared<const Node>(Node{.op = op, .of = std::move(of), .text = std::string(text)});
  return made;
}

// How many loops are nested in a tree, at most.
int Loops(const Node& node) {
  int deepest = 0;
  for (const auto& child : node.of) deepest = std::max(deepest, Loops(*child));
  const bool loop = node.op == Op::kAll || node.op == Op::kAny || node.op == Op::kFilter || node.op == Op::kMap;
  return deepest + (loop ? 1 : 0);
}

// The variable's name says how many loops are within its body: an outer one thus never has the name of an inner one.
// The body is built with a stand-in first, to count them.
template <class T, class Body>
T Loop(Op op, const List& list, const Body& body) {
  const Expr counted = body(Variable("_"));
  const std::string name = "e" + std::to_string(Loops(*counted.node) + 1);
  return Make<T>(op, {list.node, Expr(body(Variable(name))).node}, name);
}

// Flat, so that long conjunctions print as one, and without what decides nothing.
Bool Combine(Op op, const Bool& a, const Bool& b) {
  const auto decides_nothing = [&](const Node& side) {
    return side.op == Op::kLiteralBool && (side.number != 0) == (op == Op::kAnd);
  };
  if (decides_nothing(*a.node)) return b;
  if (decides_nothing(*b.node)) return a;
  std::vector<NodePtr> of;
  for (const NodePtr& side : {a.node, b.node}) {
    if (side->op == op) {
      of.insert(of.end(), side->of.begin(), side->of.end());
    } else {
      of.push_back(side);
    }
  }
  return Make<Bool>(op, std::move(of));
}

NodePtr Replaced(const NodePtr& node, std::string_view variable, const NodePtr& by) {
  if (node->op == Op::kVariable) return node->text == variable ? by : node;
  Node copy = *node;
  for (NodePtr& child : copy.of) child = Replaced(child, variable, by);
  return copy.of == node->of ? node : std::make_shared<const Node>(std::move(copy));
}

}  // namespace

Item Item::operator[](std::string_view field) const { return Make<Item>(Op::kField, {node}, field); }
Item Item::operator[](const Text& key) const { return Make<Item>(Op::kKey, {node, key.node}); }
Text Item::AsText() const { return Make<Text>(Op::kText, {node}); }
Bool Item::AsFlag() const { return Make<Bool>(Op::kFlag, {node}); }
List Item::AsList() const { return Make<List>(Op::kItems, {node}); }
List Item::AsNullableList() const {
  List list;
  list.node = std::make_shared<const Node>(Node{.op = Op::kItems, .of = {node}, .number = 1});
  return list;
}
Map Item::AsMap() const { return Make<Map>(Op::kMembers, {node}); }
Bool Item::Present() const { return Make<Bool>(Op::kPresent, {node}); }

List KeysOf(const Map& map) {  // loops go through a map's keys by themselves
  List keys;
  keys.node = map.node;
  return keys;
}

Bool Truth(bool value) {
  Bool made;
  made.node = std::make_shared<const Node>(Node{.op = Op::kLiteralBool, .number = value ? 1 : 0});
  return made;
}
Text Literal(std::string_view value) { return Make<Text>(Op::kLiteralText, {}, value); }
List Literal(const std::vector<std::string>& values) {
  List made;
  made.node = std::make_shared<const Node>(Node{.op = Op::kLiteralTexts, .texts = values});
  return made;
}
List ListOf(const std::vector<Expr>& elements) {
  std::vector<NodePtr> of;
  of.reserve(elements.size());
  for (const Expr& element : elements) of.push_back(element.node);
  return Make<List>(Op::kList, std::move(of));
}
Item Variable(std::string_view name) { return Make<Item>(Op::kVariable, {}, name); }

Bool operator==(const Text& a, const Text& b) { return Make<Bool>(Op::kEqual, {a.node, b.node}); }
Bool operator!(const Bool& a) { return Make<Bool>(Op::kNot, {a.node}); }
Bool operator!=(const Text& a, const Text& b) { return !(a == b); }
Bool operator&&(const Bool& a, const Bool& b) { return Combine(Op::kAnd, a, b); }
Bool operator||(const Bool& a, const Bool& b) { return Combine(Op::kOr, a, b); }
Bool Same(const Item& a, const Item& b) { return Make<Bool>(Op::kEqual, {a.node, b.node}); }
Bool Implies(const Bool& a, const Bool& b) { return !a || b; }

Bool In(const Text& element, const List& list) { return Make<Bool>(Op::kIn, {element.node, list.node}); }
Bool In(const Text& key, const Map& map) { return Make<Bool>(Op::kIn, {key.node, map.node}); }
Bool StartsWith(const Text& text, const Text& prefix) { return Make<Bool>(Op::kStartsWith, {text.node, prefix.node}); }
Bool Contains(const Text& text, const Text& part) { return Make<Bool>(Op::kContains, {text.node, part.node}); }
Bool Matches(const Text& text, std::string_view re2) { return Make<Bool>(Op::kMatches, {text.node}, re2); }
Text operator+(const Text& a, const Text& b) { return Make<Text>(Op::kConcat, {a.node, b.node}); }
Text Before(const Text& text, std::string_view separator) { return Make<Text>(Op::kBefore, {text.node}, separator); }
Text After(const Text& text, std::string_view separator) { return Make<Text>(Op::kAfter, {text.node}, separator); }
Text Lower(const Text& text) { return Make<Text>(Op::kLower, {text.node}); }
Text If(const Bool& condition, const Text& then, const Text& otherwise) {
  return Make<Text>(Op::kIf, {condition.node, then.node, otherwise.node});
}

Expr Replace(const Expr& expr, std::string_view variable, const Expr& by) {
  return {Replaced(expr.node, variable, by.node)};
}

bool Uses(const Expr& expr, std::string_view variable) {
  if (expr.node->op == Op::kVariable && expr.node->text == variable) return true;
  return std::ranges::any_of(expr.node->of, [&](const NodePtr& child) { return Uses({child}, variable); });
}

Bool All(const List& list, const std::function<Bool(const Item&)>& body) { return Loop<Bool>(Op::kAll, list, body); }
Bool Any(const List& list, const std::function<Bool(const Item&)>& body) { return Loop<Bool>(Op::kAny, list, body); }
List Filter(const List& list, const std::function<Bool(const Item&)>& body) {
  return Loop<List>(Op::kFilter, list, body);
}
List MapEach(const List& list, const std::function<Expr(const Item&)>& body) {
  return Loop<List>(Op::kMap, list, body);
}
List operator+(const List& a, const List& b) { return Make<List>(Op::kAppend, {a.node, b.node}); }
Text Join(const List& texts, std::string_view separator) { return Make<Text>(Op::kJoin, {texts.node}, separator); }
Bool IsEmpty(const List& list) { return Make<Bool>(Op::kIsEmpty, {list.node}); }
Bool IsEmpty(const Map& map) { return Make<Bool>(Op::kIsEmpty, {map.node}); }
Bool InRange(const Text& address, const List& ranges) { return Make<Bool>(Op::kInRange, {address.node, ranges.node}); }
Bool RangeWithin(const Text& range, const List& ranges) {
  return Make<Bool>(Op::kRangeWithin, {range.node, ranges.node});
}

}  // namespace rempart::rules
