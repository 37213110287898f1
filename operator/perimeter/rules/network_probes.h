// What RP-5xx and their gates are shown by. Pure. Only probes.cc calls it.
#pragma once

#include <expected>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <string>

#include "operator/perimeter/rules/probe_objects.h"
#include "operator/perimeter/rules/rule.h"
#include "src/base/json.h"
#include "src/kube/object.h"

namespace rempart::rules::probe {

struct Created {
  kube::Resource resource;
  Json object;
};
// An object that is made, or why there is none.
using CreatedOr = std::expected<Created, std::string>;

// `pod` is a compliant one of the region.
using MakeCreated = std::function<CreatedOr(const api::SovereignRegion& region, const Json& pod)>;

// What each of the rules, and no other, is against.
const std::map<std::string, MakeCreated>& AgainstNetworkRules();

// What the gates of RP-5xx let in; the region has rules of the gate.
const std::map<Gate, MakeCreated>& LetInByNetworkGates();

}  // namespace rempart::rules::probe
