#include "src/kube/lease_machine.h"

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>
#include <utility>

#include "src/base/json.h"

namespace rempart::kube {
namespace {

constexpr int kMaxReleaseAttempts = 3;

const Json* Member(const Json& object, const char* name) {
  if (!object.is_object()) return nullptr;
  const auto found = object.find(name);
  return found == object.end() ? nullptr : &*found;
}

std::string Text(const Json& object, const char* name) {
  const Json* value = Member(object, name);
  return value != nullptr && value->is_string() ? value->get<std::string>() : std::string();
}

std::int64_t Integer(const Json& object, const char* name) {
  const Json* value = Member(object, name);
  return value != nullptr && value->is_number_integer() ? value->get<std::int64_t>() : 0;
}

std::int64_t WholeSeconds(Duration d) {
  return std::max<std::int64_t>(1, std::chrono::ceil<std::chrono::seconds>(d).count());
}

// The spec of an object that is a lease, or an empty one.
Json& SpecOf(Json& lease) {
  Json& spec = lease["spec"];
  if (!spec.is_object()) spec = Json::object();
  return spec;
}

}  // namespace

Result<LeaseView> DecodeLease(const std::string& json) {
  const Result<Json> lease = ParseJson(json);
  if (!lease) return Fail(Error(lease.error()).While("lease"));
  const Json* metadata = Member(*lease, "metadata");
  if (Text(*lease, "kind") != "Lease" || metadata == nullptr) return Fail(Error::Invalid("lease: not a Lease"));
  LeaseView view;
  view.exists = true;
  const std::string version = Text(*metadata, "resourceVersion");
  const auto [end, error] = std::from_chars(version.data(), version.data() + version.size(), view.resource_version);
  if (error != std::errc() || end != version.data() + version.size()) {
    return Fail(Error::Invalid("lease: metadata.resourceVersion is no number"));
  }
  const Json* spec = Member(*lease, "spec");
  if (spec == nullptr) return view;
  view.holder = Text(*spec, "holderIdentity");
  // More than a week is nobody's lease: the sum of times must stay countable.
  view.duration = std::chrono::seconds(std::clamp<std::int64_t>(Integer(*spec, "leaseDurationSeconds"), 0, 604'800));
  view.transitions = std::clamp<std::int64_t>(Integer(*spec, "leaseTransitions"), 0, 1'000'000'000);
  if (const auto time = ParseTime(Text(*spec, "acquireTime"))) view.acquired = *time;
  if (const auto time = ParseTime(Text(*spec, "renewTime"))) view.renewed = *time;
  return view;
}

LeaseAction DecideLease(const LeaseView& seen, MonoTime unchanged_since, MonoTime now, const LeaseOptions& options) {
  if (!seen.exists) return LeaseAction::kCreate;
  if (seen.holder.empty()) return LeaseAction::kAcquire;
  if (seen.holder == options.identity) return LeaseAction::kRenew;
  const Duration duration = seen.duration > Duration::zero() ? seen.duration : options.duration;
  return now - unchanged_since >= duration ? LeaseAction::kAcquire : LeaseAction::kWait;
}

LeaseMachine::LeaseMachine(LeaseOptions options, Random& random) : options_(std::move(options)), random_(random) {}

LeaseStep LeaseMachine::Next(MonoTime now, WallTime wall) {
  if (phase_ == Phase::kLeading && now >= lead_until_) phase_ = Phase::kLost;
  if (phase_ == Phase::kLost) return {LeaseStep::Kind::kLost};
  if (phase_ == Phase::kReleased) return {LeaseStep::Kind::kReleased};
  if (now < not_before_) {
    return {LeaseStep::Kind::kWait, phase_ == Phase::kLeading ? std::min(not_before_, lead_until_) : not_before_};
  }
  if (!known_) return {LeaseStep::Kind::kLook};
  if (phase_ == Phase::kReleasing) return {LeaseStep::Kind::kUpdate, {}, ReleaseBody(wall)};

  const LeaseAction action = DecideLease(view_, unchanged_since_, now, options_);
  switch (action) {
    case LeaseAction::kCreate:
      return {LeaseStep::Kind::kCreate, {}, Body(action, wall)};
    case LeaseAction::kAcquire:
    case LeaseAction::kRenew:
      return {LeaseStep::Kind::kUpdate, {}, Body(action, wall)};
    case LeaseAction::kWait:
      break;
  }
  // Somebody else's. Look again soon, and at the latest when it would be free: its holder may have ended.
  LookLater(now, nullptr);
  const Duration duration = view_.duration > Duration::zero() ? view_.duration : options_.duration;
  not_before_ = std::min(not_before_, unchanged_since_ + duration);
  return {LeaseStep::Kind::kWait, not_before_};
}

void LeaseMachine::OnLook(const Result<std::string>& lease_json, MonoTime now) {
  const bool missing = !lease_json && lease_json.error().kind == ErrorKind::kNotFound;
  if (missing) {
    view_ = {};
    object_.clear();
    spec_.clear();
    unchanged_since_ = now;
    known_ = true;
  } else if (!lease_json || !Take(*lease_json, now)) {
    if (phase_ == Phase::kReleasing) return ReleaseAgain(now);
    return LookLater(now, lease_json ? nullptr : &lease_json.error());
  }
  // Who leads and sees another name, or none, has been overruled: somebody else may have led, or lead now. A lease that
  // was deleted is made anew: only who makes it can lead.
  if (phase_ == Phase::kLeading && view_.exists && !Ours()) phase_ = Phase::kLost;
  if (phase_ == Phase::kReleasing && !Ours()) phase_ = Phase::kReleased;
}

void LeaseMachine::OnWrite(const Result<std::string>& lease_json, MonoTime sent, MonoTime now) {
  if (phase_ == Phase::kReleasing) {
    if (!lease_json) return ReleaseAgain(now);
    phase_ = Phase::kReleased;
    return;
  }
  if (lease_json) {
    conflicts_ = 0;
    // An answer that cannot be read, or that came too late to be of use: look at what there is.
    if (!Take(*lease_json, now) || !Ours()) return LookLater(now, nullptr);
    if (now >= sent + options_.renew_deadline) {
      known_ = false;
      not_before_ = now;
      return;
    }
    phase_ = Phase::kLeading;
    lead_until_ = sent + options_.renew_deadline;
    not_before_ = std::max(now, sent + options_.retry);
    return;
  }
  const Error& error = lease_json.error();
  const bool overtaken = error.kind == ErrorKind::kConflict || error.kind == ErrorKind::kNotFound;
  if (overtaken && phase_ != Phase::kFollowing && ++conflicts_ == 1) {
    // A leader must know at once whether it still is one.
    known_ = false;
    not_before_ = now;
    return;
  }
  LookLater(now, &error);
}

void LeaseMachine::Release(MonoTime now) {
  if (phase_ == Phase::kFollowing) phase_ = Phase::kReleased;
  if (phase_ != Phase::kLeading) return;
  phase_ = now < lead_until_ ? Phase::kReleasing : Phase::kLost;
  not_before_ = now;
}

// At once, since a process that ends waits for it, and not often: a lease that is not released expires.
void LeaseMachine::ReleaseAgain(MonoTime now) {
  known_ = false;
  not_before_ = now;
  if (++release_attempts_ >= kMaxReleaseAttempts) phase_ = Phase::kReleased;
}

// What the server says the lease is. False when that cannot be read.
bool LeaseMachine::Take(const std::string& lease_json, MonoTime now) {
  Result<LeaseView> view = DecodeLease(lease_json);
  if (!view) return false;
  const Result<Json> lease = ParseJson(lease_json);
  const Json* spec = Member(*lease, "spec");
  std::string text = spec == nullptr ? "" : spec->dump();
  // Only the spec counts: who changes its labels does not renew it.
  if (!view_.exists || text != spec_) unchanged_since_ = now;
  view_ = *std::move(view);
  spec_ = std::move(text);
  object_ = lease_json;
  known_ = true;
  return true;
}

// After `retry` and up to half as much again, so that candidates spread out; after the server's own wish where that is
// longer, but a leader does not lose its lease over that.
void LeaseMachine::LookLater(MonoTime now, const Error* error) {
  known_ = false;
  const auto spread = static_cast<Duration::rep>(static_cast<double>(options_.retry.count()) * 0.5 * random_.Unit());
  Duration delay = options_.retry + Duration(spread);
  if (error != nullptr && error->retry_after && phase_ == Phase::kFollowing) {
    delay = std::max<Duration>(delay, *error->retry_after);
  }
  not_before_ = now + delay;
}

std::string LeaseMachine::Body(LeaseAction action, WallTime wall) const {
  Json lease = {{"apiVersion", "coordination.k8s.io/v1"},
                {"kind", "Lease"},
                {"metadata", {{"name", options_.name}, {"namespace", options_.ns}}}};
  if (action != LeaseAction::kCreate) lease = *ParseJson(object_);
  Json& spec = SpecOf(lease);
  const std::string now = FormatMicroTime(wall);
  if (action != LeaseAction::kRenew) {
    spec["acquireTime"] = now;
    spec["leaseTransitions"] = action == LeaseAction::kCreate ? 0 : view_.transitions + 1;
  }
  spec["holderIdentity"] = options_.identity;
  spec["leaseDurationSeconds"] = WholeSeconds(options_.duration);
  spec["renewTime"] = now;
  return lease.dump();
}

// Nobody holds it, and who does not know what an empty holder means sees it expire after a second.
std::string LeaseMachine::ReleaseBody(WallTime wall) const {
  Json lease = *ParseJson(object_);
  Json& spec = SpecOf(lease);
  const std::string now = FormatMicroTime(wall);
  spec["holderIdentity"] = "";
  spec["leaseDurationSeconds"] = 1;
  spec["acquireTime"] = now;
  spec["renewTime"] = now;
  return lease.dump();
}

}  // namespace rempart::kube
