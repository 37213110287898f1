// Regions, workloads, children and pods as tables need them.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "operator/workload/child.h"
#include "operator/workload/placement.h"
#include "operator/workload/workload_plan.h"

namespace rempart::workload::test {

using namespace std::chrono_literals;  // NOLINT: durations in tables
using Kind = api::ChildKind;
using Do = ChildPlan::Do;

inline constexpr WallTime kNow = std::chrono::sys_days(std::chrono::year(2026) / 11 / 22) + 10h + 23min;
inline constexpr Kind kAllKinds[] = {Kind::kDeployment, Kind::kStatefulSet, Kind::kDaemonSet, Kind::kJob,
                                     Kind::kCronJob};

// Two French places with zones of their own, and a declared one that is of another country.
inline api::SovereignRegion Region(std::string name = "france") {
  api::SovereignRegion region;
  region.meta.key.name = std::move(name);
  region.meta.uid = "uid-of-region";
  region.country = "FR";
  region.locations = {{"fr-par", {"fr-par-1", "fr-par-2", "fr-par-3"}, "FR", ""},
                      {"fr-lyo", {"fr-lyo-1"}, "FR", ""},
                      {"de-fra", {"de-fra-1"}, "DE", ""}};
  return region;
}

inline api::TenantWorkload Workload(Kind kind = Kind::kDeployment) {
  api::TenantWorkload workload;
  workload.meta.key = {"acme", "web"};
  workload.meta.uid = "uid-of-web";
  workload.meta.generation = 4;
  workload.region = "france";
  workload.kind = kind;
  workload.replicas = 3;
  workload.template_json = R"({"spec":{"containers":[{"name":"web","image":"example.org/web:1"}]}})";
  return workload;
}

// A child as the store has it after `workload` was applied and its controller has done its work.
inline api::Child ChildOf(const api::TenantWorkload& workload) {
  api::Child child;
  child.meta.key = workload.meta.key;
  child.meta.uid = "uid-of-child";
  child.meta.resource_version = 70;
  child.meta.generation = 2;
  child.observed_generation = 2;
  child.kind = workload.kind;
  child.controller_uid = workload.meta.uid;
  child.controller_is_workload = true;
  child.digest = DigestOf("as the server stores it");
  child.node_selector_region = "france";
  child.replicas = child.ready = child.updated = child.available = workload.replicas;
  return child;
}

inline PodPlace PodOn(std::string name, std::string node, std::string zone, bool qualified = true) {
  api::Pod pod;
  pod.meta.key = {"acme", std::move(name)};
  pod.node = std::move(node);
  pod.region = "france";
  pod.workload = "web";
  pod.phase = api::Pod::Phase::kRunning;
  return {std::make_shared<const api::Pod>(std::move(pod)), std::move(zone), qualified};
}
inline PodPlace WaitingPod(std::string name, std::string message = "") {
  PodPlace place = PodOn(std::move(name), "", "", false);
  api::Pod pod = *place.pod;
  pod.phase = api::Pod::Phase::kPending;
  pod.waiting = std::move(message);
  place.pod = std::make_shared<const api::Pod>(std::move(pod));
  return place;
}
inline PodPlace Changed(PodPlace place, const std::function<void(api::Pod&)>& change) {
  api::Pod pod = *place.pod;
  change(pod);
  place.pod = std::make_shared<const api::Pod>(std::move(pod));
  return place;
}

template <class T>
std::shared_ptr<const T> Ptr(T value) {
  return std::make_shared<const T>(std::move(value));
}

// A workload in its region, without child or pods.
inline WorkloadObservation Observe(api::TenantWorkload workload, api::SovereignRegion region = Region()) {
  WorkloadObservation observed;
  observed.region_name = region.meta.key.name;
  observed.region = Ptr(std::move(region));
  observed.workload = Ptr(std::move(workload));
  observed.region_has_nodes = true;
  return observed;
}

// The same with a child in step with it; `applied` as it was written down. Three pods in two zones.
struct InStep {
  WorkloadObservation observed;
  Applied applied;
};
inline InStep ObserveInStep(api::TenantWorkload workload) {
  InStep in_step;
  api::Child child = ChildOf(workload);
  in_step.applied = {PlanChild(Observe(workload), {}).desired_digest, child.digest};
  in_step.observed = Observe(std::move(workload));
  in_step.observed.child = Ptr(std::move(child));
  in_step.observed.pods = {PodOn("web-a", "par-1", "fr-par-1"), PodOn("web-b", "par-2", "fr-par-2"),
                           PodOn("web-c", "par-1", "fr-par-1")};
  return in_step;
}

// A copy of the observation's workload with something changed.
inline void Change(WorkloadObservation& observed, const std::function<void(api::TenantWorkload&)>& change) {
  api::TenantWorkload workload = *observed.workload;
  change(workload);
  observed.workload = Ptr(std::move(workload));
}
inline void ChangeChild(WorkloadObservation& observed, const std::function<void(api::Child&)>& change) {
  api::Child child = *observed.child;
  change(child);
  observed.child = Ptr(std::move(child));
}

inline Json Parse(const std::string& text) { return Json::parse(text); }

// The condition of a type; null where there is none.
inline Json ConditionOf(const Json& status, const std::string& type) {
  for (const auto& condition : status.value("conditions", Json::array()))
    if (condition.value("type", "") == type) return condition;
  return nullptr;
}
inline std::string StateOf(const Json& status, const std::string& type) {
  const Json condition = ConditionOf(status, type);
  return condition.is_null() ? "none" : condition.value("status", "") + " " + condition.value("reason", "");
}
inline std::string MessageOf(const Json& status, const std::string& type) {
  const Json condition = ConditionOf(status, type);
  return condition.is_null() ? "" : condition.value("message", "");
}

}  // namespace rempart::workload::test
