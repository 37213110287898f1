// What the last audit of a region found, shared with those who show it: the region's status.
#pragma once

#include <cstddef>
#include <map>
#include <mutex>
#include <optional>
#include <string>

namespace rempart::perimeter {

struct AuditSummary {
  std::size_t objects = 0, violations = 0;
  std::map<std::string, std::size_t> by_rule;
  std::string left_out;  // what could not be read, and so may hide more; "" for nothing
  bool operator==(const AuditSummary&) const = default;
};

// By region. Thread-safe.
class AuditSummaries {
 public:
  // True where it says something else than before.
  bool Put(const std::string& region, AuditSummary summary) {
    std::scoped_lock lock(mutex_);
    auto& known = summaries_[region];
    if (known == summary) return false;
    known = std::move(summary);
    return true;
  }
  std::optional<AuditSummary> Get(const std::string& region) const {
    std::scoped_lock lock(mutex_);
    const auto known = summaries_.find(region);
    return known == summaries_.end() ? std::nullopt : known->second;
  }
  void Forget(const std::string& region) {
    std::scoped_lock lock(mutex_);
    summaries_.erase(region);
  }

 private:
  mutable std::mutex mutex_;
  std::map<std::string, std::optional<AuditSummary>> summaries_;
};

}  // namespace rempart::perimeter
