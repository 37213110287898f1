#include "src/kube/events.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <thread>

#include "src/base/json.h"
#include "tests/unit/kube/fake_api.h"
#include "tests/unit/kube/fake_clock.h"

namespace rempart::kube {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using test::FakeApi;
using test::FakeStore;
using test::StepClock;

Event MakeEvent(const std::string& note = "n") {
  return {.regarding = {"apps/v1", "Deployment", "acme", "web", "uid-1"},
          .type = Event::Type::kWarning,
          .reason = "Moved",
          .action = "Evict",
          .note = note};
}

class EventSenderTest : public testing::Test {
 protected:
  ~EventSenderTest() override {
    api_.Hang(false);
    Stop();
  }
  void Start() {
    thread_ = std::thread([this] { sender_.Run(stop_.get_token()); });
    AwaitRest();
  }
  // The sender and its watchdog wait: nothing is left to do now.
  void AwaitRest() { clock_.AwaitWaiters(2); }
  void Stop() {
    stop_.request_stop();
    if (thread_.joinable()) thread_.join();
  }
  // Records once more and lets the sender do all that it can.
  void Send(Event event) {
    const std::size_t calls = api_.calls().size();
    sender_.Record(std::move(event));
    api_.AwaitCalls(calls + 1);
  }
  // Records one event, of which so many sendings fail, and waits through all the sendings that one event is given.
  void RecordThroughFailures(int times) {
    api_.FailNext(Error::Transient("reset"), times);
    sender_.Record(MakeEvent());
    Start();
    for (int pauses = 0; pauses < 3; ++pauses) {
      AwaitRest();
      clock_.Advance(seconds(3));
    }
    api_.AwaitCalls(4);
  }
  double Dropped(const std::string& reason) {
    return metrics_.GetCounter("rempart_events_dropped_total", "", {{"reason", reason}}).Value();
  }
  // Stops in good order and gives the events that the server then has.
  std::vector<Json> Stored() {
    Stop();
    return store_.All();
  }

