#include "src/kube/store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "src/base/log.h"
#include "tests/unit/kube/thing.h"
#include "tests/unit/kube/watch_fakes.h"

namespace rempart::kube {
namespace {

using namespace test;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::UnorderedElementsAre;
using Notes = std::vector<std::string>;

std::vector<std::string> log_lines;

class StoreTest : public testing::Test {
 protected:
  StoreTest() : store("things", DecodeThing) {
    decoded = 0;
    log_lines.clear();
    log::SetSink([](std::string_view line) { log_lines.emplace_back(line); });
    by_color = store.AddIndex([](const Thing& t, const auto& emit) { emit(t.color); });
    by_tag = store.AddIndex([](const Thing& t, const auto& emit) {
      for (const auto& tag : t.tags) emit(tag);
    });
    store.AddListener(
        [this](const ThingPtr& before, const ThingPtr& after) { told.push_back(Of(before) + ">" + Of(after)); });
  }
  ~StoreTest() override { log::SetSink(nullptr); }

  static std::string Json(const std::string& name, std::uint64_t rv, const std::string& color = "",
                          const std::string& tags = "[]") {
    return ObjectJson(name, rv, R"(,"color":")" + color + R"(","tags":)" + tags);
  }
  void Apply(const std::string& json) { store.Apply(document.Parse(json).value()); }
  void Delete(const std::string& json) { store.Delete(document.Parse(json).value()); }
  void Relist(std::uint64_t rv, const std::vector<std::string>& objects) {
    store.Init();
    for (const auto& json : objects) store.InitApply(document.Parse(json).value());
    store.InitDone(rv);
  }
  ThingPtr Get(const std::string& name) { return store.Get({"ns", name}); }
  Notes Told() { return std::exchange(told, {}); }
  static Notes Names(const std::vector<ThingPtr>& things) {
    Notes names;
    for (const auto& t : things) names.push_back(t->meta.key.name);
    return names;
  }

