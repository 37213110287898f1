// The elector's decisions one by one; whole elections are in lease_simulation_test.cc.
#include "src/kube/lease_machine.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "src/base/json.h"

namespace rempart::kube {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using Kind = LeaseStep::Kind;

LeaseOptions Options(const std::string& identity) { return {.ns = "n", .name = "l", .identity = identity}; }
MonoTime At(Duration d) { return MonoTime(d); }
WallTime Wall(Duration d = {}) { return std::chrono::sys_days{std::chrono::year{2026} / 1 / 1} + d; }

TEST(DecideLease, Table) {
  const LeaseOptions me = Options("me");
  const auto seen = [](const std::string& holder, Duration duration) {
    return LeaseView{.exists = true, .holder = holder, .duration = duration};
  };
  struct Case {
    LeaseView view;
    Duration unchanged_for;
    LeaseAction action;
  };
  const Case kCases[] = {
      {{}, seconds(0), LeaseAction::kCreate},
      {{}, seconds(100), LeaseAction::kCreate},
      {seen("", seconds(1)), seconds(0), LeaseAction::kAcquire},
      {seen("me", seconds(15)), seconds(0), LeaseAction::kRenew},
      {seen("me", seconds(15)), seconds(100), LeaseAction::kRenew},
      {seen("other", seconds(15)), seconds(0), LeaseAction::kWait},
      {seen("other", seconds(15)), milliseconds(14'999), LeaseAction::kWait},
      {seen("other", seconds(15)), seconds(15), LeaseAction::kAcquire},
      {seen("other", seconds(60)), seconds(59), LeaseAction::kWait},  // the holder's duration counts, not ours
      {seen("other", seconds(60)), seconds(60), LeaseAction::kAcquire},
      {seen("other", seconds(0)), milliseconds(14'999), LeaseAction::kWait},  // none given: ours
      {seen("other", seconds(0)), seconds(15), LeaseAction::kAcquire},
  };
  for (const Case& c : kCases) {
    EXPECT_EQ(DecideLease(c.view, At(seconds(7)), At(seconds(7) + c.unchanged_for), me), c.action)
        << c.view.holder << " " << FormatDuration(c.unchanged_for);
  }
}

TEST(DecodeLease, ReadsWhatIsThere) {
  const auto view = DecodeLease(
      R"({"kind":"Lease","metadata":{"resourceVersion":"42"},"spec":{"holderIdentity":"a","leaseDurationSeconds":15,
      "leaseTransitions":3,"acquireTime":"2026-01-01T00:00:00.000000Z","renewTime":"2026-01-01T00:00:01.500000Z"}})");
  ASSERT_TRUE(view) << view.error().message;
  EXPECT_TRUE(view->exists);
  EXPECT_EQ(view->holder, "a");
  EXPECT_EQ(view->resource_version, 42u);
  EXPECT_EQ(view->duration, seconds(15));
  EXPECT_EQ(view->transitions, 3);
  EXPECT_EQ(view->acquired, Wall());
  EXPECT_EQ(view->renewed, Wall(milliseconds(1500)));
}

TEST(DecodeLease, StrangeInput) {
  for (const char* bad :
       {"", "[]", "{}", R"({"kind":"Pod","metadata":{"resourceVersion":"1"}})", R"({"kind":"Lease"})",
        R"({"kind":"Lease","metadata":{}})", R"({"kind":"Lease","metadata":{"resourceVersion":"x"}})"}) {
    EXPECT_EQ(DecodeLease(bad).error().kind, ErrorKind::kInvalid) << bad;
  }
  const auto odd = DecodeLease(
      R"({"kind":"Lease","metadata":{"resourceVersion":"1"},"spec":{"holderIdentity":5,"leaseDurationSeconds":99999999999999,
          "leaseTransitions":-5,"renewTime":"yesterday"}})");
  ASSERT_TRUE(odd);
  EXPECT_EQ(odd->holder, "");
  EXPECT_EQ(odd->duration, std::chrono::hours(24 * 7));
  EXPECT_EQ(odd->transitions, 0);
  EXPECT_TRUE(DecodeLease(R"({"kind":"Lease","metadata":{"resourceVersion":"1"},"spec":[]})"));
}

// One machine, led by hand.
class LeaseMachineTest : public testing::Test {
 protected:
  LeaseStep Next() { return machine_.Next(At(now_), Wall(now_)); }
  static std::string Stored(const std::string& body, int version) {
    Json lease = Json::parse(body);
    lease["metadata"]["resourceVersion"] = std::to_string(version);
    return lease.dump();
  }
  static std::string Lease(const std::string& holder, int version = 1, int renewed = 0) {
    return Json{{"kind", "Lease"},
                {"metadata", {{"name", "l"}, {"resourceVersion", std::to_string(version)}, {"labels", {{"a", "b"}}}}},
                {"spec",
                 {{"holderIdentity", holder},
                  {"leaseDurationSeconds", 15},
                  {"leaseTransitions", 4},
                  {"acquireTime", "2026-01-01T00:00:00.000000Z"},
                  {"renewTime", FormatMicroTime(Wall(std::chrono::seconds(renewed)))},
                  {"strategy", "OldestEmulationVersion"}}}}
        .dump();
  }
  void Look(const Result<std::string>& lease) { machine_.OnLook(lease, At(now_)); }
  void Write(const Result<std::string>& lease, Duration took = {}) {
    const MonoTime sent = At(now_);
    now_ += took;
    machine_.OnWrite(lease, sent, At(now_));
  }
  static Result<std::string> Failed(Error e) { return Fail(std::move(e)); }
  // From nothing to leading.
  void Lead() {
    Look(Failed(Error::NotFound("")));
    Write(Stored(Next().body, 1));
    ASSERT_TRUE(machine_.Leading(At(now_)));
  }
  bool Leading() { return machine_.Leading(At(now_)); }

