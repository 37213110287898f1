#include "operator/perimeter/rules/cel.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>

namespace rempart::rules {
namespace {

// Words that cannot stand after a dot (cel-spec, "Syntax": reserved words).
constexpr std::array<std::string_view, 21> kReserved = {
    "as",  "break", "const",     "continue", "else",    "false",  "for",  "function", "if",   "import", "in",
    "let", "loop",  "namespace", "null",     "package", "return", "true", "var",      "void", "while"};

bool IsIdentifier(std::string_view name) {
  const auto letter = [](char c) { return std::isalpha(static_cast<unsigned char>(c)) || c == '_'; };
  const auto inner = [&](char c) { return letter(c) || std::isdigit(static_cast<unsigned char>(c)); };
  return !name.empty() && letter(name[0]) && std::ranges::all_of(name, inner) &&
         std::ranges::find(kReserved, name) == kReserved.end();
}

bool IsOptional(const Node& node) { return node.op == Op::kField || node.op == Op::kKey; }

// Of what a loop goes through; has() costs less than an optional then, and says the same, also of an element that is
// null.
bool IsMemberOfAnElement(const Node& item) {
  constexpr std::array<std::string_view, 4> kRoots = {"object", "oldObject", "params", "request"};
  return item.op == Op::kField && IsIdentifier(item.text) && item.of.at(0)->op == Op::kVariable &&
         std::ranges::find(kRoots, item.of[0]->text) == kRoots.end();
}

std::string Print(const Node& node);

// What stands before a dot or a bracket, or as an argument.
std::string Of(const Node& node, std::size_t i) { return Print(*node.of.at(i)); }

// An item with what it is when absent. A variable is always there.
std::string Or(const Node& item, std::string_view absent) {
  return IsOptional(item) ? fmt::format("{}.orValue({})", Print(item), absent) : Print(item);
}

// As a value by itself, where an optional would be compared as such.
std::string Value(const Node& node) { return Or(node, "null"); }

std::string Joined(const Node& node, std::string_view separator) {
  std::string text = "(";
  for (std::size_t i = 0; i < node.of.size(); ++i) text.append(i == 0 ? "" : separator).append(Of(node, i));
  return text + ")";
}

std::string Macro(const Node& node, std::string_view name) {
  return fmt::format("{}.{}({}, {})", Of(node, 0), name, node.text, Value(*node.of.at(1)));
}

// Lists of an object have types of their own to the server's check of types, by where they are, also where they are of
// one kind: containers and init containers do not add up.
std::string Untyped(const Node& list) {
  return list.op == Op::kItems ? fmt::format("dyn({})", Print(list)) : Print(list);
}

// Loops go through a map's keys by themselves; what puts elements together has to be given a list of them.
std::string Elements(const Node& list) {
  return list.op == Op::kMembers ? Print(list) + ".map(key, key)" : Untyped(list);
}

std::string Print(const Node& node) {
  switch (node.op) {
    case Op::kLiteralText:
      return CelText(node.text);
    case Op::kLiteralBool:
      return node.number != 0 ? "true" : "false";
    case Op::kLiteralTexts: {
      std::string text = "[";
      for (const auto& one : node.texts) text.append(text.size() > 1 ? ", " : "").append(CelText(one));
      return text + "]";
    }
    case Op::kList: {
      std::string text = "[";
      for (const auto& one : node.of) text.append(text.size() > 1 ? ", " : "").append(Value(*one));
      return text + "]";
    }
    case Op::kVariable:
      return node.text;
    case Op::kField:
      return IsIdentifier(node.text) ? fmt::format("{}.?{}", Of(node, 0), node.text)
                                     : fmt::format("{}[?{}]", Of(node, 0), CelText(node.text));
    case Op::kKey:
      return fmt::format("{}[?{}]", Of(node, 0), Of(node, 1));
    case Op::kText:
      return Or(*node.of.at(0), "\"\"");
    case Op::kFlag:
      return Or(*node.of.at(0), "false");
    case Op::kItems:
      if (node.number != 0) return fmt::format("optional.ofNonZeroValue({}).orValue([])", Value(*node.of.at(0)));
      return Or(*node.of.at(0), "[]");
    case Op::kMembers:
      return Or(*node.of.at(0), "{}");
    case Op::kPresent:
      if (IsMemberOfAnElement(*node.of.at(0))) return fmt::format("has({}.{})", Of(*node.of[0], 0), node.of[0]->text);
      return IsOptional(*node.of.at(0)) ? Of(node, 0) + ".hasValue()" : "true";
    case Op::kEqual:
      // As they are, where both may be absent: beside a text, null would not pass the server's check of types.
      if (IsOptional(*node.of.at(0)) && IsOptional(*node.of.at(1)))
        return fmt::format("({} == {})", Of(node, 0), Of(node, 1));
      return fmt::format("({} == {})", Value(*node.of.at(0)), Value(*node.of.at(1)));
    case Op::kAnd:
      return Joined(node, " && ");
    case Op::kOr:
      return Joined(node, " || ");
    case Op::kNot:
      return "!" + Of(node, 0);
    case Op::kIn:
      return fmt::format("({} in {})", Of(node, 0), Of(node, 1));
    case Op::kStartsWith:
      return fmt::format("{}.startsWith({})", Of(node, 0), Of(node, 1));
    case Op::kContains:
      return fmt::format("{}.contains({})", Of(node, 0), Of(node, 1));
    case Op::kMatches:
      return fmt::format("{}.matches({})", Of(node, 0), CelText(node.text));
    case Op::kConcat:
      return Joined(node, " + ");
    case Op::kAppend:
      return fmt::format("({} + {})", Elements(*node.of.at(0)), Elements(*node.of.at(1)));
    case Op::kBefore:
      return fmt::format("{}.split({}, 2)[0]", Of(node, 0), CelText(node.text));
    case Op::kAfter:
      // Not substring(), which counts characters: it makes an array of them first.
      return fmt::format("{}.split({}, 2)[?1].orValue(\"\")", Of(node, 0), CelText(node.text));
    case Op::kLower:
      return Of(node, 0) + ".lowerAscii()";
    case Op::kIf:
      return fmt::format("({} ? {} : {})", Of(node, 0), Of(node, 1), Of(node, 2));
    case Op::kAll:
      return Macro(node, "all");
    case Op::kAny:
      return Macro(node, "exists");
    case Op::kFilter:
      return Macro(node, "filter");
    case Op::kMap: {
      // One loop for two, where both call the element the same.
      const Node& list = *node.of[0];
      if (list.op != Op::kFilter || list.text != node.text) return Macro(node, "map");
      return fmt::format("{}.map({}, {}, {})", Of(list, 0), node.text, Value(*list.of[1]), Value(*node.of[1]));
    }
    case Op::kJoin:
      return fmt::format("{}.join({})", Elements(*node.of.at(0)), CelText(node.text));
    case Op::kIsEmpty:
      return fmt::format("({}.size() == 0)", Of(node, 0));
    case Op::kInRange:
      // ip() and cidr() fail on what they cannot read, so the address is asked first; a range is the region's own.
      return fmt::format("(isIP({0}) && {1}.exists(range, isCIDR(range) && cidr(range).containsIP({0})))", Of(node, 0),
                         Of(node, 1));
    case Op::kRangeWithin:
      return fmt::format("(isCIDR({0}) && {1}.exists(range, isCIDR(range) && cidr(range).containsCIDR({0})))",
                         Of(node, 0), Of(node, 1));
  }
  return "false";  // not reached; a rule that is false refuses
}

}  // namespace

std::string ToCel(const Expr& expr) { return Value(*expr.node); }

std::string CelText(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
      out += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
    } else {
      out += c;
    }
  }
  return out + "\"";
}

}  // namespace rempart::rules
