#include "src/kube/runner.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <exception>
#include <system_error>
#include <thread>
#include <utility>

#include "src/base/log.h"
#include "src/kube/awaits.h"

namespace rempart::kube {

namespace {

constexpr Duration kSlowRetry = std::chrono::seconds(60);  // three to five quarters of it

// The bounds that dashboards of controller_runtime_reconcile_time_seconds expect.
const std::vector<double> kTimeBuckets = {
    0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.6, 0.7, 0.8, 0.9, 1,  1.25, 1.5,
    1.75,  2,    2.5,   3,    3.5, 4,    4.5, 5,    6,   7,    8,   9,    10,  15,  20,  25,  30,  40, 50,   60};

struct ControllerMetrics {
  ControllerMetrics(Metrics& m, const std::string& controller) {
    const MetricLabels labels{{"controller", controller}};
    auto total = [&](const char* result) {
      return m.GetCounter("controller_runtime_reconcile_total", "Reconciles, by what came of them.",
                          {{"controller", controller}, {"result", result}});
    };
    success = total("success"), requeue = total("requeue"), requeue_after = total("requeue_after"),
    error = total("error");
    errors = m.GetCounter("controller_runtime_reconcile_errors_total", "Reconciles that gave an error.", labels);
    await_timeouts = m.GetCounter("rempart_await_timeouts_total",
                                  "Keys reconciled although a cache had not seen our last write after 10 s.", labels);
    time =
        m.GetHistogram("controller_runtime_reconcile_time_seconds", "How long a reconcile took.", kTimeBuckets, labels);
    active = m.GetGauge("controller_runtime_active_workers", "Workers that are reconciling.", labels);
    max_concurrent =
        m.GetGauge("controller_runtime_max_concurrent_reconciles", "Workers, shared by all controllers.", labels);
  }
  Counter success, requeue, requeue_after, error, errors, await_timeouts;
  Histogram time;
  Gauge active, max_concurrent;
};

class Reconciling final : public ReconcileContext {
 public:
  Reconciling(const WorkKey& key, std::stop_token stop, Awaits& awaits)
      : key_(key), stop_(std::move(stop)), awaits_(awaits) {}
  const ObjectKey& key() const override { return key_.object; }
  std::stop_token stop() const override { return stop_; }
  void Wrote(const StoreProgress& store, std::uint64_t resource_version) override {
    awaits_.Wrote(key_, store, resource_version);
  }

 private:
  const WorkKey& key_;
  std::stop_token stop_;
  Awaits& awaits_;
};

}  // namespace

struct Runner::Impl {
  struct Registered {
    Controller controller;
    ControllerMetrics metrics;
  };

  Impl(Queue& q, Clock& c, Random& r, Metrics& m)
      : queue(q), clock(c), random(r), metrics(m), awaits(std::make_shared<Awaits>(c, q)) {}

  void Work(const std::stop_token& stop) {
    while (auto key = queue.Take(stop)) {
      if (key->controller < controllers.size()) {
        Handle(*key, controllers[key->controller], stop);
      } else {
        log::Error("a bug: a key of no controller",
                   {{"number", static_cast<int>(key->controller)}, {"object", key->object.ToString()}});
      }
      queue.Done(*key);
    }
  }

  void Handle(const WorkKey& key, const Registered& registered, const std::stop_token& stop) {
    const Awaits::Verdict verdict = awaits->Check(key);
    if (verdict == Awaits::Verdict::kWait) return;
    const std::string id = fmt::format("{:016x}", random.Next());
    log::Context context(
        {{"controller", registered.controller.name}, {"object", key.object.ToString()}, {"reconcile_id", id}});
    if (verdict == Awaits::Verdict::kTimedOut) {
      registered.metrics.await_timeouts.Add();
      log::Warn("a cache has not seen our last write after 10 s: going on with what it has");
    }
    const MonoTime begun = clock.Mono();
    registered.metrics.active.Add(1);
    const Result<Outcome> outcome = Call(key, registered, stop);
    registered.metrics.active.Add(-1);
    registered.metrics.time.Observe(std::chrono::duration<double>(clock.Mono() - begun).count());
    if (outcome) {
      Succeeded(key, *outcome, registered.metrics);
    } else {
      Failed(key, outcome.error(), registered.metrics);
    }
  }

