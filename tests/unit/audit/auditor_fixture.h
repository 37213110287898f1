// An auditor of one region, and a server that keeps what it lists and writes.
#pragma once

#include <gmock/gmock.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "operator/perimeter/audit/auditor.h"
#include "tests/unit/kube/reconcile_fakes.h"
#include "tests/unit/perimeter/builders.h"

namespace rempart::audit::test {

using namespace std::chrono_literals;

inline api::SovereignRegion Region() {
  auto region = perimeter::test::Region();
  region.rules.images.emplace();
  region.rules.images->registries = {"registry.example"};
  region.rules.images->require_digest = false;
  return region;
}

inline Json Pod(const std::string& ns, const std::string& name, const std::string& image) {
  return {{"metadata", {{"name", name}, {"namespace", ns}}},
          {"spec",
           {{"nodeSelector", {{std::string(api::kNodeRegionLabel), "france"}}},
            {"containers", Json::array({{{"name", "app"}, {"image", image}}})}}}};
}

// Two pods a page; keeps reports, those of the cluster by themselves.
struct FakeServer final : kube::test::ApiWithoutWatches {
  explicit FakeServer(SimClock& its_clock) : clock(its_clock) {}
  Result<kube::Reply> Do(const Call& call, std::stop_token) override {
    const std::string path = call.target.substr(0, call.target.find('?'));
    calls.push_back(call.method + " " + path);
    if (path.starts_with("/apis/openreports.io/")) return Report(call, path);
    if (path == "/apis/networking.k8s.io/v1/ingresses" && denied) return Fail(Error::Denied("no right to list"));
    if (path == "/apis/storage.k8s.io/v1/storageclasses") return Items(classes);
    if (path == "/api/v1/persistentvolumes") return Items(volumes);
    if (const auto holder = holders.find(path); holder != holders.end()) return Items(holder->second);
    if (path != "/api/v1/pods") return Fail(Error::NotFound("not served"));
    if (failing) return Fail(Error::Transient("away"));
    clock.Advance(std::exchange(takes, 0s));
    const auto at = call.target.find("continue=");
    const std::size_t from = at == std::string::npos ? 0 : std::stoul(call.target.substr(at + 9));
    limits.push_back(std::stoi(call.target.substr(call.target.find("limit=") + 6)));
    if (from >= too_large_from && limits.back() > largest_page) return Fail(Error::Invalid("the answer is too large"));
    Json list = {{"metadata", Json::object()}, {"items", Json::array()}};
    for (std::size_t i = from; i < std::min(pods.size(), from + 2); ++i) list["items"].push_back(pods[i]);
    if (from + 2 < pods.size()) list["metadata"]["continue"] = std::to_string(from + 2);
    std::string text = list.dump();
    if (from >= garbled_from) text.pop_back();
    return kube::Reply{200, std::move(text)};
  }
  static Result<kube::Reply> Items(const std::vector<Json>& items) {
    return kube::Reply{200, Json{{"metadata", Json::object()}, {"items", items}}.dump()};
  }
  Result<kube::Reply> Report(const Call& call, const std::string& path) {
    const bool of_cluster = path.contains("/clusterreports");
    if (of_cluster ? !serves_cluster_reports : !serves_reports)
      return Fail(Error::NotFound("could not find the requested resource"));
    if (of_cluster && denies_cluster_reports) return Fail(Error::Denied("no right to that"));
    auto& kept = of_cluster ? cluster_reports : reports;
    const std::string name = path.substr(path.rfind('/') + 1);
    if (call.method == "GET") {
      EXPECT_THAT(call.target, ::testing::HasSubstr("labelSelector="));
      Json list = {{"items", Json::array()}};
      for (const auto& [key, report] : kept) list["items"].push_back(report);
      return kube::Reply{200, list.dump()};
    }
    EXPECT_EQ(path.contains("/namespaces/"), !of_cluster) << path;
    if (call.method == "DELETE") {
      kept.erase(name);
    } else {
      kept[name] = Json::parse(call.body);
    }
    return kube::Reply{200, "{}"};
  }
  SimClock& clock;
  Duration takes{0};  // once, to list pods
  std::vector<Json> pods, classes, volumes;
  std::map<std::string, std::vector<Json>> holders;  // of pod templates, by path
  std::map<std::string, Json> reports, cluster_reports;
  bool serves_reports = true, serves_cluster_reports = true, denies_cluster_reports = false;
  bool failing = false, denied = false;
  std::size_t too_large_from = 1000, garbled_from = 1000;
  int largest_page = 0;
  std::vector<int> limits;  // that were asked for
  std::vector<std::string> calls;
};

// One with rules about storage classes and volumes.
inline api::SovereignRegion WithStorage() {
  auto region = Region();
  region.rules.storage = api::RegionRules::Storage{{"local-fr"}, {"csi.example"}};
  return region;
}

inline Json StorageClass(const std::string& name) {
  return {{"metadata", {{"name", name}, {"uid", "uid-of-" + name}}}, {"provisioner", "ebs.csi.aws.com"}};
}

struct AuditorTest : ::testing::Test {
  AuditorTest() {
    caches.regions.Put(perimeter::test::Next(Region()));
    caches.nodes.Put(perimeter::test::Next(perimeter::test::Labelled(perimeter::test::Node("fr-1"))));
    api::Namespace ns;
    ns.meta.key.name = "acme";
    ns.labels = {{"rempart.dev/region", "france"}};
    caches.namespaces.Put(perimeter::test::Next(ns));
    server.pods = {Pod("acme", "a", "registry.example/a:1"), Pod("other", "b", "docker.io/b:1"),
                   Pod("acme", "c", "docker.io/c:1"), Pod("acme", "d", "registry.example/d:1"),
                   Pod("acme", "e", "docker.io/e:1")};
  }
  Result<kube::Outcome> Look() {
    server.calls.clear();
    kube::test::FakeContext context({"", "france"});
    return auditor.Reconcile(context);
  }

  SimClock clock;
  Metrics metrics;
  cache::Caches caches;
  FakeServer server{clock};
  perimeter::AuditSummaries summaries;
  perimeter::OperatorIdentity identity{[](std::stop_token) -> Result<std::string> { return "operator"; }};
  int woken = 0;
  Auditor auditor{caches, server, clock, metrics, identity, summaries, 5min, [this](const std::string&) { ++woken; }};
};

}  // namespace rempart::audit::test
