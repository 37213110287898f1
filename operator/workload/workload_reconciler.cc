#include "operator/workload/workload_reconciler.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "operator/workload/child.h"
#include "operator/workload/json_access.h"
#include "src/base/log.h"
#include "src/kube/apply.h"
#include "src/kube/status.h"

namespace rempart::workload {
namespace {

constexpr std::string_view kOurLabels = "rempart.dev/";

// Fields that were added by hand belong to whoever added them, and applying without them does not take them away: they
// are made ours, and applied once more. `body` is the answer to our apply; gives the last answer.
Result<kube::Reply> TakeBack(kube::Api& api, const kube::Resource& resource, const kube::ObjectKey& key,
                             const std::string& desired, kube::Reply reply, std::stop_token stop) {
  const auto patch = kube::TakeOwnershipPatch(reply.body, kOurLabels);
  if (!patch) return Fail(Error(patch.error()));
  if (patch->is_null()) return reply;
  auto taken = api.Patch(resource, key, kube::PatchType::kJson, patch->dump(), false, stop);
  if (!taken) {
    // A failed `test` of the resourceVersion is answered with 422, but means that somebody else wrote meanwhile.
    if (taken.error().kind == ErrorKind::kInvalid) taken.error().kind = ErrorKind::kConflict;
    return taken;
  }
  return api.Patch(resource, key, kube::PatchType::kApply, desired, true, stop);
}

Result<ChildPtr> DecodeReply(api::ChildKind kind, const std::string& body) {
  auto view = kube::ParseOnThread(body);
  if (!view) return Fail(std::move(view.error()).While("read the answer"));
  auto child = api::DecodeChild(kind, *view);
  if (!child) return Fail(std::move(child.error()).While("read the answer"));
  return std::make_shared<const api::Child>(std::move(*child));
}

// Retrying what the server refuses is useless until something changes; that is the plan's business to say in status.
bool WorthRetrying(const Error& error) {
  return error.kind == ErrorKind::kTransient || error.kind == ErrorKind::kConflict ||
         error.kind == ErrorKind::kInternal || error.kind == ErrorKind::kCancelled;
}

// Stands for all that the plans depend on, by the versions of the objects: equal ones give equal plans.
std::size_t FingerprintOf(const WorkloadObservation& observed, std::uint64_t workload_version,
                          std::uint64_t child_version) {
  fmt::memory_buffer text;
  const auto add = [out = std::back_inserter(text)](const auto&... parts) { (fmt::format_to(out, "{} ", parts), ...); };
  add(workload_version, observed.workload->meta.generation, observed.workload->meta.deleting, observed.region_name,
      observed.region_has_nodes, child_version);
  if (const auto& region = observed.region) add(region->meta.uid, region->meta.generation, region->meta.deleting);
  if (const auto& profile = observed.profile) add("profile", profile->meta.uid, profile->meta.generation);
  for (const auto& other : observed.other_children) add("child", other->meta.resource_version);
  for (const auto& [pod, zone, on_qualified] : observed.pods)
    add("pod", pod->meta.resource_version, zone, on_qualified);
  return std::hash<std::string_view>()({text.data(), text.size()});
}

// A child that could not be held to its region, because the server refused that, is tried again after this time.
constexpr auto kHoldAgain = std::chrono::minutes(1);

std::uint64_t VersionOf(const ChildPtr& child) { return child ? child->meta.resource_version : 0; }

}  // namespace

WorkloadReconciler::WorkloadReconciler(cache::Caches& caches, kube::Api& api, kube::EventRecorder& events, Clock& clock,
                                       Metrics& metrics, perimeter::RegionNodes& region_nodes)
    : caches_(caches), api_(api), events_(events), clock_(clock), region_nodes_(region_nodes) {
  restored_ = metrics.GetCounter("rempart_children_restored_total", "Children that were changed by hand and put back.");
}

Result<kube::Outcome> WorkloadReconciler::Reconcile(kube::ReconcileContext& context) {
  const auto workload = caches_.workloads.Get(context.key());
  if (!workload) {
    std::scoped_lock lock(mutex_);
    memory_.erase(context.key());
    return kube::Outcome::AwaitChange();  // its child goes with the owner reference
  }
  const WorkloadObservation observed = Observe(workload);
  Memory& memory = MemoryOf(*workload);
  if (memory.settled == FingerprintOf(observed, workload->meta.resource_version, VersionOf(observed.child)))
    return kube::Outcome::AwaitChange();
  memory.settled.reset();
  const Applied before = memory.applied ? *memory.applied : ReadApplied(workload->status_json);
  std::string wish_version = WishVersion(observed);
  ChildPlan plan =
      PlanChild(observed, before, wish_version == memory.wish_version ? memory.wish_digest : std::string());
  memory.wish_digest = plan.stalled || wish_version.empty() ? "" : plan.desired_digest;
  memory.wish_version = std::move(wish_version);

  std::optional<ApplyOutcome> outcome;
  Applied applied = AppliedAfter(observed, plan, before);
  if (!applied.desired_digest.empty()) memory.applied = applied;
  if (plan.action == ChildPlan::Do::kNothing) {
    memory.refused_attempt.clear();
  } else {
    outcome = TryChild(observed, plan, memory, context);
    if (outcome->error && outcome->error->kind == ErrorKind::kCancelled) return Fail(std::move(*outcome->error));
    if (outcome->child) {
      applied = {plan.desired_digest, outcome->child->digest, observed.region->meta.key.name};
      memory.applied = applied;
      if (plan.drifted) {
        restored_.Add();
        log::Warn("child was changed by hand and is put back", {{"kind", api::ResourceOf(workload->kind).kind}});
      } else {
        log::Debug("child applied", {{"kind", api::ResourceOf(workload->kind).kind}});
      }
    }
  }

  const Status held = HoldChildren(plan, outcome, context);
  if (!held && held.error().kind == ErrorKind::kCancelled) return Fail(Error(held.error()));
  if (auto removed = RemoveOthers(plan, context); !removed) return Fail(std::move(removed.error()));

  std::uint64_t version = workload->meta.resource_version;
  StatusPlan status = PlanStatus(observed, plan, outcome, applied, clock_.Now());
  if (!status.status_patch.is_null()) {
    auto written = kube::PatchStatus(api_, api::kWorkloads, workload->meta.key, version, std::move(status.status_patch),
                                     context.stop());
    if (!written && written.error().kind == ErrorKind::kNotFound)
      return kube::Outcome::AwaitChange();  // deleted meanwhile
    if (!written) return Fail(std::move(written.error()));
    context.Wrote(caches_.workloads, *written);
    version = *written;
  }
  for (auto& event : status.events) events_.Record(std::move(event));  // what a status says that was written
  if (outcome && outcome->error && WorthRetrying(*outcome->error)) return Fail(std::move(*outcome->error));
  if (!held) {
    if (WorthRetrying(held.error())) return Fail(Error(held.error()));
    return kube::Outcome::Requeue(kHoldAgain);
  }
  if (status.look_again) return kube::Outcome::Requeue(*status.look_again);
  if (!outcome || !outcome->error)
    memory.settled = FingerprintOf(observed, version, VersionOf(outcome ? outcome->child : observed.child));
  return kube::Outcome::AwaitChange();
}

WorkloadObservation WorkloadReconciler::Observe(const WorkloadPtr& workload) const {
  WorkloadObservation observed;
  observed.workload = workload;
  observed.region_name = caches_.RegionNameOf(*workload);
  if (!observed.region_name.empty()) {
    observed.region = caches_.regions.Get({"", observed.region_name});
    if (observed.region) observed.profile = caches_.ProfileOf(*observed.region);
    observed.region_has_nodes = region_nodes_.AnyOf(observed.region_name);
  }
  for (int k = 0; k < api::kChildKinds; ++k) {
    const auto kind = static_cast<api::ChildKind>(k);
    auto child = caches_.Children(kind).Get(workload->meta.key);
    if (!child) continue;
    if (kind == workload->kind) {
      observed.child = std::move(child);
    } else if (child->controller_uid == workload->meta.uid) {
      observed.other_children.push_back(std::move(child));
    }
  }
  for (auto& pod : caches_.PodsOfWorkload(workload->meta.key)) {
    PodPlace place;
    if (const auto node = caches_.nodes.Get({"", pod->node})) place.zone = node->topology_zone;
    place.on_qualified = caches_.OnQualifiedNode(*pod);
    place.pod = std::move(pod);
    observed.pods.push_back(std::move(place));
  }
  return observed;
}

Status WorkloadReconciler::RemoveOthers(const ChildPlan& plan, kube::ReconcileContext& context) {
  for (const auto& child : plan.remove) {
    const Json options = {{"apiVersion", "v1"},
                          {"kind", "DeleteOptions"},
                          {"propagationPolicy", "Foreground"},
                          {"preconditions", {{"uid", child->meta.uid}}}};
    auto reply = api_.Delete(api::ResourceOf(child->kind), child->meta.key, options.dump(), context.stop());
    if (!reply && reply.error().kind != ErrorKind::kNotFound && reply.error().kind != ErrorKind::kConflict)
      return Fail(std::move(reply.error()));
  }
  return {};
}

Status WorkloadReconciler::HoldChildren(ChildPlan& plan, const std::optional<ApplyOutcome>& outcome,
                                        kube::ReconcileContext& context) {
  // The update that came through has put it right already.
  const auto put_right = [&](const ChildPlan::Hold& hold) {
    return outcome && outcome->child && outcome->child->meta.uid == hold.child->meta.uid;
  };
  std::erase_if(plan.hold, put_right);
  Status result;
  std::erase_if(plan.hold, [&](const ChildPlan::Hold& hold) {
    const auto& [child, region] = hold;
    auto reply = api_.Patch(api::ResourceOf(child->kind), child->meta.key, kube::PatchType::kMerge,
                            HoldPatch(*child, region).dump(), false, context.stop());
    if (!reply) {
      if (reply.error().kind == ErrorKind::kNotFound) return true;
      log::Error("a child that was changed by hand could not be held to its region",
                 {{"kind", api::ResourceOf(child->kind).kind},
                  {"region", std::string_view(region)},
                  {"error", reply.error()}});
      result = Fail(std::move(reply.error()));
      return true;
    }
    if (const auto version = kube::ResourceVersionOf(reply->body))
      context.Wrote(caches_.Children(child->kind), *version);
    restored_.Add();
    log::Warn("child was changed by hand and is held to its region",
              {{"kind", api::ResourceOf(child->kind).kind}, {"region", std::string_view(region)}});
    return false;
  });
  return result;
}

ApplyOutcome WorkloadReconciler::ApplyChild(const WorkloadObservation& observed, const ChildPlan& plan,
                                            kube::ReconcileContext& context) {
  const api::TenantWorkload& workload = *observed.workload;
  const kube::Resource& resource = api::ResourceOf(workload.kind);
  const bool creating = plan.action == ChildPlan::Do::kCreate;
  // Somebody may have made it between our look and our write.
  const std::string body = creating ? OnlyCreate(plan.desired) : plan.desired;
  ApplyOutcome outcome;

  auto reply = api_.Patch(resource, workload.meta.key, kube::PatchType::kApply, body, !creating, context.stop());
  if (reply && !creating) reply = TakeBack(api_, resource, workload.meta.key, body, std::move(*reply), context.stop());
  if (!reply) {
    outcome.error = std::move(reply.error());  // a conflict too: the object it is with will be seen, or is gone by then
    return outcome;
  }
  auto child = DecodeReply(workload.kind, reply->body);
  if (!child) {
    outcome.error = std::move(child.error());
    return outcome;
  }
  outcome.child = std::move(*child);
  context.Wrote(caches_.Children(workload.kind), outcome.child->meta.resource_version);
  return outcome;
}

ApplyOutcome WorkloadReconciler::TryChild(const WorkloadObservation& observed, const ChildPlan& plan, Memory& memory,
                                          kube::ReconcileContext& context) {
  const MonoTime now = clock_.Mono();
  if (plan.attempt == memory.refused_attempt && now < memory.until) return memory.refused;
  ApplyOutcome outcome = ApplyChild(observed, plan, context);
  const auto hold_off = HoldOff(outcome);
  memory.refused_attempt = hold_off ? plan.attempt : "";
  memory.refused = hold_off ? outcome : ApplyOutcome{};
  memory.until = !hold_off ? MonoTime{} : *hold_off == Duration::max() ? MonoTime::max() : now + *hold_off;
  return outcome;
}

// References into an unordered_map stay valid while others are added, and no other thread works on this key.
WorkloadReconciler::Memory& WorkloadReconciler::MemoryOf(const api::TenantWorkload& workload) {
  std::scoped_lock lock(mutex_);
  auto& [uid, memory] = memory_[workload.meta.key];
  if (uid != workload.meta.uid) {  // first seen, or deleted and made anew under the same name
    uid = workload.meta.uid;
    memory = {};
  }
  return memory;
}

}  // namespace rempart::workload
