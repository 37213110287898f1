#include "src/kube/exec_plugin.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cerrno>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "src/kube/text.h"

extern char** environ;

extern "C" {  // glibc 2.36 forgot to say so in this header
#include <sys/pidfd.h>
}

namespace rempart::kube {
namespace {

using SteadyClock = std::chrono::steady_clock;

constexpr std::size_t kMaxErrorOutput = 4096;  // of which 300 bytes are quoted
constexpr char kExecInfo[] = "KUBERNETES_EXEC_INFO";

class Fd {
 public:
  explicit Fd(int fd = -1) : fd_(fd) {}
  Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Fd& operator=(Fd&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~Fd() { Close(); }
  void Close() {
    if (fd_ >= 0) ::close(std::exchange(fd_, -1));
  }
  int get() const { return fd_; }

 private:
  int fd_;
};

struct Pipe {
  Fd read, write;
};

std::string ErrnoText(int error) { return std::generic_category().message(error); }

Result<Pipe> MakePipe() {
  std::array<int, 2> fds;
  if (::pipe2(fds.data(), O_CLOEXEC) != 0) return Fail(Error::Transient("no pipe to be had: " + ErrnoText(errno)));
  Pipe pipe{Fd(fds[0]), Fd(fds[1])};
  ::fcntl(fds[0], F_SETFL, O_NONBLOCK);
  return pipe;
}

// Our environment, with the plugin's variables and KUBERNETES_EXEC_INFO in place of ours of the same name.
std::vector<std::string> MakeEnvironment(const ExecPlugin& plugin, const std::string& exec_info_json) {
  std::vector<std::string> variables;
  const auto set = [&](const std::string& name, const std::string& value) {
    std::erase_if(variables, [&](const std::string& v) { return v.starts_with(name + "="); });
    variables.push_back(name + "=" + value);
  };
  for (char** v = environ; v != nullptr && *v != nullptr; ++v) variables.emplace_back(*v);
  for (const auto& [name, value] : plugin.env) set(name, value);
  set(kExecInfo, exec_info_json);
  return variables;
}

std::vector<char*> Pointers(std::vector<std::string>& texts) {
  std::vector<char*> out;
  out.reserve(texts.size() + 1);
  for (std::string& text : texts) out.push_back(text.data());
  out.push_back(nullptr);
  return out;
}

// Starts the plugin in a process group of its own, with clean signals and no file but the three standard ones.
Result<pid_t> Spawn(const ExecPlugin& plugin, const std::string& exec_info_json, const Pipe& out, const Pipe& err) {
  std::string command = plugin.command;
  if (command.find('/') != std::string::npos && !command.starts_with('/')) command = plugin.directory + "/" + command;
  std::vector<std::string> args = {command};
  args.insert(args.end(), plugin.args.begin(), plugin.args.end());
  std::vector<std::string> env = MakeEnvironment(plugin, exec_info_json);

  posix_spawn_file_actions_t files;
  posix_spawn_file_actions_init(&files);
  posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&files, out.write.get(), 1);
  posix_spawn_file_actions_adddup2(&files, err.write.get(), 2);
  posix_spawn_file_actions_addclosefrom_np(&files, 3);

  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  sigset_t none, all;
  sigemptyset(&none);
  sigfillset(&all);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setsigdefault(&attributes, &all);
  posix_spawnattr_setpgroup(&attributes, 0);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);

