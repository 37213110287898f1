// The cache of one resource type: immutable objects by key, secondary indexes, and change notification. A relist
// replaces everything at once. Readers get shared pointers to objects that never change.
//
// The state never goes back in time: an object's older version, a replay of an object that was deleted since, a full
// state older than what was seen are all left out. What cannot be decoded is left out too (and logged once an object):
// unknown means not there.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <shared_mutex>
#include <stop_token>
#include <string>
#include <string_view>
#include <unordered_set>
#include <utility>
#include <vector>

#include "src/kube/decode.h"
#include "src/kube/object.h"
#include "src/kube/store_state.h"
#include "src/kube/watch.h"

namespace rempart::kube {

// What the write-awaiting logic needs of any store (see runner.h): how far it has seen. Thread-safe.
class StoreProgress {
 public:
  virtual ~StoreProgress() = default;
  // Every change up to this resource version has been applied to the store: whoever reads it here sees those changes.
  virtual std::uint64_t seen() const = 0;
  // A first full state has been taken over, and the listeners have been told all of it.
  virtual bool synced() const = 0;
  virtual std::size_t size() const = 0;
  // Blocks until synced; false when stopped before.
  virtual bool AwaitSynced(std::stop_token stop) const = 0;
  // `told` is called with seen() after each advance and after the listeners of that change, on the writer's thread,
  // outside locks; for the store's whole life.
  virtual void Subscribe(std::function<void(std::uint64_t seen)> told) const = 0;
};

// What of a store does not depend on its type. Not used by itself.
class StoreBase : public WatchSink, public StoreProgress {
 public:
  explicit StoreBase(std::string name);
  ~StoreBase() override;
  StoreBase(const StoreBase&) = delete;
  StoreBase& operator=(const StoreBase&) = delete;

  std::uint64_t seen() const final { return seen_.load(std::memory_order_acquire); }
  bool synced() const final;
  bool AwaitSynced(std::stop_token stop) const final;
  void Subscribe(std::function<void(std::uint64_t)> told) const final;
  void Progress(std::uint64_t resource_version) final;
  const std::string& name() const { return name_; }

 protected:
  // The writer's thread only.
  void Advance(std::uint64_t resource_version);  // with the change it stands for in place already; never goes back
  void TellProgress() const;                     // to the subscribers
  void SetSynced();
  // Calls a decoder or a listener of somebody else's; what it throws is logged as a bug and becomes kInternal.
  template <class F>
  Status Guarded(const char* what, F&& f) const {
    try {
      f();
      return {};
    } catch (const std::exception& e) {
      return Thrown(what, e);
    }
  }
  void LogLeftOut(View object, const Error& error);  // once an object, for a bounded number of objects
  void LogStale(std::uint64_t answered) const;

 private:
  Status Thrown(const char* what, const std::exception& e) const;

  const std::string name_;
  std::atomic<std::uint64_t> seen_{0};
  std::unordered_set<std::size_t> logged_;  // hashes of what was logged as left out
  mutable std::mutex mutex_;                // guards what follows
  mutable std::condition_variable_any synced_cv_;
  bool synced_ = false;
  using Subscribers = std::vector<std::function<void(std::uint64_t)>>;
  mutable std::shared_ptr<const Subscribers> subscribers_;
};

// T: a projection with `Meta meta`. Thread-safe; one writer (its reflector), any number of readers. Make the
// projection's strings from string_views (no spare capacity): there may be tens of thousands.
template <class T>
class Store final : public StoreBase {
 public:
  using Ptr = std::shared_ptr<const T>;
  using IndexFn = std::function<void(
      const T&, const std::function<void(std::string_view)>& emit)>;          // emits an object's index values
  using Listener = std::function<void(const Ptr& before, const Ptr& after)>;  // null before: new; null after: gone
  // Decoders may answer kNotFound for objects that need not be kept (a pod that is no tenant's): those are left out
  // silently. A decoder depends on the object alone: what has the same uid and resourceVersion is not decoded again.
  explicit Store(std::string name, Decoder<T> decode) : StoreBase(std::move(name)), decode_(std::move(decode)) {}

  // Before the reflector starts. Indexes are numbered in the order of the calls. Listeners run on the reflector's
  // thread, outside the lock, and may read the store but not write to it. A relist tells only what differs; an object
  // that was deleted and made anew in between is one change (the uids differ).
  int AddIndex(IndexFn fn);
  void AddListener(Listener listener) { listeners_.push_back(std::move(listener)); }

  Ptr Get(const ObjectKey& key) const;
  std::vector<Ptr> List() const;                                      // unordered
  std::vector<Ptr> ByIndex(int index, std::string_view value) const;  // ordered by key, so that plans are stable
  bool AnyByIndex(int index, std::string_view value) const;           // whether ByIndex gives any; copies nothing
  std::size_t size() const override;

  void Init() override { next_.emplace(index_fns_.size()); }
  void InitApply(View object) override;
  void InitDone(std::uint64_t resource_version) override;
  void Apply(View object) override;
  void Delete(View object) override;

  // For tests and simulations, on the one writer's thread: takes or removes an object whatever its version, and tells
  // the listeners. A resource_version of 0 stands for the next after seen().
  void Put(T object);
  void Remove(const ObjectKey& key, std::uint64_t resource_version);

 private:
  using State = StoreState<T>;

  Ptr Find(const ObjectKey& key) const { return live_.Find(key); }  // the writer's thread needs no lock to read
  Ptr Decoded(View object, const Meta& meta);
  void Change(const ObjectKey& key, Ptr after, std::uint64_t resource_version);
  void Tell(const Ptr& before, const Ptr& after) const;

