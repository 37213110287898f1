// hack/cluster as others script against it: --nodes, --without, env and down. Each test has a control plane of its own,
// beside the one of the suite.
#include <gmock/gmock.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <set>

#include "src/kube/kubeconfig.h"
#include "tests/support/cluster.h"

namespace rempart::test {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

const std::string kScript = std::string(REMPART_SOURCE_DIR) + "/hack/cluster";

class ControlPlane : public ::testing::Test {
 protected:
  void TearDown() override {
    (void)Run({"down", name_});  // what a test that failed left
    if (!nodes_.empty()) std::filesystem::remove(nodes_);
  }
  static CommandResult Run(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), kScript);
    return RunCommand(arguments);
  }
  void Up(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), {"up", name_});
    const auto result = Run(arguments);
    ASSERT_EQ(result.code, 0) << result.output;
    ASSERT_THAT(result.output, HasSubstr("cluster " + name_ + " is up"));
  }
  // A line of shell after the lines that `env` prints were evaluated, in a shell that knows no cluster and no tools.
  CommandResult Shell(const std::string& line) const {
    return RunCommand({"env", "-u", "KUBECONFIG", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "sh", "-c",
                       "lines=$('" + kScript + "' env " + name_ + ") && eval \"$lines\" && " + line});
  }
  std::string Kubeconfig() const {
    std::string path = Shell("printf %s \"$KUBECONFIG\"").output;
    EXPECT_TRUE(std::filesystem::exists(path)) << path;
    return path;
  }
  // The programs that run in the folder of this kubeconfig.
  static std::multiset<std::string> Programs(const std::string& kubeconfig) {
    namespace fs = std::filesystem;
    const fs::path folder = fs::path(kubeconfig).parent_path();
    std::multiset<std::string> programs;
    for (const auto& entry : fs::directory_iterator("/proc")) {
      std::error_code gone;  // also: not a process, or not ours
      const fs::path cwd = fs::read_symlink(entry.path() / "cwd", gone);
      if (gone || cwd != folder) continue;
      const fs::path program = fs::read_symlink(entry.path() / "exe", gone);
      if (!gone) programs.insert(program.filename().string());
    }
    return programs;
  }
  void DownAndGone(const std::string& kubeconfig) {
    const auto config = kube::LoadConfig({kubeconfig, ""}, [](const char*) { return std::nullopt; });
    ASSERT_TRUE(config);
    ASSERT_EQ(RunCommand({"curl", "-sk", "--max-time", "10", config->server + "/livez"}).code, 0);
    const auto down = Run({"down", name_});
    EXPECT_EQ(down.code, 0) << down.output;
    EXPECT_EQ(Programs(kubeconfig), std::multiset<std::string>{});
    EXPECT_FALSE(std::filesystem::exists(kubeconfig)) << "its data is left";
    EXPECT_NE(RunCommand({"curl", "-sk", "--max-time", "10", config->server + "/livez"}).code, 0)
        << "its API server answers";
    EXPECT_THAT(Run({"list"}).output, Not(HasSubstr(name_)));
    for (const char* command : {"env", "down"}) {
      const auto again = Run({command, name_});
      EXPECT_EQ(again.code, 1) << command;
      EXPECT_THAT(again.output, HasSubstr("there is no cluster " + name_));
    }
  }

  const std::string name_ = UniqueName("t");
  std::string nodes_;
};

TEST_F(ControlPlane, HasTheNodesThatItWasGiven) {
  nodes_ = LogPath(name_ + "-nodes.json");
  std::ofstream(nodes_) << Json{{"apiVersion", "v1"},
                                {"kind", "List"},
                                {"items", Json::array({MakeNode(name_ + "-1", "fr-x", "fr-x-1", "kwok://1"),
                                                       MakeNode(name_ + "-2", "fr-x", "fr-x-2", "kwok://2")})}};
  Up({"--nodes", nodes_});
  const std::string kubeconfig = Kubeconfig();
  EXPECT_EQ(Shell("kubectl get nodes -o name").output, "node/" + name_ + "-1\nnode/" + name_ + "-2\n");
  EXPECT_EQ(Programs(kubeconfig), (std::multiset<std::string>{"etcd", "kube-apiserver", "kube-controller-manager",
                                                              "kube-scheduler", "kwok"}));
  const auto tools =
      Shell("for tool in kubectl helm kwokctl etcd kube-apiserver kwok; do command -v $tool || exit; done");
  EXPECT_EQ(tools.code, 0) << tools.output;
  EXPECT_EQ(std::ranges::count(tools.output, '\n'), 6) << tools.output;
  // Scheduler and controllers at work: a Deployment's pod runs.
  EXPECT_EQ(Shell("kubectl create deployment web --image=registry.example/app:1 && "
                  "kubectl rollout status deployment/web --timeout=60s")
                .code,
            0);
  const auto twice = Run({"up", name_});
  EXPECT_EQ(twice.code, 1);
  EXPECT_THAT(twice.output, HasSubstr("cluster " + name_ + " is up already"));
  DownAndGone(kubeconfig);
}

TEST_F(ControlPlane, LeavesOutWhatItWasTold) {
  Up({"--nodes", "-", "--without", "scheduler,controller-manager"});
  const std::string kubeconfig = Kubeconfig();
  EXPECT_EQ(Programs(kubeconfig), (std::multiset<std::string>{"etcd", "kube-apiserver", "kwok"}));
  const auto nodes = Shell("kubectl get nodes -o name");
  EXPECT_EQ(nodes.code, 0) << nodes.output;
  EXPECT_EQ(nodes.output, "");
  EXPECT_EQ(Shell("kubectl create namespace acme").code, 0) << "it takes objects all the same";
  DownAndGone(kubeconfig);
}

TEST_F(ControlPlane, SaysWhatIsWrongWithItsArguments) {
  const struct {
    std::vector<std::string> arguments;
    std::string says;
  } rows[] = {
      {{"up", name_, "--without", "etcd"}, "--without knows scheduler and controller-manager, not 'etcd'"},
      {{"up", name_, "--nodes", "/no/such/file"}, "cannot read /no/such/file"},
      {{"up", name_, "--node", "x"}, "unknown argument '--node'"},
      {{"up", "Not_A_Name"}, "is no cluster name"},
      {{"env", name_}, "there is no cluster " + name_},
      {{"upp", name_}, "up, env, down or list?"},
  };
  for (const auto& [arguments, says] : rows) {
    const auto result = Run(arguments);
    EXPECT_EQ(result.code, 1) << says;
    EXPECT_THAT(result.output, HasSubstr(says));
  }
  EXPECT_THAT(Run({"list"}).output, Not(HasSubstr(name_))) << "nothing was left behind";
}

}  // namespace
}  // namespace rempart::test
