// The operator put together: configuration -> API client -> caches and reflectors -> queue -> reconcilers -> lease.
#pragma once

#include <stop_token>

#include "operator/main/options.h"
#include "src/base/clock.h"
#include "src/base/random.h"

namespace rempart {

// Blocks until stop, or until the lease is lost. Gives the process's exit code: 0 stopped in good order, 1 could not
// start or the lease was lost (the supervisor starts it anew), with a log line that says why.
int RunOperator(const Options& options, Clock& clock, Random& random, std::stop_token stop);

}  // namespace rempart
