#include "src/kube/store.h"

#include <utility>

#include "src/base/log.h"

namespace rempart::kube {

namespace {
constexpr std::size_t kMaxLogged = 1000;  // then the memory of what was logged starts anew
}

StoreBase::StoreBase(std::string name) : name_(std::move(name)), subscribers_(std::make_shared<const Subscribers>()) {}
StoreBase::~StoreBase() = default;

bool StoreBase::synced() const {
  std::scoped_lock lock(mutex_);
  return synced_;
}

void StoreBase::SetSynced() {
  std::scoped_lock lock(mutex_);
  synced_ = true;
  synced_cv_.notify_all();
}

bool StoreBase::AwaitSynced(std::stop_token stop) const {
  std::unique_lock lock(mutex_);
  return synced_cv_.wait(lock, stop, [this] { return synced_; });
}

void StoreBase::Subscribe(std::function<void(std::uint64_t)> told) const {
  std::scoped_lock lock(mutex_);
  auto more = std::make_shared<Subscribers>(*subscribers_);
  more->push_back(std::move(told));
  subscribers_ = std::move(more);
}

void StoreBase::Progress(std::uint64_t resource_version) {
  Advance(resource_version);
  TellProgress();
}

void StoreBase::Advance(std::uint64_t resource_version) {
  if (resource_version > seen()) seen_.store(resource_version, std::memory_order_release);
}

void StoreBase::TellProgress() const {
  std::shared_ptr<const Subscribers> subscribers;
  {
    std::scoped_lock lock(mutex_);
    subscribers = subscribers_;
  }
  for (const auto& told : *subscribers) (void)Guarded("subscriber", [&] { told(seen()); });
}

Status StoreBase::Thrown(const char* what, const std::exception& e) const {
  log::Error("a bug: exception in a store's callback", {{"store", name_}, {"callback", what}, {"what", e.what()}});
  return Fail(Error::Internal(std::string("exception in ") + what + ": " + e.what()));
}

void StoreBase::LogLeftOut(View object, const Error& error) {
  View metadata = object["metadata"];
  const ObjectKey key{std::string(metadata["namespace"].Str()), std::string(metadata["name"].Str())};
  if (logged_.size() >= kMaxLogged) logged_.clear();
  if (!logged_.insert(ObjectKeyHash{}(key)).second) return;
  log::Warn("an object cannot be read and is left out",
            {{"store", name_}, {"object", key.ToString()}, {"error", error}});
}

void StoreBase::LogStale(std::uint64_t answered) const {
  log::Warn("a full state older than what was seen is left out",
            {{"store", name_}, {"answered", answered}, {"seen", seen()}});
}

}  // namespace rempart::kube
