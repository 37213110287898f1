// The reflector: takes the machine's steps one by one, on the caller's thread.
#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <exception>
#include <type_traits>
#include <unordered_set>
#include <utility>

#include "src/base/log.h"
#include "src/kube/watch.h"

namespace rempart::kube {

namespace {

constexpr std::string_view kInitialEventsEnd = "k8s.io/initial-events-end";
constexpr std::size_t kMaxPageBytes = 64 * 1024 * 1024;
constexpr std::size_t kMaxContinueBytes = 16 * 1024;
constexpr std::size_t kMaxTold = 1000;  // then the memory of what was told starts anew

// For metrics: a closed set, see ReflectorOptions.
std::string ReasonOf(const Error& error) {
  if (error.reason == "Stale") return "stale";
  switch (error.kind) {
    case ErrorKind::kGone:
      return "gone";
    case ErrorKind::kNotFound:
      return "missing";
    case ErrorKind::kDenied:
      return "denied";
    case ErrorKind::kInvalid:
      return "invalid";
    case ErrorKind::kInternal:
      return "internal";
    default:
      return "transient";
  }
}

}  // namespace

struct Reflector::Impl {
  Impl(Api& a, Clock& c, Random& r, Metrics& m, Resource res, WatchSink& s, ReflectorOptions o)
      : api(a),
        clock(c),
        random(r),
        metrics(m),
        resource(res),
        sink(s),
        options(std::move(o)),
        machine(r, options.missing_retry),
        page_size(std::max(options.page_size, 1)) {
    label = std::string(resource.plural);
    if (!resource.group.empty()) label.append(".").append(resource.group);
    events = metrics.GetCounter("rempart_watch_events_total", "Events of watches, by resource.", {{"resource", label}});
  }

  void Run(const std::stop_token& stop) {
    log::Context context({{"resource", label}});
    while (!stop.stop_requested()) {
      WatchStep step = machine.Next();
      if (step.delay > Duration{0} && !clock.SleepFor(step.delay, stop)) return;
      if (step.kind == WatchStep::Kind::kList) {
        List(step, stop);
      } else {
        Watch(step, stop);
      }
    }
  }

  // One stream, from its opening to its end. A WatchList goes on as a watch once its initial state is complete.
  void Watch(const WatchStep& step, const std::stop_token& stop) {
    const MonoTime opened = clock.Mono();
    WatchDecoder decoder;
    bool initial = step.kind == WatchStep::Kind::kWatchList;  // until its initial state is complete
    bool moved_on = false;                                    // beyond that: an event or a bookmark came
    Status read;                                              // how reading went, as against how the connection went
    if (initial) (void)Guarded([&] { sink.Init(); });

    auto on_event = [&](const WatchEvent& event) {
      moved_on = moved_on || !initial;
      return OnEvent(event, initial);
    };
    auto on_piece = [&](std::string_view piece) {
      read = Guarded([&] { return decoder.Feed(piece, on_event); });
      return read.has_value();
    };
    Status connection = api.Stream(WatchTarget(step), options.idle_timeout, on_piece, stop);

    if (stop.stop_requested()) return;
    const Duration lasted = clock.Mono() - opened;
    if (!read) return Failed(read.error(), lasted);
    // Bookmarks are no promise: of a kind that had no event since the server began, none may come. What moved on and
    // then fell silent is another matter.
    const bool silent = !connection && connection.error().reason == http::kSilent;
    if (silent && !initial && !moved_on && !decoder.InMidLine()) {
      log::Info("nothing came on the watch, it is opened anew", {{"error", connection.error()}});
      machine.OnStreamEnd(lasted);
      return CountRestart("silent");
    }
    if (!connection) return Failed(connection.error(), lasted);
    if (decoder.InMidLine()) return Failed(Error::Transient("the watch stream ended within an event"), lasted);
    machine.OnStreamEnd(lasted);
    CountRestart("end");
  }

