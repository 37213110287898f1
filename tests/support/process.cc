#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>

#include "src/kube/kubeconfig.h"
#include "tests/support/cluster.h"

extern char** environ;

namespace rempart::test {

Process::Process(const std::vector<std::string>& argv,
                 const std::vector<std::pair<std::string, std::string>>& extra_env, const std::string& output_path)
    : output_path_(output_path) {
  std::vector<std::string> env_text;
  for (char** e = environ; *e; ++e) {
    const std::string entry = *e;
    const bool replaced =
        std::ranges::any_of(extra_env, [&](const auto& kv) { return entry.starts_with(kv.first + "="); });
    if (!replaced) env_text.push_back(entry);
  }
  for (const auto& [key, value] : extra_env) env_text.push_back(key + "=" + value);
  std::vector<char*> args, env;
  for (const auto& a : argv) args.push_back(const_cast<char*>(a.c_str()));
  for (const auto& e : env_text) env.push_back(const_cast<char*>(e.c_str()));
  args.push_back(nullptr);
  env.push_back(nullptr);

  posix_spawn_file_actions_t files;
  posix_spawn_file_actions_init(&files);
  posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&files, STDOUT_FILENO, output_path.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
  posix_spawn_file_actions_adddup2(&files, STDOUT_FILENO, STDERR_FILENO);
  const int error = posix_spawnp(&pid_, argv.front().c_str(), &files, nullptr, args.data(), env.data());
  posix_spawn_file_actions_destroy(&files);
  if (error != 0) {
    std::fprintf(stderr, "cannot start %s: error %d\n", argv.front().c_str(), error);
    std::exit(3);
  }
}

Process::~Process() {
  if (!code_) {
    ::kill(pid_, SIGKILL);
    Wait(std::chrono::seconds(10));
  }
}

bool Process::Running() { return !Wait(std::chrono::milliseconds(0)); }

void Process::Signal(int signal) {
  if (!code_) ::kill(pid_, signal);
}

std::optional<int> Process::Wait(std::chrono::milliseconds limit) {
  if (code_) return code_;
  const int pidfd = static_cast<int>(syscall(SYS_pidfd_open, pid_, 0));
  if (pidfd >= 0) {
    pollfd waiting{pidfd, POLLIN, 0};
    poll(&waiting, 1, static_cast<int>(limit.count()));
    close(pidfd);
  }
  int status = 0;
  if (waitpid(pid_, &status, WNOHANG) != pid_) return std::nullopt;
  code_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return code_;
}

std::string Process::Output() const {
  std::ifstream in(output_path_);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

std::string LogPath(const std::string& name) {
  const char* directory = std::getenv("REMPART_TEST_LOGS");
  return std::string(directory ? directory : std::filesystem::temp_directory_path().string()) + "/" + name;
}

CommandResult RunCommand(const std::vector<std::string>& argv, const std::string& kubeconfig) {
  const std::string path = LogPath(UniqueName("command") + ".out");
  CommandResult result;
  {
    std::vector<std::pair<std::string, std::string>> env;
    if (!kubeconfig.empty()) env.emplace_back("KUBECONFIG", kubeconfig);
    Process process(argv, env, path);
    result.code = process.Wait(std::chrono::seconds(120)).value_or(-1);
    result.output = process.Output();
  }
  ::unlink(path.c_str());
  return result;
}

CommandResult Must(const std::vector<std::string>& argv) {
  auto result = RunCommand(argv);
  if (result.code == 0) return result;
  std::string command;
  for (const auto& argument : argv) command += argument + " ";
  throw std::runtime_error(command + "failed: " + result.output);
}

std::string KubeconfigOf(const Cluster& cluster, const std::string& ns, const std::string& service_account) {
  std::string token = Must({"kubectl", "create", "token", service_account, "-n", ns, "--duration=2h"}).output;
  token.erase(token.find_last_not_of('\n') + 1);
  const auto admin = kube::LoadConfig({cluster.kubeconfig(), ""}, [](const char*) { return std::nullopt; });
  if (!admin) throw std::runtime_error(admin.error().ToString());
  std::string path = LogPath(UniqueName(service_account) + ".kubeconfig");
  const std::string ca = path + ".ca";
  std::ofstream(ca) << admin->ca_pem;
  std::ofstream(path) << Json{
      {"apiVersion", "v1"},
      {"kind", "Config"},
      {"current-context", "c"},
      {"clusters",
       Json::array({{{"name", "c"}, {"cluster", {{"server", admin->server}, {"certificate-authority", ca}}}}})},
      {"users", Json::array({{{"name", "u"}, {"user", {{"token", token}}}}})},
      {"contexts", Json::array({{{"name", "c"}, {"context", {{"cluster", "c"}, {"user", "u"}, {"namespace", ns}}}}})}};
  return path;
}

void InstallDefinitions(const std::string& source) {
  Must({"kubectl", "apply", "-f", source + "/crds"});
  // `kubectl wait --for=condition` fails where there are no conditions yet; they come with the accepted names.
  for (const char* until : {"--for=jsonpath={.status.acceptedNames.kind}", "--for=condition=Established"})
    Must({"kubectl", "wait", until, "--recursive=false", "-f", source + "/crds", "--timeout=60s"});
}

std::string OperatorPath() {
  if (const char* given = std::getenv("REMPART_OPERATOR")) return given;
  return (std::filesystem::read_symlink("/proc/self/exe").parent_path() / "rempart-operator").string();
}

std::string InstallRole(const Cluster& cluster, const std::string& source, const std::string& ns) {
  RunCommand({"kubectl", "create", "namespace", ns});
  const std::string rendered = LogPath(UniqueName("chart") + ".yaml");
  std::ofstream(rendered) << Must({"helm", "template", "rempart", source + "/charts/rempart", "--namespace", ns,
                                   "--show-only", "templates/serviceaccount.yaml", "--show-only",
                                   "templates/rbac.yaml"})
                                 .output;
  Must({"kubectl", "apply", "-n", ns, "-f", rendered});
  return KubeconfigOf(cluster, ns, "rempart");
}

std::unique_ptr<Process> StartOperator(const std::string& kubeconfig, const std::vector<std::string>& extra_flags) {
  std::vector<std::string> argv = {
      OperatorPath(), "--kubeconfig", kubeconfig, "--leader-elect=false", "--metrics-addr", "0", "--health-addr", "0",
      "--log-level",  "debug"};
  argv.insert(argv.end(), extra_flags.begin(), extra_flags.end());
  return std::make_unique<Process>(argv, std::vector<std::pair<std::string, std::string>>{},
                                   LogPath(UniqueName("operator") + ".log"));
}

}  // namespace rempart::test
