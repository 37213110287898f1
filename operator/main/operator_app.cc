#include "operator/main/operator_app.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdio>
#include <functional>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

#include "operator/cache/caches.h"
#include "operator/main/environment.h"
#include "operator/main/process_metrics.h"
#include "operator/main/version.h"
#include "operator/perimeter/attestation_reconciler.h"
#include "operator/perimeter/audit/auditor.h"
#include "operator/perimeter/audit_summary.h"
#include "operator/perimeter/gate_proof.h"
#include "operator/perimeter/gate_reconciler.h"
#include "operator/perimeter/guard_reconciler.h"
#include "operator/perimeter/node_reconciler.h"
#include "operator/perimeter/operator_identity.h"
#include "operator/perimeter/region_nodes.h"
#include "operator/perimeter/region_reconciler.h"
#include "operator/perimeter/self_test.h"
#include "operator/workload/workload_reconciler.h"
#include "src/base/log.h"
#include "src/base/metrics.h"
#include "src/base/one_moment.h"
#include "src/http/server.h"
#include "src/kube/api.h"
#include "src/kube/discovery.h"
#include "src/kube/dry_run.h"
#include "src/kube/events.h"
#include "src/kube/kubeconfig.h"
#include "src/kube/lease.h"
#include "src/kube/queue.h"
#include "src/kube/runner.h"
#include "src/kube/watch.h"
#include "src/kube/who_am_i.h"

namespace rempart {
namespace {

std::string HostName() {
  std::array<char, 256> name{};
  return gethostname(name.data(), name.size() - 1) == 0 ? name.data() : "unknown";
}

class OperatorApp {
 public:
  OperatorApp(const Options& options, Clock& clock, Random& random, const kube::Config& config,
              std::unique_ptr<kube::Api> api, Metrics& metrics)
      : options_(options),
        clock_(clock),
        moment_(clock),
        random_(random),
        config_(config),
        metrics_(metrics),
        real_api_(std::move(api)),
        dry_run_(*real_api_, [](const std::string& line) { std::fputs((line + "\n").c_str(), stdout); }),
        identity_(fmt::format("{}_{:016x}", HostName(), random.Next())),
        events_(*real_api_, clock, random, metrics, "rempart.dev/operator", identity_),
        queue_(clock, random, metrics),
        runner_(queue_, clock, random, metrics),
        book_(metrics.GetCounter("rempart_attestations_verified_total",
                                 "Envelopes of NodeAttestations whose signatures were tried with a region's keys.")),
        region_nodes_(caches_, PlanClock(), book_),
        identity_of_operator_([this](std::stop_token stop) { return kube::WhoAmI(*real_api_, std::move(stop)); }),
        failures_([this](const std::string& region) {
          queue_.Add({ids_.region, {"", region}});
        }),
        regions_(caches_, WritingApi(), Events(), PlanClock(), metrics, region_nodes_, book_, identity_of_operator_,
                 proofs_, failures_, audits_,
                 {[this](const std::string& region) { WakeWorkloads(region); },
                  [this](const std::string& region) { WakeNodes(region); }}),
        bare_pods_(caches_, *real_api_, identity_of_operator_),
        nodes_(caches_, WritingApi(), Events(), PlanClock(), metrics, book_, &bare_pods_),
        attestations_(caches_, WritingApi(), Events(), PlanClock(), book_),
        workloads_(caches_, WritingApi(), Events(), PlanClock(), metrics, region_nodes_),
        gates_(caches_, WritingApi(), Events(), PlanClock(), metrics, identity_of_operator_, proofs_, failures_,
               [this](const std::string& region) {
                 queue_.Add({ids_.self_test, {"", region}});
               }),
        guards_(caches_, WritingApi(), Events(), PlanClock(), metrics, identity_of_operator_, failures_),
        auditor_(caches_, *real_api_, clock, metrics, identity_of_operator_, audits_, options.audit_interval,
                 [this](const std::string& region) {
                   queue_.Add({ids_.region, {"", region}});
                 }),
        self_test_(caches_, *real_api_, clock, metrics, identity_of_operator_, proofs_,
                   [this](const std::string& region) {
                     queue_.Add({ids_.region, {"", region}});
                   }) {
    ids_.region = Add("region", [this](kube::ReconcileContext& c) { return regions_.Reconcile(c); });
    ids_.node = Add("node", [this](kube::ReconcileContext& c) { return nodes_.Reconcile(c); });
    ids_.workload = Add("workload", [this](kube::ReconcileContext& c) { return workloads_.Reconcile(c); });
    ids_.gate = Add("gate", [this](kube::ReconcileContext& c) { return gates_.Reconcile(c); });
    ids_.guard = Add("guard", [this](kube::ReconcileContext& c) { return guards_.Reconcile(c); });
    ids_.self_test = Add("self_test", [this](kube::ReconcileContext& c) { return TestGate(c); });
    ids_.audit = Add("audit", [this](kube::ReconcileContext& c) { return Audit(c); });
    ids_.attestation = Add("attestation", [this](kube::ReconcileContext& c) { return attestations_.Reconcile(c); });
    // After a start there are as many keys as workloads: nodes, gates and evictions are not to wait for all of them.
    for (const std::uint8_t many : {ids_.workload, ids_.audit}) queue_.SetLowPriority(many);
    cache::WireCaches(caches_, queue_, ids_);
  }

