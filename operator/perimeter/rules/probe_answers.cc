// How a probe is sent, and what the answer to it tells.
#include <fmt/format.h>

#include <algorithm>

#include "operator/api/gate_object.h"
#include "operator/perimeter/rules/probes.h"

namespace rempart::rules {
namespace {

constexpr std::string_view kServiceAccount = "system:serviceaccount:";

bool Names(const Probe& probe, const std::string& text) {
  return text.contains(probe.rule + ":") || text.contains(probe.rule + " ");
}

}  // namespace

Sender Sender::Of(const std::string& user) {
  if (!user.starts_with(kServiceAccount)) return {user, {"system:authenticated"}};
  const std::string ns = user.substr(kServiceAccount.size(), user.rfind(':') - kServiceAccount.size());
  return {user, {"system:serviceaccounts", "system:serviceaccounts:" + ns, "system:authenticated"}};
}

Json Probe::Request() const {
  return {{"operation", operation},
          {"name", name},
          {"subResource", subresource},
          {"userInfo", {{"username", from.user}, {"groups", from.groups}}}};
}

kube::Api::Call Probe::CallIn(const std::string& ns) const {
  kube::Api::Call call;
  const std::string_view at = resource.namespaced ? std::string_view(ns) : std::string_view();
  call.doing = fmt::format("probe {}{}{}", resource.plural, subresource.empty() ? "" : "/", subresource);
  if (operation == "CONNECT") {
    call.method = "POST";
    call.target = resource.Path(at, name, subresource) + "?command=true&stdout=true";
    return call;
  }
  if (operation == "UPDATE") {
    call.method = "PATCH";
    call.target = resource.Path(at, gate == Gate::kNamespace ? ns : name, subresource);
    call.content_type = "application/merge-patch+json";
    call.body = patch.dump();
  } else {
    call.method = "POST";
    call.target = subresource.empty() ? resource.Path(at) : resource.Path(at, name, subresource);
    call.body = object.dump();
  }
  call.target += "?dryRun=All";
  return call;
}

Told WhatItTells(const Probe& probe, const api::SovereignRegion& region, const Result<kube::Reply>& answer) {
  using Enforcement = api::RegionRules::Enforcement;
  const Enforcement mode = region.rules.enforcement;
  if (mode == Enforcement::kAudit) return Told::kNothing;
  const bool must_pass = probe.rule.empty();
  const std::string policy = api::GateObjectName(region.meta.key.name, RequestsOf(probe.gate).name);
  // Bindings and exec name a pod that is not there, and the gate looks at them before the pod is looked for; an object
  // that is there already is told after the gate, too.
  // What a quota refuses has passed the gate: the plugin ResourceQuota is the last that is asked.
  const bool over_quota =
      !answer && answer.error().kind == ErrorKind::kDenied &&
      (answer.error().message.contains("exceeded quota: ") || answer.error().message.contains("failed quota: ")) &&
      !answer.error().message.contains("denied request: ");
  const bool passed =
      answer || over_quota || answer.error().kind == ErrorKind::kConflict ||
      (answer.error().kind == ErrorKind::kNotFound && (probe.gate == Gate::kBindings || probe.gate == Gate::kAccess) &&
       answer.error().message.contains(fmt::format("pods \"{}\" not found", probe.name)));
  if (!passed) {
    if (answer.error().kind != ErrorKind::kDenied) return Told::kNothing;
    const std::string& message = answer.error().message;
    if (must_pass) return message.contains(policy) ? Told::kShut : Told::kNothing;
    // Where each rule is a validation of its own, the server tells the first alone: that this one holds too is not
    // known.
    const std::string first = probe.also.empty() ? probe.rule : std::min(probe.rule, probe.also.front());
    // Whatever else a message of somebody's webhook may quote.
    // The same policy may stand as a file of the API server's too (kubectl rempart policies --static), and is asked
    // first.
    const auto denied = [&](std::string_view of) {
      return message.contains(fmt::format("'{}{}' denied request: {}", policy, of, first));
    };
    return (denied("") || denied(".static.k8s.io")) && Names(probe, message) ? Told::kHolds : Told::kNothing;
  }
  if (mode == Enforcement::kEnforce) return must_pass ? Told::kHolds : Told::kOpen;
  if (!answer) return Told::kNothing;  // an error comes without its warnings
  const auto warned = [&](auto&& of) { return std::ranges::any_of(answer->warnings, of); };
  if (must_pass)
    return warned([&](const std::string& text) { return text.contains(policy); }) ? Told::kShut : Told::kHolds;
  return warned([&](const std::string& text) { return Names(probe, text); }) ? Told::kHolds : Told::kOpen;
}

}  // namespace rempart::rules
