// The audit of what already is in a region's namespaces: lists what the rules are about (pods, and templates of those
// that do not run now: of CronJobs, of what is suspended or scaled to nothing; services, endpoints,
// claims, network policies, entries, secret stores; storage classes and volumes of the whole cluster), judges it by the
// region's rules, and writes what it found to
//   the region's status (by AuditSummaries), rempart_violations{region,rule}, rempart_audit_timestamp_seconds{region},
//   and, where the cluster serves them, OpenReports reports in the namespaces, and one more set for the whole cluster.
// At start, after each change of the region's spec, nodes or namespaces, and each interval, see schedule.h. Nothing is
// cached between audits. What cannot be read (no right to list it, too large, not served) keeps nothing else from being
// judged; the status says so, and the timestamp stays what it was.
#pragma once

#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <stop_token>
#include <string>

#include "operator/cache/caches.h"
#include "operator/perimeter/audit/reports.h"
#include "operator/perimeter/audit/schedule.h"
#include "operator/perimeter/audit/tally.h"
#include "operator/perimeter/audit_summary.h"
#include "operator/perimeter/operator_identity.h"
#include "src/base/clock.h"
#include "src/base/metrics.h"
#include "src/kube/api.h"
#include "src/kube/runner.h"

namespace rempart::audit {

inline constexpr int kObjectsOfAPage = 250;  // of a list: some megabytes

// Thread-safe: one key is never on two threads, what is shared between keys is locked.
class Auditor {
 public:
  // `interval`: zero for no audits. `wake_region`: called when the summary changed.
  Auditor(cache::Caches& caches, kube::Api& api, Clock& clock, Metrics& metrics, perimeter::OperatorIdentity& identity,
          perimeter::AuditSummaries& summaries, Duration interval,
          std::function<void(const std::string& region)> wake_region);
  Result<kube::Outcome> Reconcile(kube::ReconcileContext& context);

 private:
  using Namespaces = std::set<std::string, std::less<>>;

  void Forget(const std::string& region);
  // By key, what they say. None where the cluster serves no such reports, or they cannot be read: none are written
  // then. `resource`: kReports or kClusterReports, of which a cluster may serve either.
  using Reports = std::map<kube::ObjectKey, std::string>;
  std::optional<Reports> ReadReports(const kube::Resource& resource, const std::string& region, std::stop_token stop);
  // What was left out, see AuditSummary. Errors: what may be had later, kTransient, kGone, kCancelled.
  Result<std::string> Collect(Tally& tally, const Namespaces& governed, std::stop_token stop);
  // kNotFound where the cluster does not serve the kind; else what was left out of it.
  Result<std::string> CollectKind(const kube::Resource& resource, const Namespaces& governed,
                                  const std::function<void(const Json& object)>& add, std::stop_token stop);
  // Of these namespaces ("" for the cluster) and of no others. `there`: those of the region, before; without, nothing
  // is done. What fails is logged, and tried again at the next audit.
  void SyncReports(const kube::Resource& resource, const api::SovereignRegion& region, const Tally& tally,
                   const Namespaces& of, std::optional<Reports> there, std::stop_token stop);
  Status WriteReports(const kube::Resource& resource, const api::SovereignRegion& region, const Tally& tally,
                      const Namespaces& of, Reports there, std::stop_token stop);
  void Count(const std::string& region, const Tally& tally, bool complete);

  cache::Caches& caches_;
  kube::Api& api_;
  Clock& clock_;
  Metrics& metrics_;
  perimeter::OperatorIdentity& identity_;
  perimeter::AuditSummaries& summaries_;
  const Duration interval_;
  const std::function<void(const std::string& region)> wake_region_;
  struct Memory {
    std::optional<LastAudit> last;
    std::set<std::string> rules;  // that have a gauge
  };
  std::mutex mutex_;
  std::map<std::string, Memory> memory_;
};

}  // namespace rempart::audit
