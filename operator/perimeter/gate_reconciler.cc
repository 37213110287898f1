#include "operator/perimeter/gate_reconciler.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "src/base/log.h"
#include "src/base/text.h"

namespace rempart::perimeter {
namespace {

// What the API server refuses for what it is says nothing of the others. But a gate that enforces refuses everything
// while it has no parameters to look things up in.
bool EndsWriting(const GatePlan::Write& write, const Error& error) {
  if (write.kind == api::GateKind::kParameters && write.create) return true;
  return error.kind != ErrorKind::kInvalid && error.kind != ErrorKind::kDenied && error.kind != ErrorKind::kNotFound &&
         error.kind != ErrorKind::kConflict;
}

Result<api::GateObject> Decode(api::GateKind kind, const std::string& body) {
  const auto view = kube::ParseOnThread(body);
  if (!view) return Fail(Error(view.error()).While("read the answer"));
  return api::DecodeGateObject(kind, *view);
}

}  // namespace

GateReconciler::GateReconciler(cache::Caches& caches, kube::Api& api, kube::EventRecorder& events, Clock& clock,
                               Metrics& metrics, OperatorIdentity& identity, GateProofs& proofs,
                               WriteFailures& failures, std::function<void(const std::string& region)> wake_self_test)
    : caches_(caches),
      api_(api),
      events_(events),
      clock_(clock),
      identity_(identity),
      proofs_(proofs),
      failures_(failures),
      wake_self_test_(std::move(wake_self_test)) {
  restored_ = metrics.GetCounter(
      "rempart_policies_restored_total",
      "Admission policies, bindings and parameters that were edited or deleted by hand and put back.");
}

Result<kube::Outcome> GateReconciler::Reconcile(kube::ReconcileContext& context) {
  const auto region = caches_.regions.Get(context.key());
  if (!region) {  // what it owned goes with it
    {
      std::scoped_lock lock(mutex_);
      memory_.erase(context.key().name);
    }
    proofs_.ForgetWritten(context.key().name);
    failures_.NoteGate(context.key().name, {}, clock_.Mono());
    wake_self_test_(context.key().name);
    return kube::Outcome::AwaitChange();
  }
  if (!SpecProblem(*region).empty()) return kube::Outcome::AwaitChange();  // stays what the last good one asked for
  const auto policy_context = identity_.Get(*region, caches_, context.stop());
  if (!policy_context) return Fail(Error(policy_context.error()));

  const std::string& name = region->meta.key.name;
  GateObservation observed{region, {}, caches_.GateOf(name), caches_.mutation_served()};
  for (const auto& node : caches_.NodesWithLabel(name)) observed.qualified_nodes.push_back(node->meta.key.name);
  std::ranges::sort(observed.qualified_nodes);

  GateMemory& memory = MemoryOf(*region);
  const GatePlan plan = PlanGate(observed, memory, *policy_context);
  Status done;  // the first error
  bool changed = false, ended = false;
  for (const auto& write : plan.writes) {
    auto written = Write(*region, write, memory, context);
    changed = changed || written;
    if (written) continue;
    ended = EndsWriting(write, written.error());
    if (done) done = std::move(written);
    if (ended) break;
  }
  for (const auto& object : plan.removes) {
    if (ended) break;
    auto removed = Remove(*object, memory, context);
    changed = changed || removed;
    if (!removed && done) done = std::move(removed);
  }
  const MonoTime now = clock_.Mono();
  if (changed) proofs_.NoteWrite(name, now);
  if (done && proofs_.NoteCarriedOut(name, region->meta.uid, region->meta.generation, now)) changed = true;
  failures_.NoteGate(name, done, now);
  if (changed) wake_self_test_(name);
  if (!done) return Fail(std::move(done.error()));
  return kube::Outcome::AwaitChange();
}

Status GateReconciler::Write(const api::SovereignRegion& region, const GatePlan::Write& write, GateMemory& memory,
                             kube::ReconcileContext& context) {
  const kube::Resource& resource = api::ResourceOf(write.kind);
  auto reply = write.create ? api_.Create(resource, "", write.body, context.stop())
                            : api_.Replace(resource, {"", write.name}, write.body, context.stop());
  if (!reply) return Fail(std::move(reply.error()));
  auto stored = Decode(write.kind, reply->body);
  if (!stored) return Fail(std::move(stored.error()));
  context.Wrote(caches_.Gate(write.kind), stored->meta.resource_version);
  memory.written[{write.kind, write.name}] = {write.wanted_digest, stored->digest};
  if (!write.restored) {
    log::Info("the gate was written", {{"kind", resource.kind}, {"name", write.name}});
    return {};
  }
  restored_.Add();
  log::Warn("the gate was changed by hand and is put back", {{"kind", resource.kind}, {"name", write.name}});
  events_.Record(
      {{api::kRegions.ApiVersion(), std::string(api::kRegions.kind), "", region.meta.key.name, region.meta.uid},
       kube::Event::Type::kWarning,
       "PolicyRestored",
       "Restore",
       write.create ? api::Say(region.rules.language, "{} {} was deleted by hand and has been put back",
                               "{} {} a été supprimé à la main, et remis en place", resource.kind, write.name)
                    : api::Say(region.rules.language, "{} {} was changed by hand and has been put back",
                               "{} {} a été modifié à la main, et remis en état", resource.kind, write.name),
       kube::ObjectRef{resource.ApiVersion(), std::string(resource.kind), "", write.name, stored->meta.uid}});
  return {};
}

Status GateReconciler::Remove(const api::GateObject& object, GateMemory& memory, kube::ReconcileContext& context) {
  const Json options = {{"apiVersion", "v1"}, {"kind", "DeleteOptions"}, {"preconditions", {{"uid", object.meta.uid}}}};
  const kube::Resource& resource = api::ResourceOf(object.kind);
  auto reply = api_.Delete(resource, object.meta.key, options.dump(), context.stop());
  if (!reply && reply.error().kind != ErrorKind::kNotFound && reply.error().kind != ErrorKind::kConflict)
    return Fail(std::move(reply.error()));
  memory.written.erase({object.kind, object.meta.key.name});
  log::Info("the gate no longer needs it", {{"kind", resource.kind}, {"name", object.meta.key.name}});
  return {};
}

// References into an unordered_map stay valid while others are added, and no other thread works on this key.
GateMemory& GateReconciler::MemoryOf(const api::SovereignRegion& region) {
  std::scoped_lock lock(mutex_);
  auto& [uid, memory] = memory_[region.meta.key.name];
  if (uid != region.meta.uid) {
    uid = region.meta.uid;
    memory = {};
  }
  return memory;
}

}  // namespace rempart::perimeter
