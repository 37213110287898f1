// Which events to send, and when: aggregation into series, the limits, and the line. No I/O, no threads, no clock.
// Internal to src/kube; events.cc sends what it gives.
#pragma once

#include <cstdint>
#include <deque>
#include <list>
#include <map>
#include <optional>
#include <string>
#include <unordered_map>

#include "src/base/clock.h"
#include "src/base/random.h"
#include "src/kube/events.h"

namespace rempart::kube {

// One write to the API server: the event's object is made, or its series brought up to date.
struct EventSend {
  std::string key;  // of the series, for Sent and Failed
  bool create = true;
  Event event;
  std::string ns, name;  // of the Event object
  std::int64_t count = 1;
  WallTime first{}, last{};
};

struct EventLimits {
  std::size_t line = 1000;                         // waiting to be sent
  std::size_t series = 4096;                       // remembered; the longest unseen are forgotten
  Duration series_age = std::chrono::minutes(10);  // a pause longer than this starts a new series
  double burst = 25;                               // writes for one object and reason
  Duration one_per = std::chrono::minutes(5);      // and then
};

// Not thread-safe.
class EventBook {
 public:
  explicit EventBook(Random& random, EventLimits limits = {});

  enum class Taken { kYes, kFull, kTooMany };
  // kFull: the line is. kTooMany: a new series beyond its object's and reason's rate. Both: it will not be sent.
  // What only adds to a series that may not be written now is kept and written with it later: that is kYes.
  Taken Record(Event event, MonoTime now, WallTime wall);

  // The next to send, or nothing now. Its series gives no other until Sent or Failed was called.
  std::optional<EventSend> Take(MonoTime now);
  void Sent(const EventSend& send, MonoTime now);  // under `send.name`, which may be a new one
  void Failed(const EventSend& send);              // forgets the series: what comes next is a new one
  // When Take may have something: min() if now, max() if not before another Record.
  MonoTime NextDue() const;
  std::size_t waiting() const { return line_.size(); }

  // "<regarding's name>.<16 hex digits>", fit for an object's name.
  std::string NewName(const Event& event);

 private:
  enum class State { kIdle, kInLine, kHeld, kSending };
  struct Series {
    EventSend send;             // what the next write says
    std::int64_t reported = 0;  // count that the server knows; 0: no object yet
    MonoTime last_seen{};
    State state = State::kIdle;
    std::list<std::string>::iterator age;                 // in ages_
    std::multimap<MonoTime, std::string>::iterator held;  // in held_, when kHeld
  };
  struct Bucket {
    double tokens;
    MonoTime at;
  };

  // Zero: a token was taken. Otherwise how long until there is one.
  Duration TakeToken(const Event& event, MonoTime now);
  Taken Enqueue(const std::string& key, Series& series, MonoTime now);
  void Forget(const std::string& key);
  void MakeRoom();

  Random& random_;
  const EventLimits limits_;
  std::unordered_map<std::string, Series> series_;
  std::list<std::string> ages_;  // keys of series_, the longest unseen first
  std::deque<std::string> line_;
  std::multimap<MonoTime, std::string> held_;  // not to be written before
  std::unordered_map<std::string, Bucket> buckets_;
};

}  // namespace rempart::kube