  int Run(std::stop_token stop) {
    auto servers = Serve();
    if (!servers) {
      log::Error("cannot listen", {{"error", servers.error()}});
      return 1;
    }
    if (!AskForMutation(stop)) return 0;
    std::stop_source watching;  // watches and events outlive the lead: what it wrote last is still sent
    std::vector<std::jthread> threads;
    for (auto& watched : caches_.All()) threads.push_back(Watch(watched, watching.get_token()));
    if (!options_.dry_run) threads.emplace_back([this, token = watching.get_token()] { events_.Run(token); });

    const bool kept = options_.dry_run ? DryRun(stop) : options_.leader_elect ? Elect(stop) : (Lead(stop), true);
    queue_.ShutDown();
    watching.request_stop();
    threads.clear();  // joins
    if (!kept) log::Error("the lease was lost: ending, to be started anew");
    return kept ? 0 : 1;
  }

 private:
  using Reconcile = std::function<Result<kube::Outcome>(kube::ReconcileContext&)>;
  std::uint8_t Add(const char* name, Reconcile reconcile) {
    if (!options_.dry_run) return runner_.AddController({name, std::move(reconcile)});
    return runner_.AddController({name, [reconcile = std::move(reconcile)](kube::ReconcileContext& context) {
                                    // Reconcilers log what they did; here it was only tried.
                                    const log::Context tried({{"dry_run", true}});
                                    return reconcile(context);
                                  }});
  }
  kube::Api& WritingApi() { return options_.dry_run ? static_cast<kube::Api&>(dry_run_) : *real_api_; }
  Clock& PlanClock() { return options_.dry_run ? static_cast<Clock&>(moment_) : clock_; }
  // A dry run of the operator has written no gate that could be tested.
  Result<kube::Outcome> TestGate(kube::ReconcileContext& context) {
    return options_.dry_run ? kube::Outcome::AwaitChange() : self_test_.Reconcile(context);
  }
  Result<kube::Outcome> Audit(kube::ReconcileContext& context) {  // which writes reports
    return options_.dry_run ? kube::Outcome::AwaitChange() : auditor_.Reconcile(context);
  }
  kube::EventRecorder& Events() { return options_.dry_run ? static_cast<kube::EventRecorder&>(no_events_) : events_; }

