#include "operator/perimeter/audit/auditor.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <utility>

#include "operator/perimeter/namespaces.h"
#include "operator/perimeter/qualification.h"
#include "src/base/log.h"
#include "src/kube/decode.h"

namespace rempart::audit {
namespace {

using rules::Gate;

struct Kind {
  Gate gate;
  kube::Resource resource;
  bool same_as_before = false;  // where the one before is served, this shows the same objects
  // Where the template of its pods is. It is judged in their place where none of them runs: they come one day.
  const char* pods = nullptr;
};
constexpr std::array kKinds{
    // First what belongs to the whole cluster: a tally that namespaces have filled has no room left to name it.
    Kind{Gate::kClasses, {"storage.k8s.io", "v1", "storageclasses", "StorageClass", false}},
    Kind{Gate::kVolumes, {"", "v1", "persistentvolumes", "PersistentVolume", false}},
    Kind{Gate::kClusterStores, {"external-secrets.io", "v1", "clustersecretstores", "ClusterSecretStore", false}},
    Kind{Gate::kClusterStores,
         {"external-secrets.io", "v1beta1", "clustersecretstores", "ClusterSecretStore", false},
         true},
    Kind{Gate::kPods, {"", "v1", "pods", "Pod", true}},
    Kind{Gate::kPods, {"apps", "v1", "deployments", "Deployment", true}, false, "/spec/template"},
    Kind{Gate::kPods, {"apps", "v1", "statefulsets", "StatefulSet", true}, false, "/spec/template"},
    Kind{Gate::kPods, {"batch", "v1", "jobs", "Job", true}, false, "/spec/template"},
    Kind{Gate::kPods, {"batch", "v1", "cronjobs", "CronJob", true}, false, "/spec/jobTemplate/spec/template"},
    Kind{Gate::kServices, {"", "v1", "services", "Service", true}},
    Kind{Gate::kEndpoints, {"discovery.k8s.io", "v1", "endpointslices", "EndpointSlice", true}},
    Kind{Gate::kEndpoints, {"", "v1", "endpoints", "Endpoints", true}},
    Kind{Gate::kClaims, {"", "v1", "persistentvolumeclaims", "PersistentVolumeClaim", true}},
    Kind{Gate::kPolicies, {"networking.k8s.io", "v1", "networkpolicies", "NetworkPolicy", true}},
    Kind{Gate::kPolicies, {"cilium.io", "v2", "ciliumnetworkpolicies", "CiliumNetworkPolicy", true}},
    Kind{Gate::kPolicies, {"crd.projectcalico.org", "v1", "networkpolicies", "NetworkPolicy", true}},
    Kind{Gate::kPolicies, {"projectcalico.org", "v3", "networkpolicies", "NetworkPolicy", true}, true},
    Kind{Gate::kPolicies, {"crd.antrea.io", "v1beta1", "networkpolicies", "NetworkPolicy", true}},
    Kind{Gate::kPolicies, {"crd.projectcalico.org", "v1", "networksets", "NetworkSet", true}},
    Kind{Gate::kPolicies, {"projectcalico.org", "v3", "networksets", "NetworkSet", true}, true},
    Kind{Gate::kIngresses, {"networking.k8s.io", "v1", "ingresses", "Ingress", true}},
    Kind{Gate::kGateways, {"gateway.networking.k8s.io", "v1", "gateways", "Gateway", true}},
    Kind{Gate::kRoutes, {"gateway.networking.k8s.io", "v1", "httproutes", "HTTPRoute", true}},
    Kind{Gate::kRoutes, {"gateway.networking.k8s.io", "v1", "grpcroutes", "GRPCRoute", true}},
    Kind{Gate::kRoutes, {"gateway.networking.k8s.io", "v1", "tlsroutes", "TLSRoute", true}},
    Kind{Gate::kRoutes, {"gateway.networking.k8s.io", "v1alpha2", "tlsroutes", "TLSRoute", true}, true},
    Kind{Gate::kRoutes, {"gateway.networking.k8s.io", "v1alpha2", "tcproutes", "TCPRoute", true}},
    Kind{Gate::kRoutes, {"gateway.networking.k8s.io", "v1alpha2", "udproutes", "UDPRoute", true}},
    Kind{Gate::kStores, {"external-secrets.io", "v1", "secretstores", "SecretStore", true}},
    Kind{Gate::kStores, {"external-secrets.io", "v1beta1", "secretstores", "SecretStore", true}, true},
    Kind{Gate::kStores, {"external-secrets.io", "v1", "externalsecrets", "ExternalSecret", true}},
    Kind{Gate::kStores, {"external-secrets.io", "v1beta1", "externalsecrets", "ExternalSecret", true}, true},
    Kind{Gate::kStores, {"external-secrets.io", "v1alpha1", "pushsecrets", "PushSecret", true}},
    Kind{Gate::kSnapshots, {"snapshot.storage.k8s.io", "v1", "volumesnapshots", "VolumeSnapshot", true}},
};

constexpr std::size_t kMaxPage = 64 * 1024 * 1024;
constexpr char kViolations[] = "rempart_violations";
constexpr char kDone[] = "rempart_audit_timestamp_seconds";

std::string DigestOfNames(const std::vector<std::string>& sorted) {
  return DigestOf(fmt::format("{}", fmt::join(sorted, "\n")));
}

// Scaled to nothing, suspended, or one whose pods come and go.
bool RunsNothing(const Json& holder) {
  static const Json kNone;
  const auto spec = holder.find("spec");
  if (spec == holder.end() || !spec->is_object()) return false;
  return holder.value("kind", "") == "CronJob" || spec->value("replicas", kNone) == 0 ||
         spec->value("suspend", kNone) == true;
}

// A pod of it, under the holder's own name.
std::optional<Json> PodOf(const Json& holder, const Json::json_pointer& at) {
  if (!RunsNothing(holder) || !holder.contains(at) || !holder.at(at).is_object()) return std::nullopt;
  Json pod = holder.at(at);
  if (!pod.contains("metadata") || !pod["metadata"].is_object()) pod["metadata"] = Json::object();
  for (const char* own : {"name", "namespace", "uid"}) pod["metadata"][own] = holder["metadata"].value(own, "");
  pod["apiVersion"] = "v1";
  pod["kind"] = "Pod";
  return pod;
}

// "/spec/template" is "spec.template." in front of a field.
std::string FieldPrefix(std::string_view pointer) {
  std::string prefix(pointer.substr(1));
  std::ranges::replace(prefix, '/', '.');
  return prefix + ".";
}

// A page of a list; its text ends with the call.
struct Page {
  std::string more;  // the token for the next one, "" for none
};

// Calls `each` with every item. kNotFound where the kind is not served.
Result<Page> ListPage(kube::Api& api, const kube::Resource& resource, const std::string& query,
                      const std::function<void(kube::View item)>& each, std::stop_token stop) {
  const kube::Api::Call call{.method = "GET",
                             .target = resource.Path() + query,
                             .doing = fmt::format("list {} for the audit", resource.plural)};
  auto reply = api.Do(call, std::move(stop));
  if (!reply) return Fail(std::move(reply.error()));
  kube::Document document(kMaxPage);
  const auto list = document.ParseAnswer(reply->body);
  if (!list) return Fail(Error(list.error()).While("read the list"));
  (*list)["items"].ForEachElement(each);
  return Page{std::string((*list)["metadata"]["continue"].Str())};
}

}  // namespace

Auditor::Auditor(cache::Caches& caches, kube::Api& api, Clock& clock, Metrics& metrics,
                 perimeter::OperatorIdentity& identity, perimeter::AuditSummaries& summaries, Duration interval,
                 std::function<void(const std::string& region)> wake_region)
    : caches_(caches),
      api_(api),
      clock_(clock),
      metrics_(metrics),
      identity_(identity),
      summaries_(summaries),
      interval_(interval),
      wake_region_(std::move(wake_region)) {}

Result<kube::Outcome> Auditor::Reconcile(kube::ReconcileContext& context) {
  const std::string& name = context.key().name;
  const auto region = caches_.regions.Get(context.key());
  if (!region || interval_ == Duration::zero()) {
    Forget(name);
    return kube::Outcome::AwaitChange();
  }
  if (!perimeter::SpecProblem(*region).empty()) return kube::Outcome::AwaitChange();  // what it asks is not known
  const auto identity = identity_.Get(*region, caches_, context.stop());
  if (!identity) return Fail(Error(identity.error()));
  std::vector<std::string> nodes;
  for (const auto& node : caches_.NodesWithLabel(name)) nodes.push_back(node->meta.key.name);
  std::ranges::sort(nodes);
  const auto governed = perimeter::NamespacesOf(*region, {}, caches_.namespaces.List(), *identity).governed;
  AuditInputs inputs{region->meta.uid, region->meta.generation, DigestOfNames(nodes), DigestOfNames(governed)};
  {
    std::scoped_lock lock(mutex_);
    const auto& last = memory_[name].last;
    const Duration wait = last ? DueAt(*last, inputs, interval_) - clock_.Mono() : Duration::zero();
    if (wait > Duration::zero()) return kube::Outcome::Requeue(wait);
  }
  const Namespaces namespaces(governed.begin(), governed.end());

  // First: where there are none, nothing is kept for them.
  auto reports = ReadReports(kReports, name, context.stop());
  auto cluster_reports = ReadReports(kClusterReports, name, context.stop());
  Tally tally(*region, rules::RulesOf(*region, identity->rules), rules::ParametersOf(*region, nodes),
              {.of_namespaces = reports.has_value(), .of_cluster = cluster_reports.has_value()},
              caches_.mutation_served() && rules::NeedsSelector(*region, identity->rules));
  auto left_out = Collect(tally, namespaces, context.stop());
  if (!left_out) return Fail(std::move(left_out.error()));
  if (!left_out->empty()) log::Warn("the audit is not complete", {{"region", name}, {"left_out", *left_out}});
  Count(name, tally, left_out->empty());
  {
    std::scoped_lock lock(mutex_);
    auto& last = memory_[name].last;
    last = Audited(last, std::move(inputs), clock_.Mono());
  }
  if (summaries_.Put(name, {tally.objects(), tally.violations(), tally.by_rule(), *std::move(left_out)}))
    wake_region_(name);
  // Last: what becomes of reports must not keep the counts from being told.
  SyncReports(kReports, *region, tally, namespaces, std::move(reports), context.stop());
  const bool of_cluster =
      std::ranges::any_of(kKinds, [&](const Kind& kind) { return !kind.resource.namespaced && tally.Asks(kind.gate); });
  SyncReports(kClusterReports, *region, tally, of_cluster ? Namespaces{""} : Namespaces{}, std::move(cluster_reports),
              context.stop());
  log::Debug("audited", {{"region", name}, {"objects", tally.objects()}, {"violations", tally.violations()}});
  return kube::Outcome::Requeue(interval_);
}

Result<std::string> Auditor::Collect(Tally& tally, const Namespaces& governed, std::stop_token stop) {
  std::vector<std::string> left_out;
  bool served_before = false;
  for (const auto& [gate, resource, same_as_before, pods] : kKinds) {
    if (!tally.Asks(gate) || (same_as_before && served_before) || (resource.namespaced && governed.empty())) continue;
    const auto add = [&, gate = gate, &resource = resource, pods = pods](const Json& object) {
      if (pods == nullptr) return tally.Add(gate, resource, object);
      if (const auto pod = PodOf(object, Json::json_pointer(pods))) tally.Add(gate, resource, *pod, FieldPrefix(pods));
    };
    auto left_out_of_it = CollectKind(resource, governed, add, stop);
    served_before = left_out_of_it || left_out_of_it.error().kind != ErrorKind::kNotFound;
    if (left_out_of_it) {
      if (!left_out_of_it->empty()) left_out.push_back(*std::move(left_out_of_it));
      continue;
    }
    const Error& error = left_out_of_it.error();
    if (error.kind == ErrorKind::kNotFound) continue;
    // The same will be answered next time, and must not hide what can be read.
    if (error.kind != ErrorKind::kDenied && error.kind != ErrorKind::kInvalid)
      return Fail(std::move(left_out_of_it.error()));
    left_out.push_back(fmt::format("{}: {}", resource.plural, error.message));
  }
  return fmt::format("{}", fmt::join(left_out, "; "));
}

Result<std::string> Auditor::CollectKind(const kube::Resource& resource, const Namespaces& governed,
                                         const std::function<void(const Json& object)>& add, std::stop_token stop) {
  std::size_t unreadable = 0;
  std::string first;
  const auto judge = [&](kube::View item) {
    const kube::View meta = item["metadata"];
    if (resource.namespaced && !governed.contains(meta["namespace"].Str())) return;
    auto object = ParseJson(item.Minified());
    if (!object) {
      if (++unreadable == 1)
        first = kube::ObjectKey{std::string(meta["namespace"].Str()), std::string(meta["name"].Str())}.ToString();
      return;
    }
    (*object)["apiVersion"] = resource.ApiVersion();  // which items of a list do not carry
    (*object)["kind"] = resource.kind;
    add(*object);
  };
  std::string more;
  for (int limit = kObjectsOfAPage;;) {
    const std::string query = fmt::format("?limit={}{}", limit, more.empty() ? "" : "&continue=" + kube::Escape(more));
    auto page = ListPage(api_, resource, query, judge, stop);
    if (page) {
      more = std::move(page->more);
      if (more.empty()) break;
    } else if (page.error().kind == ErrorKind::kInvalid && limit > 1) {
      limit /= 2;  // the page is too large; nothing of it was judged
    } else if (page.error().kind == ErrorKind::kNotFound && !more.empty()) {
      return Fail(Error::Gone(page.error().message));  // it went meanwhile: begun anew
    } else {
      return Fail(std::move(page.error()));  // kGone too: the list has expired, and is begun anew
    }
  }
  if (unreadable == 0) return "";
  return fmt::format("{}: {} too large or too deep to be read, the first {}", resource.plural, unreadable, first);
}

// Read at each audit: there are few, and somebody may have changed them.
std::optional<Auditor::Reports> Auditor::ReadReports(const kube::Resource& resource, const std::string& region,
                                                     std::stop_token stop) {
  Reports there;
  const std::string query =
      fmt::format("?labelSelector={}",
                  kube::Escape(fmt::format("{}=rempart,{}={}", api::kManagedByLabel, api::kRegionLabel, region)));
  const auto listed = ListPage(
      api_, resource, query,
      [&](kube::View item) {
        const kube::View meta = item["metadata"];
        const auto report = ParseJson(item.Minified());
        there[{std::string(meta["namespace"].Str()), std::string(meta["name"].Str())}] =
            report && report->is_object() ? DigestOfReport(*report) : "";
      },
      std::move(stop));
  if (listed) return there;
  if (listed.error().kind != ErrorKind::kNotFound && listed.error().kind != ErrorKind::kCancelled)
    log::Warn("reports of the audit cannot be read, and none are written",
              {{"region", region}, {"resource", resource.plural}, {"error", listed.error()}});
  return std::nullopt;
}

void Auditor::SyncReports(const kube::Resource& resource, const api::SovereignRegion& region, const Tally& tally,
                          const Namespaces& of, std::optional<Reports> there, std::stop_token stop) {
  if (!there) return;
  const auto done = WriteReports(resource, region, tally, of, *std::move(there), std::move(stop));
  if (!done)
    log::Warn("reports of the audit cannot be written",
              {{"region", region.meta.key.name}, {"resource", resource.plural}, {"error", done.error()}});
}

Status Auditor::WriteReports(const kube::Resource& resource, const api::SovereignRegion& region, const Tally& tally,
                             const Namespaces& of, Reports there, std::stop_token stop) {
  static const NamespaceTally kNothing;
  for (const std::string& ns : of) {
    const auto of_namespace = tally.by_namespace().find(ns);
    for (const Report& report :
         ReportsOf(region, ns, of_namespace == tally.by_namespace().end() ? kNothing : of_namespace->second)) {
      const auto known = there.find(report.key);
      const bool same = known != there.end() && known->second == report.digest;
      if (known != there.end()) there.erase(known);
      if (same) continue;
      auto written = api_.Patch(resource, report.key, kube::PatchType::kApply, report.object.dump(), true, stop);
      // A namespace that goes takes its reports with it, and takes none.
      if (!written && written.error().kind != ErrorKind::kDenied && written.error().kind != ErrorKind::kNotFound)
        return Fail(std::move(written.error()));
      if (!written) log::Warn("a report was refused", {{"report", report.key.ToString()}, {"error", written.error()}});
    }
  }
  for (const auto& [key, digest] : there) {
    auto deleted = api_.Delete(resource, key, "{}", stop);
    if (!deleted && deleted.error().kind != ErrorKind::kNotFound) return Fail(std::move(deleted.error()));
  }
  return {};
}

void Auditor::Count(const std::string& region, const Tally& tally, bool complete) {
  std::set<std::string> before, now;
  for (const auto& [rule, count] : tally.by_rule()) now.insert(rule);
  {
    std::scoped_lock lock(mutex_);
    before = std::exchange(memory_[region].rules, now);
  }
  for (const std::string& rule : before)
    if (!now.contains(rule)) metrics_.RemoveGauge(kViolations, {{"region", region}, {"rule", rule}});
  for (const auto& [rule, count] : tally.by_rule()) {
    metrics_
        .GetGauge(kViolations, "What already runs in the region's namespaces and the rule is against.",
                  {{"region", region}, {"rule", rule}})
        .Set(static_cast<double>(count));
  }
  if (!complete) return;
  metrics_.GetGauge(kDone, "When what runs in the region was last audited, all of it.", {{"region", region}})
      .Set(std::chrono::duration<double>(clock_.Now().time_since_epoch()).count());
}

void Auditor::Forget(const std::string& region) {
  std::set<std::string> rules;
  {
    std::scoped_lock lock(mutex_);
    if (const auto memory = memory_.find(region); memory != memory_.end()) {
      rules = std::move(memory->second.rules);
      memory_.erase(memory);
    }
  }
  for (const std::string& rule : rules) metrics_.RemoveGauge(kViolations, {{"region", region}, {"rule", rule}});
  metrics_.RemoveGauge(kDone, {{"region", region}});
  summaries_.Forget(region);
}

}  // namespace rempart::audit
