// A label selector as the API server evaluates one (metav1.LabelSelector, apimachinery's labels.Selector).
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "src/base/json.h"
#include "src/base/result.h"

namespace rempart::kube {

using Labels = std::map<std::string, std::string, std::less<>>;

// Immutable; any thread. One without requirements selects everything.
class LabelSelector {
 public:
  // Of matchLabels and matchExpressions, all of which must hold. kInvalid names the member that cannot be read: an
  // unknown operator, In and NotIn without values, Exists and DoesNotExist with some.
  static Result<LabelSelector> Of(const Json& selector);
  bool Matches(const Labels& labels) const;

 private:
  struct Requirement {
    std::string key;
    enum class Operator { kIn, kNotIn, kExists, kDoesNotExist } op;
    std::vector<std::string> values;  // sorted
  };
  std::vector<Requirement> requirements_;
};

}  // namespace rempart::kube
