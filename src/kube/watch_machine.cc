#include <algorithm>
#include <utility>

#include "src/kube/watch.h"

namespace rempart::kube {

namespace {

constexpr Duration kFirstBackOff = std::chrono::milliseconds(1600);  // of which half to all is waited
constexpr Duration kMaxBackOff = std::chrono::seconds(30);
constexpr Duration kHealthy = std::chrono::seconds(10);

bool IsRefusal(const Error& error) { return error.http_status == 400 || error.http_status == 422; }

Error Stale(std::uint64_t answered, std::uint64_t seen) {
  Error error = Error::Transient("the server answered with the state at resource version " + std::to_string(answered) +
                                 ", which is older than " + std::to_string(seen) +
                                 " that was seen already; if etcd was restored from a backup, restart this program");
  error.reason = "Stale";
  return error;
}

}  // namespace

WatchMachine::WatchMachine(Random& random, Duration missing_retry) : random_(random), missing_retry_(missing_retry) {}

WatchStep WatchMachine::Next() const {
  std::string seen = seen_ == 0 ? "" : std::to_string(seen_);
  if (phase_ == Phase::kWatching) return {WatchStep::Kind::kWatch, std::move(seen), "", delay_};
  if (phase_ == Phase::kInitial && watch_list_served_)
    return {WatchStep::Kind::kWatchList, std::move(seen), "", delay_};
  return {WatchStep::Kind::kList, "", continue_, delay_};
}

Status WatchMachine::OnInitialEventsEnd(std::uint64_t rv) {
  if (rv < seen_) return Fail(Stale(rv, seen_));
  CompletedAt(rv);
  return {};
}

Status WatchMachine::OnListPage(std::uint64_t rv, std::string continue_token) {
  // The pages of one list are of one revision, that of the first.
  if (phase_ != Phase::kListing) {
    if (rv < seen_) return Fail(Stale(rv, seen_));
    list_rv_ = rv;
  }
  if (continue_token.empty()) {
    CompletedAt(list_rv_);
    return {};
  }
  phase_ = Phase::kListing;
  continue_ = std::move(continue_token);
  failures_ = 0;
  delay_ = {};
  return {};
}

void WatchMachine::CompletedAt(std::uint64_t rv) {
  phase_ = Phase::kWatching;
  seen_ = rv;
  synced_ = true;
  progressed_ = false;
  continue_.clear();
  failures_ = 0;  // but not relists_: a full state that is too old at once must not be asked for in a loop
  delay_ = {};
}

void WatchMachine::OnProgress(std::uint64_t rv) {
  if (rv <= seen_) return;
  seen_ = rv;
  progressed_ = true;
}

bool WatchMachine::EndedHealthy(Duration lasted) {
  bool healthy = phase_ == Phase::kWatching && (progressed_ || lasted >= kHealthy);
  if (healthy) failures_ = relists_ = 0;
  progressed_ = false;
  return healthy;
}

void WatchMachine::OnStreamEnd(Duration lasted) { delay_ = EndedHealthy(lasted) ? Duration{0} : BackOff(++failures_); }

void WatchMachine::OnError(const Error& error, Duration lasted) {
  EndedHealthy(lasted);
  if (error.kind == ErrorKind::kGone) {
    StartAnew();
    delay_ = relists_ == 0 ? Duration{0} : BackOff(relists_);
    ++relists_;
  } else if (error.kind == ErrorKind::kNotFound) {
    StartAnew();
    failures_ = 0;
    delay_ = missing_retry_;
  } else if (IsRefusal(error) && phase_ == Phase::kInitial && watch_list_served_) {
    watch_list_served_ = false;
    delay_ = {};
  } else {
    // A page or a position that the server or the parser refuses will not get better by asking for it again.
    if (IsRefusal(error) || (error.kind == ErrorKind::kInvalid && phase_ == Phase::kListing)) StartAnew();
    delay_ = BackOff(++failures_);
  }
  if (error.retry_after) delay_ = std::max<Duration>(delay_, *error.retry_after);
}

void WatchMachine::StartAnew() {
  phase_ = Phase::kInitial;
  continue_.clear();
}

Duration WatchMachine::BackOff(int failures) {
  Duration ceiling = kFirstBackOff;
  for (int i = 1; i < failures && ceiling < kMaxBackOff; ++i) ceiling *= 2;
  ceiling = std::min(ceiling, kMaxBackOff);
  auto share = 0.5 + 0.5 * random_.Unit();
  return Duration(static_cast<Duration::rep>(static_cast<double>(ceiling.count()) * share));
}

}  // namespace rempart::kube
