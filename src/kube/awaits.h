// Which keys wait for which stores to see the operator's own writes. A part of the runner.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <unordered_map>
#include <utility>

#include "src/base/clock.h"
#include "src/kube/queue.h"
#include "src/kube/store.h"

namespace rempart::kube {

// Always held by a shared_ptr: the stores' subscriptions keep a weak one. Memory is bounded by the number of keys times
// stores. Thread-safe.
class Awaits : public std::enable_shared_from_this<Awaits> {
 public:
  static constexpr Duration kPatience = std::chrono::seconds(10);

  Awaits(Clock& clock, Queue& queue) : clock_(clock), queue_(queue) {}

  void Wrote(const WorkKey& key, const StoreProgress& store, std::uint64_t resource_version);

  // What to do with a key that was taken from the queue. kWait: it was put aside, and is added again as soon as the
  // stores have got there, or when patience runs out. kTimedOut: patience has run out; nothing is awaited any more.
  enum class Verdict { kGo, kWait, kTimedOut };
  Verdict Check(const WorkKey& key);

 private:
  struct Await {
    std::map<const StoreProgress*, std::uint64_t> writes;
    MonoTime deadline{};
    bool waiting = false;  // was put aside by Check
  };
  void SubscribeOnce(const StoreProgress& store);
  void OnProgress(const StoreProgress* store, std::uint64_t seen);
  void Drop(const WorkKey& key, const Await& await);

  Clock& clock_;
  Queue& queue_;
  std::mutex subscribing_;  // taken before mutex_
  std::set<const StoreProgress*> subscribed_;
  std::mutex
      mutex_;  // guards what follows; neither stores nor the queue are called under it, save for StoreProgress::seen()
  std::unordered_map<WorkKey, Await, WorkKeyHash> awaits_;
  std::map<const StoreProgress*, std::set<std::pair<std::uint64_t, WorkKey>>>
      by_store_;  // the same writes, lowest first
};

}  // namespace rempart::kube
