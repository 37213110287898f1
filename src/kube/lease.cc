#include "src/kube/lease.h"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

#include "src/base/log.h"
#include "src/kube/lease_machine.h"
#include "src/kube/watchdog.h"

namespace rempart::kube {
namespace {

constexpr Resource kLeases{"coordination.k8s.io", "v1", "leases", "Lease", true};

}  // namespace

struct LeaderElector::Impl {
  Impl(Api& a, Clock& c, Random& r, Metrics& m, LeaseOptions o)
      : api(a),
        clock(c),
        random(r),
        options(std::move(o)),
        master_status(m.GetGauge("leader_election_master_status", "1 while this process leads, 0 while it does not.",
                                 {{"name", options.name}})) {
    master_status.Set(0);
  }

  // One time of leading: the thread that runs `lead`, and what stops it.
  class Term {
   public:
    Term(Impl& impl, const std::function<void(std::stop_token)>& lead, std::stop_token process_stop)
        : impl_(impl),
          watchdog_(impl.clock),
          on_process_stop_(process_stop, [this] { stop_.request_stop(); }),
          on_expiry_(watchdog_.token(), [this] { Expire(); }),
          thread_([this, &lead] { Lead(lead); }) {}
    ~Term() { End(); }

    void LeadUntil(MonoTime deadline) { watchdog_.Arm(deadline); }
    std::stop_token expiry() const { return watchdog_.token(); }
    bool expired() const { return watchdog_.token().stop_requested(); }
    bool returned() const { return returned_; }
    // Asks `lead` to return and waits for it.
    void End() {
      stop_.request_stop();
      if (thread_.joinable()) thread_.join();
    }

   private:
    void Expire() {
      impl_.master_status.Set(0);
      stop_.request_stop();
    }
    void Lead(const std::function<void(std::stop_token)>& lead) {
      try {
        lead(stop_.get_token());
      } catch (const std::exception& e) {
        log::Error("the leader's work ended with an exception: this is a bug", {{"exception", e.what()}});
      } catch (...) {
        log::Error("the leader's work ended with an unknown exception: this is a bug");
      }
      std::scoped_lock lock(impl_.mutex);
      returned_ = true;
      impl_.wake.notify_all();
    }

    Impl& impl_;
    std::stop_source stop_;
    std::atomic<bool> returned_{false};
    Watchdog watchdog_;
    std::stop_callback<std::function<void()>> on_process_stop_;
    std::stop_callback<std::function<void()>> on_expiry_;
    std::thread thread_;
  };

  // Carries out one step that talks to the server.
  Result<std::string> Send(const LeaseStep& step, std::stop_token stop) {
    Api::Call call;
    const bool create = step.kind == LeaseStep::Kind::kCreate;
    const bool look = step.kind == LeaseStep::Kind::kLook;
    call.method = look ? "GET" : create ? "POST" : "PUT";
    call.target = create ? kLeases.Path(options.ns) : kLeases.Path(options.ns, options.name);
    call.body = step.body;
    call.doing = std::string(look     ? "look at"
                             : create ? "create"
                                      : "write") +
                 " lease " + options.ns + "/" + options.name;
    call.obey_retry_after = false;  // the machine waits itself, and knows how long it may
    call.timeout = std::chrono::ceil<std::chrono::milliseconds>(options.renew_deadline / 2);
    Result<Reply> reply = api.Do(call, std::move(stop));
    if (!reply) {
      Tell(reply.error(), look);
      return Fail(std::move(reply.error()));
    }
    last_told.clear();
    return std::move(reply->body);
  }

  // Each thing that is wrong once, until something else is, or all is well.
  void Tell(const Error& error, bool look) {
    const bool expected = error.kind == ErrorKind::kCancelled || error.kind == ErrorKind::kConflict ||
                          (look && error.kind == ErrorKind::kNotFound);
    if (expected || error.message == last_told) return;
    last_told = error.message;
    log::Warn("leader election: the lease cannot be reached", {{"error", error}, {"identity", options.identity}});
  }

  void SetLeading(MonoTime until) {
    lead_until = until.time_since_epoch().count();
    master_status.Set(until > clock.Mono() ? 1 : 0);
  }

  bool Run(const std::function<void(std::stop_token)>& lead, std::stop_token stop);

  Api& api;
  Clock& clock;
  Random& random;
  const LeaseOptions options;
  const Gauge master_status;
  std::atomic<Duration::rep> lead_until{0};
  std::mutex mutex;
  std::condition_variable_any wake;  // stop was requested, or lead has returned
  std::string last_told;             // Run's thread only
};

bool LeaderElector::Impl::Run(const std::function<void(std::stop_token)>& lead, std::stop_token stop) {
  LeaseMachine machine(options, random);
  std::optional<Term> term;
  bool releasing = false;
  std::stop_callback on_stop(stop, [this] {
    std::scoped_lock lock(mutex);
    wake.notify_all();
  });
  // What ends this round: a candidate just stops; a leader keeps its lease until its work has returned.
  const auto over = [&] { return term ? term->returned() : stop.stop_requested(); };

  for (;;) {
    if (over() && !std::exchange(releasing, true)) {
      SetLeading(MonoTime{});
      machine.Release(clock.Mono());
    }
    const LeaseStep step = machine.Next(clock.Mono(), clock.Now());
    switch (step.kind) {
      case LeaseStep::Kind::kWait: {
        std::unique_lock lock(mutex);
        while ((releasing || !over()) && clock.Mono() < step.until) clock.WaitUntil(wake, lock, step.until);
        break;
      }
      case LeaseStep::Kind::kLook: {
        const Result<std::string> lease = Send(step, term ? term->expiry() : releasing ? std::stop_token() : stop);
        machine.OnLook(lease, clock.Mono());
        break;
      }
      case LeaseStep::Kind::kCreate:
      case LeaseStep::Kind::kUpdate: {
        // A candidate's write is not cut short by `stop`: whether it holds the lease must be known, to give it back.
        const MonoTime sent = clock.Mono();
        const Result<std::string> lease = Send(step, term ? term->expiry() : std::stop_token());
        machine.OnWrite(lease, sent, clock.Mono());
        if (!machine.Leading(clock.Mono()) || releasing) break;
        if (!term && stop.stop_requested()) break;  // got it while being stopped: given back, at the top
        if (!term) {
          log::Info("leader election: leading",
                    {{"lease", options.ns + "/" + options.name}, {"identity", options.identity}});
          term.emplace(*this, lead, stop);
        }
        SetLeading(machine.lead_until());
        term->LeadUntil(machine.lead_until());
        break;
      }
      case LeaseStep::Kind::kLost:
        SetLeading(MonoTime{});
        if (!stop.stop_requested()) log::Error("leader election: the lease was lost", {{"identity", options.identity}});
        if (term) term->End();
        return stop.stop_requested();
      case LeaseStep::Kind::kReleased:
        return stop.stop_requested() || !(term && term->expired());
    }
  }
}

LeaderElector::LeaderElector(Api& api, Clock& clock, Random& random, Metrics& metrics, LeaseOptions options)
    : impl_(std::make_shared<Impl>(api, clock, random, metrics, std::move(options))) {}

bool LeaderElector::Run(const std::function<void(std::stop_token)>& lead, std::stop_token stop) {
  return impl_->Run(lead, std::move(stop));
}

bool LeaderElector::leading() const { return impl_->clock.Mono().time_since_epoch().count() < impl_->lead_until; }

}  // namespace rempart::kube
