#include "src/kube/events.h"

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "src/base/json.h"
#include "src/base/log.h"
#include "src/base/text.h"
#include "src/kube/event_book.h"
#include "src/kube/watchdog.h"

namespace rempart::kube {
namespace {

constexpr Resource kEvents{"events.k8s.io", "v1", "events", "Event", true};
constexpr int kMaxRetries = 3;
constexpr Duration kFirstPause = std::chrono::milliseconds(500);
constexpr Duration kTimeToFinish = std::chrono::seconds(2);
constexpr std::size_t kMaxReporter = 128;

Json RefJson(const ObjectRef& ref) {
  Json json = {{"apiVersion", ref.api_version}, {"kind", ref.kind}, {"name", ref.name}};
  if (!ref.ns.empty()) json["namespace"] = ref.ns;
  if (!ref.uid.empty()) json["uid"] = ref.uid;
  return json;
}

Json SeriesJson(const EventSend& send) {
  return {{"count", send.count}, {"lastObservedTime", FormatMicroTime(send.last)}};
}

std::string Text(const Json& json) { return json.dump(-1, ' ', false, Json::error_handler_t::replace); }

}  // namespace

struct EventSender::Impl {
  Impl(Api& a, Clock& c, Random& r, Metrics& m, const std::string& controller_name, const std::string& instance_name)
      : api(a),
        clock(c),
        random(r),
        controller(CleanText(controller_name, kMaxReporter)),
        instance(CleanText(instance_name, kMaxReporter)),
        dropped_full(DropCounter(m, "full")),
        dropped_rate(DropCounter(m, "rate")),
        dropped_refused(DropCounter(m, "refused")),
        dropped_failed(DropCounter(m, "failed")),
        dropped_shutdown(DropCounter(m, "shutdown")),
        book(r) {}

  static Counter DropCounter(Metrics& metrics, const std::string& reason) {
    return metrics.GetCounter("rempart_events_dropped_total",
                              "Events that were not sent, by reason: the line was full, too many for one object, "
                              "refused by the server, failed, not sent before the end.",
                              {{"reason", reason}});
  }

  std::string CreateBody(const EventSend& send) const;
  Status SendOnce(const EventSend& send, std::stop_token stop);
  Status Deliver(EventSend& send, std::stop_token stop);
  std::optional<EventSend> AwaitNext(std::stop_token stop, std::stop_token limit);
  void Run(std::stop_token stop);

  Api& api;
  Clock& clock;
  Random& random;
  const std::string controller, instance;
  const Counter dropped_full, dropped_rate, dropped_refused, dropped_failed, dropped_shutdown;

