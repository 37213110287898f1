// The elector's decisions: what was seen and the time in, the next step out. No I/O, no threads, no clock, so that
// whole elections can be simulated. Internal to src/kube; lease.cc carries the steps out.
//
// Why two electors never lead at once: a leader leads until `renew_deadline` after it *sent* its last write that
// succeeded; a candidate takes a lease over only when it has itself watched it for the lease's whole `duration`, from
// when it *received* an unchanged one, on its own monotonic clock. Wall clocks play no part. It holds as long as the
// leader's clock does not run slower than the candidate's by more than duration / renew_deadline (15 s / 10 s: half as
// fast again).
#pragma once

#include <string>

#include "src/base/clock.h"
#include "src/base/random.h"
#include "src/base/result.h"
#include "src/kube/lease.h"

namespace rempart::kube {

struct LeaseStep {
  enum class Kind {
    kWait,      // until `until`, then ask again
    kLook,      // GET the lease, then OnLook
    kCreate,    // POST `body`, then OnWrite
    kUpdate,    // PUT `body`, then OnWrite
    kLost,      // we led and do so no more; nothing follows
    kReleased,  // what Release asked for is done, or cannot be done; nothing follows
  };
  Kind kind;
  MonoTime until{};
  std::string body{};  // the whole Lease; with the resourceVersion that it changes, where it exists
};

// A lease's JSON. kInvalid where it is none; members that are missing or unreadable have their defaults.
Result<LeaseView> DecodeLease(const std::string& json);

// Not thread-safe.
class LeaseMachine {
 public:
  LeaseMachine(LeaseOptions options, Random& random);

  LeaseStep Next(MonoTime now, WallTime wall);
  void OnLook(const Result<std::string>& lease_json, MonoTime now);
  // `sent`: before the request went out.
  void OnWrite(const Result<std::string>& lease_json, MonoTime sent, MonoTime now);
  // The work that needed the lease has ended: give it back.
  void Release(MonoTime now);

  bool Leading(MonoTime now) const { return phase_ == Phase::kLeading && now < lead_until_; }
  MonoTime lead_until() const { return lead_until_; }  // of use while leading

 private:
  enum class Phase { kFollowing, kLeading, kLost, kReleasing, kReleased };

  bool Take(const std::string& lease_json, MonoTime now);
  void LookLater(MonoTime now, const Error* error);
  void ReleaseAgain(MonoTime now);
  bool Ours() const { return view_.exists && view_.holder == options_.identity; }
  std::string Body(LeaseAction action, WallTime wall) const;
  std::string ReleaseBody(WallTime wall) const;

  const LeaseOptions options_;
  Random& random_;
  Phase phase_ = Phase::kFollowing;
  bool known_ = false;  // view_ is what the server has, as far as we know
  LeaseView view_;
  std::string object_;  // the lease as last seen: what we do not know of it stays as it is
  std::string spec_;    // its spec's text, to see whether anything has changed
  MonoTime unchanged_since_{};
  MonoTime not_before_{};  // of the next step
  MonoTime lead_until_{};
  int conflicts_ = 0;  // in a row
  int release_attempts_ = 0;
};

}  // namespace rempart::kube
