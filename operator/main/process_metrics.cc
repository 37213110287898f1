#include "operator/main/process_metrics.h"

#include <sys/resource.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>

#include "operator/main/version.h"

namespace rempart {
namespace {

double ResidentBytes() {
  std::ifstream statm("/proc/self/statm");
  double total = 0, resident = 0;
  statm >> total >> resident;
  return resident * static_cast<double>(sysconf(_SC_PAGESIZE));
}

double CpuSeconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  auto seconds = [](const timeval& t) { return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6; };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

double OpenFiles() {
  std::error_code error;
  double count = 0;
  for (auto it = std::filesystem::directory_iterator("/proc/self/fd", error);
       !error && it != std::filesystem::directory_iterator(); it.increment(error))
    ++count;
  return count;
}

}  // namespace

void AddProcessMetrics(Metrics& metrics) {
  auto resident = metrics.GetGauge("process_resident_memory_bytes", "Resident memory size in bytes.");
  auto cpu = metrics.GetGauge("process_cpu_seconds_total", "User and system CPU time spent in seconds.");
  auto files = metrics.GetGauge("process_open_fds", "Number of open file descriptors.");
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  metrics.GetGauge("process_start_time_seconds", "Start time of the process since the epoch in seconds.")
      .Set(std::chrono::duration<double>(now).count());
  metrics.GetGauge("rempart_build_info", "Version of this build.", {{"version", VersionText()}}).Set(1);
  metrics.OnCollect([=] {
    resident.Set(ResidentBytes());
    cpu.Set(CpuSeconds());
    files.Set(OpenFiles());
  });
}

}  // namespace rempart
