// A region with rules, a namespace of its own, and a gate that is shut.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "operator/api/sovereign_region.h"
#include "tests/cluster/suite.h"

namespace rempart::test {

inline const std::string kDigest = "sha256:" + std::string(64, 'a'), kOther = "sha256:" + std::string(64, 'b');

class GateTest : public ClusterTest {
 protected:
  void TearDown() override;
  // External Secrets' kinds, as far as the rules look at them: until the end of the test.
  void ServeOthersKinds();
  static Json Definition(const kube::Resource& resource, const Json& schema);
  // These CustomResourceDefinitions, until the end of the test.
  void Serve(const std::vector<Json>& definitions);
  // A region with nodes, images, storage and network declared, and what `more` says of its spec (a merge patch); the
  // test's namespace is put into it.
  void Declare(const std::string& enforcement, const Json& more = Json::object());

  Json Pod() const;  // that no rule is against
  // A subresource is the one of an object that is called "probe".
  Result<kube::Reply> DryRun(const kube::Resource& resource, const Json& object, const std::string& subresource = "");
  // The rules that a request is against: those that refuse it, or warn.
  std::set<std::string> RulesAgainst(const kube::Resource& resource, const Json& object);
  static std::set<std::string> RulesNamed(const Result<kube::Reply>& reply);
  static void Collect(const std::string& text, std::set<std::string>& ids);
  // Until a bad pod is noticed for its node, and a bad claim, and a good pod passes on one of the region's (which needs
  // the parameters).
  void AwaitGate();
  api::SovereignRegion Stored();  // the region as the server has it

  std::string PolicyName() const;

 private:
  std::string definitions_;
};

}  // namespace rempart::test