  std::mutex mutex;
  std::condition_variable_any wake;  // something was recorded, or stop was requested
  EventBook book;
};

std::string EventSender::Impl::CreateBody(const EventSend& send) const {
  Json json = {{"apiVersion", kEvents.ApiVersion()},
               {"kind", kEvents.kind},
               {"metadata", {{"name", send.name}, {"namespace", send.ns}}},
               {"eventTime", FormatMicroTime(send.first)},
               {"reportingController", controller},
               {"reportingInstance", instance},
               {"action", send.event.action},
               {"reason", send.event.reason},
               {"regarding", RefJson(send.event.regarding)},
               {"note", send.event.note},
               {"type", send.event.type == Event::Type::kNormal ? "Normal" : "Warning"}};
  if (send.event.related) json["related"] = RefJson(*send.event.related);
  if (send.count > 1) json["series"] = SeriesJson(send);
  return Text(json);
}

Status EventSender::Impl::SendOnce(const EventSend& send, std::stop_token stop) {
  Api::Call call;
  const std::string manager = "?fieldManager=" + std::string(kFieldManager);
  if (send.create) {
    call.method = "POST";
    call.target = kEvents.Path(send.ns) + manager;
    call.body = CreateBody(send);
  } else {
    call.method = "PATCH";
    call.target = kEvents.Path(send.ns, send.name) + manager;
    call.content_type = "application/merge-patch+json";
    call.body = Text(Json{{"series", SeriesJson(send)}});
  }
  call.doing = "send event " + send.ns + "/" + send.name;
  call.obey_retry_after = false;  // waited for in Deliver, where the end is kept in sight
  call.timeout = std::chrono::seconds(10);
  const Result<Reply> reply = api.Do(call, std::move(stop));
  if (!reply) return Fail(reply.error());
  return {};
}

// Sends one, again after errors that may pass.
Status EventSender::Impl::Deliver(EventSend& send, std::stop_token stop) {
  bool made_anew = false;
  for (int retries = 0;;) {
    const Status sent = SendOnce(send, stop);
    if (sent) return {};
    const ErrorKind kind = sent.error().kind;
    // Names are random: one that exists is ours, from a try whose answer was lost.
    if (send.create && kind == ErrorKind::kConflict && retries > 0) return {};
    if (!send.create && kind == ErrorKind::kNotFound && !std::exchange(made_anew, true)) {
      // The server forgets events after an hour: the series goes on in a new object.
      send.create = true;
      std::scoped_lock lock(mutex);
      send.name = book.NewName(send.event);
      continue;
    }
    const bool may_pass = kind == ErrorKind::kTransient || kind == ErrorKind::kConflict;
    if (!may_pass || retries == kMaxRetries) return sent;
    Duration pause = kFirstPause * (1 << retries);
    pause += Duration(static_cast<Duration::rep>(static_cast<double>(pause.count()) * 0.5 * random.Unit()));
    if (sent.error().retry_after) pause = std::max<Duration>(pause, *sent.error().retry_after);
    ++retries;
    if (!clock.SleepFor(pause, stop)) return sent;
  }
}

// Blocks until there is something to send. Nothing: stop was requested, and nothing is left or the time to finish is
// over.
std::optional<EventSend> EventSender::Impl::AwaitNext(std::stop_token stop, std::stop_token limit) {
  std::unique_lock lock(mutex);
  for (;;) {
    if (limit.stop_requested()) {
      dropped_shutdown.Add(static_cast<double>(book.waiting()));
      return std::nullopt;
    }
    if (auto next = book.Take(clock.Mono())) return next;
    if (stop.stop_requested()) return std::nullopt;
    clock.WaitUntil(wake, lock, book.NextDue());
  }
}

void EventSender::Impl::Run(std::stop_token stop) {
  Watchdog limit(clock);
  std::stop_callback on_stop(stop, [&] {
    limit.Arm(clock.Mono() + kTimeToFinish);
    std::scoped_lock lock(mutex);
    wake.notify_all();
  });
  while (std::optional<EventSend> next = AwaitNext(stop, limit.token())) {
    const Status sent = Deliver(*next, limit.token());
    std::scoped_lock lock(mutex);
    if (sent) {
      book.Sent(*next, clock.Mono());
      continue;
    }
    book.Failed(*next);
    const ErrorKind kind = sent.error().kind;
    const bool failed = kind == ErrorKind::kTransient || kind == ErrorKind::kConflict || kind == ErrorKind::kCancelled;
    (failed ? dropped_failed : dropped_refused).Add();
    log::Debug("event was not sent", {{"error", sent.error()}, {"reason", next->event.reason}});
  }
}

EventSender::EventSender(Api& api, Clock& clock, Random& random, Metrics& metrics, const std::string& controller,
                         const std::string& instance)
    : impl_(std::make_shared<Impl>(api, clock, random, metrics, controller, instance)) {}

EventSender::~EventSender() = default;

void EventSender::Record(Event event) {
  const MonoTime now = impl_->clock.Mono();
  const WallTime wall = impl_->clock.Now();
  std::scoped_lock lock(impl_->mutex);
  switch (impl_->book.Record(std::move(event), now, wall)) {
    case EventBook::Taken::kYes:
      impl_->wake.notify_all();
      return;
    case EventBook::Taken::kFull:
      return impl_->dropped_full.Add();
    case EventBook::Taken::kTooMany:
      return impl_->dropped_rate.Add();
  }
}

void EventSender::Run(std::stop_token stop) { impl_->Run(std::move(stop)); }

}  // namespace rempart::kube