  Status OnEvent(const WatchEvent& event, bool& initial) {
    Found();
    events.Add();
    if (event.mended) TellMended(event.object);
    if (event.type == WatchEvent::Type::kError) return Fail(WatchError(event.object, clock.Now()));
    auto rv = DecodeResourceVersion(event.object);
    if (!rv) return Fail(std::move(rv).error().While("read a watch event"));
    return initial ? OnInitialEvent(event, *rv, initial) : OnLiveEvent(event, *rv);
  }

  Status OnInitialEvent(const WatchEvent& event, std::uint64_t rv, bool& initial) {
    switch (event.type) {
      case WatchEvent::Type::kAdded:
      case WatchEvent::Type::kModified:
        sink.InitApply(event.object);
        return {};
      case WatchEvent::Type::kDeleted:
        sink.Delete(event.object);
        return {};
      default:
        break;
    }
    if (event.object["metadata"]["annotations"][kInitialEventsEnd].Str() != "true") {
      // A server that ignores sendInitialEvents serves an ordinary watch, whose bookmarks are bare. It says no by deed.
      Error unserved = Error::Invalid("the server answered a WatchList with an ordinary watch");
      unserved.http_status = 422;
      return Fail(std::move(unserved));
    }
    if (Status status = machine.OnInitialEventsEnd(rv); !status) return status;
    initial = false;
    Completed(rv);
    return {};
  }

  Status OnLiveEvent(const WatchEvent& event, std::uint64_t rv) {
    switch (event.type) {
      case WatchEvent::Type::kAdded:
      case WatchEvent::Type::kModified:
        sink.Apply(event.object);
        break;
      case WatchEvent::Type::kDeleted:
        sink.Delete(event.object);
        break;
      default:
        sink.Progress(rv);
        break;
    }
    machine.OnProgress(rv);
    return {};
  }

  void List(const WatchStep& step, const std::stop_token& stop) {
    const bool first = step.continue_token.empty();
    if (first) (void)Guarded([&] { sink.Init(); });
    auto reply = api.Do({.method = "GET", .target = ListTarget(step), .doing = "list " + label}, stop);
    if (stop.stop_requested()) return;
    if (!reply) {
      // Refused by the client rather than by the server: the page was too large.
      if (reply.error().kind == ErrorKind::kInvalid && reply.error().http_status == 0)
        page_size = std::max(page_size / 2, 1);
      return Failed(reply.error(), {});
    }
    if (Status read = Guarded([&] { return OnPage(reply->body); }); !read) Failed(read.error(), {});
  }

  Status OnPage(const std::string& body) {
    Document document(kMaxPageBytes);  // not kept: its buffers are large, and lists are rare
    auto page = document.ParseAnswer(body);
    if (!page) return Fail(std::move(page).error().While("read a page of " + label));
    Found();
    View items = (*page)["items"];
    View token = (*page)["metadata"]["continue"];
    auto rv = DecodeResourceVersion(*page);
    if (!rv) return Fail(std::move(rv).error().While("read a page of " + label));
    if (items && !items.IsArray()) return Fail(Error::Invalid("read a page of " + label + ": items is no array"));
    if (token.Str().size() > kMaxContinueBytes)
      return Fail(Error::Invalid("read a page of " + label + ": metadata.continue is too long"));

    items.ForEachElement([&](View item) {
      if (document.mended() && HasMended(item)) TellMended(item);
      sink.InitApply(item);
    });
    if (Status status = machine.OnListPage(*rv, std::string(token.Str())); !status) return status;
    if (token.Str().empty()) Completed(machine.seen());
    return {};
  }

  // Once an object, for a bounded number of objects: no schema of ours lets such through, so that somebody should look
  // for what became of the resource's definition.
  void TellMended(View object) {
    const ObjectKey key{std::string(object["metadata"]["namespace"].Str()),
                        std::string(object["metadata"]["name"].Str())};
    if (told.size() >= kMaxTold) told.clear();
    if (!told.insert(ObjectKeyHash{}(key)).second) return;
    log::Warn(
        "an object holds a number beyond 64 bits, read as floating point, or is nested too deeply, which is not read: "
        "look whether its custom resource definition is as it was installed",
        {{"object", key.ToString()}});
  }