  Decoder<T> decode_;
  std::vector<IndexFn> index_fns_;
  std::vector<Listener> listeners_;
  mutable std::shared_mutex live_mutex_;  // held shared by readers, exclusively by the writer while it changes live_
  State live_{0};
  std::optional<State> next_;  // the full state that is being built; the writer's alone
};

template <class T>
int Store<T>::AddIndex(IndexFn fn) {
  index_fns_.push_back(std::move(fn));
  live_ = State(index_fns_.size());
  return static_cast<int>(index_fns_.size()) - 1;
}

template <class T>
typename Store<T>::Ptr Store<T>::Get(const ObjectKey& key) const {
  std::shared_lock lock(live_mutex_);
  return live_.Find(key);
}

template <class T>
std::vector<typename Store<T>::Ptr> Store<T>::List() const {
  std::shared_lock lock(live_mutex_);
  return {live_.objects().begin(), live_.objects().end()};
}

template <class T>
std::vector<typename Store<T>::Ptr> Store<T>::ByIndex(int index, std::string_view value) const {
  std::shared_lock lock(live_mutex_);
  return live_.ByIndex(static_cast<std::size_t>(index), value);
}

template <class T>
bool Store<T>::AnyByIndex(int index, std::string_view value) const {
  std::shared_lock lock(live_mutex_);
  return live_.AnyByIndex(static_cast<std::size_t>(index), value);
}

template <class T>
std::size_t Store<T>::size() const {
  std::shared_lock lock(live_mutex_);
  return live_.objects().size();
}

// The object as a projection; null where it is not to be kept.
template <class T>
typename Store<T>::Ptr Store<T>::Decoded(View object, const Meta& meta) {
  Result<T> decoded = Fail(Error::Internal("the decoder gave nothing"));
  if (Status called = Guarded("decoder", [&] { decoded = decode_(object); }); !called) decoded = Fail(called.error());
  if (decoded && (decoded->meta.key != meta.key || decoded->meta.resource_version != meta.resource_version)) {
    decoded = Fail(Error::Internal("the decoder gave another object's metadata"));
  }
  if (decoded) return std::make_shared<const T>(std::move(*decoded));
  if (decoded.error().kind != ErrorKind::kNotFound) LogLeftOut(object, decoded.error());
  return nullptr;
}

template <class T>
void Store<T>::InitApply(View object) {
  if (!next_) Init();
  auto meta = DecodeMeta(object);
  if (!meta) return LogLeftOut(object, meta.error());
  if (Ptr kept = Find(meta->key);
      kept && kept->meta.uid == meta->uid && kept->meta.resource_version == meta->resource_version) {
    return next_->Put(std::move(kept), index_fns_);  // unchanged since: one copy in memory, and no second decoding
  }
  if (Ptr decoded = Decoded(object, *meta)) {
    next_->Put(std::move(decoded), index_fns_);
  } else {
    next_->Erase(meta->key, index_fns_);
  }
}

template <class T>
void Store<T>::InitDone(std::uint64_t resource_version) {
  std::optional<State> taken = std::exchange(next_, std::nullopt);
  if (!taken) taken.emplace(index_fns_.size());
  if (resource_version < seen()) return LogStale(resource_version);
  std::vector<std::pair<Ptr, Ptr>> changes;
  for (const Ptr& after : taken->objects()) {
    Ptr before = Find(after->meta.key);
    if (before != after) changes.emplace_back(std::move(before), after);
  }
  for (const Ptr& before : live_.objects()) {
    if (!taken->Find(before->meta.key)) changes.emplace_back(before, nullptr);
  }
  {
    std::unique_lock lock(live_mutex_);
    std::swap(live_, *taken);
    Advance(resource_version);
  }
  taken.reset();
  for (const auto& [before, after] : changes) Tell(before, after);
  SetSynced();
  TellProgress();
}

template <class T>
void Store<T>::Apply(View object) {
  auto meta = DecodeMeta(object);
  if (!meta) return LogLeftOut(object, meta.error());
  Ptr before = Find(meta->key);
  if (meta->resource_version <= (before ? before->meta.resource_version : seen())) return;  // a replay
  Change(meta->key, Decoded(object, *meta), meta->resource_version);
}

template <class T>
void Store<T>::Delete(View object) {
  auto meta = DecodeMeta(object);
  if (!meta) return LogLeftOut(object, meta.error());
  if (next_) return next_->Erase(meta->key, index_fns_);
  Ptr before = Find(meta->key);
  if (before && meta->resource_version < before->meta.resource_version) return;  // a replay; it was made anew since
  Change(meta->key, nullptr, meta->resource_version);
}

template <class T>
void Store<T>::Put(T object) {
  if (object.meta.resource_version == 0) object.meta.resource_version = seen() + 1;
  auto after = std::make_shared<const T>(std::move(object));
  Change(after->meta.key, after, after->meta.resource_version);
}

template <class T>
void Store<T>::Remove(const ObjectKey& key, std::uint64_t resource_version) {
  Change(key, nullptr, resource_version == 0 ? seen() + 1 : resource_version);
}

// Puts `after` (null: nothing) in the place of what has that key, and tells.
template <class T>
void Store<T>::Change(const ObjectKey& key, Ptr after, std::uint64_t resource_version) {
  Ptr before = Find(key);  // kept alive here, so that it is not freed under the lock
  {
    std::unique_lock lock(live_mutex_);
    if (after) {
      live_.Put(after, index_fns_);
    } else {
      live_.Erase(key, index_fns_);
    }
    Advance(resource_version);
  }
  if (before || after) Tell(before, after);
  TellProgress();
}

template <class T>
void Store<T>::Tell(const Ptr& before, const Ptr& after) const {
  for (const Listener& listener : listeners_) (void)Guarded("listener", [&] { listener(before, after); });
}

}  // namespace rempart::kube
