// Requests that show that the gate is shut: for each of a region's rules one that must be refused, by that rule and no
// other, and for each gate one that must pass. They are made from the region's own spec, so that they stay right
// whatever it says, and are sent as server-side dry runs. Pure; any thread.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "operator/perimeter/rules/rule.h"
#include "src/base/json.h"
#include "src/base/result.h"
#include "src/kube/api.h"
#include "src/kube/object.h"

namespace rempart::rules {

// What probes are called: pods, services, claims, … A role may be held to this name where the server knows it before
// it decides (all but what is created in a collection).
inline constexpr std::string_view kProbeName = "rempart-probe";

// Who asks: the server's request.userInfo.
struct Sender {
  std::string user;
  std::vector<std::string> groups;
  // A service account is in the groups that the server gives all of them.
  static Sender Of(const std::string& user);
};

struct Probe {
  std::string rule;  // that must refuse it; "" for one that must pass
  Gate gate{};
  // Rules that refuse it as well, because every request that this one is against they are against too (an image
  // without a digest is not released either). In the order of their ids, in which the server names them all.
  std::vector<std::string> also{};
  Sender from{};         // who would have to send it
  std::string unsent{};  // why the one that was asked for cannot send it as a dry run; "" where it can
  std::string operation = "CREATE";
  kube::Resource resource{};
  std::string name{kProbeName}, subresource{};
  // As the rules see them; null where there is none. `patch`: what the object has more than the old one, of an UPDATE.
  Json object{}, old_object{}, patch{};

  Json Request() const;  // of admission.k8s.io, as judge.h takes it
  // `ns`: a namespace of the region, for what is in one. Nothing is written and nothing happens to a pod, even where
  // the gate is open: POSTs and PATCHes are dry runs, and bindings and exec name a pod that is not there.
  kube::Api::Call CallIn(const std::string& ns) const;
};

struct Probes {
  std::vector<Probe> probes;  // in the order of the rules, then one for each gate
  // What no request shows; rule "": the gate's that passes.
  struct Missing {
    std::string rule;
    Gate gate;
    std::string why;
    bool audit_only = false;  // the rule has no policy
  };
  std::vector<Missing> missing;
};

// Each of the rules, and each gate that has one, is either among the probes or missing. `sender`: who is to send them.
Probes ProbesOf(const api::SovereignRegion& region, const std::vector<Rule>& rules, const Json& parameters,
                const Sender& sender);

// What an answer to a probe tells.
enum class Told : std::uint8_t {
  kHolds,    // refused by its rule (in Warn mode: warned of), or let pass as it must be
  kOpen,     // what must be refused got in
  kShut,     // what must pass is refused by the gate
  kNothing,  // refused by somebody else before the gate was asked, not served, no answer; or the mode is Audit
};
Told WhatItTells(const Probe& probe, const api::SovereignRegion& region, const Result<kube::Reply>& answer);

}  // namespace rempart::rules
