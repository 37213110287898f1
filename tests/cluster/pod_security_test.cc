// The pods that Pod Security admission's own tests use, in a tenant namespace at the level restricted: each gets the
// verdict that it declares. The region only warns, so that Pod Security alone decides who gets in, and its warnings
// show that the pods are under the region's gate as well.
#include <gmock/gmock.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "src/kube/yaml.h"
#include "tests/cluster/gate_fixture.h"

namespace rempart::test {
namespace {

struct Fixture {
  std::string name;
  Json pod;
};

std::vector<Fixture> FixturesIn(const std::filesystem::path& folder) {
  std::vector<Fixture> all;
  std::error_code missing;
  for (const auto& entry : std::filesystem::directory_iterator(folder, missing)) {
    std::stringstream text;
    text << std::ifstream(entry.path()).rdbuf();
    auto pod = kube::ParseYaml(text.str(), kube::YamlScalars::kKubernetes);
    EXPECT_TRUE(pod) << entry.path() << ": " << pod.error().ToString();
    if (!pod) continue;
    (*pod)["metadata"]["name"] = "fixture";  // they are named as their files, which is not always a pod's name
    all.push_back({entry.path().filename(), *std::move(pod)});
  }
  std::ranges::sort(all, {}, &Fixture::name);
  return all;
}

using PodSecurityTest = GateTest;

TEST_F(PodSecurityTest, FixturesGetTheVerdictsThatTheyDeclare) {
  const char* folder = std::getenv("REMPART_POD_SECURITY_FIXTURES");
  ASSERT_NE(folder, nullptr) << "REMPART_POD_SECURITY_FIXTURES is not set; hack/cluster env prints it";
  const auto pass = FixturesIn(std::filesystem::path(folder) / "pass");
  const auto fail = FixturesIn(std::filesystem::path(folder) / "fail");
  ASSERT_GT(pass.size(), 10u);
  ASSERT_GT(fail.size(), 50u);

  Declare("Warn");
  ASSERT_TRUE(
      cluster().MergePatch(api::kNamespaces, {"", ns_},
                           {{"metadata", {{"labels", {{"pod-security.kubernetes.io/enforce", "restricted"}}}}}}));
  ASSERT_TRUE(AwaitServer([&] { return !DryRun(api::kPods, fail.front().pod).has_value(); }));

  for (const auto& [name, pod] : pass) {
    const auto reply = DryRun(api::kPods, pod);
    ASSERT_TRUE(reply) << "pass/" << name << ": " << reply.error().ToString();
    std::set<std::string> warned;
    for (const auto& warning : reply->warnings) Collect(warning, warned);
    EXPECT_TRUE(warned.contains("RP-103")) << "pass/" << name << " is not under the region's gate";
  }
  int no_pods = 0;
  for (const auto& [name, pod] : fail) {
    const auto reply = DryRun(api::kPods, pod);
    ASSERT_FALSE(reply) << "fail/" << name << " got in";
    if (name.starts_with("procmount") && reply.error().kind == ErrorKind::kInvalid) {
      ++no_pods;  // to the server an unmasked procMount wants hostUsers: false, and that is asked first
      continue;
    }
    EXPECT_EQ(reply.error().kind, ErrorKind::kDenied) << "fail/" << name << ": " << reply.error().ToString();
    EXPECT_THAT(reply.error().message, ::testing::HasSubstr("violates PodSecurity \"restricted:latest\""))
        << "fail/" << name;
  }
  EXPECT_LE(no_pods, 2);
  std::printf("%zu pods that pass, %zu that Pod Security refuses, %d that are none to the server\n", pass.size(),
              fail.size() - static_cast<std::size_t>(no_pods), no_pods);
}

}  // namespace
}  // namespace rempart::test
