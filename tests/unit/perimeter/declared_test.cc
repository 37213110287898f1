#include "operator/perimeter/declared.h"

#include <gtest/gtest.h>

namespace rempart::perimeter {
namespace {

TEST(FullyDeclared, NamesEachFieldThatSaysNothing) {
  api::SovereignRegion region;
  auto condition = FullyDeclared(region);
  EXPECT_EQ(condition.type, "FullyDeclared");
  EXPECT_EQ(condition.status, "False");
  EXPECT_EQ(condition.reason, "LeftOpen");
  EXPECT_EQ(condition.message,
            "the spec leaves open: images.registries, storage.classes, network, network.egress (no default-deny "
            "policy), keys, access.admins (RBAC says who), access.exec (RBAC says who), access.nodeIdentity (RBAC says "
            "who)");
  auto& rules = region.rules;
  rules.images.emplace();
  rules.storage.emplace();
  rules.storage->classes = {"local-fr"};
  rules.network.emplace();
  rules.keys.emplace();
  rules.keys->deny_external_stores = false;
  rules.access = {{"group:admins"}, {"group:exec"}, {"user:cloud"}};
  EXPECT_EQ(FullyDeclared(region).message,
            "the spec leaves open: images.registries, storage.provisioners, storage.snapshotClasses, network.ranges, "
            "network.ingressClasses, network.gatewayClasses, network.egress (no default-deny policy), keys");
  rules.images->registries = {"registry.example"};
  rules.storage->provisioners = {"csi.example"};
  rules.storage->snapshot_classes.emplace();
  rules.network->ranges = {"10.0.0.0/8"};
  rules.network->ingress_classes.emplace();
  rules.network->gateway_classes.emplace();
  rules.network->egress.emplace();
  rules.keys->deny_external_stores = true;
  condition = FullyDeclared(region);
  EXPECT_EQ(condition.status, "True");
  EXPECT_EQ(condition.reason, "Declared");
  rules.keys->allowed_stores = {"vault-fr"};
  EXPECT_EQ(FullyDeclared(region).message, "the spec leaves open: keys.providers");
  rules.keys->providers = {{"aws"}, {"vault"}};
  EXPECT_EQ(FullyDeclared(region).message, "the spec leaves open: keys.providers.addresses")
      << "any Vault of the world";
  rules.keys->providers = {{"aws"}, {"vault", {"https://vault.example"}}};
  EXPECT_EQ(FullyDeclared(region).status, "True");
  rules.pod_security = api::RegionRules::PodSecurity::kUnmanaged;
  rules.language = api::Language::kFrench;
  EXPECT_EQ(FullyDeclared(region).message, "la spec laisse ouvert : podSecurity");
}

// Longer messages are cut.
TEST(FullyDeclared, NamesAllThereIsWithinAMessage) {
  api::SovereignRegion region;
  region.rules.pod_security = api::RegionRules::PodSecurity::kUnmanaged;
  region.rules.language = api::Language::kFrench;
  region.rules.storage.emplace().classes = {"local-fr"};
  region.rules.network.emplace();
  EXPECT_LT(FullyDeclared(region).message.size(), 600u);
}

}  // namespace
}  // namespace rempart::perimeter
