#include "operator/perimeter/rules/evaluate.h"

#include <arpa/inet.h>
#include <re2/re2.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <nlohmann/json.hpp>
#include <optional>
#include <unordered_map>

namespace rempart::rules {
namespace {

// Patterns are the table's own, so there are few; each thread keeps its compiled ones.
const re2::RE2& Pattern(const std::string& text) {
  thread_local std::unordered_map<std::string, std::unique_ptr<const re2::RE2>> kept;
  auto& pattern = kept[text];
  if (!pattern) pattern = std::make_unique<const re2::RE2>(text, re2::RE2::Quiet);
  return *pattern;
}

struct Address {
  int family;
  std::array<unsigned char, 16> bytes{};
  unsigned bits() const { return family == AF_INET ? 32 : 128; }
};

// As Go's netip reads it, which is what CEL's ip() is made of: no zone, no IPv4 in IPv6.
std::optional<Address> ReadAddress(const std::string& text) {
  if (text.contains('\0')) return std::nullopt;  // inet_pton would read what stands before it
  Address address{AF_INET};
  if (inet_pton(AF_INET, text.c_str(), address.bytes.data()) == 1) return address;
  address.family = AF_INET6;
  if (inet_pton(AF_INET6, text.c_str(), address.bytes.data()) != 1) return std::nullopt;
  constexpr std::array<unsigned char, 12> kMapped = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
  if (std::equal(kMapped.begin(), kMapped.end(), address.bytes.begin())) return std::nullopt;
  return address;
}

struct Range {
  Address base;
  unsigned bits;
};

std::optional<Range> ReadRange(const std::string& text) {
  const auto slash = text.find('/');
  if (slash == std::string::npos) return std::nullopt;
  const auto base = ReadAddress(text.substr(0, slash));
  unsigned bits = 0;
  const char *begin = text.data() + slash + 1, *end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(begin, end, bits);
  const bool canonical = end - begin == 1 || (begin != end && *begin != '0');
  if (!base || error != std::errc{} || rest != end || !canonical || bits > base->bits()) return std::nullopt;
  return Range{*base, bits};
}

// Whether all addresses of `inner` are in `outer`.
bool Within(const Range& inner, const Range& outer) {
  if (inner.base.family != outer.base.family || inner.bits < outer.bits) return false;
  for (unsigned bit = 0; bit < outer.bits; ++bit) {
    const unsigned char mask = static_cast<unsigned char>(0x80 >> (bit % 8));
    if ((inner.base.bytes[bit / 8] & mask) != (outer.base.bytes[bit / 8] & mask)) return false;
  }
  return true;
}

// To all depths, as JSON; a list that was made of parts is compared element by element.
bool Equal(const Value& a, const Value& b);

bool EqualLists(const std::vector<Value>& a, const std::vector<Value>& b) { return std::ranges::equal(a, b, Equal); }

std::optional<std::vector<Value>> ListOf(const Value& value) {
  if (const auto* list = value.As<Values>()) return **list;
  const auto* json = value.As<const Json*>();
  if (json == nullptr || !(*json)->is_array()) return std::nullopt;
  std::vector<Value> list;
  list.reserve((*json)->size());
  for (const Json& element : **json) list.push_back(ValueOf(&element));
  return list;
}

// What a loop goes through: a list's elements, a map's keys.
std::optional<std::vector<Value>> RangeOf(const Value& value) {
  if (auto list = ListOf(value)) return list;
  const auto* json = value.As<const Json*>();
  if (json == nullptr || !(*json)->is_object()) return std::nullopt;
  std::vector<Value> keys;
  for (const auto& [key, member] : (*json)->items()) keys.emplace_back(key);
  return keys;
}

bool Equal(const Value& a, const Value& b) {
  if (a.As<Absent>() || b.As<Absent>()) return a.As<Absent>() && b.As<Absent>();
  if (a.As<bool>() && b.As<bool>()) return *a.As<bool>() == *b.As<bool>();
  if (a.As<std::string>() && b.As<std::string>()) return *a.As<std::string>() == *b.As<std::string>();
  if (a.As<const Json*>() && b.As<const Json*>()) return **a.As<const Json*>() == **b.As<const Json*>();
  const auto left = ListOf(a), right = ListOf(b);
  return left && right && EqualLists(*left, *right);
}

}  // namespace

Value ValueOf(const Json* json) {
  if (json == nullptr || json->is_null()) return Absent{};
  if (json->is_boolean()) return json->get<bool>();
  if (json->is_string()) return json->get_ref<const Json::string_t&>();
  return json;
}

void Bindings::Set(std::string_view name, Value value) {
  const auto known = std::ranges::find(entries_, name, &std::pair<std::string, Value>::first);
  if (known != entries_.end())
    known->second = std::move(value);
  else
    entries_.emplace_back(name, std::move(value));
}

class Evaluator {
 public:
  explicit Evaluator(Bindings& bindings) : bindings_(bindings) {}

  Value Of(const Node& node);

