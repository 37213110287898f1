// What tests that need the real control plane share: a client, objects made and awaited, the operator as a process. The
// control plane is the one that $KUBECONFIG names (hack/test starts it). Every test makes nodes, regions and namespaces
// of its own, with names that no other test has, so that tests may run side by side.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "operator/api/names.h"
#include "src/base/clock.h"
#include "src/base/json.h"
#include "src/base/metrics.h"
#include "src/base/random.h"
#include "src/kube/api.h"

namespace rempart::test {

using namespace std::chrono_literals;

// The garbage collector learns of new custom resources every half a minute only, and a region waits for its pods.
inline constexpr auto kCollected = std::chrono::seconds(90);

// A connection to the control plane. Thread-safe. Failures of set-up end the test program with a message; calls that a
// test expects to fail give their Error.
class Cluster {
 public:
  explicit Cluster(const std::string& kubeconfig = "");  // empty: $KUBECONFIG
  kube::Api& api() { return *api_; }
  const std::string& kubeconfig() const { return kubeconfig_; }

  // The resource of an object by its apiVersion and kind, of those that tests use.
  static const kube::Resource& ResourceOf(const Json& object);
  Result<Json> Create(const Json& object);
  Result<Json> Apply(const Json& object, const std::string& manager = "test");  // server-side apply, forced
  Result<Json> MergePatch(const kube::Resource& resource, const kube::ObjectKey& key, const Json& patch,
                          const std::string& subresource = "");
  Result<Json> Get(const kube::Resource& resource, const kube::ObjectKey& key);
  Result<std::vector<Json>> List(const kube::Resource& resource, const std::string& ns = "",
                                 const std::string& label_selector = "");
  Status Delete(const kube::Resource& resource, const kube::ObjectKey& key,
                const std::string& propagation = "Background");

  // Waits until the object fulfils `is`, woken by its watch; a missing object is given as null. The last state seen is
  // returned either way; nullopt means that it took longer than `limit`.
  std::optional<Json> Await(const kube::Resource& resource, const kube::ObjectKey& key,
                            const std::function<bool(const Json&)>& is, std::chrono::milliseconds limit = 30s);
  // The same over all objects of a namespace that the selector matches.
  bool AwaitList(const kube::Resource& resource, const std::string& ns, const std::string& label_selector,
                 const std::function<bool(const std::vector<Json>&)>& is, std::chrono::milliseconds limit = 30s);

 private:
  bool Follow(const std::string& list_target, const std::function<bool(std::vector<Json>)>& is,
              std::chrono::milliseconds limit);

  std::string kubeconfig_;
  SystemClock clock_;
  SeededRandom random_;
  Metrics metrics_;
  std::unique_ptr<kube::Api> api_;
};

// The server's own caches take a moment to see policies, bindings and parameters, and nothing tells when they have:
// asks until it is so, 30 s at most.
bool AwaitServer(const std::function<bool()>& is);

// status.conditions[type]; null where there is none.
Json ConditionOf(const Json& object, const std::string& type);
bool HasCondition(const Json& object, const std::string& type, const std::string& status,
                  const std::string& reason = "");

// A name that no other test of this run or another has: prefix-<random>.
std::string UniqueName(const std::string& prefix);

// Objects.
Json MakeNode(const std::string& name, const std::string& region, const std::string& zone,
              const std::string& provider_id);
Json MakeNamespace(const std::string& name, const std::string& region_label = "");
Json MakeRegion(const std::string& name, const std::string& topology_region, const std::vector<std::string>& zones,
                const Json& extra_hosting = {});
// Knows zones "<topology_region>-a" and, not confirmed, "<topology_region>-b"; `spec` is added to it or takes
// precedence.
Json MakeProfile(const std::string& name, const std::string& topology_region, const Json& spec = Json::object());
Json MakeWorkload(const std::string& ns, const std::string& name, const std::string& region, int replicas = 1);

// A child process with its output in a file. Killed (SIGKILL) when destroyed, if it still runs. Not thread-safe.
class Process {
 public:
  Process(const std::vector<std::string>& argv, const std::vector<std::pair<std::string, std::string>>& extra_env,
          const std::string& output_path);
  ~Process();
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;
  int pid() const { return pid_; }
  bool Running();
  void Signal(int signal);
  // Waits for its end; the exit code, or 128 + signal; nullopt when it still ran after `limit` (pidfd and poll, no busy
  // wait).
  std::optional<int> Wait(std::chrono::milliseconds limit);
  std::string Output() const;

 private:
  int pid_ = -1;
  std::optional<int> code_;
  std::string output_path_;
};

// Runs a command of $PATH to its end, 120 s at most: exit code and what it printed.
struct CommandResult {
  int code = -1;
  std::string output;
};
CommandResult RunCommand(const std::vector<std::string>& argv, const std::string& kubeconfig = "");
// The same, of a set-up that nothing can go on without: throws std::runtime_error where it fails.
CommandResult Must(const std::vector<std::string>& argv);

// Writes a kubeconfig of the control plane for a service account of `ns`, with a token of two hours, and gives its path
// (and its authority's beside it, with ".ca"). Throws where that fails.
std::string KubeconfigOf(const Cluster& cluster, const std::string& ns, const std::string& service_account);

// Installs the custom resource definitions of the checkout at `source` in the control plane, and waits until they are
// served. Throws where that fails.
void InstallDefinitions(const std::string& source);

// Creates the namespace with the chart's ServiceAccount and roles, and nothing more of it, and writes a kubeconfig for
// that account, see KubeconfigOf. The roles of the cluster are there once: one such namespace a control plane at a
// time. Throws where that fails.
std::string InstallRole(const Cluster& cluster, const std::string& source, const std::string& ns);

// A path under $REMPART_TEST_LOGS, or the temporary folder.
std::string LogPath(const std::string& name);

// The operator of this build; REMPART_OPERATOR overrides.
std::string OperatorPath();
// That operator, running, with test-friendly flags: no lease, no ports, debug level.
std::unique_ptr<Process> StartOperator(const std::string& kubeconfig, const std::vector<std::string>& extra_flags = {});

}  // namespace rempart::test