  Document document;
  Store<Thing> store;
  int by_color = 0, by_tag = 0;
  Notes told;
};

TEST_F(StoreTest, KeepsWhatTheWatchSays) {
  Relist(10, {Json("a", 3, "red"), Json("b", 7, "blue")});
  EXPECT_THAT(Told(), UnorderedElementsAre("->a@3red", "->b@7blue"));
  Apply(Json("c", 11, "red"));
  Apply(Json("a", 12, "green"));
  Delete(Json("b", 13));
  EXPECT_THAT(Told(), ElementsAre("->c@11red", "a@3red>a@12green", "b@7blue>-"));
  EXPECT_EQ(store.size(), 2u);
  EXPECT_EQ(Of(Get("a")), "a@12green");
  EXPECT_EQ(Get("b"), nullptr);
  EXPECT_THAT(Names(store.List()), UnorderedElementsAre("a", "c"));
}

TEST_F(StoreTest, AFullStateReplacesTheOldAtOnceAndTellsOnlyWhatDiffers) {
  Relist(10, {Json("stays", 3), Json("changes", 4), Json("goes", 5)});
  ThingPtr stays = Get("stays");
  Told();
  decoded = 0;
  store.Init();
  for (const auto& json : {Json("stays", 3), Json("changes", 14), Json("comes", 15)})
    store.InitApply(document.Parse(json).value());
  EXPECT_EQ(Of(Get("changes")), "changes@4");  // nothing is seen of it before it is whole
  EXPECT_EQ(store.size(), 3u);
  EXPECT_EQ(store.seen(), 10u);
  EXPECT_THAT(Told(), IsEmpty());
  store.InitDone(20);
  EXPECT_THAT(Told(), UnorderedElementsAre("changes@4>changes@14", "goes@5>-", "->comes@15"));
  EXPECT_EQ(Get("stays"), stays);  // the same object, not a copy
  EXPECT_EQ(decoded, 2);           // and it was not decoded again
  EXPECT_EQ(store.seen(), 20u);
}

TEST_F(StoreTest, AnObjectMadeAnewUnderItsNameIsAChange) {
  Relist(10, {ObjectJson("a", 3, "", "uid1")});
  Told();
  Relist(20, {ObjectJson("a", 13, "", "uid2")});
  EXPECT_THAT(Told(), ElementsAre("a@3>a@13"));
  EXPECT_EQ(Get("a")->meta.uid, "uid2");
}

TEST_F(StoreTest, AnAttemptThatIsStartedOverLeavesNothingBehind) {
  store.Init();
  store.InitApply(document.Parse(Json("ghost", 3)).value());
  Relist(10, {Json("a", 4)});
  EXPECT_EQ(Get("ghost"), nullptr);
  EXPECT_THAT(Told(), ElementsAre("->a@4"));
}

TEST_F(StoreTest, ChangesWhileAFullStateIsBuiltGoIntoIt) {
  Relist(10, {Json("a", 3), Json("b", 4)});
  Told();
  store.Init();
  store.InitApply(document.Parse(Json("a", 3)).value());
  store.InitApply(document.Parse(Json("b", 4)).value());
  store.InitApply(document.Parse(Json("a", 12)).value());
  Delete(Json("b", 13));
  EXPECT_NE(Get("b"), nullptr);
  store.InitDone(15);
  EXPECT_THAT(Told(), UnorderedElementsAre("a@3>a@12", "b@4>-"));
}

TEST_F(StoreTest, TimeDoesNotGoBackForAnObject) {
  Relist(10, {Json("a", 3)});
  Apply(Json("a", 12, "new"));
  Told();
  Apply(Json("a", 3));
  Apply(Json("a", 11, "old"));
  Apply(Json("a", 12, "other"));
  Delete(Json("a", 11));
  EXPECT_THAT(Told(), IsEmpty());
  EXPECT_EQ(Of(Get("a")), "a@12new");
}

TEST_F(StoreTest, ADeletedObjectDoesNotComeBackByAReplay) {
  Relist(10, {Json("a", 3)});
  Delete(Json("a", 12));
  Told();
  Apply(Json("a", 3));
  Apply(Json("a", 12));
  EXPECT_EQ(Get("a"), nullptr);
  EXPECT_THAT(Told(), IsEmpty());
  Apply(Json("a", 13));  // made anew
  EXPECT_THAT(Told(), ElementsAre("->a@13"));
  Delete(Json("a", 12));  // the old one's end, once more
  EXPECT_THAT(Told(), IsEmpty());
  EXPECT_EQ(store.seen(), 13u);
}

TEST_F(StoreTest, AnOlderFullStateIsLeftOut) {
  Relist(10, {Json("a", 3)});
  Apply(Json("b", 12));
  Told();
  Relist(11, {Json("a", 3), Json("zombie", 2)});
  EXPECT_THAT(Told(), IsEmpty());
  EXPECT_NE(Get("b"), nullptr);
  EXPECT_EQ(Get("zombie"), nullptr);
  EXPECT_EQ(store.seen(), 12u);
  Delete(Json("b", 13));  // and the store goes on
  EXPECT_THAT(Told(), ElementsAre("b@12>-"));
}

TEST_F(StoreTest, WhatNeedNotBeKeptIsLeftOutSilently) {
  Relist(10, {Json("a", 3, "invisible"), Json("b", 4)});
  Apply(Json("c", 11, "invisible"));
  Apply(Json("b", 12, "invisible"));  // it was kept so far
  Delete(Json("a", 13));
  EXPECT_THAT(Told(), ElementsAre("->b@4", "b@4>-"));
  EXPECT_EQ(store.size(), 0u);
  EXPECT_EQ(store.seen(), 13u);
  EXPECT_THAT(log_lines, IsEmpty());
  Apply(Json("b", 14));
  EXPECT_THAT(Told(), ElementsAre("->b@14"));
}

TEST_F(StoreTest, WhatCannotBeReadIsLeftOutAndLoggedOnceAnObject) {
  Relist(10, {Json("a", 3, "unreadable"), Json("b", 4)});
  for (std::uint64_t rv = 11; rv < 20; ++rv) Apply(Json("a", rv, "unreadable"));
  Apply(Json("b", 20, "explosive"));
  Apply(Json("c", 21, "impostor"));
  EXPECT_EQ(store.size(), 0u);
  EXPECT_EQ(store.seen(), 21u);
  EXPECT_THAT(Told(), ElementsAre("->b@4", "b@4>-"));
  int left_out = 0;
  for (const auto& line : log_lines) left_out += line.find("left out") != std::string::npos;
  EXPECT_EQ(left_out, 3) << testing::PrintToString(log_lines);
  Apply(Json("a", 30));
  EXPECT_THAT(Told(), ElementsAre("->a@30"));
}

TEST_F(StoreTest, ObjectsWithoutReadableMetadataChangeNothing) {
  Relist(10, {Json("a", 3), "{}", R"({"metadata":{"name":"x"}})"});
  Told();
  for (const char* bad : {"{}", R"({"metadata":{"name":"a","namespace":"ns","uid":"uid-a","resourceVersion":"x"}})",
                          R"({"metadata":[]})"}) {
    Apply(bad);
    Delete(bad);
  }
  EXPECT_THAT(Told(), IsEmpty());
  EXPECT_EQ(store.size(), 1u);
  EXPECT_EQ(store.seen(), 10u);
}

TEST_F(StoreTest, IndexesFollow) {
  Relist(10, {Json("b", 3, "red", R"(["x","y","x"])"), Json("a", 4, "red", R"(["x"])"), Json("c", 5, "blue")});
  EXPECT_THAT(Names(store.ByIndex(by_color, "red")), ElementsAre("a", "b"));  // ordered by key
  EXPECT_THAT(Names(store.ByIndex(by_tag, "x")), ElementsAre("a", "b"));
  EXPECT_THAT(Names(store.ByIndex(by_tag, "y")), ElementsAre("b"));
  EXPECT_THAT(Names(store.ByIndex(by_tag, "z")), IsEmpty());
  Apply(Json("b", 11, "blue", R"(["y","z"])"));
  EXPECT_THAT(Names(store.ByIndex(by_color, "red")), ElementsAre("a"));
  EXPECT_THAT(Names(store.ByIndex(by_color, "blue")), ElementsAre("b", "c"));
  EXPECT_THAT(Names(store.ByIndex(by_tag, "x")), ElementsAre("a"));
  EXPECT_THAT(Names(store.ByIndex(by_tag, "z")), ElementsAre("b"));
  Delete(Json("b", 12));
  EXPECT_THAT(Names(store.ByIndex(by_color, "blue")), ElementsAre("c"));
  EXPECT_THAT(Names(store.ByIndex(by_tag, "y")), IsEmpty());
  Relist(20, {Json("d", 13, "red")});
  EXPECT_THAT(Names(store.ByIndex(by_color, "red")), ElementsAre("d"));
  EXPECT_THAT(Names(store.ByIndex(by_color, "blue")), IsEmpty());
}

TEST_F(StoreTest, AnIndexGivesTheObjectAsItIsNow) {
  Relist(10, {Json("a", 3, "red")});
  Apply(Json("a", 11, "red"));
  auto found = store.ByIndex(by_color, "red");
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0], Get("a"));
}