  Result<Outcome> Call(const WorkKey& key, const Registered& registered, const std::stop_token& stop) {
    Reconciling context(key, stop, *awaits);
    try {
      return registered.controller.reconcile(context);
    } catch (const std::exception& e) {
      return Fail(Error::Internal(std::string("exception in the reconciler: ") + e.what()));
    } catch (...) {
      return Fail(Error::Internal("exception in the reconciler, of no known type"));
    }
  }

  void Succeeded(const WorkKey& key, const Outcome& outcome, const ControllerMetrics& counts) {
    queue.Forget(key);
    if (!outcome.requeue_after) return counts.success.Add();
    counts.requeue_after.Add();
    // A reconciler that asks for "at once" again and again would spin.
    queue.AddAfter(key, std::max<Duration>(*outcome.requeue_after, std::chrono::milliseconds(1)));
  }

  void Failed(const WorkKey& key, const Error& error, const ControllerMetrics& counts) {
    const Duration at_least = error.retry_after.value_or(std::chrono::milliseconds(0));
    switch (error.kind) {
      case ErrorKind::kCancelled:
        return;
      case ErrorKind::kConflict:
        counts.requeue.Add();
        log::Debug("conflict: looking again", {{"error", error}});
        return queue.AddRateLimited(key, at_least);
      case ErrorKind::kInvalid:
      case ErrorKind::kDenied:
      case ErrorKind::kNotFound: {
        CountError(counts);
        log::Warn("reconcile failed; only a change would help, retrying slowly",
                  {{"kind", ToString(error.kind)}, {"error", error}});
        queue.Forget(key);
        const double jittered = static_cast<double>(kSlowRetry.count()) * (0.75 + 0.5 * random.Unit());
        return queue.AddAfter(key, std::max(at_least, Duration(static_cast<Duration::rep>(jittered))));
      }
      case ErrorKind::kTransient:
      case ErrorKind::kGone:
        CountError(counts);
        log::Warn("reconcile failed, retrying", {{"error", error}, {"failures", queue.Failures(key) + 1}});
        return queue.AddRateLimited(key, at_least);
      case ErrorKind::kInternal:
        CountError(counts);
        log::Error("a bug: reconcile failed, retrying", {{"error", error}, {"failures", queue.Failures(key) + 1}});
        return queue.AddRateLimited(key, at_least);
    }
  }

  static void CountError(const ControllerMetrics& counts) {
    counts.error.Add();
    counts.errors.Add();
  }

  Queue& queue;
  Clock& clock;
  Random& random;
  Metrics& metrics;
  std::shared_ptr<Awaits> awaits;
  std::vector<Registered> controllers;
};

Runner::Runner(Queue& queue, Clock& clock, Random& random, Metrics& metrics)
    : impl_(std::make_shared<Impl>(queue, clock, random, metrics)) {}

std::uint8_t Runner::AddController(Controller controller) {
  ControllerMetrics counts(impl_->metrics, controller.name);
  impl_->controllers.push_back({std::move(controller), counts});
  return static_cast<std::uint8_t>(impl_->controllers.size() - 1);
}

void Runner::Run(int workers, std::stop_token stop) {
  for (const auto& registered : impl_->controllers) registered.metrics.max_concurrent.Set(workers);
  std::vector<std::jthread> threads;
  try {
    while (static_cast<int>(threads.size()) + 1 < workers) threads.emplace_back([this, stop] { impl_->Work(stop); });
  } catch (const std::system_error& e) {
    log::Error("cannot start as many workers as asked for",
               {{"asked", workers}, {"started", threads.size() + 1}, {"error", e.what()}});
  }
  impl_->Work(stop);  // the caller's thread is the last of the workers
}

}  // namespace rempart::kube
