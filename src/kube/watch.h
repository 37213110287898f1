// Watching one resource type: the decoder (bytes -> events), the machine (events and failures -> what to do next; pure)
// and the reflector (runs the machine on a thread, fills a Sink). KEP-3157 (WatchList: sendInitialEvents, a bookmark
// annotated k8s.io/initial-events-end), with paged lists where the server does not serve it; KEP-956 bookmarks.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>

#include "src/base/clock.h"
#include "src/base/metrics.h"
#include "src/base/random.h"
#include "src/base/result.h"
#include "src/kube/api.h"
#include "src/kube/decode.h"

namespace rempart::kube {

struct WatchEvent {
  enum class Type { kAdded, kModified, kDeleted, kBookmark, kError } type;
  View object;  // valid only during the callback; always a JSON object; of kError: a metav1.Status, see WatchError
  bool mended = false;  // something in it could not be read as it is, see Document::ParseAnswer
};

// Splits a watch stream into lines and parses each. Bounded: a line above max_line_bytes is an error. Any bytes are
// safe. Not thread-safe.
//
// The limit is above what an API server can send, so that no object of a tenant can hold a watch up: etcd takes
// requests of 1.5 MiB, and a byte of a string becomes six at most in JSON (\u0001, and Go writes < as \u003c).
class WatchDecoder {
 public:
  explicit WatchDecoder(std::size_t max_line_bytes = 16 * 1024 * 1024);
  ~WatchDecoder();
  // Calls `on_event` for each whole line in order; blank lines mean nothing. Stops at the first error, its own
  // (kInvalid) or the callback's, and returns it; the decoder is spent then and gives the same error again.
  Status Feed(std::string_view piece, const std::function<Status(const WatchEvent&)>& on_event);
  bool InMidLine() const;  // the stream ended here: was something cut?

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// What an ERROR event's metav1.Status means; kGone where the resource version is too old.
Error WatchError(View status, WallTime now);

// What the machine wants done next.
struct WatchStep {
  enum class Kind { kWatchList, kList, kWatch } kind;
  std::string resource_version;  // kWatch: from here; kWatchList: not older than this ("": the most recent); kList: ""
                                 // (consistent read)
  std::string continue_token;    // kList: this page; "" is the first
  Duration delay{0};             // wait before it
};

// Pure: no I/O, no clock. Not thread-safe. Outcomes of a step are told by the On… methods, Next says what to do.
//
// Back-off: the n-th failure in a row waits 0.8 s · 2^(n-1) to twice that, at most 30 s, and at least the error's
// retry_after. A watch that moved on, or lived for 10 s, was healthy: the count starts anew, and when such a stream was
// closed in good order the next starts at once.
class WatchMachine {
 public:
  explicit WatchMachine(Random& random, Duration missing_retry = std::chrono::seconds(5));
  WatchStep Next() const;
  // WatchList's bookmark: the initial state is complete; we are watching now. An answer that is older than what was
  // seen before (a server that lags behind, a proxy's copy) gives kTransient with reason "Stale" and changes nothing:
  // tell that to OnError.
  Status OnInitialEventsEnd(std::uint64_t rv);
  Status OnListPage(std::uint64_t rv, std::string continue_token);  // an empty token ends the list; errors as above
  void OnProgress(std::uint64_t rv);  // event or bookmark seen while watching; older ones than the last are no progress
  void OnStreamEnd(Duration lasted);  // closed by the server in good order (timeoutSeconds)
  // kGone lists anew (at once the first time, backing off when that does not help); 400 and 422 on WatchList fall back
  // to lists for good, elsewhere they start anew; kNotFound starts anew after missing_retry; all else repeats the step.
  void OnError(const Error& error, Duration lasted = {});
  bool synced() const { return synced_; }       // an initial state was completed at least once
  std::uint64_t seen() const { return seen_; }  // everything up to here was handed on; 0 before the first state

 private:
  bool EndedHealthy(Duration lasted);
  void CompletedAt(std::uint64_t rv);
  void StartAnew();
  Duration BackOff(int failures);

  Random& random_;
  Duration missing_retry_;
  enum class Phase { kInitial, kListing, kWatching } phase_ = Phase::kInitial;
  bool watch_list_served_ = true;
  bool synced_ = false;
  bool progressed_ = false;    // since the watch was opened
  std::uint64_t seen_ = 0;     // everything up to here was handed on; never goes back
  std::uint64_t list_rv_ = 0;  // of the list under way
  std::string continue_;
  int failures_ = 0;  // in a row
  int relists_ = 0;   // kGone since a watch was last healthy
  Duration delay_{0};
};

// Where a reflector puts what it sees. Calls come on the reflector's thread, in order.
// Init, then InitApply and Delete, then InitDone: a full state that replaces the old one at InitDone, atomically; Init
// again means that the attempt failed and starts over. Between an InitDone and the next Init: Apply, Delete and
// Progress, on the state as it is.
class WatchSink {
 public:
  virtual ~WatchSink() = default;
  virtual void Init() = 0;
  virtual void InitApply(View object) = 0;
  virtual void InitDone(std::uint64_t resource_version) = 0;
  virtual void Apply(View object) = 0;
  virtual void Delete(View object) = 0;
  virtual void Progress(std::uint64_t resource_version) = 0;  // bookmarks: everything up to here was seen
};

struct ReflectorOptions {
  std::string label_selector;  // "" for all
  std::string field_selector;
  int page_size = 500;                      // of lists; halved when a page is refused as too large
  std::chrono::seconds watch_timeout{290};  // asked of the server, jittered up to twice
  std::chrono::seconds idle_timeout{90};    // after this silence a watch is opened anew: the connection may be dead
  // When the resource type is not served (404: CRDs not installed): called once, not at each retry; then retried every
  // `missing_retry`. Both are called on the reflector's thread.
  std::function<void(const Resource&)> on_missing;
  std::function<void(const Resource&)> on_found;  // called when it is served after all
  Duration missing_retry = std::chrono::seconds(5);
};

// Runs until stopped; no input ends it. Metrics: rempart_watch_restarts_total{resource,reason},
// rempart_watch_events_total{resource}, with reason one of end, silent, gone, stale, missing, denied, invalid,
// transient, internal.
//
// The state never goes back in time: a full state older than what was seen is refused and asked for again. Should etcd
// have been restored from a backup without raising its revision, that lasts until this process is started anew (the log
// says so).
class Reflector {
 public:
  Reflector(Api& api, Clock& clock, Random& random, Metrics& metrics, Resource resource, WatchSink& sink,
            ReflectorOptions options);
  void Run(std::stop_token stop);  // blocks
  bool synced() const;             // any thread

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace rempart::kube
