#include "operator/main/cluster_access.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "operator/api/names.h"
#include "operator/main/environment.h"
#include "operator/main/version.h"
#include "src/kube/decode.h"
#include "src/kube/discovery.h"
#include "src/kube/kubeconfig.h"

namespace rempart {
namespace {

constexpr std::size_t kMaxAnswer = 64 * 1024 * 1024;
constexpr char kFirstRegions[] = "?limit=500";  // each has up to some hundred KiB of images and status

template <class T>
Result<std::vector<T>> ListAll(kube::Api& api, const kube::Resource& resource, Result<T> (*decode)(kube::View)) {
  kube::Api::Call call;
  call.method = "GET";
  call.target = resource.Path("", "");
  call.doing = "list " + std::string(resource.plural);
  auto reply = api.Do(call, {});
  if (!reply) return Fail(std::move(reply.error()));
  kube::Document document(kMaxAnswer);
  auto list = document.ParseAnswer(reply->body);
  if (!list) return Fail(std::move(list.error()).While(call.doing));
  std::vector<T> objects;
  std::optional<Error> failed;
  (*list)["items"].ForEachElement([&](kube::View item) {
    auto object = decode(item);
    if (object)
      objects.push_back(std::move(*object));
    else
      failed = std::move(object.error());
  });
  if (failed) return Fail(std::move(*failed).While(call.doing));
  return objects;
}

template <class T>
Result<T> GetOne(kube::Api& api, const kube::Resource& resource, const std::string& name,
                 Result<T> (*decode)(kube::View)) {
  auto reply = api.Get(resource, {"", name}, {});
  if (!reply) return Fail(std::move(reply.error()));
  kube::Document document;
  auto object = document.ParseAnswer(reply->body);
  if (!object) return Fail(std::move(object.error()));
  auto decoded = decode(*object);
  if (!decoded) return Fail(std::move(decoded.error()).While(std::string(resource.plural) + " " + name));
  return decoded;
}

// Members that are not there are null.
const Json& Member(const Json& of, const char* name) {
  static const Json kNothing;
  const auto at = of.is_object() ? of.find(name) : of.end();
  return of.is_object() && at != of.end() ? *at : kNothing;
}

}  // namespace

Status Cluster::Connect(const std::string& kubeconfig, const std::string& context) {
  const auto config = kube::LoadConfig({kubeconfig, context}, FromEnvironment);
  if (!config) return Fail(config.error());
  auto made = kube::MakeApi(*config, clock_, random_, metrics_, UserAgent("kubectl-rempart"));
  if (!made) return Fail(std::move(made.error()));
  default_namespace_ = config->ns;
  api_ = std::move(*made);
  return {};
}

Result<std::vector<api::SovereignRegion>> ListRegions(kube::Api& api) {
  return ListAll(api, api::kRegions, api::DecodeSovereignRegion);
}

Result<std::vector<api::HostingProfile>> ListProfiles(kube::Api& api,
                                                      const std::vector<api::SovereignRegion>& regions) {
  if (std::ranges::all_of(regions, [](const auto& region) { return region.profile.empty(); }))
    return std::vector<api::HostingProfile>();
  return ListAll(api, api::kProfiles, api::DecodeHostingProfile);
}

Result<std::vector<api::HostingProfile>> ProfilesAtHand(kube::Api& api,
                                                        const std::vector<api::SovereignRegion>& regions) {
  auto profiles = ListProfiles(api, regions);
  if (!profiles && (profiles.error().kind == ErrorKind::kDenied || profiles.error().kind == ErrorKind::kNotFound))
    return std::vector<api::HostingProfile>();
  return profiles;
}

Result<std::vector<api::NodeAttestation>> ListAttestations(kube::Api& api, const std::string& node,
                                                           const std::vector<api::SovereignRegion>& regions) {
  if (std::ranges::all_of(regions, [](const auto& region) { return region.attestation.authorities.empty(); }))
    return std::vector<api::NodeAttestation>();
  auto all = ListAll(api, api::kAttestations, api::DecodeNodeAttestation);
  if (all) std::erase_if(*all, [&](const auto& attestation) { return attestation.node != node; });
  return all;
}

Result<api::Node> GetNode(kube::Api& api, const std::string& name) {
  return GetOne(api, api::kNodes, name, api::DecodeNode);
}

Result<cli::QualifiedNodes> ReadQualifiedNodes(kube::Api& api, const std::vector<api::SovereignRegion>& regions) {
  cli::QualifiedNodes nodes;
  for (const api::SovereignRegion& region : regions) {
    const std::string& name = region.meta.key.name;
    auto reply = api.Get(api::kPerimeterParameters, {"", name}, {});
    if (!reply && (reply.error().kind == ErrorKind::kDenied || reply.error().kind == ErrorKind::kNotFound)) continue;
    if (!reply) return Fail(std::move(reply.error()));
    auto parameters = ParseJson(reply->body, {.max_bytes = kMaxAnswer});
    if (!parameters) return Fail(std::move(parameters.error()).While("get perimeterparameters " + name));
    nodes.emplace(name, cli::NodesIn(*parameters));
  }
  return nodes;
}

Result<cli::ClusterView> ViewCluster(Cluster& cluster) {
  auto regions = ListRegions(cluster.api());
  if (!regions) return Fail(std::move(regions.error()));
  cli::ClusterView view{.regions = *std::move(regions), .namespaces = std::nullopt};
  if (!cluster.default_namespace().empty()) view.default_namespace = cluster.default_namespace();
  auto namespaces = ListAll(cluster.api(), api::kNamespaces, api::DecodeNamespace);
  if (namespaces) {
    view.namespaces = *std::move(namespaces);
  } else if (namespaces.error().kind != ErrorKind::kDenied) {
    return Fail(std::move(namespaces.error()));
  }
  const auto mutates = kube::IsServed(cluster.api(), api::kMutatingPolicies, {});
  if (!mutates) return Fail(Error(mutates.error()));
  view.mutates = *mutates;
  auto nodes = ReadQualifiedNodes(cluster.api(), view.regions);
  if (!nodes) return Fail(std::move(nodes.error()));
  view.nodes = *std::move(nodes);
  auto profiles = ProfilesAtHand(cluster.api(), view.regions);
  if (!profiles) return Fail(std::move(profiles.error()));
  view.profiles = *std::move(profiles);
  return view;
}

Result<RegionObjects> ReadRegionObjects(kube::Api& api, const std::string& name) {
  const JsonLimits limits{.max_bytes = kMaxAnswer};
  if (!name.empty()) {
    auto reply = api.Get(api::kRegions, {"", name}, {});
    if (!reply) return Fail(std::move(reply.error()));
    auto region = ParseJson(reply->body, limits);
    if (!region) return Fail(std::move(region.error()).While("get sovereignregions " + name));
    return RegionObjects{{*std::move(region)}, false};
  }
  kube::Api::Call call;
  call.method = "GET";
  call.target = api::kRegions.Path("", "") + kFirstRegions;
  call.doing = "list sovereignregions";
  auto reply = api.Do(call, {});
  if (!reply) return Fail(std::move(reply.error()));
  auto list = ParseJson(reply->body, limits);
  if (!list) return Fail(std::move(list.error()).While(call.doing));
  const Json& items = Member(*list, "items");
  if (!items.is_array()) return Fail(Error::Invalid(call.doing + ": what came back is no list"));
  const Json& rest = Member(Member(*list, "metadata"), "continue");
  return RegionObjects{{items.begin(), items.end()}, rest.is_string() && !rest.get_ref<const std::string&>().empty()};
}

std::vector<std::string> NamesOf(kube::Api& api, const kube::Resource& resource) {
  kube::Api::Call call;
  call.method = "GET";
  call.target = resource.Path("", "") + "?limit=500";
  call.doing = "list " + std::string(resource.plural);
  call.obey_retry_after = false;
  call.timeout = std::chrono::seconds(2);
  std::vector<std::string> names;
  const auto reply = api.Do(call, {});
  if (!reply) return names;
  const auto list = ParseJson(reply->body, {.max_bytes = kMaxAnswer});
  if (!list) return names;
  for (const Json& item : Member(*list, "items"))
    if (const Json& name = Member(Member(item, "metadata"), "name"); name.is_string()) names.push_back(name);
  return names;
}

Result<AttestSubject> SubjectOf(kube::Api& api, const std::string& node, const std::string& name) {
  auto found = GetNode(api, node);
  if (!found) return Fail(std::move(found.error()));
  auto existing = GetOne(api, api::kAttestations, name, api::DecodeNodeAttestation);
  if (!existing && existing.error().kind != ErrorKind::kNotFound) return Fail(std::move(existing.error()));
  auto regions = ListRegions(api);
  if (!regions) return Fail(std::move(regions.error()));
  AttestSubject subject{std::move(*found), std::nullopt, std::move(*regions)};
  if (existing) subject.existing = std::move(*existing);
  return subject;
}

Status ApplyAttestation(kube::Api& api, const Json& manifest, const std::optional<api::NodeAttestation>& existing) {
  constexpr std::string_view kManager = "fieldManager=kubectl-rempart";
  if (!existing) {
    auto made = api.Create(api::kAttestations, "", manifest.dump(), {}, kManager);
    return made ? Status() : Fail(std::move(made.error()));
  }
  const Json patch = {{"metadata", {{"resourceVersion", std::to_string(existing->meta.resource_version)}}},
                      {"spec", {{"envelope", manifest["spec"]["envelope"]}}}};
  auto done =
      api.Patch(api::kAttestations, existing->meta.key, kube::PatchType::kMerge, patch.dump(), false, {}, {}, kManager);
  return done ? Status() : Fail(std::move(done.error()));
}

}  // namespace rempart
