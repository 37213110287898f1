#include "tests/support/cluster.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <random>
#include <thread>

#include "operator/api/tenant_workload.h"

namespace rempart::test {
namespace {

[[noreturn]] void Die(const std::string& why) {
  std::fprintf(stderr, "test set-up failed: %s\n", why.c_str());
  std::exit(3);
}

std::optional<std::string> Env(const char* name) {
  const char* value = std::getenv(name);
  return value ? std::optional<std::string>(value) : std::nullopt;
}

constexpr kube::Resource kServices{"", "v1", "services", "Service", true};
constexpr kube::Resource kServiceAccounts{"", "v1", "serviceaccounts", "ServiceAccount", true};
constexpr kube::Resource kConfigMaps{"", "v1", "configmaps", "ConfigMap", true};
constexpr kube::Resource kBudgets{"policy", "v1", "poddisruptionbudgets", "PodDisruptionBudget", true};
constexpr kube::Resource kAutoscalers{"autoscaling", "v2", "horizontalpodautoscalers", "HorizontalPodAutoscaler", true};

Result<Json> Parsed(Result<kube::Reply> reply) {
  if (!reply) return Fail(std::move(reply.error()));
  // Lists of some hundred objects, and what a damaged definition lets through.
  return ParseJson(reply->body, {.max_bytes = 64 * 1024 * 1024, .max_depth = 2000});
}

kube::ObjectKey KeyOf(const Json& object) {
  const Json& metadata = object.at("metadata");
  return {metadata.value("namespace", ""), metadata.at("name").get<std::string>()};
}

}  // namespace

Cluster::Cluster(const std::string& kubeconfig)
    : kubeconfig_(kubeconfig.empty() ? Env("KUBECONFIG").value_or("") : kubeconfig), random_(std::random_device{}()) {
  if (kubeconfig_.empty()) Die("KUBECONFIG is not set; hack/test starts a control plane and sets it");
  auto config = kube::LoadConfig({kubeconfig_, ""}, Env);
  if (!config) Die(config.error().ToString());
  auto api = kube::MakeApi(*config, clock_, random_, metrics_, "rempart-tests");
  if (!api) Die(api.error().ToString());
  api_ = std::move(*api);
}

const kube::Resource& Cluster::ResourceOf(const Json& object) {
  static const std::array<const kube::Resource*, 18> known = {
      &api::kRegions,      &api::kWorkloads,   &api::kProfiles,
      &api::kAttestations, &api::kNodes,       &api::kPods,
      &api::kNamespaces,   &api::kDeployments, &api::kStatefulSets,
      &api::kDaemonSets,   &api::kJobs,        &api::kCronJobs,
      &kConfigMaps,        &kBudgets,          &kAutoscalers,
      &kServices,          &kServiceAccounts,  &api::kAdmissionPolicies};
  for (const auto* resource : known)
    if (resource->kind == object.at("kind").get<std::string>()) return *resource;
  Die("no resource for kind " + object.at("kind").get<std::string>());
}

Result<Json> Cluster::Create(const Json& object) {
  return Parsed(api_->Create(ResourceOf(object), KeyOf(object).ns, object.dump(), {}));
}

Result<Json> Cluster::Apply(const Json& object, const std::string& manager) {
  const auto key = KeyOf(object);
  kube::Api::Call call;
  call.method = "PATCH";
  call.target = ResourceOf(object).Path(key.ns, key.name) + "?force=true&fieldManager=" + kube::Escape(manager);
  call.content_type = "application/apply-patch+yaml";
  call.body = object.dump();
  call.doing = "apply " + key.ToString();
  return Parsed(api_->Do(call, {}));
}

Result<Json> Cluster::MergePatch(const kube::Resource& resource, const kube::ObjectKey& key, const Json& patch,
                                 const std::string& subresource) {
  kube::Api::Call call;
  call.method = "PATCH";
  call.target = resource.Path(key.ns, key.name, subresource) + "?fieldManager=by-hand";
  call.content_type = "application/merge-patch+json";
  call.body = patch.dump();
  call.doing = "patch " + key.ToString();
  return Parsed(api_->Do(call, {}));
}

Result<Json> Cluster::Get(const kube::Resource& resource, const kube::ObjectKey& key) {
  return Parsed(api_->Get(resource, key, {}));
}

Result<std::vector<Json>> Cluster::List(const kube::Resource& resource, const std::string& ns,
                                        const std::string& label_selector) {
  kube::Api::Call call;
  call.method = "GET";
  call.target = resource.Path(ns) + (label_selector.empty() ? "" : "?labelSelector=" + kube::Escape(label_selector));
  call.doing = "list";
  auto list = Parsed(api_->Do(call, {}));
  if (!list) return Fail(std::move(list.error()));
  return (*list)["items"].get<std::vector<Json>>();
}

Status Cluster::Delete(const kube::Resource& resource, const kube::ObjectKey& key, const std::string& propagation) {
  const Json options = {{"apiVersion", "v1"}, {"kind", "DeleteOptions"}, {"propagationPolicy", propagation}};
  auto reply = api_->Delete(resource, key, options.dump(), {});
  if (!reply && reply.error().kind != ErrorKind::kNotFound) return Fail(std::move(reply.error()));
  return {};
}

// Lists, then follows the watch from there, and asks `is` after each change.
bool Cluster::Follow(const std::string& list_target, const std::function<bool(std::vector<Json>)>& is,
                     std::chrono::milliseconds limit) {
  std::stop_source source;
  std::jthread timer([&source, limit](std::stop_token ended) {
    SystemClock clock;
    if (clock.SleepFor(limit, ended)) source.request_stop();
  });
  const std::string separator = list_target.find('?') == std::string::npos ? "?" : "&";
  bool reached = false;
  while (!reached && !source.stop_requested()) {
    kube::Api::Call call;
    call.method = "GET";
    call.target = list_target;
    call.doing = "list";
    auto list = Parsed(api_->Do(call, source.get_token()));
    if (!list) {
      clock_.SleepFor(100ms, source.get_token());
      continue;
    }
    std::map<std::string, Json> objects;
    for (auto& item : (*list)["items"]) objects[KeyOf(item).ToString()] = item;
    auto all = [&] {
      std::vector<Json> out;
      for (auto& [key, object] : objects) out.push_back(object);
      return out;
    };
    if (is(all())) return true;
    std::string line;
    const std::string from = (*list)["metadata"]["resourceVersion"];
    auto end = api_->Stream(
        list_target + separator + "watch=true&resourceVersion=" + from, limit,
        [&](std::string_view piece) {
          for (const char c : piece) {
            if (c != '\n') {
              line += c;
              continue;
            }
            const Json event = Json::parse(line, nullptr, false);
            line.clear();
            if (!event.is_object() || event["type"] == "ERROR") return false;
            const auto key = KeyOf(event["object"]).ToString();
            if (event["type"] == "DELETED")
              objects.erase(key);
            else
              objects[key] = event["object"];
            if (is(all())) {
              reached = true;
              return false;
            }
          }
          return true;
        },
        source.get_token());
    if (!end && end.error().kind == ErrorKind::kCancelled) break;
  }
  return reached;
}

std::optional<Json> Cluster::Await(const kube::Resource& resource, const kube::ObjectKey& key,
                                   const std::function<bool(const Json&)>& is, std::chrono::milliseconds limit) {
  Json last;
  const bool reached = Follow(
      resource.Path(key.ns) + "?fieldSelector=" + kube::Escape("metadata.name=" + key.name),
      [&](std::vector<Json> found) {
        last = found.empty() ? Json() : found.front();
        return is(last);
      },
      limit);
  if (!reached) {
    std::fprintf(stderr, "gave up waiting for %s %s; last seen: %s\n", std::string(resource.plural).c_str(),
                 key.ToString().c_str(), last.dump().c_str());
    return std::nullopt;
  }
  return last;
}

bool Cluster::AwaitList(const kube::Resource& resource, const std::string& ns, const std::string& label_selector,
                        const std::function<bool(const std::vector<Json>&)>& is, std::chrono::milliseconds limit) {
  return Follow(
      resource.Path(ns) + "?labelSelector=" + kube::Escape(label_selector),
      [&](std::vector<Json> found) { return is(found); }, limit);
}

bool AwaitServer(const std::function<bool()>& is) {
  SystemClock clock;
  for (int i = 0; i < 300; ++i) {
    if (is()) return true;
    clock.SleepFor(std::chrono::milliseconds(100), {});
  }
  return false;
}

Json ConditionOf(const Json& object, const std::string& type) {
  if (!object.is_object()) return nullptr;
  for (const auto& condition : object.value(Json::json_pointer("/status/conditions"), Json::array()))
    if (condition.value("type", "") == type) return condition;
  return nullptr;
}

bool HasCondition(const Json& object, const std::string& type, const std::string& status, const std::string& reason) {
  const Json condition = ConditionOf(object, type);
  if (condition.is_null() || condition.value("status", "") != status) return false;
  const auto generation = object.value(Json::json_pointer("/metadata/generation"), 0);
  if (condition.value("observedGeneration", generation) != generation) return false;
  return reason.empty() || condition.value("reason", "") == reason;
}

std::string UniqueName(const std::string& prefix) {
  static SeededRandom random((static_cast<std::uint64_t>(std::random_device{}()) << 32) ^
                             static_cast<std::uint64_t>(getpid()));
  return fmt::format("{}-{:08x}", prefix, random.Next() & 0xffffffff);
}

Json MakeNode(const std::string& name, const std::string& region, const std::string& zone,
              const std::string& provider_id) {
  const Json capacity = {{"cpu", "32"}, {"memory", "256Gi"}, {"pods", "110"}};
  Json node = {{"apiVersion", "v1"},
               {"kind", "Node"},
               {"metadata",
                {{"name", name},
                 {"annotations", {{"kwok.x-k8s.io/node", "fake"}}},
                 {"labels", {{"kubernetes.io/hostname", name}, {"type", "kwok"}}}}},
               {"spec", {{"providerID", provider_id}}},
               {"status", {{"allocatable", capacity}, {"capacity", capacity}}}};
  if (!region.empty()) node["metadata"]["labels"]["topology.kubernetes.io/region"] = region;
  if (!zone.empty()) node["metadata"]["labels"]["topology.kubernetes.io/zone"] = zone;
  return node;
}

Json MakeNamespace(const std::string& name, const std::string& region_label) {
  Json ns = {{"apiVersion", "v1"}, {"kind", "Namespace"}, {"metadata", {{"name", name}}}};
  if (!region_label.empty()) ns["metadata"]["labels"] = {{"rempart.dev/region", region_label}};
  return ns;
}

Json MakeRegion(const std::string& name, const std::string& topology_region, const std::vector<std::string>& zones,
                const Json& extra_hosting) {
  Json hosting = {
      {"locations",
       Json::array(
           {{{"region", topology_region}, {"zones", zones}, {"country", "FR"}, {"providerIDPattern", "^kwok://"}}})},
      {"onLoss", {{"action", "Evict"}, {"gracePeriod", "1s"}, {"deadline", "10s"}}}};
  if (extra_hosting.is_object()) hosting.update(extra_hosting);
  return {{"apiVersion", "rempart.dev/v1alpha1"},
          {"kind", "SovereignRegion"},
          {"metadata", {{"name", name}}},
          {"spec", {{"country", "FR"}, {"hosting", hosting}}}};
}

Json MakeProfile(const std::string& name, const std::string& topology_region, const Json& spec) {
  const auto place = [&](const char* zone, bool confirmed) {
    return Json{{"region", topology_region},
                {"zones", Json::array({topology_region + "-" + zone})},
                {"country", "FR"},
                {"confirmed", confirmed}};
  };
  Json whole = {{"system", "Cloud of a test"},
                {"provider", "nobody"},
                {"locations", Json::array({place("a", true), place("b", false)})}};
  whole.update(spec);
  return {{"apiVersion", "rempart.dev/v1alpha1"},
          {"kind", "HostingProfile"},
          {"metadata", {{"name", name}}},
          {"spec", whole}};
}

Json MakeWorkload(const std::string& ns, const std::string& name, const std::string& region, int replicas) {
  Json workload = {
      {"apiVersion", "rempart.dev/v1alpha1"},
      {"kind", "TenantWorkload"},
      {"metadata", {{"name", name}, {"namespace", ns}}},
      {"spec",
       {{"replicas", replicas},
        {"template",
         {{"spec", {{"containers", Json::array({{{"name", "app"}, {"image", "registry.example/app:1"}}})}}}}}}}};
  if (!region.empty()) workload["spec"]["region"] = region;
  return workload;
}

}  // namespace rempart::test
