#include "src/kube/object.h"

#include <gtest/gtest.h>

#include "src/kube/api.h"

namespace rempart::kube {
namespace {

constexpr Resource kPods{"", "v1", "pods", "Pod", true};
constexpr Resource kNodes{"", "v1", "nodes", "Node", false};
constexpr Resource kDeployments{"apps", "v1", "deployments", "Deployment", true};
constexpr Resource kRegions{"rempart.dev", "v1alpha1", "sovereignregions", "SovereignRegion", false};

TEST(Resource, ApiVersion) {
  EXPECT_EQ(kPods.ApiVersion(), "v1");
  EXPECT_EQ(kDeployments.ApiVersion(), "apps/v1");
}

TEST(Resource, Path) {
  EXPECT_EQ(kPods.Path(), "/api/v1/pods");
  EXPECT_EQ(kPods.Path("acme"), "/api/v1/namespaces/acme/pods");
  EXPECT_EQ(kPods.Path("acme", "web", "eviction"), "/api/v1/namespaces/acme/pods/web/eviction");
  EXPECT_EQ(kNodes.Path("", "fr-1"), "/api/v1/nodes/fr-1");
  EXPECT_EQ(kNodes.Path("ignored", "fr-1"), "/api/v1/nodes/fr-1");
  EXPECT_EQ(kDeployments.Path("acme", "web", "status"), "/apis/apps/v1/namespaces/acme/deployments/web/status");
  EXPECT_EQ(kRegions.Path("", "france"), "/apis/rempart.dev/v1alpha1/sovereignregions/france");
}

// Nothing that is in a name can leave its segment.
TEST(Resource, PathEncodesSegments) {
  EXPECT_EQ(kNodes.Path("", "a/b?c#d e%é"), "/api/v1/nodes/a%2Fb%3Fc%23d%20e%25%C3%A9");
}

TEST(Escape, KeepsOnlyUnreserved) {
  EXPECT_EQ(Escape("AZaz09-._~"), "AZaz09-._~");
  EXPECT_EQ(Escape("a=b&c,d+e"), "a%3Db%26c%2Cd%2Be");
  EXPECT_EQ(Escape(std::string_view("\0\xFF", 2)), "%00%FF");
  EXPECT_EQ(Escape(""), "");
}

}  // namespace
}  // namespace rempart::kube
