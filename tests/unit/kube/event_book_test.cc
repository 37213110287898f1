#include "src/kube/event_book.h"

#include <gtest/gtest.h>

#include <set>

namespace rempart::kube {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;
using Taken = EventBook::Taken;

Event MakeEvent(const std::string& note = "n", const std::string& reason = "R", const std::string& name = "web") {
  return {.regarding = {"apps/v1", "Deployment", "acme", name, "uid-" + name},
          .reason = reason,
          .action = "A",
          .note = note};
}

class EventBookTest : public testing::Test {
 protected:
  Taken Record(const Event& event) { return book_.Record(event, MonoTime(now_), WallTime(now_)); }
  std::optional<EventSend> Take() { return book_.Take(MonoTime(now_)); }
  // Takes and sends everything that may be sent now; how much that was.
  int Drain() {
    int n = 0;
    for (; const auto send = Take(); ++n) book_.Sent(*send, MonoTime(now_));
    return n;
  }
  SeededRandom random_{3};
  EventBook book_{random_};
  Duration now_ = seconds(1000);
};

TEST_F(EventBookTest, TheFirstIsCreated) {
  EXPECT_EQ(book_.NextDue(), MonoTime::max());
  EXPECT_FALSE(Take());
  EXPECT_EQ(Record(MakeEvent()), Taken::kYes);
  EXPECT_EQ(book_.NextDue(), MonoTime::min());
  const auto send = Take();
  ASSERT_TRUE(send);
  EXPECT_TRUE(send->create);
  EXPECT_EQ(send->ns, "acme");
  EXPECT_EQ(send->count, 1);
  EXPECT_EQ(send->first, WallTime(now_));
  EXPECT_EQ(book_.NextDue(), MonoTime::max());
}

TEST_F(EventBookTest, TheSameBecomesASeries) {
  Record(MakeEvent());
  const auto first = Take();
  book_.Sent(*first, MonoTime(now_));
  now_ += minutes(9);
  Record(MakeEvent());
  Record(MakeEvent());
  const auto again = Take();
  ASSERT_TRUE(again);
  EXPECT_FALSE(again->create);
  EXPECT_EQ(again->name, first->name);
  EXPECT_EQ(again->count, 3) << "waiting together, told together";
  EXPECT_EQ(again->first, first->first);
  EXPECT_EQ(again->last, WallTime(now_));
  EXPECT_FALSE(Take());
}

TEST_F(EventBookTest, WhatHappensWhileItIsSentIsSentAfterwards) {
  Record(MakeEvent());
  const auto first = Take();
  Record(MakeEvent());
  EXPECT_FALSE(Take()) << "never two writes of one series at a time";
  book_.Sent(*first, MonoTime(now_));
  const auto second = Take();
  ASSERT_TRUE(second);
  EXPECT_FALSE(second->create);
  EXPECT_EQ(second->count, 2);
}

TEST_F(EventBookTest, EachDifferenceIsASeriesOfItsOwn) {
  Event events[] = {MakeEvent(),
                    MakeEvent("other note"),
                    MakeEvent("n", "Other"),
                    MakeEvent("n", "R", "other"),
                    MakeEvent(),
                    MakeEvent(),
                    MakeEvent(),
                    MakeEvent()};
  events[4].type = Event::Type::kWarning;
  events[5].action = "Other";
  events[6].regarding.uid = "another life of it";
  events[7].regarding.ns = "other";
  for (const Event& event : events) Record(event);
  std::set<std::string> names;
  while (const auto send = Take()) {
    EXPECT_TRUE(send->create);
    names.insert(send->name);
  }
  EXPECT_EQ(names.size(), std::size(events));
}

TEST_F(EventBookTest, APauseEndsASeries) {
  Record(MakeEvent());
  const auto first = Take();
  book_.Sent(*first, MonoTime(now_));
  now_ += minutes(10) + seconds(1);
  Record(MakeEvent());
  const auto second = Take();
  ASSERT_TRUE(second);
  EXPECT_TRUE(second->create);
  EXPECT_EQ(second->count, 1);
  EXPECT_NE(second->name, first->name);
}

TEST_F(EventBookTest, AFailedSeriesStartsAnew) {
  Record(MakeEvent());
  book_.Failed(*Take());
  Record(MakeEvent());
  const auto second = Take();
  ASSERT_TRUE(second);
  EXPECT_TRUE(second->create);
  EXPECT_EQ(second->count, 1);
}

TEST_F(EventBookTest, NewSeriesBeyondTheBurstAreDropped) {
  int taken = 0;
  for (int i = 0; i < 100; ++i) taken += Record(MakeEvent("note " + std::to_string(i))) == Taken::kYes;
  EXPECT_EQ(taken, 25);
  EXPECT_EQ(Record(MakeEvent("note", "OtherReason")), Taken::kYes);
  EXPECT_EQ(Record(MakeEvent("note", "R", "other-object")), Taken::kYes);
  EXPECT_EQ(Drain(), 27);
  now_ += minutes(5);
  EXPECT_EQ(Record(MakeEvent("a")), Taken::kYes) << "one per five minutes";
  EXPECT_EQ(Record(MakeEvent("b")), Taken::kTooMany);
  now_ += minutes(500);
  for (int i = 0; i < 25; ++i) EXPECT_EQ(Record(MakeEvent("again " + std::to_string(i))), Taken::kYes);
  EXPECT_EQ(Record(MakeEvent("c")), Taken::kTooMany) << "and never more than a burst";
}

TEST_F(EventBookTest, AFloodOfOneEventIsWrittenRarelyAndCountedInFull) {
  int writes = 0;
  std::int64_t told = 0;
  for (int second = 0; second < 3600; ++second, now_ += seconds(1)) {
    EXPECT_EQ(Record(MakeEvent()), Taken::kYes);
    while (const auto send = Take()) {
      ++writes;
      told = send->count;
      book_.Sent(*send, MonoTime(now_));
    }
  }
  EXPECT_EQ(writes, 25 + 11) << "a burst, then one per five minutes, the one of the full hour not yet: 36 of 3,600";
  // Nothing more happens: the rest is told when it may be.
  EXPECT_LT(told, 3600);
  const MonoTime due = book_.NextDue();
  ASSERT_NE(due, MonoTime::max());
  EXPECT_LE(due, MonoTime(now_ + minutes(5)));
  EXPECT_FALSE(book_.Take(due - std::chrono::nanoseconds(1)));
  const auto last = book_.Take(due);
  ASSERT_TRUE(last);
  EXPECT_EQ(last->count, 3600);
  book_.Sent(*last, due);
  EXPECT_EQ(book_.NextDue(), MonoTime::max());
}

TEST_F(EventBookTest, TheLineIsBounded) {
  int full = 0;
  for (int i = 0; i < 1200; ++i) full += Record(MakeEvent("n", "R", "object-" + std::to_string(i))) == Taken::kFull;
  EXPECT_EQ(full, 200);
  EXPECT_EQ(book_.waiting(), 1000u);
  EXPECT_EQ(Record(MakeEvent("n", "R", "object-5")), Taken::kYes) << "what waits already only counts";
  EXPECT_EQ(Drain(), 1000);
  EXPECT_EQ(book_.waiting(), 0u);
}

TEST_F(EventBookTest, MemoryIsBounded) {
  EventBook book(random_, {.line = 10, .series = 20});
  for (int i = 0; i < 10'000; ++i) {
    book.Record(MakeEvent("n", "R", "object-" + std::to_string(i)), MonoTime(now_), WallTime(now_));
    if (i % 3 == 0) {
      if (const auto send = book.Take(MonoTime(now_))) book.Sent(*send, MonoTime(now_));
    }
    now_ += seconds(1);
  }
  // The longest unseen are forgotten: they are new when they come again.
  while (const auto send = book.Take(MonoTime(now_))) book.Sent(*send, MonoTime(now_));
  for (int i = 0; i < 40; ++i) {
    book.Record(MakeEvent("n", "R", "fresh-" + std::to_string(i)), MonoTime(now_), WallTime(now_));
    book.Sent(*book.Take(MonoTime(now_)), MonoTime(now_));
  }
  book.Record(MakeEvent("n", "R", "fresh-39"), MonoTime(now_), WallTime(now_));
  EXPECT_FALSE(book.Take(MonoTime(now_))->create);
  book.Record(MakeEvent("n", "R", "fresh-0"), MonoTime(now_), WallTime(now_));
  EXPECT_TRUE(book.Take(MonoTime(now_))->create);
}

TEST_F(EventBookTest, FieldsAreBounded) {
  Event event = MakeEvent(std::string(1023, 'x') + "é and more", std::string(200, 'R'));
  event.action = "A\xff";
  Record(event);
  const Event sent = Take()->event;
  EXPECT_LE(sent.note.size(), 1024u);
  EXPECT_TRUE(sent.note.ends_with("…")) << sent.note.substr(1000);
  EXPECT_LE(sent.reason.size(), 128u);
  EXPECT_EQ(sent.action, "A\xEF\xBF\xBD");
}

TEST_F(EventBookTest, Names) {
  const auto name = [&](const std::string& regarding) { return book_.NewName(MakeEvent("n", "R", regarding)); };
  const auto stem = [&](const std::string& regarding) {
    const std::string n = name(regarding);
    return n.substr(0, n.size() - 17);
  };
  EXPECT_EQ(stem("web-1.example"), "web-1.example");
  EXPECT_EQ(stem("system:Node/x"), "system-node-x");
  EXPECT_EQ(stem("--x--"), "x");
  EXPECT_EQ(stem(""), "event");
  EXPECT_EQ(stem("é"), "event");
  EXPECT_EQ(name(std::string(300, 'x')).size(), 253u);
  EXPECT_EQ(name("web").find_first_not_of("0123456789abcdef", 4), std::string::npos) << name("web");
  EXPECT_NE(name("web"), name("web"));
}

TEST_F(EventBookTest, EventsOfClusterScopedObjectsAreInDefault) {
  Event event = MakeEvent();
  event.regarding.ns.clear();
  Record(event);
  EXPECT_EQ(Take()->ns, "default");
}

}  // namespace
}  // namespace rempart::kube
