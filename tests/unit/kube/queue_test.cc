#include "src/kube/queue.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <string>

#include "tests/unit/kube/jump_clock.h"

namespace rempart::kube {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::HasSubstr;

WorkKey Key(const std::string& name) { return {1, {"ns", name}}; }

class QueueTest : public testing::Test {
 protected:
  // Nothing may be waited for without limit here: it ends the wait, and the test sees nullopt.
  QueueTest() {
    clock.on_forever = [this] { waits_forever.request_stop(); };
  }
  // The next key, jumping in time to when it is due; "" when none will ever be.
  std::string Take() {
    waits_forever = {};
    auto key = queue->Take(waits_forever.get_token());
    return key ? key->object.name : "";
  }
  // What is due now, taken and done.
  std::string Drain() {
    std::string names;
    while (queue->depth() > 0) {
      auto key = queue->Take({});
      names += key->object.name;
      queue->Done(*key);
    }
    return names;
  }
  // How long until the next key is due; takes it and has done with it.
  Duration NextIn() {
    const Duration before = clock.elapsed();
    auto key = queue->Take({});
    queue->Done(*key);
    return clock.elapsed() - before;
  }

  test::JumpClock clock;
  SeededRandom random{1};
  Metrics metrics;
  std::optional<Queue> queue{std::in_place, clock, random, metrics};
  std::stop_source waits_forever;
};

TEST_F(QueueTest, LowPriorityGivesWayAndComesUp) {
  queue->SetLowPriority(2);
  for (const char* name : {"1", "2", "3"}) queue->Add({2, {"ns", name}});
  for (const char* name : {"a", "b", "c", "d", "e", "f", "g"}) queue->Add(Key(name));
  EXPECT_EQ(queue->depth(), 10u);
  EXPECT_EQ(Drain(), "abc1def2g3");
  // What was taken before there was one of low priority is not counted.
  for (const char* name : {"a", "b", "c", "d"}) queue->Add(Key(name));
  EXPECT_EQ(Drain(), "abcd");
  queue->Add({2, {"ns", "1"}});
  queue->Add(Key("a"));
  EXPECT_EQ(Drain(), "a1");
}

// One that is added while it is worked on, and one that backs off, is of the same priority.
TEST_F(QueueTest, LowPriorityIsKeptWhereAKeyComesBack) {
  queue->SetLowPriority(2);
  const WorkKey low{2, {"ns", "1"}};
  queue->Add(low);
  ASSERT_TRUE(queue->Take({}));
  queue->Add(low);
  queue->Done(low);
  queue->Add(Key("a"));
  EXPECT_EQ(Drain(), "a1");
  queue->AddRateLimited(low);
  clock.Advance(seconds(1));
  queue->Add(Key("a"));
  EXPECT_EQ(Drain(), "a1");
}

TEST_F(QueueTest, ServesInOrderAndEachKeyOnce) {
  for (const char* name : {"b", "a", "b", "c", "a"}) queue->Add(Key(name));
  EXPECT_EQ(queue->depth(), 3u);
  EXPECT_EQ(Drain(), "bac");
  EXPECT_EQ(Take(), "");
}

TEST_F(QueueTest, KeysOfDifferentControllersAreDifferent) {
  queue->Add({1, {"ns", "a"}});
  queue->Add({2, {"ns", "a"}});
  queue->Add({1, {"other", "a"}});
  EXPECT_EQ(queue->depth(), 3u);
}

TEST_F(QueueTest, AKeyAddedWhileWorkedOnComesBackAfterwardsOnce) {
  queue->Add(Key("a"));
  EXPECT_EQ(Take(), "a");
  queue->Add(Key("a"));
  queue->Add(Key("a"));
  EXPECT_EQ(queue->depth(), 0u);
  EXPECT_EQ(Take(), "");  // nobody else gets it meanwhile
  queue->Add(Key("b"));
  queue->Done(Key("a"));
  EXPECT_EQ(Drain(), "ba");
  EXPECT_TRUE(queue->Idle());
}

TEST_F(QueueTest, DelayedAddsComeWhenTheyAreDue) {
  queue->AddAfter(Key("late"), seconds(10));
  queue->AddAfter(Key("soon"), seconds(3));
  queue->AddAfter(Key("now"), seconds(0));
  queue->AddAfter(Key("past"), seconds(-5));
  EXPECT_EQ(Drain(), "nowpast");
  clock.Advance(seconds(3) - Duration(1));
  EXPECT_EQ(Drain(), "");
  clock.Advance(Duration(1));
  EXPECT_EQ(Drain(), "soon");
  EXPECT_EQ(NextIn(), seconds(7));
  EXPECT_EQ(Take(), "");
}

TEST_F(QueueTest, TheEarliestOfSeveralDelaysWins) {
  for (int s : {10, 3, 7}) queue->AddAfter(Key("a"), seconds(s));
  EXPECT_EQ(NextIn(), seconds(3));
  EXPECT_EQ(Take(), "");  // and the others are gone
}

TEST_F(QueueTest, AnAddDropsTheDelay) {
  queue->AddAfter(Key("a"), seconds(10));
  queue->Add(Key("a"));
  EXPECT_EQ(Drain(), "a");
  EXPECT_EQ(Take(), "");
}

TEST_F(QueueTest, ADelayOfAKeyInLineMeansNothing) {
  queue->Add(Key("a"));
  queue->AddAfter(Key("a"), seconds(10));
  EXPECT_EQ(Drain(), "a");
  EXPECT_EQ(Take(), "");
}

TEST_F(QueueTest, ADelayThatEndsWhileTheKeyIsWorkedOnBringsItBack) {
  queue->Add(Key("a"));
  EXPECT_EQ(Take(), "a");
  queue->AddAfter(Key("a"), seconds(1));
  clock.Advance(seconds(2));
  EXPECT_EQ(queue->depth(), 0u);
  queue->Done(Key("a"));
  EXPECT_EQ(Drain(), "a");
}

TEST_F(QueueTest, EqualDelaysKeepTheirOrder) {
  for (const char* name : {"c", "a", "b"}) queue->AddAfter(Key(name), seconds(1));
  clock.Advance(seconds(1));
  EXPECT_EQ(Drain(), "cab");
}

TEST_F(QueueTest, ALongDelayIsCutRatherThanOverflown) {
  queue->AddAfter(Key("a"), Duration::max());
  EXPECT_EQ(NextIn(), std::chrono::hours(24 * 365));
}

TEST_F(QueueTest, BackOffDoublesWithJitterUpToItsLimit) {
  Duration ceiling = milliseconds(5);
  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ(queue->Failures(Key("a")), i);
    queue->AddRateLimited(Key("a"));
    const Duration waited = NextIn();
    EXPECT_GE(waited, ceiling / 2) << i;
    EXPECT_LE(waited, ceiling) << i;
    ceiling = std::min<Duration>(ceiling * 2, seconds(60));
  }
  queue->Forget(Key("a"));
  EXPECT_EQ(queue->Failures(Key("a")), 0);
  queue->AddRateLimited(Key("a"));
  EXPECT_LE(NextIn(), milliseconds(5));
}

