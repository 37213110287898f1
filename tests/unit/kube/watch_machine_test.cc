#include <gtest/gtest.h>

#include <string>

#include "src/kube/watch.h"

namespace rempart::kube {
namespace {

using Kind = WatchStep::Kind;
using std::chrono::milliseconds;
using std::chrono::seconds;

// The same share of the jitter each time: 0 is the least delay, just below 1 the most.
class FixedRandom final : public Random {
 public:
  explicit FixedRandom(double share) : next_(static_cast<std::uint64_t>(share * 0x1.0p53) << 11) {}
  std::uint64_t Next() override { return next_; }

 private:
  std::uint64_t next_;
};

Error Http(int status) {
  Error error = status == 410   ? Error::Gone("gone")
                : status == 404 ? Error::NotFound("missing")
                                : Error::Invalid("refused");
  error.http_status = status;
  return error;
}

class WatchMachineTest : public testing::Test {
 protected:
  void ExpectNext(Kind kind, const std::string& rv, Duration delay, const std::string& continue_token = "") {
    WatchStep step = machine.Next();
    EXPECT_EQ(static_cast<int>(step.kind), static_cast<int>(kind));
    EXPECT_EQ(step.resource_version, rv);
    EXPECT_EQ(step.continue_token, continue_token);
    EXPECT_EQ(step.delay.count(), delay.count());
  }
  void Watching(std::uint64_t rv) { ASSERT_TRUE(machine.OnInitialEventsEnd(rv)); }