  pid_t pid = -1;
  const int error =
      ::posix_spawnp(&pid, command.c_str(), &files, &attributes, Pointers(args).data(), Pointers(env).data());
  posix_spawn_file_actions_destroy(&files);
  posix_spawnattr_destroy(&attributes);
  if (error == 0) return pid;
  const std::string text = "cannot be started: " + ErrnoText(error);
  if (error == EAGAIN || error == ENOMEM || error == EMFILE || error == ENFILE) return Fail(Error::Transient(text));
  const std::string hint = Printable(plugin.install_hint, 500);
  return Fail(Error::Invalid(text + (hint.empty() ? "" : " (" + hint + ")")));
}

// Takes what is there. False at the end of the stream; what is beyond `max` is dropped and told by `overflow`.
bool Drain(const Fd& fd, std::string& into, std::size_t max, bool& overflow) {
  std::array<char, 16 * 1024> piece;
  for (;;) {
    const ssize_t n = ::read(fd.get(), piece.data(), piece.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return errno == EAGAIN;
    if (n == 0) return false;
    const std::size_t room = max - into.size();
    into.append(piece.data(), std::min(room, static_cast<std::size_t>(n)));
    overflow |= static_cast<std::size_t>(n) > room;
    if (overflow) return true;
  }
}

// Standard error for a message: long words with digits in them may be secrets (tokens, keys) and are left out.
std::string Quotable(const std::string& text) {
  const auto belongs = [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) || std::string_view("_.+=-~").contains(c);
  };
  std::string out;
  for (std::size_t i = 0; i < text.size();) {
    std::size_t end = i;
    bool digits = false;
    while (end < text.size() && belongs(text[end]))
      digits |= std::isdigit(static_cast<unsigned char>(text[end++])) != 0;
    const bool secret = digits && end - i >= 20;
    out += secret ? "(left out)" : text.substr(i, end - i);
    if (end < text.size()) out += text[end++];
    i = end;
  }
  return Printable(out, 300);
}

struct Ended {
  std::string out, err;
  int wait_status = 0;
};

// Reads until the plugin has ended. Its descendants may hold the pipes longer: they are not waited for.
Result<Ended> Await(pid_t pid, const Fd& process, Pipe& out, Pipe& err, const ExecLimits& limits) {
  const auto deadline = SteadyClock::now() + limits.time;
  Ended ended;
  bool overflow = false, ignored = false;
  const auto kill_and_reap = [&] {
    ::kill(-pid, SIGKILL);
    while (::waitpid(pid, &ended.wait_status, 0) < 0 && errno == EINTR) continue;
  };
  for (;;) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - SteadyClock::now()).count();
    if (left <= 0) {
      kill_and_reap();
      return Fail(Error::Transient("gave no answer within " + std::to_string(limits.time.count()) + " ms"));
    }
    std::array<pollfd, 3> fds{pollfd{out.read.get(), POLLIN, 0}, pollfd{err.read.get(), POLLIN, 0},
                              pollfd{process.get(), POLLIN, 0}};
    if (::poll(fds.data(), fds.size(), static_cast<int>(left)) < 0 && errno != EINTR) {
      const int error = errno;
      kill_and_reap();
      return Fail(Error::Transient("cannot be waited for: " + ErrnoText(error)));
    }
    // The end is looked at first: what was written before it is then surely in the pipes.
    const bool over = fds[2].revents != 0;
    if (fds[0].revents != 0 && !Drain(out.read, ended.out, limits.output_bytes, overflow)) out.read.Close();
    if (fds[1].revents != 0) {
      // Beyond its bound standard error is read and dropped, so that the plugin is not blocked.
      std::string* into = &ended.err;
      std::string dropped;
      if (ended.err.size() >= kMaxErrorOutput) into = &dropped;
      if (!Drain(err.read, *into, kMaxErrorOutput, ignored)) err.read.Close();
    }
    if (overflow) {
      kill_and_reap();
      return Fail(Error::Invalid("wrote more than " + std::to_string(limits.output_bytes / 1024) + " KiB"));
    }
    if (over) break;
  }
  if (out.read.get() >= 0) Drain(out.read, ended.out, limits.output_bytes, overflow);
  if (err.read.get() >= 0) Drain(err.read, ended.err, kMaxErrorOutput, ignored);
  while (::waitpid(pid, &ended.wait_status, 0) < 0 && errno == EINTR) continue;
  if (overflow) return Fail(Error::Invalid("wrote more than " + std::to_string(limits.output_bytes / 1024) + " KiB"));
  return ended;
}

}  // namespace

Result<std::string> RunExecPluginWithin(const ExecPlugin& plugin, const std::string& exec_info_json,
                                        const ExecLimits& limits) {
  const std::string doing = "credential plugin " + Printable(plugin.command, 200);
  Result<Pipe> out = MakePipe();
  if (!out) return Fail(std::move(out.error()).While(doing));
  Result<Pipe> err = MakePipe();
  if (!err) return Fail(std::move(err.error()).While(doing));
  Result<pid_t> pid = Spawn(plugin, exec_info_json, *out, *err);
  if (!pid) return Fail(std::move(pid.error()).While(doing));
  out->write.Close();
  err->write.Close();

  const Fd process(::pidfd_open(*pid, 0));
  if (process.get() < 0) {
    const int error = errno;
    ::kill(-*pid, SIGKILL);
    ::waitpid(*pid, nullptr, 0);
    return Fail(Error::Transient(doing + ": cannot be waited for: " + ErrnoText(error)));
  }
  Result<Ended> ended = Await(*pid, process, *out, *err, limits);
  if (!ended) return Fail(std::move(ended.error()).While(doing));
  if (WIFEXITED(ended->wait_status) && WEXITSTATUS(ended->wait_status) == 0) return std::move(ended->out);
  const std::string how = WIFEXITED(ended->wait_status)
                              ? "ended with status " + std::to_string(WEXITSTATUS(ended->wait_status))
                              : "was ended by signal " + std::to_string(WTERMSIG(ended->wait_status));
  const std::string said = Quotable(ended->err);
  return Fail(Error::Denied(doing + ": " + how + (said.empty() ? "" : ": " + said)));
}

Result<std::string> RunExecPlugin(const ExecPlugin& plugin, const std::string& exec_info_json) {
  return RunExecPluginWithin(plugin, exec_info_json, ExecLimits{});
}

}  // namespace rempart::kube