  std::jthread Watch(const cache::Caches::Watched& watched, std::stop_token stop) {
    kube::ReflectorOptions options;
    options.field_selector = watched.field_selector;
    options.on_missing = [this](const kube::Resource& resource) {
      const bool ours = resource.group == api::kGroup;
      if (ours && said_missing_.exchange(true)) return;  // they come together, and are looked for one by one
      log::Error(ours ? "the custom resource definitions are not installed: apply crds/ or install the chart; trying "
                        "again every 5 s"
                      : "the API server does not serve a resource that is needed; trying again every 5 s",
                 {{"resource", fmt::format("{}.{}", resource.plural, resource.group)}});
    };
    options.on_found = [this](const kube::Resource& resource) {
      if (resource.group == api::kGroup) said_missing_ = false;  // should they go again
      log::Info("now served", {{"resource", resource.plural}});
    };
    auto reflector = std::make_shared<kube::Reflector>(*real_api_, clock_, random_, metrics_, watched.resource,
                                                       *watched.sink, options);
    return std::jthread([reflector, stop] { reflector->Run(stop); });
  }

  // Whether the server has mutating admission policies is asked once: one that is upgraded to have them is used so by
  // the operator's next start. False when stopped before there was an answer.
  bool AskForMutation(std::stop_token stop) {
    bool said = false;
    do {
      const auto served = kube::IsServed(*real_api_, api::kMutatingPolicies, stop);
      if (served && *served) caches_.ServeMutation();
      if (served) return true;
      if (!std::exchange(said, true)) log::Warn("the API server does not answer yet", {{"error", served.error()}});
    } while (clock_.SleepFor(std::chrono::seconds(1), stop));
    return false;
  }

  // The stores that have not seen a full state yet; empty when all have.
  std::string Missing() {
    std::string names;
    for (const auto& watched : caches_.All())
      if (!watched.progress->synced()) names += (names.empty() ? "" : ", ") + std::string(watched.resource.plural);
    return names;
  }

  // True when every store has its first full state; false when stopped before.
  bool AwaitCaches(std::stop_token stop) {
    for (const auto& watched : caches_.All())
      if (!watched.progress->AwaitSynced(stop)) return false;
    log::Info("caches are complete", {{"workloads", caches_.workloads.size()},
                                      {"nodes", caches_.nodes.size()},
                                      {"regions", caches_.regions.size()}});
    return true;
  }

  void Lead(std::stop_token stop) {
    if (!AwaitCaches(stop)) return;
    log::Info("working", {{"workers", options_.workers}});
    runner_.Run(options_.workers, stop);
  }

  bool Elect(std::stop_token stop) {
    kube::LeaseOptions lease;
    lease.ns = options_.lease_namespace.empty() ? config_.ns : options_.lease_namespace;
    lease.name = options_.lease_name;
    lease.identity = identity_;
    log::Info("waiting for the lease", {{"lease", lease.ns + "/" + lease.name}, {"identity", identity_}});
    kube::LeaderElector elector(*real_api_, clock_, random_, metrics_, lease);
    return elector.Run([this](std::stop_token leading) { Lead(leading); }, stop);
  }

  // Looks at everything once and ends.
  bool DryRun(std::stop_token stop) {
    if (!AwaitCaches(stop)) return true;
    std::stop_source done;
    std::stop_callback forward(stop, [&] { done.request_stop(); });
    std::jthread work([&] { runner_.Run(options_.workers, done.get_token()); });
    queue_.AwaitIdle(done.get_token());
    done.request_stop();
    work.join();
    fmt::print("dry run: {} writes would be made\n", dry_run_.would_write());
    return true;
  }

  void WakeWorkloads(const std::string& region) {
    for (const auto& workload : caches_.WorkloadsOfRegion(region)) queue_.Add({ids_.workload, workload->meta.key});
  }

  void WakeNodes(const std::string& region) {
    for (const auto& node : caches_.NodesWithLabel(region)) queue_.Add({ids_.node, node->meta.key});
  }