TEST_F(StoreTest, SeenAdvancesWithEventsAndBookmarksAndNeverGoesBack) {
  EXPECT_EQ(store.seen(), 0u);
  std::vector<std::uint64_t> progress;
  store.Subscribe([&](std::uint64_t seen) {
    progress.push_back(seen);
    EXPECT_EQ(seen, store.seen());
  });
  Relist(10, {Json("a", 3)});
  Apply(Json("b", 12));
  store.Progress(20);
  store.Progress(15);
  Delete(Json("b", 21));
  EXPECT_THAT(progress, ElementsAre(10, 12, 20, 20, 21));
}

TEST_F(StoreTest, SubscribersAreToldAfterTheListeners) {
  store.Subscribe([&](std::uint64_t) { told.push_back("progress"); });
  Relist(10, {});
  Apply(Json("a", 11));
  EXPECT_THAT(Told(), ElementsAre("progress", "->a@11", "progress"));
}

TEST_F(StoreTest, IsSyncedOnceTheListenersKnowTheFirstFullState) {
  bool synced_while_told = false;
  store.AddListener([&](const ThingPtr&, const ThingPtr&) { synced_while_told = synced_while_told || store.synced(); });
  std::stop_source stopped;
  stopped.request_stop();
  EXPECT_FALSE(store.AwaitSynced(stopped.get_token()));
  std::jthread waiter([&](std::stop_token) { EXPECT_TRUE(store.AwaitSynced({})); });
  Relist(10, {Json("a", 3)});
  waiter.join();
  EXPECT_TRUE(store.synced());
  EXPECT_FALSE(synced_while_told);
}

TEST_F(StoreTest, AListenerThatThrowsStopsNobody) {
  store.AddListener([](const ThingPtr&, const ThingPtr&) { throw std::runtime_error("boom"); });
  int later = 0;
  store.AddListener([&](const ThingPtr&, const ThingPtr&) { ++later; });
  Relist(10, {Json("a", 3), Json("b", 4)});
  EXPECT_EQ(later, 2);
  EXPECT_TRUE(store.synced());
}

TEST_F(StoreTest, PutAndRemoveAreForTests) {
  Thing thing;
  thing.meta.key = {"ns", "a"};
  store.Put(thing);
  EXPECT_EQ(Get("a")->meta.resource_version, 1u);
  store.Put(thing);
  EXPECT_EQ(Get("a")->meta.resource_version, 2u);
  thing.meta.resource_version = 2;
  thing.color = "red";
  store.Put(thing);
  EXPECT_EQ(Get("a")->color, "red");
  store.Remove({"ns", "a"}, 0);
  EXPECT_EQ(store.size(), 0u);
  EXPECT_EQ(store.seen(), 3u);
}

}  // namespace
}  // namespace rempart::kube
