// Events (events.k8s.io/v1), aggregated: the same (regarding, type, reason, action, note) with pauses of at most 10
// minutes is a series of one object. For one object and reason at most 25 writes in a burst and one per 5 minutes
// beyond: what only raises a series' count then waits, a new series is dropped. Sent by a thread of its own from a
// bounded line of 1,000, so that a reconcile never waits for them. Writes that may succeed later are tried up to 4
// times; what was not sent is counted in rempart_events_dropped_total{reason}: full, rate, refused, failed, shutdown.
#pragma once

#include <memory>
#include <optional>
#include <stop_token>
#include <string>

#include "src/base/clock.h"
#include "src/base/metrics.h"
#include "src/base/random.h"
#include "src/kube/api.h"
#include "src/kube/object.h"

namespace rempart::kube {

struct Event {
  enum class Type { kNormal, kWarning };
  ObjectRef regarding;
  Type type = Type::kNormal;
  std::string reason;  // CamelCase, at most 128
  std::string action;  // CamelCase: what was done, at most 128
  std::string note;    // at most 1 KiB, cut at a character's boundary
  std::optional<ObjectRef> related;
};

// Thread-safe; never blocks for long.
class EventRecorder {
 public:
  virtual ~EventRecorder() = default;
  virtual void Record(Event event) = 0;
};

// `api`, `clock`, `random` and `metrics` must outlive it. `controller`: "rempart.dev/operator", a qualified name;
// `instance`: which process, e.g. the pod's name.
class EventSender final : public EventRecorder {
 public:
  EventSender(Api& api, Clock& clock, Random& random, Metrics& metrics, const std::string& controller,
              const std::string& instance);
  ~EventSender() override;
  void Record(Event event) override;
  // Blocks; sends what is left (at most 2 s) once stop was requested. One thread.
  void Run(std::stop_token stop);

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace rempart::kube