TEST_F(QueueTest, BackOffIsOneKeysOwn) {
  for (int i = 0; i < 15; ++i) {
    queue->AddRateLimited(Key("a"));
    NextIn();
  }
  queue->AddRateLimited(Key("b"));
  EXPECT_LE(NextIn(), milliseconds(5));
}

TEST_F(QueueTest, ALowerBoundOfTheDelayIsKept) {
  queue->AddRateLimited(Key("a"), seconds(7));
  EXPECT_EQ(NextIn(), seconds(7));
}

TEST_F(QueueTest, RetriesAreLimitedOverAllKeys) {
  queue.emplace(clock, random, metrics, QueueOptions{.retries_per_second = 10, .retry_burst = 20});
  const Duration start = clock.elapsed();
  for (int i = 0; i < 120; ++i) queue->AddRateLimited(Key(std::to_string(i)));
  int by[13] = {};
  for (int i = 0; i < 120; ++i) {
    NextIn();
    const auto second = std::chrono::ceil<seconds>(clock.elapsed() - start).count();
    ASSERT_LE(second, 12);
    ++by[second];
  }
  EXPECT_EQ(by[0] + by[1], 30);  // the burst, and a second's worth
  for (int s = 2; s <= 10; ++s) EXPECT_EQ(by[s], 10) << s;
  EXPECT_LE(by[11], 1);  // rounding
}

