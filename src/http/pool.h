// Connections of a client that wait for their next request. Thread-safe. Time is given, so that tests need not wait.
#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <mutex>
#include <vector>

#include "src/http/connection.h"

namespace rempart::http {

class Pool {
 public:
  static constexpr std::size_t kMost = 32;
  static constexpr auto kLongestIdle = std::chrono::seconds(45);  // API servers and balancers close after 60 s and more

  // The one used last, so that the others may grow old; null when there is none. Those that the server closed, or sent
  // something unasked for, and those idle for too long are closed.
  std::unique_ptr<Connection> Take(Clock::time_point now);

  // One in good order. When there are too many, the oldest is closed.
  void Put(std::unique_ptr<Connection> connection, Clock::time_point now);

  void CloseIdleSince(Clock::time_point before);  // those not used since

 private:
  struct Idle {
    Clock::time_point since;
    std::unique_ptr<Connection> connection;
  };
  std::mutex mutex_;
  std::vector<Idle> idle_;  // oldest first
};

}  // namespace rempart::http
