// What of a region's gate, and of the guards of its namespaces, cannot be written, shared with those who show it: the
// region's status.
#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <utility>

#include "src/base/clock.h"
#include "src/base/result.h"

namespace rempart::perimeter {

// How long an error that may pass by itself has to last before it is told. One that is for what is written, kInvalid
// and kDenied, is told at once.
inline constexpr Duration kFailureLasts = std::chrono::minutes(1);

// Thread-safe.
class WriteFailures {
 public:
  struct View {
    std::string gate;            // why a part of it cannot be written; "" for nothing
    std::size_t namespaces = 0;  // whose guards cannot be
    std::string first;           // of these, by name: "acme: why"
    bool operator==(const View&) const = default;
  };

  // `wake_region`: called when what is told of the region changed.
  explicit WriteFailures(std::function<void(const std::string& region)> wake_region);
  // What became of all that was to be written. A success clears what failed before; kCancelled says nothing.
  void NoteGate(const std::string& region, const Status& done, MonoTime now);
  // `region`: that governs the namespace; "": none, of which nothing is told.
  void NoteGuards(const std::string& ns, const std::string& region, const Status& done, MonoTime now);
  View Of(const std::string& region) const;

 private:
  enum class What { kGate, kGuards };
  using Key = std::pair<What, std::string>;  // the region's name, the namespace's
  struct Failure {
    std::string region, message;
    MonoTime since{};
    bool told = false;
  };
  void Note(Key key, const std::string& region, const Status& done, MonoTime now);

  const std::function<void(const std::string& region)> wake_region_;
  mutable std::mutex mutex_;
  std::map<Key, Failure> failures_;
};

}  // namespace rempart::perimeter
