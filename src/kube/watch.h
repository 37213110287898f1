// Watching one resource type: the decoder (bytes -> events), the machine (events and failures -> what to do next; pure) and
// the reflector (runs the machine on a thread, fills a Sink). KEP-3157 (WatchList: sendInitialEvents, a bookmark annotated
// k8s.io/initial-events-end), with paged lists where the server does not serve it; KEP-956 bookmarks.
#pragma once

#include <chrono>
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

// Splits a watch stream into lines and parses each. Bounded: a line above max_line_bytes is an error. Not thread-safe.
struct WatchEvent {
  enum class Type { kAdded, kModified, kDeleted, kBookmark, kError } type;
  View object;  // valid only during the callback
};
class WatchDecoder {
 public:
  explicit WatchDecoder(std::size_t max_line_bytes = 8 * 1024 * 1024);
  ~WatchDecoder();
  // Calls `on_event` for each whole line in order. Stops at its first error and returns it. Malformed lines are kInvalid.
  Status Feed(std::string_view piece, const std::function<Status(const WatchEvent&)>& on_event);
  bool InMidLine() const;  // the stream ended here: was something cut?

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// What the machine wants done next.
struct WatchStep {
  enum class Kind { kWatchList, kList, kWatch } kind;
  std::string resource_version;  // kWatch: from here; kList: "" (consistent read)
  std::string continue_token;    // kList: next page
  Duration delay{0};             // wait before it
};

// Pure: no I/O, no clock. Not thread-safe. Outcomes of a step are told by the On… methods, Next says what to do.
class WatchMachine {
 public:
  explicit WatchMachine(Random& random);
  WatchStep Next() const;
  void OnInitialEventsEnd(std::string rv);       // WatchList's bookmark: initial state is complete; we are watching now
  void OnListPage(std::string rv, std::string continue_token);  // an empty token ends the list
  void OnProgress(std::string rv);               // event or bookmark seen while watching
  void OnStreamEnd();                            // closed by the server in good order (timeoutSeconds)
  void OnError(const Error& error);              // kGone lists anew; 400/422 on WatchList falls back to lists; else back-off with jitter 0.8 s … 30 s
  bool synced() const;                           // an initial state was completed at least once

 private:
  Random& random_;
  enum class Phase { kStart, kInitialEvents, kListing, kWatching } phase_ = Phase::kStart;
  bool watch_list_served_ = true;
  bool synced_ = false;
  std::string rv_, continue_;
  int failures_ = 0;
  bool progressed_ = false;
  Duration delay_{0};
};

// Where a reflector puts what it sees. Calls come on the reflector's thread, in order.
// Init, InitApply…, InitDone: a full state that replaces the old one at InitDone, atomically. Between two InitDone: Apply and Delete.
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
  int page_size = 500;
  std::chrono::seconds watch_timeout{290};  // asked of the server, jittered up to twice
  std::chrono::seconds idle_timeout{90};    // longest silence: bookmarks come about once a minute
  // When the resource type is not served (404: CRDs not installed): called once, not at each retry; then retried every `missing_retry`.
  std::function<void(const Resource&)> on_missing;
  std::function<void(const Resource&)> on_found;  // called when it is served after all
  Duration missing_retry = std::chrono::seconds(5);
};

// Runs until stopped; no input ends it. Metrics: rempart_watch_restarts_total{resource,reason}, rempart_watch_events_total{resource}.
class Reflector {
 public:
  Reflector(Api& api, Clock& clock, Random& random, Metrics& metrics, Resource resource, WatchSink& sink, ReflectorOptions options);
  void Run(std::stop_token stop);  // blocks
  bool synced() const;             // any thread

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace rempart::kube