  FakeStore store_;
  FakeApi api_{store_};
  StepClock clock_;
  SeededRandom random_{5};
  Metrics metrics_;
  EventSender sender_{api_, clock_, random_, metrics_, "rempart.dev/operator", "rempart-0"};
  std::stop_source stop_;
  std::thread thread_;
};

TEST_F(EventSenderTest, WhatIsSent) {
  Event event = MakeEvent("moved to \xff");
  event.related = ObjectRef{"v1", "Node", "", "fr-1", ""};
  sender_.Record(event);
  Start();
  const auto stored = Stored();
  ASSERT_EQ(stored.size(), 1u);
  Json json = stored[0];
  EXPECT_TRUE(json["metadata"]["name"].get<std::string>().starts_with("web."));
  json.erase("metadata");
  EXPECT_EQ(json,
            Json::parse(R"({"apiVersion":"events.k8s.io/v1","kind":"Event","eventTime":"2026-01-01T00:00:00.000000Z",
      "reportingController":"rempart.dev/operator","reportingInstance":"rempart-0","action":"Evict","reason":"Moved",
      "regarding":{"apiVersion":"apps/v1","kind":"Deployment","namespace":"acme","name":"web","uid":"uid-1"},
      "related":{"apiVersion":"v1","kind":"Node","name":"fr-1"},"note":"moved to \uFFFD","type":"Warning"})"));
  const Api::Call call = api_.calls()[0];
  EXPECT_EQ(call.method, "POST");
  EXPECT_EQ(call.target, "/apis/events.k8s.io/v1/namespaces/acme/events?fieldManager=rempart");
  EXPECT_FALSE(call.obey_retry_after);
}

TEST_F(EventSenderTest, ASeriesIsPatched) {
  Start();
  Send(MakeEvent());
  clock_.Advance(seconds(60));
  Send(MakeEvent());
  const auto stored = Stored();
  ASSERT_EQ(stored.size(), 1u);
  EXPECT_EQ(stored[0]["series"], Json::parse(R"({"count":2,"lastObservedTime":"2026-01-01T00:01:00.000000Z"})"));
  EXPECT_EQ(stored[0]["eventTime"], "2026-01-01T00:00:00.000000Z");
  const Api::Call patch = api_.calls().at(1);
  EXPECT_EQ(patch.method, "PATCH");
  EXPECT_EQ(patch.content_type, "application/merge-patch+json");
  EXPECT_EQ(Json::parse(patch.body).size(), 1u) << "nothing but the series may change";
}

TEST_F(EventSenderTest, ASeriesWhoseObjectIsGoneGoesOnInANewOne) {
  Start();
  Send(MakeEvent());
  api_.AwaitAnswers(1);  // so that it is there to be removed
  for (const Json& event : store_.All()) {
    store_.Remove("/apis/events.k8s.io/v1/namespaces/acme/events/" + event["metadata"]["name"].get<std::string>());
  }
  Send(MakeEvent());
  api_.AwaitCalls(3);
  Send(MakeEvent());
  const auto stored = Stored();
  ASSERT_EQ(stored.size(), 1u);
  EXPECT_EQ(stored[0]["series"]["count"], 3);
  EXPECT_EQ(api_.calls().size(), 4u) << "create, patch (not found), create, patch";
  EXPECT_EQ(Dropped("refused"), 0);
}

TEST_F(EventSenderTest, WhatMayPassIsTriedThreeTimesMore) {
  RecordThroughFailures(3);
  EXPECT_EQ(Stored().size(), 1u);
  EXPECT_EQ(Dropped("failed"), 0);
}

TEST_F(EventSenderTest, AndThenDropped) {
  RecordThroughFailures(4);
  sender_.Record(MakeEvent("another"));
  EXPECT_EQ(Stored().size(), 1u);
  EXPECT_EQ(api_.calls().size(), 5u);
  EXPECT_EQ(Dropped("failed"), 1);
}

TEST_F(EventSenderTest, RetryAfterIsObeyed) {
  Error busy = Error::Transient("busy");
  busy.retry_after = seconds(20);
  api_.FailNext(busy);
  sender_.Record(MakeEvent());
  Start();
  clock_.Advance(milliseconds(19'999));
  AwaitRest();
  EXPECT_EQ(api_.calls().size(), 1u);
  clock_.Advance(milliseconds(1));
  api_.AwaitCalls(2);
  EXPECT_EQ(Stored().size(), 1u);
}

TEST_F(EventSenderTest, RefusalsAreDroppedAtOnce) {
  for (const ErrorKind kind : {ErrorKind::kInvalid, ErrorKind::kDenied, ErrorKind::kNotFound, ErrorKind::kInternal}) {
    api_.FailNext(Error{kind, "no"});
  }
  for (int i = 0; i < 5; ++i) sender_.Record(MakeEvent(std::to_string(i)));
  Start();
  EXPECT_EQ(Stored().size(), 1u);
  EXPECT_EQ(api_.calls().size(), 5u);
  EXPECT_EQ(Dropped("refused"), 4);
}

TEST_F(EventSenderTest, ALostAnswerDoesNotMakeTwoEvents) {
  api_.LoseAnswers(1);
  sender_.Record(MakeEvent());
  Start();
  clock_.Advance(seconds(3));
  api_.AwaitCalls(2);
  EXPECT_EQ(Stored().size(), 1u);
  EXPECT_EQ(Dropped("failed"), 0);
}

TEST_F(EventSenderTest, WhatIsDroppedBeforeTheLineIsCounted) {
  for (int i = 0; i < 40; ++i) sender_.Record(MakeEvent(std::to_string(i)));
  EXPECT_EQ(Dropped("rate"), 15);
  for (int i = 0; i < 1000; ++i) {
    Event event = MakeEvent();
    event.regarding.name = "web-" + std::to_string(i);
    sender_.Record(event);
  }
  EXPECT_EQ(Dropped("full"), 25);
}

TEST_F(EventSenderTest, WhatIsLeftIsSentAtTheEnd) {
  for (int i = 0; i < 20; ++i) sender_.Record(MakeEvent(std::to_string(i)));
  stop_.request_stop();
  sender_.Run(stop_.get_token());
  EXPECT_EQ(store_.All().size(), 20u);
}

TEST_F(EventSenderTest, TheEndTakesAtMostTwoSeconds) {
  api_.Hang(true);
  for (int i = 0; i < 20; ++i) sender_.Record(MakeEvent(std::to_string(i)));
  thread_ = std::thread([this] { sender_.Run(stop_.get_token()); });
  api_.AwaitHanging();
  stop_.request_stop();
  clock_.AwaitWaiters(1);  // the watchdog
  clock_.Advance(milliseconds(1'999));
  clock_.AwaitWaiters(1);
  EXPECT_EQ(Dropped("shutdown"), 0);
  clock_.Advance(milliseconds(1));
  thread_.join();
  EXPECT_EQ(Dropped("failed"), 1);
  EXPECT_EQ(Dropped("shutdown"), 19);
}

TEST_F(EventSenderTest, AStopEndsThePauseBetweenTries) {
  api_.FailAll(Error::Transient("reset"));
  sender_.Record(MakeEvent());
  Start();
  stop_.request_stop();
  clock_.Advance(seconds(2));
  thread_.join();  // no more time has to pass
  EXPECT_EQ(Dropped("failed"), 1);
}

TEST_F(EventSenderTest, RecordNeverWaitsForTheServer) {
  api_.Hang(true);
  thread_ = std::thread([this] { sender_.Run(stop_.get_token()); });
  sender_.Record(MakeEvent());
  api_.AwaitHanging();
  std::vector<std::jthread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([this] {
      for (int i = 0; i < 200; ++i) sender_.Record(MakeEvent(std::to_string(i % 5)));
    });
  }
  threads.clear();  // all have returned while the server hangs
  api_.Hang(false);
  Stop();
  EXPECT_EQ(store_.All().size(), 6u) << "five notes and the first";
  std::int64_t told = 0;
  for (const Json& event : store_.All())
    told += event.contains("series") ? event["series"]["count"].get<std::int64_t>() : 1;
  EXPECT_EQ(told, 801);
}

}  // namespace
}  // namespace rempart::kube
