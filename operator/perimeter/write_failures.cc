#include "operator/perimeter/write_failures.h"

#include <set>

namespace rempart::perimeter {

WriteFailures::WriteFailures(std::function<void(const std::string& region)> wake_region)
    : wake_region_(std::move(wake_region)) {}

void WriteFailures::NoteGate(const std::string& region, const Status& done, MonoTime now) {
  Note({What::kGate, region}, region, done, now);
}

void WriteFailures::NoteGuards(const std::string& ns, const std::string& region, const Status& done, MonoTime now) {
  Note({What::kGuards, ns}, region, done, now);
}

void WriteFailures::Note(Key key, const std::string& region, const Status& done, MonoTime now) {
  if (!done && done.error().kind == ErrorKind::kCancelled) return;
  std::set<std::string> changed;
  {
    std::scoped_lock lock(mutex_);
    auto known = failures_.find(key);
    if (known != failures_.end() && (done || known->second.region != region)) {
      if (known->second.told) changed.insert(known->second.region);
      known = (failures_.erase(known), failures_.end());
    }
    if (!done && !region.empty()) {
      if (known == failures_.end())
        known = failures_.emplace(std::move(key), Failure{.region = region, .since = now}).first;
      Failure& failure = known->second;
      const Error& error = done.error();
      const bool stays = error.kind == ErrorKind::kInvalid || error.kind == ErrorKind::kDenied;
      const bool told = failure.told || stays || now - failure.since >= kFailureLasts;
      if (told && (!failure.told || failure.message != error.message)) changed.insert(region);
      failure.told = told;
      failure.message = error.message;
    }
  }
  for (const std::string& one : changed) wake_region_(one);
}

WriteFailures::View WriteFailures::Of(const std::string& region) const {
  View view;
  std::scoped_lock lock(mutex_);
  for (const auto& [key, failure] : failures_) {
    if (!failure.told || failure.region != region) continue;
    if (key.first == What::kGate)
      view.gate = failure.message;
    else if (++view.namespaces == 1)
      view.first = key.second + ": " + failure.message;
  }
  return view;
}

}  // namespace rempart::perimeter
