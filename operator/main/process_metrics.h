#pragma once

#include "src/base/metrics.h"

namespace rempart {

// process_resident_memory_bytes, process_cpu_seconds_total, process_open_fds, process_start_time_seconds,
// rempart_build_info: as other exporters name them; read from /proc when asked for.
void AddProcessMetrics(Metrics& metrics);

}  // namespace rempart
