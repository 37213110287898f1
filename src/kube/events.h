// Events (events.k8s.io/v1), aggregated: the same (regarding, type, reason, action, note) within 10 minutes becomes a series of one
// object; at most 25 in a burst and one per 5 minutes an object and reason beyond. Sent by a thread of its own from a bounded line (1,000; what does not fit is counted
// in rempart_events_dropped_total), so that a reconcile never waits for them.
#pragma once

#include <memory>
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
  std::string reason;   // CamelCase, at most 128
  std::string action;   // CamelCase: what was done, at most 128
  std::string note;     // at most 1 KiB, cut at a character's boundary
  std::optional<ObjectRef> related;
};

// Thread-safe.
class EventRecorder {
 public:
  virtual ~EventRecorder() = default;
  virtual void Record(Event event) = 0;
};

class EventSender final : public EventRecorder {
 public:
  EventSender(Api& api, Clock& clock, Random& random, Metrics& metrics, std::string controller, std::string instance);
  ~EventSender() override;
  void Record(Event event) override;
  void Run(std::stop_token stop);  // blocks; sends what is left (at most 2 s) once stop was requested

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace rempart::kube
