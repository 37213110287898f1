// What already runs, judged by a region's rules: how many objects each rule is against, and which. Pure; a Tally is one
// thread's.
#pragma once

#include <cstddef>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "operator/api/sovereign_region.h"
#include "operator/perimeter/rules/judge.h"
#include "src/base/json.h"
#include "src/kube/object.h"

namespace rempart::audit {

struct Finding {
  kube::ObjectRef object;
  std::string rule, field, message;  // as rules::Violation
};

struct NamespaceTally {
  std::size_t objects = 0;        // that were judged
  std::size_t clean = 0;          // of them: that no rule is against
  std::size_t violations = 0;     // all, also those that are not listed
  std::vector<Finding> findings;  // the first kMaxFindings, while there is room for them in the tally
};
inline constexpr std::size_t kMaxFindings = 1000;       // a namespace, and what belongs to the whole cluster
inline constexpr std::size_t kMaxAllFindings = 20'000;  // a tally: some 30 MiB at most, since messages are cut
inline constexpr std::size_t kMaxMessage = 1024;        // bytes of a finding's

class Tally {
 public:
  // Of which violations all is kept that a report says of them; of the others, for which no report will be made, only
  // their number.
  struct Keep {
    bool of_namespaces = true, of_cluster = true;
  };
  // `parameters`: see rules::ParametersOf. Rules that ask who makes a request are left out, see rules::Judge.
  // `selector_is_added`: the API server gives it to pods that lack it, once the region enforces; RP-103 would refuse
  // none of those.
  Tally(const api::SovereignRegion& region, std::vector<rules::Rule> rules, Json parameters, Keep keep,
        bool selector_is_added = false);

  // Whether any rule can be asked of what is there.
  bool Asks(rules::Gate gate) const;
  // Pods that have ended, and endpoints that a controller of the cluster keeps, are not judged: nothing can be done
  // about the former, and the latter say where the region's own pods are.
  // `prefix`: of the fields, where `object` is a pod of a template in an object of that resource, by its name.
  void Add(rules::Gate gate, const kube::Resource& resource, const Json& object, const std::string& prefix = "");

  const std::map<std::string, std::size_t>& by_rule() const { return by_rule_; }
  // What belongs to the whole cluster is under "".
  const std::map<std::string, NamespaceTally>& by_namespace() const { return by_namespace_; }
  std::size_t objects() const { return objects_; }
  std::size_t violations() const { return violations_; }

 private:
  const api::RegionRules::Language language_;
  const std::vector<rules::Rule> rules_;
  const Json parameters_;
  const Keep keep_;
  const bool selector_is_added_;
  std::map<std::string, std::size_t> by_rule_;
  std::map<std::string, NamespaceTally> by_namespace_;
  std::size_t objects_ = 0, violations_ = 0, findings_ = 0;
};

}  // namespace rempart::audit