  FixedRandom least{0};
  WatchMachine machine{least};
};

TEST_F(WatchMachineTest, StartsWithAWatchListOfTheMostRecentState) {
  ExpectNext(Kind::kWatchList, "", {});
  EXPECT_FALSE(machine.synced());
}

TEST_F(WatchMachineTest, WatchesOnFromWhereItWas) {
  Watching(10);
  EXPECT_TRUE(machine.synced());
  machine.OnProgress(12);
  machine.OnStreamEnd(milliseconds(1));  // it moved on: no back-off, however short it was
  ExpectNext(Kind::kWatch, "12", {});
  machine.OnStreamEnd(seconds(300));  // it was quiet, but lived
  ExpectNext(Kind::kWatch, "12", {});
}

TEST_F(WatchMachineTest, StreamsThatEndAtOnceBackOffUntilOneIsHealthy) {
  Watching(10);
  for (milliseconds delay : {milliseconds(800), milliseconds(1600), milliseconds(3200), milliseconds(6400),
                             milliseconds(12800), milliseconds(15000), milliseconds(15000)}) {
    machine.OnStreamEnd(milliseconds(5));
    ExpectNext(Kind::kWatch, "10", delay);
  }
  machine.OnStreamEnd(seconds(10));
  ExpectNext(Kind::kWatch, "10", {});
  machine.OnStreamEnd(milliseconds(5));
  ExpectNext(Kind::kWatch, "10", milliseconds(800));
}

TEST_F(WatchMachineTest, AReplayOfOldEventsIsNoProgress) {
  Watching(10);
  machine.OnProgress(10);
  machine.OnProgress(7);
  machine.OnStreamEnd(milliseconds(5));
  ExpectNext(Kind::kWatch, "10", milliseconds(800));
}

TEST_F(WatchMachineTest, JitterReachesTwiceTheLeastAndNeverMoreThanThirtySeconds) {
  FixedRandom most(0.999999999);
  WatchMachine jittered(most);
  ASSERT_TRUE(jittered.OnInitialEventsEnd(1));
  Duration last{};
  for (int i = 0; i < 40; ++i) {
    jittered.OnError(Error::Transient("reset"));
    Duration delay = jittered.Next().delay;
    if (i == 0) {
      EXPECT_NEAR(static_cast<double>(delay.count()), 1.6e9, 1e3);
    }
    EXPECT_GE(delay, last);
    EXPECT_LE(delay, seconds(30));
    last = delay;
  }
  EXPECT_NEAR(static_cast<double>(last.count()), 30e9, 1e3);
}

TEST_F(WatchMachineTest, AnErrorRepeatsTheStepAfterABackOff) {
  machine.OnError(Error::Transient("connect"));
  ExpectNext(Kind::kWatchList, "", milliseconds(800));
  machine.OnError(Error::Denied("401"));
  ExpectNext(Kind::kWatchList, "", milliseconds(1600));
  Watching(10);
  machine.OnProgress(11);
  machine.OnError(Error::Invalid("garbage"), seconds(1));
  ExpectNext(Kind::kWatch, "11", milliseconds(800));
  machine.OnError(Error::Invalid("garbage"), seconds(1));
  ExpectNext(Kind::kWatch, "11", milliseconds(1600));
}

TEST_F(WatchMachineTest, TheServersWishIsALowerBound) {
  Error error = Error::Transient("429");
  error.retry_after = seconds(7);
  machine.OnError(error);
  ExpectNext(Kind::kWatchList, "", seconds(7));
  error.retry_after = milliseconds(1);
  machine.OnError(error);
  ExpectNext(Kind::kWatchList, "", milliseconds(1600));
}

TEST_F(WatchMachineTest, GoneStartsAnewAtOnceAndBacksOffWhenThatDoesNotHelp) {
  Watching(10);
  machine.OnProgress(20);
  machine.OnError(Http(410), seconds(1));
  ExpectNext(Kind::kWatchList, "20", {});  // not older than what was seen
  Watching(25);
  machine.OnError(Http(410), milliseconds(1));
  ExpectNext(Kind::kWatchList, "25", milliseconds(800));
  Watching(26);
  machine.OnError(Http(410), milliseconds(1));
  ExpectNext(Kind::kWatchList, "26", milliseconds(1600));
  Watching(27);
  machine.OnProgress(28);
  machine.OnError(Http(410), seconds(1));
  ExpectNext(Kind::kWatchList, "28", {});
}

TEST_F(WatchMachineTest, FallsBackToListsWhereWatchListIsNotServed) {
  for (int status : {400, 422}) {
    WatchMachine fresh(least);
    fresh.OnError(Http(status));
    EXPECT_EQ(fresh.Next().kind, Kind::kList) << status;
    EXPECT_EQ(fresh.Next().delay.count(), 0) << status;
    ASSERT_TRUE(fresh.OnListPage(5, ""));
    EXPECT_EQ(fresh.Next().kind, Kind::kWatch) << status;
    fresh.OnError(Http(410));
    EXPECT_EQ(fresh.Next().kind, Kind::kList) << status;  // for good
  }
}

TEST_F(WatchMachineTest, GarbageIsNoSignThatWatchListIsNotServed) {
  machine.OnError(Error::Invalid("malformed JSON"));
  ExpectNext(Kind::kWatchList, "", milliseconds(800));
}

TEST_F(WatchMachineTest, ListsPageByPageAsOfTheFirstPage) {
  machine.OnError(Http(422));
  ExpectNext(Kind::kList, "", {});
  ASSERT_TRUE(machine.OnListPage(30, "page2"));
  EXPECT_FALSE(machine.synced());
  ExpectNext(Kind::kList, "", {}, "page2");
  machine.OnError(Error::Transient("reset"));
  ExpectNext(Kind::kList, "", milliseconds(800), "page2");
  ASSERT_TRUE(machine.OnListPage(30, "page3"));
  ExpectNext(Kind::kList, "", {}, "page3");
  ASSERT_TRUE(machine.OnListPage(35, ""));
  EXPECT_TRUE(machine.synced());
  ExpectNext(Kind::kWatch, "30", {});
}

TEST_F(WatchMachineTest, AnExpiredOrRefusedPageStartsTheListAnew) {
  machine.OnError(Http(422));
  ASSERT_TRUE(machine.OnListPage(30, "page2"));
  machine.OnError(Http(410));
  ExpectNext(Kind::kList, "", {});
  ASSERT_TRUE(machine.OnListPage(40, "page2"));
  machine.OnError(Http(400));
  ExpectNext(Kind::kList, "", milliseconds(800));
  ASSERT_TRUE(machine.OnListPage(50, "page2"));
  machine.OnError(Error::Invalid("malformed JSON"));
  ExpectNext(Kind::kList, "", milliseconds(800));
  ASSERT_TRUE(machine.OnListPage(60, ""));
  ExpectNext(Kind::kWatch, "60", {});
}

TEST_F(WatchMachineTest, ARefusedPositionStartsAnew) {
  Watching(10);
  machine.OnError(Http(400), milliseconds(1));
  ExpectNext(Kind::kWatchList, "10", milliseconds(800));
}

TEST_F(WatchMachineTest, AMissingResourceIsAskedForAgainAfterAWhile) {
  for (int i = 0; i < 3; ++i) {
    machine.OnError(Http(404));
    ExpectNext(Kind::kWatchList, "", seconds(5));
  }
  Watching(10);
  machine.OnError(Http(404), seconds(100));  // the CRD was deleted
  ExpectNext(Kind::kWatchList, "10", seconds(5));
}

TEST_F(WatchMachineTest, TimeDoesNotGoBackWithAWatchList) {
  Watching(100);
  machine.OnProgress(120);
  machine.OnError(Http(410), seconds(20));
  Status stale = machine.OnInitialEventsEnd(110);
  ASSERT_FALSE(stale);
  EXPECT_EQ(stale.error().kind, ErrorKind::kTransient);
  EXPECT_EQ(stale.error().reason, "Stale");
  EXPECT_EQ(machine.seen(), 120u);
  machine.OnError(stale.error(), milliseconds(1));
  ExpectNext(Kind::kWatchList, "120", milliseconds(800));
  ASSERT_TRUE(machine.OnInitialEventsEnd(120));  // the same age is fine
  ExpectNext(Kind::kWatch, "120", {});
}

TEST_F(WatchMachineTest, TimeDoesNotGoBackWithAList) {
  machine.OnError(Http(422));
  ASSERT_TRUE(machine.OnListPage(100, ""));
  machine.OnProgress(120);
  machine.OnError(Http(410), seconds(20));
  for (const char* token : {"", "page2"}) {
    Status stale = machine.OnListPage(110, token);
    ASSERT_FALSE(stale);
    machine.OnError(stale.error());
    EXPECT_EQ(machine.Next().kind, Kind::kList);
    EXPECT_EQ(machine.Next().continue_token, "");
  }
  EXPECT_EQ(machine.seen(), 120u);
  ASSERT_TRUE(machine.OnListPage(121, ""));
  ExpectNext(Kind::kWatch, "121", {});
}

}  // namespace
}  // namespace rempart::kube
