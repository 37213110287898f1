#include "src/http/pool.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace rempart::http {

std::unique_ptr<Connection> Pool::Take(Clock::time_point now) {
  CloseIdleSince(now - kLongestIdle);
  for (;;) {
    std::unique_lock lock(mutex_);
    if (idle_.empty()) return nullptr;
    auto connection = std::move(idle_.back().connection);
    idle_.pop_back();
    lock.unlock();
    if (connection->Quiet()) return connection;
  }
}

void Pool::Put(std::unique_ptr<Connection> connection, Clock::time_point now) {
  Idle oldest;  // closed without the lock
  const std::scoped_lock lock(mutex_);
  idle_.push_back({now, std::move(connection)});
  if (idle_.size() <= kMost) return;
  oldest = std::move(idle_.front());
  idle_.erase(idle_.begin());
}

void Pool::CloseIdleSince(Clock::time_point before) {
  std::vector<Idle> closing;  // without the lock
  const std::scoped_lock lock(mutex_);
  const auto end = std::ranges::find_if(idle_, [before](const Idle& idle) { return idle.since >= before; });
  std::move(idle_.begin(), end, std::back_inserter(closing));
  idle_.erase(idle_.begin(), end);
}

}  // namespace rempart::http
