// The cache of one resource type: immutable objects by key, secondary indexes, and change notification. A relist replaces
// everything at once. Readers get shared pointers to objects that never change.
#pragma once

#include <atomic>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "src/base/log.h"
#include "src/kube/decode.h"
#include "src/kube/object.h"
#include "src/kube/watch.h"

namespace rempart::kube {

// What the write-awaiting logic needs of any store (see runner.h): how far it has seen. Thread-safe.
class StoreProgress {
 public:
  virtual ~StoreProgress() = default;
  // Every change up to this resource version has been applied to the store.
  virtual std::uint64_t seen() const = 0;
  virtual bool synced() const = 0;
  virtual std::size_t size() const = 0;
};

// T: a projection with `Meta meta`. Thread-safe; one writer (its reflector), any number of readers.
template <class T>
class Store final : public WatchSink, public StoreProgress {
 public:
  using Ptr = std::shared_ptr<const T>;
  using IndexFn = std::function<void(const T&, const std::function<void(std::string_view)>& emit)>;  // emits an object's index values
  using Listener = std::function<void(const Ptr& before, const Ptr& after)>;  // null before: new; null after: gone
  // Decoders may answer kNotFound for objects that need not be kept (a pod that is no tenant's): those are left out silently.
  explicit Store(std::string name, Decoder<T> decode) : name_(std::move(name)), decode_(std::move(decode)) {}

  // Before the reflector starts. Indexes are numbered in the order of the calls. Listeners run on the reflector's thread, outside the lock.
  int AddIndex(IndexFn fn);
  void AddListener(Listener listener);

  Ptr Get(const ObjectKey& key) const;
  std::vector<Ptr> List() const;                                // unordered
  std::vector<Ptr> ByIndex(int index, std::string_view value) const;  // ordered by key, so that plans are stable
  std::size_t size() const override;
  std::uint64_t seen() const override;
  bool synced() const override;

  void Init() override;
  void InitApply(View object) override;
  void InitDone(std::uint64_t resource_version) override;
  void Apply(View object) override;
  void Delete(View object) override;
  void Progress(std::uint64_t resource_version) override;

  // For tests and simulations: as if the watch had said so.
  void Put(T object);
  void Remove(const ObjectKey& key, std::uint64_t resource_version);

 private:
  struct State;
  // … implementation in store.inc.h is the kube helper's choice; the public surface above is fixed.
  std::string name_;
  Decoder<T> decode_;
};

}  // namespace rempart::kube
