// What is to be done so that the API server holds a region's rules: which policies, bindings and parameters are
// written, and which are no longer wanted. Pure; any thread.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "operator/api/gate_object.h"
#include "operator/perimeter/qualification.h"
#include "operator/perimeter/rules/policies.h"

namespace rempart::perimeter {

using GateObjectPtr = std::shared_ptr<const api::GateObject>;

// What was last written, and what the server made of it: an edit by hand is told by a digest that differs. Lost with
// the process; everything is then written once more, which changes nothing where nothing differs.
struct GateMemory {
  struct Written {
    std::string wanted_digest, stored_digest;
  };
  std::map<std::pair<api::GateKind, std::string>, Written> written;  // by kind and name
};

struct GateObservation {
  RegionPtr region;
  std::vector<std::string> qualified_nodes;  // names, sorted
  std::vector<GateObjectPtr> objects;        // all that carry the region's name
  bool mutation_served = false;              // by the API server
};

struct GatePlan {
  struct Write {
    api::GateKind kind;
    std::string name;
    std::string body;  // the whole object, with the resourceVersion that it replaces
    std::string wanted_digest;
    bool create = false;    // where there is none; else in its place, so that what others added goes
    bool restored = false;  // it was edited or deleted by hand
  };
  std::vector<Write> writes;  // parameters, then policies, then bindings
  std::vector<GateObjectPtr> removes;
};

// A region whose spec cannot be used changes nothing: a typo of an admin must not open the gate.
GatePlan PlanGate(const GateObservation& observed, const GateMemory& memory, const rules::PolicyContext& context);

}  // namespace rempart::perimeter