  http::ServerReply Health(const std::string& path) {
    if (path == "/healthz" || path == "/livez") return {200, "text/plain; charset=utf-8", "ok\n"};
    if (path == "/readyz") {
      const std::string missing = Missing();
      if (missing.empty()) return {200, "text/plain; charset=utf-8", "ok\n"};
      return {503, "text/plain; charset=utf-8", "waiting for a first full state of: " + missing + "\n"};
    }
    return {404, "text/plain; charset=utf-8", "there is /healthz and /readyz here\n"};
  }

  Result<std::vector<std::unique_ptr<http::Server>>> Serve() {
    std::vector<std::unique_ptr<http::Server>> servers;
    auto listen = [&](const std::string& what, const std::string& address, http::Handler handler) -> Status {
      if (address == "0" || options_.dry_run) return {};
      auto server = http::Server::Listen(address, std::move(handler));
      if (!server) return Fail(std::move(server.error()).While(what + " at " + address));
      log::Info("listening", {{"what", what}, {"port", (*server)->port()}});
      servers.push_back(std::move(*server));
      return {};
    };
    auto health = listen("health", options_.health_addr, [this](const std::string& path) { return Health(path); });
    if (!health) return Fail(std::move(health.error()));
    auto metrics = listen("metrics", options_.metrics_addr, [this](const std::string& path) {
      if (path != "/metrics") return http::ServerReply{404, "text/plain; charset=utf-8", "there is /metrics here\n"};
      return http::ServerReply{200, "text/plain; version=0.0.4; charset=utf-8", metrics_.Expose()};
    });
    if (!metrics) return Fail(std::move(metrics.error()));
    for (const auto& watched : caches_.All()) {
      auto gauge = metrics_.GetGauge("rempart_cached_objects", "Objects in each cache.",
                                     {{"resource", std::string(watched.resource.plural)}});
      metrics_.OnCollect([gauge, store = watched.progress] { gauge.Set(static_cast<double>(store->size())); });
    }
    AddProcessMetrics(metrics_);
    return servers;
  }

  struct NoEvents final : kube::EventRecorder {
    void Record(kube::Event) override {}
  };

  const Options& options_;
  Clock& clock_;
  OneMoment moment_;  // of a dry run
  Random& random_;
  const kube::Config& config_;
  Metrics& metrics_;
  std::unique_ptr<kube::Api> real_api_;
  kube::DryRunApi dry_run_;
  std::string identity_;
  kube::EventSender events_;
  NoEvents no_events_;
  std::atomic<bool> said_missing_ = false;  // that our definitions are not installed
  cache::Caches caches_;
  kube::Queue queue_;
  kube::Runner runner_;
  perimeter::AttestationBook book_;
  perimeter::RegionNodes region_nodes_;
  perimeter::OperatorIdentity identity_of_operator_;
  perimeter::GateProofs proofs_;
  perimeter::WriteFailures failures_;
  perimeter::AuditSummaries audits_;
  perimeter::RegionReconciler regions_;
  perimeter::BarePods bare_pods_;
  perimeter::NodeReconciler nodes_;
  perimeter::AttestationReconciler attestations_;
  workload::WorkloadReconciler workloads_;
  perimeter::GateReconciler gates_;
  perimeter::GuardReconciler guards_;
  audit::Auditor auditor_;
  perimeter::SelfTest self_test_;
  cache::ControllerIds ids_{};
};

}  // namespace

int RunOperator(const Options& options, Clock& clock, Random& random, std::stop_token stop) {
  log::Info("rempart-operator", {{"version", VersionText()}});
  const auto config = kube::LoadConfig({options.kubeconfig, options.context}, FromEnvironment);
  if (!config) {
    log::Error("no usable cluster configuration", {{"error", config.error()}});
    return 1;
  }
  Metrics metrics;
  auto api = kube::MakeApi(*config, clock, random, metrics, UserAgent("rempart-operator"));
  if (!api) {
    log::Error("cannot set up the client of the API server", {{"server", config->server}, {"error", api.error()}});
    return 1;
  }
  return OperatorApp(options, clock, random, *config, std::move(*api), metrics).Run(stop);
}

}  // namespace rempart
