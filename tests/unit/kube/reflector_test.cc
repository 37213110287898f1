#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <stdexcept>
#include <string>
#include <vector>

#include "src/base/log.h"
#include "src/kube/watch.h"
#include "tests/unit/kube/watch_fakes.h"

namespace rempart::kube {
namespace {

using namespace test;
using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;
using Answer = ScriptedApi::Answer;
using Notes = std::vector<std::string>;

constexpr Resource kDeployments{"apps", "v1", "deployments", "Deployment", true};

Error Http(int status, ErrorKind kind) {
  Error error{kind, "answered " + std::to_string(status)};
  error.http_status = status;
  return error;
}

class ReflectorTest : public testing::Test {
 protected:
  void Run() { Run(sink); }
  void Run(WatchSink& into) {
    Reflector reflector(api, clock, random, metrics, kDeployments, into, options);
    reflector.Run(api.stop.get_token());
    synced = reflector.synced();
  }
  double Restarts(const std::string& reason) {
    return metrics
        .GetCounter("rempart_watch_restarts_total", "", {{"resource", "deployments.apps"}, {"reason", reason}})
        .Value();
  }

  JumpClock clock;
  ScriptedApi api{clock};
  SeededRandom random{1};
  Metrics metrics;
  NotingSink sink;
  ReflectorOptions options;
  bool synced = false;
};

TEST_F(ReflectorTest, TakesAFullStateThenWatches) {
  const std::string all = Added("a", 3) + Added("b", 7) + InitialEnd(9) + Added("c", 10) + Modified("a", 11) +
                          Bookmark(15) + Deleted("b", 16);
  api.script = {{{all.substr(0, 50), all.substr(50, 200), all.substr(250)}, {}, seconds(300)},
                {{Modified("c", 17)}, {}, seconds(300)}};
  Run();
  EXPECT_EQ(sink.notes, (Notes{"Init", "InitApply a@3", "InitApply b@7", "InitDone 9", "Apply c@10", "Apply a@11",
                               "Progress 15", "Delete b@16", "Apply c@17"}));
  EXPECT_TRUE(synced);
  ASSERT_EQ(api.calls.size(), 2u);
  EXPECT_THAT(api.calls[0],
              HasSubstr("STREAM /apis/apps/v1/deployments?watch=true&allowWatchBookmarks=true&sendInitialEvents=true"
                        "&resourceVersionMatch=NotOlderThan&timeoutSeconds="));
  EXPECT_THAT(api.calls[1], HasSubstr("?watch=true&allowWatchBookmarks=true&resourceVersion=16&timeoutSeconds="));
  EXPECT_THAT(api.calls[1], Not(HasSubstr("sendInitialEvents")));
  EXPECT_EQ(api.last_idle, seconds(90));
  EXPECT_TRUE(clock.sleeps.empty());  // healthy streams are followed at once
  EXPECT_EQ(Restarts("end"), 2);
  EXPECT_EQ(metrics.GetCounter("rempart_watch_events_total", "", {{"resource", "deployments.apps"}}).Value(), 8);
}

Error Silent() {
  Error error = Error::Transient("the answer was cut short: no answer within 90000 ms");
  error.reason = http::kSilent;
  return error;
}

// Bookmarks may not come at all; what is quiet is not broken, and must not be left unwatched for a back-off.
TEST_F(ReflectorTest, ASilentWatchIsFollowedAtOnce) {
  const Error silent = Silent();
  api.script = {
      {{Added("a", 3) + InitialEnd(9)}, silent, seconds(90)}, {{}, silent, seconds(90)}, {{}, silent, seconds(90)}};
  Run();
  EXPECT_TRUE(clock.sleeps.empty());
  EXPECT_EQ(Restarts("silent"), 3);
  for (std::size_t i : {1, 2}) EXPECT_THAT(api.calls.at(i), HasSubstr("resourceVersion=9&"));
  EXPECT_EQ(sink.notes, (Notes{"Init", "InitApply a@3", "InitDone 9"}));
}

TEST_F(ReflectorTest, SilenceAfterSomethingCameIsAFailure) {
  const Error silent = Silent();
  api.script = {{{Added("a", 3) + InitialEnd(9) + Bookmark(15)}, silent, seconds(150)}};
  Run();
  EXPECT_EQ(clock.sleeps.size(), 1u);
  EXPECT_EQ(Restarts("transient"), 1);
}

TEST_F(ReflectorTest, SilenceWithinAnEventOrTheInitialStateIsAFailure) {
  const Error silent = Silent();
  api.script = {{{Added("a", 3)}, silent, seconds(90)},
                {{Added("a", 3) + InitialEnd(9) + Modified("a", 10).substr(0, 20)}, silent, seconds(90)}};
  Run();
  EXPECT_EQ(clock.sleeps.size(), 2u);
  EXPECT_EQ(Restarts("silent"), 0);
  EXPECT_EQ(Restarts("transient"), 2);
}

TEST_F(ReflectorTest, AsksWithItsSelectorsAndAJitteredTimeout) {
  options.label_selector = "app in (a,b),x!=y";
  options.field_selector = "spec.nodeName=n1";
  for (int i = 0; i < 20; ++i)
    api.script.push_back(
        {{Added("a", 1) + InitialEnd(static_cast<std::uint64_t>(2 + i))}, Error::Gone("gone"), seconds(1)});
  Run();
  ASSERT_EQ(api.calls.size(), 20u);
  std::set<int> timeouts;
  for (const auto& call : api.calls) {
    EXPECT_THAT(call, HasSubstr("&labelSelector=app%20in%20%28a%2Cb%29%2Cx%21%3Dy&fieldSelector=spec.nodeName%3Dn1"));
    const int timeout = std::stoi(call.substr(call.find("timeoutSeconds=") + 15));
    EXPECT_GE(timeout, 290);
    EXPECT_LE(timeout, 580);
    timeouts.insert(timeout);
  }
  EXPECT_GT(timeouts.size(), 5u);
}

TEST_F(ReflectorTest, ChangesWhileTheInitialStateIsSentBelongToIt) {
  api.script = {
      {{Added("a", 3) + Added("b", 4) + Modified("a", 8) + Deleted("b", 9) + InitialEnd(10)}, {}, seconds(300)}};
  Run();
  EXPECT_EQ(sink.notes,
            (Notes{"Init", "InitApply a@3", "InitApply b@4", "InitApply a@8", "Delete b@9", "InitDone 10"}));
}

TEST_F(ReflectorTest, AnInitialStateThatIsCutStartsOver) {
  api.script = {{{Added("a", 3)}, Error::Transient("reset"), {}},
                {{Added("a", 3) + Added("b", 4)}, {}, {}},
                {{Added("b", 4) + InitialEnd(5)}, {}, seconds(300)}};
  Run();
  EXPECT_EQ(sink.notes, (Notes{"Init", "InitApply a@3", "Init", "InitApply a@3", "InitApply b@4", "Init",
                               "InitApply b@4", "InitDone 5"}));
  EXPECT_EQ(clock.sleeps.size(), 2u);
  EXPECT_EQ(Restarts("transient"), 1);
}

TEST_F(ReflectorTest, AStreamCutWithinAnEventGoesOnFromTheLastWhole) {
  const std::string cut = Modified("a", 11);
  api.script = {{{Added("a", 3) + InitialEnd(9) + Modified("a", 10) + cut.substr(0, cut.size() / 2)}, {}, seconds(60)},
                {{cut}, {}, seconds(60)}};
  Run();
  EXPECT_EQ(sink.notes, (Notes{"Init", "InitApply a@3", "InitDone 9", "Apply a@10", "Apply a@11"}));
  EXPECT_THAT(api.calls[1], HasSubstr("resourceVersion=10&"));
  ASSERT_EQ(clock.sleeps.size(), 1u);  // a fault, not an end in good order
  EXPECT_GE(clock.sleeps[0], milliseconds(800));
  EXPECT_LE(clock.sleeps[0], milliseconds(1600));
}

TEST_F(ReflectorTest, GarbageMeansReconnectFromTheLastWhole) {
  for (const std::string& garbage :
       {std::string("\x01\xff{{{\n"), std::string("<html>\n"), EventLine("ADDED", R"({"metadata":{"name":"x"}})"),
        EventLine("MODIFIED", R"({"metadata":{"name":"x","resourceVersion":"abc"}})"), EventLine("SURPRISE", "{}")}) {
    sink.notes.clear();
    api.calls.clear();
    api.stop = {};
    api.script = {{{InitialEnd(9) + Added("a", 10) + garbage + Added("b", 11)}, {}, seconds(60)},
                  {{Added("b", 11)}, {}, seconds(60)}};
    Run();
    EXPECT_EQ(sink.notes, (Notes{"Init", "InitDone 9", "Apply a@10", "Apply b@11"})) << garbage;
    EXPECT_THAT(api.calls[1], HasSubstr("resourceVersion=10&")) << garbage;
  }
  EXPECT_EQ(Restarts("invalid"), 5);
}

TEST_F(ReflectorTest, AStreamClosedAtOnceAgainAndAgainBacksOff) {
  api.script = {{{InitialEnd(9)}, {}, {}}};
  for (int i = 0; i < 8; ++i) api.script.push_back({{Bookmark(9)}, {}, milliseconds(2)});
  Run();
  ASSERT_EQ(clock.sleeps.size(), 9u);
  EXPECT_GE(clock.sleeps[0], milliseconds(800));
  for (std::size_t i = 1; i < 5; ++i) EXPECT_GT(clock.sleeps[i], clock.sleeps[i - 1]);
  EXPECT_GE(clock.sleeps[8], seconds(15));
  EXPECT_LE(clock.sleeps[8], seconds(30));
}

TEST_F(ReflectorTest, GoneTakesAFullStateAnew) {
  api.script = {{{Added("a", 3) + InitialEnd(9) + Added("b", 12) + ErrorLine(410, "Expired")}, {}, seconds(60)},
                {{Added("b", 12) + InitialEnd(20)}, {}, seconds(60)}};
  Run();
  EXPECT_EQ(sink.notes,
            (Notes{"Init", "InitApply a@3", "InitDone 9", "Apply b@12", "Init", "InitApply b@12", "InitDone 20"}));
  EXPECT_THAT(api.calls[1], HasSubstr("resourceVersionMatch=NotOlderThan&resourceVersion=12&"));
  EXPECT_TRUE(clock.sleeps.empty());
  EXPECT_EQ(Restarts("gone"), 1);
}

TEST_F(ReflectorTest, AStateOlderThanWhatWasSeenIsRefusedAndAskedForAgain) {
  api.script = {{{Added("a", 3) + InitialEnd(9) + Added("b", 12) + ErrorLine(410, "Expired")}, {}, seconds(60)},
                {{Added("a", 3) + InitialEnd(10) + Deleted("a", 11)}, {}, seconds(60)},  // a server that lags behind
                {{Added("a", 3) + Added("b", 12) + InitialEnd(12)}, {}, seconds(60)}};
  Run();
  EXPECT_EQ(sink.notes, (Notes{"Init", "InitApply a@3", "InitDone 9", "Apply b@12", "Init", "InitApply a@3", "Init",
                               "InitApply a@3", "InitApply b@12", "InitDone 12"}));
  EXPECT_EQ(clock.sleeps.size(), 1u);
  EXPECT_EQ(Restarts("stale"), 1);
}

TEST_F(ReflectorTest, FallsBackToPagedLists) {
  options.page_size = 2;
  api.script = {{{}, Http(422, ErrorKind::kInvalid), {}},
                {{Page(30, {ObjectJson("a", 3), ObjectJson("b", 7)}, "t/2=")}, {}, {}},
                {{Page(30, {ObjectJson("c", 8)})}, {}, {}},
                {{Modified("a", 31)}, {}, seconds(60)}};
  Run();
  EXPECT_EQ(sink.notes,
            (Notes{"Init", "Init", "InitApply a@3", "InitApply b@7", "InitApply c@8", "InitDone 30", "Apply a@31"}));
  EXPECT_EQ(api.calls[1], "GET /apis/apps/v1/deployments?limit=2");
  EXPECT_EQ(api.calls[2], "GET /apis/apps/v1/deployments?limit=2&continue=t%2F2%3D");
  EXPECT_THAT(api.calls[3], HasSubstr("resourceVersion=30&"));
  EXPECT_TRUE(clock.sleeps.empty());
  EXPECT_TRUE(synced);
}

TEST_F(ReflectorTest, AServerThatIgnoresSendInitialEventsIsListed) {
  api.script = {{{Added("a", 3) + Bookmark(9)}, {}, seconds(60)}, {{Page(30, {ObjectJson("a", 3)})}, {}, {}}};
  Run();
  EXPECT_EQ(sink.notes, (Notes{"Init", "InitApply a@3", "Init", "InitApply a@3", "InitDone 30"}));
}

TEST_F(ReflectorTest, AnExpiredPageStartsTheListOver) {
  api.script = {{{}, Http(400, ErrorKind::kInvalid), {}},
                {{Page(30, {ObjectJson("a", 3)}, "t2")}, {}, {}},
                {{}, Http(410, ErrorKind::kGone), {}},
                {{Page(40, {ObjectJson("b", 3)})}, {}, {}}};
  Run();
  EXPECT_EQ(sink.notes, (Notes{"Init", "Init", "InitApply a@3", "Init", "InitApply b@3", "InitDone 40"}));
}

TEST_F(ReflectorTest, AStaleListIsAskedForAgain) {
  api.script = {{{}, Http(422, ErrorKind::kInvalid), {}},
                {{Page(30, {ObjectJson("a", 3)})}, {}, {}},
                {{Modified("a", 35) + ErrorLine(410, "Expired")}, {}, seconds(60)},
                {{Page(32, {ObjectJson("a", 3)})}, {}, {}},
                {{Page(35, {ObjectJson("a", 35)})}, {}, {}}};
  Run();
  EXPECT_EQ(sink.notes, (Notes{"Init", "Init", "InitApply a@3", "InitDone 30", "Apply a@35", "Init", "InitApply a@3",
                               "Init", "InitApply a@35", "InitDone 35"}));
  EXPECT_EQ(Restarts("stale"), 1);
}

TEST_F(ReflectorTest, UnreadablePagesAreRetriedAndTooLargeOnesHalved) {
  api.script = {{{}, Http(422, ErrorKind::kInvalid), {}},
                {{"<html>busy</html>"}, {}, {}},
                {{R"({"items":[]})"}, {}, {}},
                {{R"({"metadata":{"resourceVersion":"5"},"items":"none"})"}, {}, {}},
                {{}, Error::Invalid("the answer is too large"), {}},
                {{Page(30, {})}, {}, {}}};
  Run();
  EXPECT_THAT(api.calls, ElementsAre(testing::_, HasSubstr("limit=500"), HasSubstr("limit=500"), HasSubstr("limit=500"),
                                     HasSubstr("limit=500"), HasSubstr("limit=250")));
  EXPECT_EQ(sink.notes.back(), "InitDone 30");
  EXPECT_EQ(clock.sleeps.size(), 4u);
}

// What a definition lets through that preserves unknown fields: one such object must not hold up all others.
TEST_F(ReflectorTest, WhatOneObjectHoldsThatCannotBeReadIsItsOwnMatter) {
  static std::vector<std::string> lines;
  lines.clear();
  log::SetSink([](std::string_view line) { lines.emplace_back(line); });
  const std::string wide = R"(,"spec":{"replicas":100000000000000000000})";
  const std::string deep = R"(,"spec":)" + std::string(5000, '[') + std::string(5000, ']');
  api.script = {
      {{EventLine("ADDED", ObjectJson("a", 3, wide)) + Added("b", 7) + EventLine("ADDED", ObjectJson("c", 8, deep)) +
        InitialEnd(9) + EventLine("MODIFIED", ObjectJson("a", 10, deep)) + Modified("b", 11)},
       Error::Gone("gone"),
       seconds(300)},
      {{}, Http(400, ErrorKind::kInvalid), {}},
      {{Page(20,
             {ObjectJson("a", 10, deep), ObjectJson("b", 12), ObjectJson("c", 8, deep), ObjectJson("d", 13, wide)})},
       {},
       {}},
      {{Modified("b", 21) + EventLine("DELETED", ObjectJson("c", 22, deep))}, {}, seconds(300)}};
  Run();
  log::SetSink(nullptr);
  EXPECT_EQ(sink.notes, (Notes{"Init", "InitApply a@3", "InitApply b@7", "InitApply c@8", "InitDone 9", "Apply a@10",
                               "Apply b@11", "Init", "Init", "InitApply a@10", "InitApply b@12", "InitApply c@8",
                               "InitApply d@13", "InitDone 20", "Apply b@21", "Delete c@22"}));
  EXPECT_EQ(Restarts("invalid"), 1) << "the WatchList that was refused";
  std::vector<std::string> told;
  for (const auto& line : lines)
    if (line.find("beyond 64 bits") != line.npos) told.push_back(line);
  EXPECT_THAT(told, ElementsAre(HasSubstr("ns/a"), HasSubstr("ns/c"), HasSubstr("ns/d")));
}

TEST_F(ReflectorTest, AMissingResourceIsToldOnceAndItsReturnToo) {
  Notes told;
  options.on_missing = [&](const Resource& r) { told.push_back("missing " + std::string(r.plural)); };
  options.on_found = [&](const Resource& r) { told.push_back("found " + std::string(r.plural)); };
  const Error missing = Http(404, ErrorKind::kNotFound);
  api.script = {{{}, missing, {}}, {{}, missing, {}},
                {{}, missing, {}}, {{InitialEnd(9)}, {}, seconds(60)},
                {{}, missing, {}}, {{InitialEnd(19)}, {}, seconds(60)}};
  Run();
  EXPECT_EQ(told, (Notes{"missing deployments", "found deployments", "missing deployments", "found deployments"}));
  EXPECT_EQ(clock.sleeps, (std::vector<Duration>(4, seconds(5))));
  EXPECT_EQ(Restarts("missing"), 4);
}

TEST_F(ReflectorTest, SilenceMeansReconnect) {
  api.script = {{{InitialEnd(9)}, Error::Transient("no byte for 90 s"), seconds(90)},
                {{Added("a", 10)}, {}, seconds(60)}};
  Run();
  EXPECT_EQ(sink.notes, (Notes{"Init", "InitDone 9", "Apply a@10"}));
  EXPECT_THAT(api.calls[1], HasSubstr("resourceVersion=9&"));
}

TEST_F(ReflectorTest, WhatASinkThrowsEndsNothing) {
  struct Thrower final : WatchSink {
    void Init() override {}
    void InitApply(View) override {}
    void InitDone(std::uint64_t) override { ++done; }
    void Apply(View) override {
      if (++applies == 1) throw std::runtime_error("boom");
    }
    void Delete(View) override {}
    void Progress(std::uint64_t) override {}
    int applies = 0, done = 0;
  } thrower;
  api.script = {{{InitialEnd(9) + Added("a", 10)}, {}, seconds(60)}, {{Added("a", 10)}, {}, seconds(60)}};
  Run(thrower);
  EXPECT_EQ(thrower.done, 1);
  EXPECT_EQ(thrower.applies, 2);
  EXPECT_THAT(api.calls[1], HasSubstr("resourceVersion=9&"));
  EXPECT_EQ(Restarts("internal"), 1);
}

TEST_F(ReflectorTest, StopsWithoutAWord) {
  api.stop.request_stop();
  api.script = {{{InitialEnd(9)}, {}, {}}};
  Run();
  EXPECT_TRUE(api.calls.empty());
  EXPECT_TRUE(sink.notes.empty());
}

}  // namespace
}  // namespace rempart::kube