 private:
  Value Child(const Node& node, std::size_t i) { return Of(*node.of[i]); }
  // The i-th child as a text; nothing where it is none.
  std::optional<std::string> TextOf(const Node& node, std::size_t i) {
    Value value = Child(node, i);
    auto* text = std::get_if<std::string>(&value);
    return text ? std::optional(std::move(*text)) : std::nullopt;
  }
  Value Variable(const std::string& name) const;
  static Value Member(const Value& of, const std::string& name);
  Value Decide(const Node& node, bool decisive);
  Value Loop(const Node& node);
  Value In(const Node& node);
  Value Texts(const Node& node);
  Value InRanges(const Node& node);
  Value Append(const Node& node);
  Value Join(const Node& node);

  Bindings& bindings_;
};

Value Evaluator::Variable(const std::string& name) const {
  const auto& entries = bindings_.entries_;
  const auto found = std::find_if(entries.rbegin(), entries.rend(), [&](const auto& e) { return e.first == name; });
  return found == entries.rend() ? Value(Failed{}) : found->second;
}

Value Evaluator::Member(const Value& of, const std::string& name) {
  if (of.As<Absent>()) return Absent{};
  const auto* json = of.As<const Json*>();
  if (json == nullptr || !(*json)->is_object()) return Failed{};
  const auto member = (*json)->find(name);
  return member == (*json)->end() ? Value(Absent{}) : ValueOf(&*member);
}

// && (a false one decides) and || (a true one does), whatever else failed.
Value Evaluator::Decide(const Node& node, bool decisive) {
  bool failed = false;
  for (std::size_t i = 0; i < node.of.size(); ++i) {
    const Value value = Child(node, i);
    const bool* truth = value.As<bool>();
    if (truth == nullptr) {
      failed = true;
    } else if (*truth == decisive) {
      return decisive;
    }
  }
  return failed ? Value(Failed{}) : Value(!decisive);
}

Value Evaluator::Loop(const Node& node) {
  auto range = RangeOf(Child(node, 0));
  if (!range) return Failed{};
  bool failed = false;
  auto kept = std::make_shared<std::vector<Value>>();
  for (Value& element : *range) {
    bindings_.entries_.emplace_back(node.text, element);
    Value value = Of(*node.of[1]);
    bindings_.entries_.pop_back();
    if (node.op == Op::kMap) {
      if (value.Bad()) return Failed{};
      kept->push_back(std::move(value));
      continue;
    }
    const bool* truth = value.As<bool>();
    if (truth == nullptr) {
      failed = true;
    } else if (node.op == Op::kFilter) {
      if (*truth) kept->push_back(std::move(element));
    } else if (*truth == (node.op == Op::kAny)) {
      return *truth;
    }
  }
  if (failed) return Failed{};
  if (node.op == Op::kAll) return true;
  if (node.op == Op::kAny) return false;
  return Values(std::move(kept));
}

Value Evaluator::In(const Node& node) {
  const Value element = Child(node, 0), whole = Child(node, 1);
  if (element.Bad()) return Failed{};
  const auto* json = whole.As<const Json*>();
  if (json != nullptr && (*json)->is_object()) {
    const auto* key = element.As<std::string>();
    return key == nullptr ? Value(Failed{}) : Value((*json)->contains(*key));
  }
  const auto list = ListOf(whole);
  if (!list) return Failed{};
  return std::ranges::any_of(*list, [&](const Value& one) { return Equal(one, element); });
}

// Those that take texts and nothing else.
Value Evaluator::Texts(const Node& node) {
  const auto text = TextOf(node, 0);
  if (!text) return Failed{};
  switch (node.op) {
    case Op::kStartsWith:
    case Op::kContains: {
      const auto other = TextOf(node, 1);
      if (!other) return Failed{};
      return node.op == Op::kStartsWith ? text->starts_with(*other) : text->find(*other) != std::string::npos;
    }
    case Op::kMatches: {
      const re2::RE2& pattern = Pattern(node.text);
      return pattern.ok() ? Value(re2::RE2::PartialMatch(*text, pattern)) : Value(Failed{});
    }
    case Op::kConcat: {
      std::string all = *text;
      for (std::size_t i = 1; i < node.of.size(); ++i) {
        const auto more = TextOf(node, i);
        if (!more) return Failed{};
        all += *more;
      }
      return all;
    }
    case Op::kBefore:
      return text->substr(0, text->find(node.text));
    case Op::kAfter: {
      const auto at = text->find(node.text);
      return at == std::string::npos ? std::string() : text->substr(at + node.text.size());
    }
    case Op::kLower: {
      std::string lower = *text;
      for (char& c : lower)
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
      return lower;
    }
    default:
      return Failed{};
  }
}

Value Evaluator::InRanges(const Node& node) {
  const auto text = TextOf(node, 0);
  if (!text) return Failed{};
  std::optional<Range> inner;
  if (node.op == Op::kRangeWithin) {
    inner = ReadRange(*text);
  } else if (const auto address = ReadAddress(*text)) {
    inner = Range{*address, address->bits()};
  }
  if (!inner) return false;
  const auto ranges = ListOf(Child(node, 1));
  if (!ranges) return Failed{};
  return std::ranges::any_of(*ranges, [&](const Value& range) {
    const auto* text_of_range = range.As<std::string>();
    const auto outer = text_of_range ? ReadRange(*text_of_range) : std::nullopt;
    return outer && Within(*inner, *outer);
  });
}

Value Evaluator::Append(const Node& node) {
  auto all = std::make_shared<std::vector<Value>>();
  for (std::size_t i = 0; i < node.of.size(); ++i) {
    auto list = RangeOf(Child(node, i));
    if (!list) return Failed{};
    all->insert(all->end(), std::make_move_iterator(list->begin()), std::make_move_iterator(list->end()));
  }
  return Values(std::move(all));
}

Value Evaluator::Join(const Node& node) {
  const auto list = RangeOf(Child(node, 0));
  if (!list) return Failed{};
  std::string all;
  for (std::size_t i = 0; i < list->size(); ++i) {
    const auto* text = (*list)[i].As<std::string>();
    if (text == nullptr) return Failed{};
    all.append(i == 0 ? "" : node.text).append(*text);
  }
  return all;
}

Value Evaluator::Of(const Node& node) {
  switch (node.op) {
    case Op::kLiteralText:
      return node.text;
    case Op::kLiteralBool:
      return node.number != 0;
    case Op::kLiteralTexts: {
      auto list = std::make_shared<std::vector<Value>>();
      for (const auto& text : node.texts) list->emplace_back(text);
      return Values(std::move(list));
    }
    case Op::kList: {
      auto list = std::make_shared<std::vector<Value>>();
      for (std::size_t i = 0; i < node.of.size(); ++i) {
        list->push_back(Child(node, i));
        if (list->back().Bad()) return Failed{};
      }
      return Values(std::move(list));
    }
    case Op::kVariable:
      return Variable(node.text);
    case Op::kField:
      return Member(Child(node, 0), node.text);
    case Op::kKey: {
      const auto key = TextOf(node, 1);
      return key ? Member(Child(node, 0), *key) : Value(Failed{});
    }
    case Op::kText: {
      Value value = Child(node, 0);
      if (value.As<Absent>()) return std::string();
      return value.As<std::string>() ? std::move(value) : Value(Failed{});
    }
    case Op::kFlag: {
      Value value = Child(node, 0);
      if (value.As<Absent>()) return false;
      return value.As<bool>() ? std::move(value) : Value(Failed{});
    }
    case Op::kItems: {
      Value value = Child(node, 0);
      if (value.As<Absent>()) return Values(std::make_shared<std::vector<Value>>());
      const auto* json = value.As<const Json*>();
      const bool is_list = value.As<Values>() || (json != nullptr && (*json)->is_array());
      return is_list ? std::move(value) : Value(Failed{});
    }
    case Op::kMembers: {
      static const Json kEmpty = Json::object();
      Value value = Child(node, 0);
      if (value.As<Absent>()) return &kEmpty;
      const auto* json = value.As<const Json*>();
      return json != nullptr && (*json)->is_object() ? std::move(value) : Value(Failed{});
    }
    case Op::kPresent: {
      const Value value = Child(node, 0);
      return value.Bad() ? Value(Failed{}) : Value(value.As<Absent>() == nullptr);
    }
    case Op::kEqual: {
      const Value a = Child(node, 0), b = Child(node, 1);
      return a.Bad() || b.Bad() ? Value(Failed{}) : Value(Equal(a, b));
    }
    case Op::kAnd:
      return Decide(node, false);
    case Op::kOr:
      return Decide(node, true);
    case Op::kNot: {
      const Value value = Child(node, 0);
      const bool* truth = value.As<bool>();
      return truth == nullptr ? Value(Failed{}) : Value(!*truth);
    }
    case Op::kIn:
      return In(node);
    case Op::kStartsWith:
    case Op::kContains:
    case Op::kMatches:
    case Op::kConcat:
    case Op::kBefore:
    case Op::kAfter:
    case Op::kLower:
      return Texts(node);
    case Op::kIf: {
      const Value condition = Child(node, 0);
      const bool* truth = condition.As<bool>();
      return truth == nullptr ? Value(Failed{}) : Child(node, *truth ? 1 : 2);
    }
    case Op::kAll:
    case Op::kAny:
    case Op::kFilter:
    case Op::kMap:
      return Loop(node);
    case Op::kAppend:
      return Append(node);
    case Op::kJoin:
      return Join(node);
    case Op::kIsEmpty: {
      const Value value = Child(node, 0);
      if (const auto* text = value.As<std::string>()) return text->empty();
      const auto range = RangeOf(value);
      return range ? Value(range->empty()) : Value(Failed{});
    }
    case Op::kInRange:
    case Op::kRangeWithin:
      return InRanges(node);
  }
  return Failed{};
}

Value Evaluate(const Expr& expr, Bindings& bindings) { return Evaluator(bindings).Of(*expr.node); }

}  // namespace rempart::rules
