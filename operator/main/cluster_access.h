// What `kubectl rempart` reads of a cluster, and the one thing that it writes.
#pragma once

#include <chrono>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "operator/api/hosting_profile.h"
#include "operator/api/node_attestation.h"
#include "operator/api/observed.h"
#include "operator/api/sovereign_region.h"
#include "operator/cli/region_choice.h"
#include "operator/cli/rules.h"
#include "operator/main/attest_command.h"
#include "operator/main/status_command.h"
#include "src/base/clock.h"
#include "src/base/metrics.h"
#include "src/base/random.h"
#include "src/base/result.h"
#include "src/kube/api.h"

namespace rempart {

// A way to the API server, and what it is made of.
class Cluster {
 public:
  Status Connect(const std::string& kubeconfig, const std::string& context);
  kube::Api& api() { return *api_; }
  const std::string& default_namespace() const { return default_namespace_; }  // of the context

 private:
  SystemClock clock_;
  SeededRandom random_{std::random_device{}()};
  Metrics metrics_;
  std::string default_namespace_;
  std::unique_ptr<kube::Api> api_;
};

Result<std::vector<api::SovereignRegion>> ListRegions(kube::Api& api);
// Asked for only where a region names one: whoever may read regions need not have a right to profiles.
Result<std::vector<api::HostingProfile>> ListProfiles(kube::Api& api, const std::vector<api::SovereignRegion>& regions);
// The same, and none where there is no right to list them, or no such kind.
Result<std::vector<api::HostingProfile>> ProfilesAtHand(kube::Api& api,
                                                        const std::vector<api::SovereignRegion>& regions);
// Those of the node; asked for only where a region takes somebody's word.
Result<std::vector<api::NodeAttestation>> ListAttestations(kube::Api& api, const std::string& node,
                                                           const std::vector<api::SovereignRegion>& regions);
Result<api::Node> GetNode(kube::Api& api, const std::string& name);

// From the parameters that the operator keeps; without those of a region where they are not there, or not to be read.
Result<cli::QualifiedNodes> ReadQualifiedNodes(kube::Api& api, const std::vector<api::SovereignRegion>& regions);
// For `check`; without namespaces where there is no right to list them.
Result<cli::ClusterView> ViewCluster(Cluster& cluster);
// For `status`: all, or the one of that name.
Result<RegionObjects> ReadRegionObjects(kube::Api& api, const std::string& name);
// For completion: the first 500. Empty where they cannot be had in a moment.
std::vector<std::string> NamesOf(kube::Api& api, const kube::Resource& resource);

Result<AttestSubject> SubjectOf(kube::Api& api, const std::string& node, const std::string& name);
// In the place of what was looked at, and of nothing that somebody wrote since: two who sign at once both count.
Status ApplyAttestation(kube::Api& api, const Json& manifest, const std::optional<api::NodeAttestation>& existing);

}  // namespace rempart