  void Completed(std::uint64_t rv) {
    sink.InitDone(rv);
    synced.store(true, std::memory_order_release);
  }

  void Failed(const Error& error, Duration lasted) {
    machine.OnError(error, lasted);
    CountRestart(ReasonOf(error));
    const auto delay = std::chrono::duration<double>(machine.Next().delay).count();
    if (error.kind == ErrorKind::kNotFound) {
      if (!std::exchange(missing, true) && options.on_missing) (void)Guarded([&] { options.on_missing(resource); });
    } else if (delay == 0) {  // gone, or WatchList is not served: nothing is wrong
      log::Info("watch starts anew", {{"error", error}});
    } else {
      log::Warn("watch failed", {{"error", error}, {"retry_in_s", delay}});
    }
  }

  void Found() {
    if (std::exchange(missing, false) && options.on_found) options.on_found(resource);
  }

  // Nothing that a callback throws may pass through the HTTP client's frames or end the thread.
  template <class F>
  Status Guarded(F&& f) {
    try {
      if constexpr (std::is_void_v<decltype(f())>) {
        f();
        return {};
      } else {
        return f();
      }
    } catch (const std::exception& e) {
      log::Error("a bug: exception while handling a watch", {{"what", e.what()}});
      return Fail(Error::Internal(std::string("exception while handling a watch: ") + e.what()));
    }
  }

  std::string Selectors() const {
    std::string query;
    if (!options.label_selector.empty()) query += "&labelSelector=" + Escape(options.label_selector);
    if (!options.field_selector.empty()) query += "&fieldSelector=" + Escape(options.field_selector);
    return query;
  }

  std::string WatchTarget(const WatchStep& step) const {
    std::string query = "?watch=true&allowWatchBookmarks=true";
    if (step.kind == WatchStep::Kind::kWatchList) query += "&sendInitialEvents=true&resourceVersionMatch=NotOlderThan";
    if (!step.resource_version.empty()) query += "&resourceVersion=" + step.resource_version;
    // Spread, so that many watches opened at once do not end at once.
    const double timeout = static_cast<double>(options.watch_timeout.count()) * (1 + random.Unit());
    return resource.Path() + query + fmt::format("&timeoutSeconds={:.0f}", timeout) + Selectors();
  }

  std::string ListTarget(const WatchStep& step) const {
    std::string query = fmt::format("?limit={}", page_size);
    if (!step.continue_token.empty()) query += "&continue=" + Escape(step.continue_token);
    return resource.Path() + query + Selectors();
  }

  void CountRestart(const std::string& reason) {
    metrics
        .GetCounter("rempart_watch_restarts_total", "Watches that ended and were started anew, by resource and reason.",
                    {{"resource", label}, {"reason", reason}})
        .Add();
  }

  Api& api;
  Clock& clock;
  Random& random;
  Metrics& metrics;
  const Resource resource;
  WatchSink& sink;
  const ReflectorOptions options;
  std::string label;
  Counter events;
  WatchMachine machine;
  int page_size;
  bool missing = false;
  std::unordered_set<std::size_t> told;  // hashes of the objects that TellMended told of
  std::atomic<bool> synced{false};
};

Reflector::Reflector(Api& api, Clock& clock, Random& random, Metrics& metrics, Resource resource, WatchSink& sink,
                     ReflectorOptions options)
    : impl_(std::make_shared<Impl>(api, clock, random, metrics, resource, sink, std::move(options))) {}

void Reflector::Run(std::stop_token stop) { impl_->Run(stop); }

bool Reflector::synced() const { return impl_->synced.load(std::memory_order_acquire); }

}  // namespace rempart::kube
