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
            "the spec does not say, and nothing is held: images (from anywhere), storage.classes (any), network (any "
            "Service and route), network.egress (no default-deny policy), keys (any key service), access.admins (RBAC "
            "says who), access.exec (RBAC says who), access.nodeIdentity (RBAC says who)");
  EXPECT_LT(condition.message.size(), 600u) << "else it is cut";
  auto& rules = region.rules;
  rules.images.emplace();
  rules.storage.emplace();
  rules.network.emplace();
  rules.keys.emplace();
  rules.access = {{"group:admins"}, {"group:exec"}, {"user:cloud"}};
  EXPECT_EQ(
      FullyDeclared(region).message,
      "the spec does not say, and nothing is held: storage.classes (any), network.egress (no default-deny policy)");
  rules.storage->classes = {"local-fr"};
  rules.network->egress.emplace();
  condition = FullyDeclared(region);
  EXPECT_EQ(condition.status, "True");
  EXPECT_EQ(condition.reason, "Declared");
  rules.pod_security = api::RegionRules::PodSecurity::kUnmanaged;
  rules.language = api::Language::kFrench;
  EXPECT_EQ(FullyDeclared(region).message, "la spec n'en dit rien, et rien n'est tenu : podSecurity (tout niveau)");
}

}  // namespace
}  // namespace rempart::perimeter