TEST_F(QueueTest, PilesOfDelayedAddsLeaveNothingBehind) {
  for (int i = 0; i < 100'000; ++i) queue->AddAfter(Key("a"), seconds(100'000 - i));
  EXPECT_EQ(NextIn(), seconds(1));
  clock.Advance(std::chrono::hours(1000));
  EXPECT_EQ(queue->depth(), 0u);
}

TEST_F(QueueTest, ShutDownEndsTakesAndAdds) {
  queue->Add(Key("a"));
  queue->ShutDown();
  EXPECT_EQ(queue->Take({}), std::nullopt);
  queue->Add(Key("b"));
  queue->AddAfter(Key("c"), seconds(1));
  queue->AddRateLimited(Key("d"));
  EXPECT_EQ(queue->depth(), 1u);
}

TEST_F(QueueTest, AStopIsObeyedEvenIfKeysAreDue) {
  queue->Add(Key("a"));
  std::stop_source stop;
  stop.request_stop();
  EXPECT_EQ(queue->Take(stop.get_token()), std::nullopt);
  EXPECT_EQ(Drain(), "a");
}

TEST_F(QueueTest, DoneOfAKeyThatIsNotWorkedOnIsIgnored) {
  queue->Done(Key("never"));
  queue->Add(Key("a"));
  queue->Done(Key("a"));
  EXPECT_EQ(Drain(), "a");
}

TEST_F(QueueTest, MetricsCount) {
  queue->Add(Key("a"));
  queue->Add(Key("a"));
  queue->Add(Key("b"));
  EXPECT_THAT(metrics.Expose(), HasSubstr("workqueue_depth{name=\"rempart\"} 2"));
  clock.Advance(seconds(5));
  EXPECT_EQ(Take(), "a");
  clock.Advance(seconds(30));
  EXPECT_EQ(Take(), "b");
  clock.Advance(seconds(10));
  std::string text = metrics.Expose();
  EXPECT_THAT(text, HasSubstr("workqueue_depth{name=\"rempart\"} 0"));
  EXPECT_THAT(text, HasSubstr("workqueue_adds_total{name=\"rempart\"} 2"));
  EXPECT_THAT(text, HasSubstr("workqueue_unfinished_work_seconds{name=\"rempart\"} 50"));
  EXPECT_THAT(text, HasSubstr("workqueue_longest_running_processor_seconds{name=\"rempart\"} 40"));
  EXPECT_THAT(text, HasSubstr("workqueue_queue_duration_seconds_sum{name=\"rempart\"} 40"));
  queue->Done(Key("a"));
  queue->Done(Key("b"));
  queue->AddRateLimited(Key("a"));
  text = metrics.Expose();
  EXPECT_THAT(text, HasSubstr("workqueue_work_duration_seconds_sum{name=\"rempart\"} 50"));
  EXPECT_THAT(text, HasSubstr("workqueue_retries_total{name=\"rempart\"} 1"));
  EXPECT_THAT(text, HasSubstr("workqueue_unfinished_work_seconds{name=\"rempart\"} 0"));
  queue.reset();
  metrics.Expose();  // a queue that is gone is not asked
}

}  // namespace
}  // namespace rempart::kube
