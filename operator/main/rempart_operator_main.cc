// rempart-operator: names the real clock, randomness, sockets and signals, and runs the operator.
#include <malloc.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cstdio>
#include <random>
#include <thread>

#include "operator/main/operator_app.h"
#include "operator/main/options.h"
#include "operator/main/version.h"
#include "src/base/log.h"

namespace {

using namespace rempart;

// No core file and no ptrace by others of the same user: tokens and keys pass through this memory.
void KeepSecretsInside() {
  const rlimit none{0, 0};
  setrlimit(RLIMIT_CORE, &none);
#ifndef REMPART_SANITIZED  // the leak checker attaches to its own process
  prctl(PR_SET_DUMPABLE, 0);
#endif
}

sigset_t StopSignals() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGTERM);
  sigaddset(&set, SIGINT);
  return set;
}

// The first signal asks to stop; a second, or 28 s (Kubernetes kills after 30 by default), ends the process at once.
void AwaitSignals(std::stop_source& source) {
  const sigset_t set = StopSignals();
  int signal = 0;
  sigwait(&set, &signal);
  log::Info("stopping", {{"signal", signal == SIGTERM ? "SIGTERM" : "SIGINT"}});
  source.request_stop();
  timespec grace{28, 0};
  sigtimedwait(&set, nullptr, &grace);
  log::Error("not stopped in time: ending at once");
  _exit(1);
}

}  // namespace

int main(int argc, char** argv) {
  KeepSecretsInside();
  mallopt(M_ARENA_MAX, 2);  // many mostly idle threads: arenas of their own would only hold memory
  signal(SIGPIPE, SIG_IGN);
  const sigset_t set = StopSignals();
  pthread_sigmask(SIG_BLOCK, &set, nullptr);  // every thread started from here on leaves them to AwaitSignals

  const ParsedOptions parsed = ParseOptions(argc, argv);
  if (!parsed.options) {
    std::fputs(parsed.text.c_str(), parsed.exit_code == 0 ? stdout : stderr);
    return parsed.exit_code;
  }
  log::Configure(parsed.options->log_level, parsed.options->log_format);

  std::stop_source source;
  std::thread([&source] { AwaitSignals(source); }).detach();

  SystemClock clock;
  SeededRandom random((static_cast<std::uint64_t>(std::random_device{}()) << 32) ^ std::random_device{}());
  const int code = RunOperator(*parsed.options, clock, random, source.get_token());
  log::Info("stopped", {{"code", code}});
  std::fflush(nullptr);
  _exit(code);  // the signal thread still holds `source`
}
