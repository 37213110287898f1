#include "src/kube/awaits.h"

#include <vector>

namespace rempart::kube {

void Awaits::Wrote(const WorkKey& key, const StoreProgress& store, std::uint64_t resource_version) {
  SubscribeOnce(store);
  const MonoTime deadline = clock_.Mono() + kPatience;
  std::scoped_lock lock(mutex_);
  if (store.seen() >= resource_version) return;  // nothing was changed, or the watch was faster
  Await& await = awaits_[key];
  await.deadline = deadline;
  auto& awaited = await.writes[&store];
  if (resource_version <= awaited) return;
  auto& lowest_first = by_store_[&store];
  lowest_first.erase({awaited, key});
  lowest_first.insert({resource_version, key});
  awaited = resource_version;
}

Awaits::Verdict Awaits::Check(const WorkKey& key) {
  Duration left{};
  {
    std::scoped_lock lock(mutex_);
    auto it = awaits_.find(key);
    if (it == awaits_.end()) return Verdict::kGo;
    Await& await = it->second;
    // Asked of the store itself: its call to OnProgress may still be under way. One that comes after this check finds
    // `waiting` set, so no progress is missed.
    bool reached = true;
    for (const auto& [store, version] : await.writes) reached = reached && store->seen() >= version;
    left = await.deadline - clock_.Mono();
    if (reached || left <= Duration::zero()) {
      Drop(key, await);
      awaits_.erase(it);
      return reached ? Verdict::kGo : Verdict::kTimedOut;
    }
    await.waiting = true;
  }
  queue_.AddAfter(key, left);
  return Verdict::kWait;
}

void Awaits::SubscribeOnce(const StoreProgress& store) {
  std::scoped_lock lock(subscribing_);
  if (!subscribed_.insert(&store).second) return;
  store.Subscribe([weak = weak_from_this(), from = &store](std::uint64_t seen) {
    if (auto self = weak.lock()) self->OnProgress(from, seen);
  });
}

void Awaits::OnProgress(const StoreProgress* store, std::uint64_t seen) {
  std::vector<WorkKey> ready;
  {
    std::scoped_lock lock(mutex_);
    auto found = by_store_.find(store);
    if (found == by_store_.end()) return;
    auto& lowest_first = found->second;
    while (!lowest_first.empty() && lowest_first.begin()->first <= seen) {
      auto node = lowest_first.extract(lowest_first.begin());
      WorkKey& key = node.value().second;
      auto it = awaits_.find(key);
      it->second.writes.erase(store);
      if (!it->second.writes.empty()) continue;
      const bool waiting = it->second.waiting;
      awaits_.erase(it);
      if (waiting) ready.push_back(std::move(key));
    }
  }
  for (const WorkKey& key : ready) queue_.Add(key);
}

void Awaits::Drop(const WorkKey& key, const Await& await) {
  for (const auto& [store, version] : await.writes) by_store_[store].erase({version, key});
}

}  // namespace rempart::kube