  SeededRandom random_{7};
  LeaseMachine machine_{Options("me"), random_};
  Duration now_ = seconds(100);
};

TEST_F(LeaseMachineTest, CreatesWhatIsNotThere) {
  EXPECT_EQ(Next().kind, Kind::kLook);
  Look(Failed(Error::NotFound("")));
  const LeaseStep step = Next();
  ASSERT_EQ(step.kind, Kind::kCreate);
  EXPECT_EQ(
      Json::parse(step.body),
      Json::parse(R"({"apiVersion":"coordination.k8s.io/v1","kind":"Lease","metadata":{"name":"l","namespace":"n"},
      "spec":{"holderIdentity":"me","leaseDurationSeconds":15,"leaseTransitions":0,
              "acquireTime":"2026-01-01T00:01:40.000000Z","renewTime":"2026-01-01T00:01:40.000000Z"}})"));
  Write(Stored(step.body, 1));
  EXPECT_TRUE(Leading());
}

TEST_F(LeaseMachineTest, AcquiresWhatIsReleasedAndKeepsWhatItDoesNotKnow) {
  Look(Lease("", 9));
  const LeaseStep step = Next();
  ASSERT_EQ(step.kind, Kind::kUpdate);
  const Json lease = Json::parse(step.body);
  EXPECT_EQ(lease["metadata"]["resourceVersion"], "9");
  EXPECT_EQ(lease["metadata"]["labels"]["a"], "b");
  EXPECT_EQ(lease["spec"]["strategy"], "OldestEmulationVersion");
  EXPECT_EQ(lease["spec"]["holderIdentity"], "me");
  EXPECT_EQ(lease["spec"]["leaseTransitions"], 5);
  EXPECT_EQ(lease["spec"]["acquireTime"], "2026-01-01T00:01:40.000000Z");
}

TEST_F(LeaseMachineTest, RenewsEveryTwoSecondsWithoutLooking) {
  Lead();
  for (int i = 2; i < 10; ++i) {
    LeaseStep step = Next();
    ASSERT_EQ(step.kind, Kind::kWait);
    EXPECT_EQ(step.until, At(now_ + seconds(2)));
    now_ += seconds(2);
    step = Next();
    ASSERT_EQ(step.kind, Kind::kUpdate);
    const Json spec = Json::parse(step.body)["spec"];
    EXPECT_EQ(spec["acquireTime"], "2026-01-01T00:01:40.000000Z") << "only the renewal moves";
    EXPECT_EQ(spec["renewTime"], FormatMicroTime(Wall(now_)));
    EXPECT_EQ(spec["leaseTransitions"], 0);
    EXPECT_EQ(Json::parse(step.body)["metadata"]["resourceVersion"], std::to_string(i - 1));
    Write(Stored(step.body, i));
    EXPECT_EQ(machine_.lead_until(), At(now_ + seconds(10)));
  }
}

TEST_F(LeaseMachineTest, LeadsFromWhenTheWriteWasSent) {
  Look(Lease(""));
  const LeaseStep step = Next();
  Write(Stored(step.body, 2), seconds(4));
  EXPECT_TRUE(Leading());
  EXPECT_EQ(machine_.lead_until(), At(now_ + seconds(6)));
}

TEST_F(LeaseMachineTest, AnAnswerThatComesTooLateDoesNotMakeALeader) {
  Look(Lease(""));
  const LeaseStep step = Next();
  Write(Stored(step.body, 2), seconds(10));
  EXPECT_FALSE(Leading());
  EXPECT_EQ(Next().kind, Kind::kLook);
  Look(Stored(step.body, 2));
  EXPECT_EQ(Next().kind, Kind::kUpdate) << "ours, by name: renew";
}

TEST_F(LeaseMachineTest, IsLostWhenNotRenewedInTime) {
  Lead();
  const Duration start = now_;
  while (now_ < start + seconds(10)) {
    const LeaseStep step = Next();
    if (step.kind == Kind::kWait) {
      EXPECT_LE(step.until, At(start + seconds(10))) << "never sleeps beyond the deadline";
      now_ = step.until.time_since_epoch();
    } else if (step.kind == Kind::kLook) {
      Look(Failed(Error::Transient("no connection")));
    } else {
      ASSERT_EQ(step.kind, Kind::kUpdate);
      Error busy = Error::Transient("busy");
      busy.retry_after = seconds(60);
      Write(Failed(busy));
    }
    if (now_ < start + seconds(10)) {
      EXPECT_TRUE(Leading());
    }
  }
  EXPECT_FALSE(Leading());
  EXPECT_EQ(Next().kind, Kind::kLost);
  EXPECT_EQ(Next().kind, Kind::kLost) << "for good";
}

TEST_F(LeaseMachineTest, AConflictIsLookedIntoAtOnce) {
  Lead();
  now_ += seconds(2);
  ASSERT_EQ(Next().kind, Kind::kUpdate);
  Write(Failed(Error::Conflict("")));
  EXPECT_EQ(Next().kind, Kind::kLook);
  Look(Lease("me", 5));
  EXPECT_EQ(Next().kind, Kind::kUpdate) << "somebody changed a label: still ours";
  Write(Failed(Error::Conflict("")));
  EXPECT_EQ(Next().kind, Kind::kWait) << "a second one in a row is not answered in a hurry";
  EXPECT_TRUE(Leading());
}

TEST_F(LeaseMachineTest, AnotherHoldersNameIsALoss) {
  Lead();
  now_ += seconds(2);
  Write(Failed(Error::Conflict("")));
  Look(Lease("other", 5));
  EXPECT_FALSE(Leading());
  EXPECT_EQ(Next().kind, Kind::kLost);
}

TEST_F(LeaseMachineTest, AHolderWhoseNameWasTakenOutHasLost) {
  Lead();
  now_ += seconds(2);
  Write(Failed(Error::Conflict("")));
  Look(Lease("", 5));
  EXPECT_FALSE(Leading()) << "somebody may have led and released meanwhile";
  EXPECT_EQ(Next().kind, Kind::kLost);
}

TEST_F(LeaseMachineTest, ADeletedLeaseIsMadeAnew) {
  Lead();
  now_ += seconds(2);
  ASSERT_EQ(Next().kind, Kind::kUpdate);
  Write(Failed(Error::NotFound("")));
  ASSERT_EQ(Next().kind, Kind::kLook);
  Look(Failed(Error::NotFound("")));
  const LeaseStep step = Next();
  ASSERT_EQ(step.kind, Kind::kCreate);
  Write(Stored(step.body, 9));
  EXPECT_TRUE(Leading());
  EXPECT_EQ(machine_.lead_until(), At(now_ + seconds(10)));
}

TEST_F(LeaseMachineTest, AWriteWhoseAnswerWasLostIsFoundAgain) {
  Look(Lease(""));
  const std::string body = Next().body;
  Write(Failed(Error::Transient("reset")));
  EXPECT_FALSE(Leading());
  ASSERT_EQ(Next().kind, Kind::kWait);
  now_ += seconds(3);
  ASSERT_EQ(Next().kind, Kind::kLook);
  Look(Stored(body, 2));
  const LeaseStep step = Next();
  ASSERT_EQ(step.kind, Kind::kUpdate);
  EXPECT_EQ(Json::parse(step.body)["spec"]["leaseTransitions"], 5) << "not counted twice";
  Write(Stored(step.body, 3));
  EXPECT_TRUE(Leading());
}

TEST_F(LeaseMachineTest, ACandidateCountsFromWhatItSawItself) {
  // The renew time is a year old or in the future: it plays no part.
  Look(Lease("other", 1, -365 * 86400));
  const Duration first_seen = now_;
  bool acquired = false;
  while (!acquired) {
    const LeaseStep step = Next();
    if (step.kind == Kind::kWait) {
      EXPECT_GT(step.until, At(now_));
      EXPECT_LE(step.until, At(first_seen + seconds(15)));
      now_ = step.until.time_since_epoch();
    } else if (step.kind == Kind::kLook) {
      // Its labels change all the time: that is no renewal.
      Look(Lease("other", 1 + static_cast<int>(now_.count() % 1000), -365 * 86400));
    } else {
      ASSERT_EQ(step.kind, Kind::kUpdate);
      acquired = true;
    }
  }
  EXPECT_EQ(now_, first_seen + seconds(15)) << "and takes it the moment that it may";
}

TEST_F(LeaseMachineTest, ARenewalStartsTheCountAnew) {
  Look(Lease("other", 1, 0));
  ASSERT_EQ(Next().kind, Kind::kWait);
  now_ += seconds(14);
  ASSERT_EQ(Next().kind, Kind::kLook);
  Look(Lease("other", 2, 14));
  now_ += seconds(14);
  ASSERT_EQ(Next().kind, Kind::kWait);
  now_ += seconds(1);
  Look(Lease("other", 2, 14));
  EXPECT_EQ(Next().kind, Kind::kUpdate);
}

TEST_F(LeaseMachineTest, ACandidateObeysRetryAfter) {
  Error busy = Error::Transient("busy");
  busy.retry_after = seconds(20);
  Look(Failed(busy));
  EXPECT_EQ(Next().until, At(now_ + seconds(20)));
}

TEST_F(LeaseMachineTest, GarbledAnswersAreFailures) {
  Look(std::string("garbage"));
  EXPECT_EQ(Next().kind, Kind::kWait);
  now_ += seconds(3);
  Look(Lease(""));
  Write(std::string("{}"));
  EXPECT_FALSE(Leading());
  EXPECT_EQ(Next().kind, Kind::kWait);
  now_ += seconds(3);
  EXPECT_EQ(Next().kind, Kind::kLook);
}

TEST_F(LeaseMachineTest, Release) {
  Look(Lease("", 9));
  Write(Stored(Next().body, 10));
  machine_.Release(At(now_));
  EXPECT_FALSE(Leading());
  const LeaseStep step = Next();
  ASSERT_EQ(step.kind, Kind::kUpdate);
  const Json lease = Json::parse(step.body);
  EXPECT_EQ(lease["metadata"]["resourceVersion"], "10");
  EXPECT_EQ(lease["spec"]["holderIdentity"], "");
  EXPECT_EQ(lease["spec"]["leaseDurationSeconds"], 1);
  EXPECT_EQ(lease["spec"]["leaseTransitions"], 5);
  EXPECT_EQ(lease["spec"]["strategy"], "OldestEmulationVersion");
  Write(Stored(step.body, 11));
  EXPECT_EQ(Next().kind, Kind::kReleased);
}

TEST_F(LeaseMachineTest, ReleaseTriesAgainAtOnceAndNotForever) {
  Lead();
  machine_.Release(At(now_));
  ASSERT_EQ(Next().kind, Kind::kUpdate);
  Write(Failed(Error::Conflict("")));
  ASSERT_EQ(Next().kind, Kind::kLook);
  Look(Lease("me", 4));
  ASSERT_EQ(Next().kind, Kind::kUpdate);
  Write(Failed(Error::Transient("")));
  ASSERT_EQ(Next().kind, Kind::kLook);
  Look(Failed(Error::Transient("")));
  EXPECT_EQ(Next().kind, Kind::kReleased);
}

TEST_F(LeaseMachineTest, WhatIsAnothersIsNotReleased) {
  Lead();
  machine_.Release(At(now_));
  Write(Failed(Error::Conflict("")));
  Look(Lease("other", 4));
  EXPECT_EQ(Next().kind, Kind::kReleased);
}

TEST_F(LeaseMachineTest, ReleaseWithoutLeading) {
  machine_.Release(At(now_));
  EXPECT_EQ(Next().kind, Kind::kReleased);
}

TEST_F(LeaseMachineTest, ReleaseAfterTheDeadlineIsALoss) {
  Lead();
  now_ += seconds(10);
  machine_.Release(At(now_));
  EXPECT_EQ(Next().kind, Kind::kLost);
}

}  // namespace
}  // namespace rempart::kube
