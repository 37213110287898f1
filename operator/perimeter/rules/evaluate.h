// The tree judged over JSON documents, as the API server's CEL would. Pure; nothing throws; any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "operator/perimeter/rules/expr.h"
#include "src/base/json.h"

namespace rempart::rules {

struct Absent {};  // not there, or null
struct Failed {};  // CEL would report an error
class Value;
using Values = std::shared_ptr<const std::vector<Value>>;

// A list or an object of the document is pointed to, which must outlive the value.
class Value : public std::variant<Absent, Failed, bool, std::string, const Json*, Values> {
 public:
  using variant::variant;
  template <class T>
  const T* As() const {
    return std::get_if<T>(this);
  }
  bool IsTrue() const { return As<bool>() != nullptr && *As<bool>(); }
  bool Bad() const { return As<Failed>() != nullptr; }
};

// A value of a document: null is Absent.
Value ValueOf(const Json* json);

// What names stand for. A name that is not bound fails.
class Bindings {
 public:
  // In the place of what the name stood for: a rule is asked of thousands of values, and each look-up goes through all.
  void Set(std::string_view name, Value value);
  std::size_t size() const { return entries_.size(); }

 private:
  friend class Evaluator;
  std::vector<std::pair<std::string, Value>> entries_;  // the last of a name counts: a loop within a loop
};

Value Evaluate(const Expr& expr, Bindings& bindings);

}  // namespace rempart::rules
