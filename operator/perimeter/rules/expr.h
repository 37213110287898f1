// The small language that the rules of the perimeter are written in: a tree with two readers. cel.h prints it for the
// API server, evaluate.h judges a JSON document by it, and both must come to the same answer for every document.
//
// What is read of a document may be absent. A member of what is absent is absent, and so is null; where a text, a list
// or a number is wanted, absent counts as "", [] or the number given. What is there and of another type is an error, as
// it is in CEL. An error is no answer: && and || get over it where the other side decides (CEL's own rule), and a rule
// that ends in one does not hold.
//
// The readers may differ where the server knows no schema, in custom resources whose definition leaves fields open, and
// nowhere else: there CEL takes null for a value of another type, and a member of what is no object for absent.
//
// Trees are immutable and shared; everything here may be called from any thread.
#pragma once

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace rempart::rules {

enum class Op : std::uint8_t {
  kLiteralText,   // text
  kLiteralBool,   // number: 0 or 1
  kLiteralTexts,  // texts
  kList,          // of[0], of[1], …
  kVariable,      // text: object, oldObject, params, request, or one bound by a loop
  kField,         // of[0]'s member `text`: may be absent
  kKey,           // of[0]'s member named by of[1]: may be absent
  kText,          // of[0] as a text; absent: ""
  kFlag,          // of[0] as a Boolean; absent: false
  kItems,         // of[0] as a list; absent: []. number: 1 where the server may say null
  kMembers,       // of[0] as a map; absent: {}
  kPresent,       // whether of[0] is there
  kEqual,         // of any two values, to all depths
  kAnd,           // of all
  kOr,            // of all
  kNot,
  kIn,          // of[0] is an element of the list, or a key of the map, of[1]
  kStartsWith,  // of[0] with of[1]
  kContains,    // of[0] has of[1] in it
  kMatches,     // RE2 `text`, found anywhere in of[0]
  kConcat,      // texts, one after the other
  kBefore,      // of[0] up to the first `text`; all of it where there is none
  kAfter,       // of[0] behind the first `text`; "" where there is none
  kLower,       // of[0] with ASCII letters in lower case
  kIf,          // of[0] ? of[1] : of[2]
  kAll,         // of[1] holds for each element of the list (key of the map) of[0], bound to `text`
  kAny,
  kFilter,       // those elements of of[0] for which of[1] holds
  kMap,          // of[1] of each element of of[0]
  kAppend,       // lists, one after the other
  kJoin,         // the texts of list of[0] with `text` between
  kIsEmpty,      // a list, map or text
  kInRange,      // of[0] is an IP address within one of the CIDR ranges in list of[1]
  kRangeWithin,  // of[0] is a CIDR range within one of those in list of[1]
};

struct Node;
using NodePtr = std::shared_ptr<const Node>;
struct Node {
  Op op;
  std::vector<NodePtr> of{};
  std::string text{};
  std::int64_t number = 0;
  std::vector<std::string> texts{};
};

// The tree's types, so that a rule that makes no sense does not compile.
struct Expr {
  NodePtr node;
};
struct Bool : Expr {};
struct Text : Expr {};
struct List;
struct Map;

// Something in a document, perhaps absent.
struct Item : Expr {
  Item operator[](std::string_view field) const;
  Item operator[](const Text& key) const;
  Text AsText() const;
  Bool AsFlag() const;
  List AsList() const;
  List AsNullableList()
      const;  // the same to the evaluator; where the server says null for no list of a type that it knows
  Map AsMap() const;
  Bool Present() const;
};
struct List : Expr {};
struct Map : Expr {};

List KeysOf(const Map& map);

Bool Truth(bool value);
Text Literal(std::string_view value);
List Literal(const std::vector<std::string>& values);
List ListOf(const std::vector<Expr>& elements);
Item Variable(std::string_view name);
inline Item Object() { return Variable("object"); }
inline Item OldObject() { return Variable("oldObject"); }
inline Item Params() { return Variable("params"); }
inline Item Request() { return Variable("request"); }

Bool operator==(const Text& a, const Text& b);
inline Bool operator==(const Text& a, std::string_view b) { return a == Literal(b); }
Bool operator!(const Bool& a);
Bool operator!=(const Text& a, const Text& b);
inline Bool operator!=(const Text& a, std::string_view b) { return a != Literal(b); }
Bool operator&&(const Bool& a, const Bool& b);  // both sides are always built: this is a tree, not a test
Bool operator||(const Bool& a, const Bool& b);
Bool Same(const Item& a, const Item& b);
Bool Implies(const Bool& a, const Bool& b);

Bool In(const Text& element, const List& list);
Bool In(const Text& key, const Map& map);
Bool StartsWith(const Text& text, const Text& prefix);
Bool Contains(const Text& text, const Text& part);
Bool Matches(const Text& text, std::string_view re2);
Text operator+(const Text& a, const Text& b);
Text Before(const Text& text, std::string_view separator);
Text After(const Text& text, std::string_view separator);
Text Lower(const Text& text);
Text If(const Bool& condition, const Text& then, const Text& otherwise);

// The tree with `by` in place of each variable of that name.
Expr Replace(const Expr& expr, std::string_view variable, const Expr& by);
bool Uses(const Expr& expr, std::string_view variable);

// `body` gets the bound variable. Names are given by the depth of the nesting, so that a tree prints the
// same however often it is built.
Bool All(const List& list, const std::function<Bool(const Item&)>& body);
Bool Any(const List& list, const std::function<Bool(const Item&)>& body);
List Filter(const List& list, const std::function<Bool(const Item&)>& body);
List MapEach(const List& list, const std::function<Expr(const Item&)>& body);
List operator+(const List& a, const List& b);
Text Join(const List& texts, std::string_view separator);
Bool IsEmpty(const List& list);
Bool IsEmpty(const Map& map);
Bool InRange(const Text& address, const List& ranges);
Bool RangeWithin(const Text& range, const List& ranges);

}  // namespace rempart::rules
