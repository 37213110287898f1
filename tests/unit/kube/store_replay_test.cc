// What a store promises whatever the watch repeats or serves late, and whoever reads meanwhile.
#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <atomic>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include "src/kube/store.h"
#include "tests/unit/kube/thing.h"
#include "tests/unit/kube/watch_fakes.h"

namespace rempart::kube {
namespace {

using namespace test;

// A cluster's history told by a watch that repeats, replays and relists (also from servers that lag behind) ends in the
// cluster's state, and the listeners' account of it is without gaps.
TEST(StoreTimeTravelTest, AnyReplayEndsInTheClustersState) {
  EXPECT_TRUE(rc::check("replays and stale lists change nothing", [] {
    struct Told {
      std::string type, json;
    };
    Store<Thing> store("things", DecodeThing);
    std::map<std::string, std::string> mirror;  // what the listeners were told
    store.AddListener([&](const ThingPtr& before, const ThingPtr& after) {
      const std::string& name = (after ? after : before)->meta.key.name;
      RC_ASSERT(mirror[name] == (before ? Of(before) : ""));
      mirror[name] = after ? Of(after) : "";
    });
    Document document;
    std::vector<Told> history;
    std::vector<std::map<std::string, std::uint64_t>> states(2);  // by resource version
    std::map<std::string, std::uint64_t> cluster;
    auto relist = [&](std::uint64_t rv) {
      store.Init();
      for (const auto& [name, version] : states[rv]) store.InitApply(document.Parse(ObjectJson(name, version)).value());
      store.InitDone(rv);
    };
    auto tell = [&](const Told& event) {
      View view = document.Parse(event.json).value();
      event.type == "DELETED" ? store.Delete(view) : store.Apply(view);
    };
    relist(1);
    const std::uint64_t last = 2 + *rc::gen::inRange<std::uint64_t>(0, 40);
    for (std::uint64_t rv = 2; rv <= last; ++rv) {
      const std::string name(1, static_cast<char>('a' + *rc::gen::inRange(0, 4)));
      if (cluster.contains(name) && *rc::gen::inRange(0, 3) == 0) {
        cluster.erase(name);
        history.push_back({"DELETED", ObjectJson(name, rv)});
      } else {
        cluster[name] = rv;
        history.push_back({"MODIFIED", ObjectJson(name, rv)});
      }
      states.push_back(cluster);
      if (*rc::gen::inRange(0, 6) == 0) {
        relist(rv);  // instead of the event
      } else {
        tell(history.back());
      }
      if (*rc::gen::inRange(0, 2) == 0) tell(history[*rc::gen::inRange<std::size_t>(0, history.size())]);
      if (*rc::gen::inRange(0, 8) == 0) relist(*rc::gen::inRange<std::uint64_t>(1, rv + 1));
      if (*rc::gen::inRange(0, 8) == 0) store.Progress(*rc::gen::inRange<std::uint64_t>(1, rv + 1));
      RC_ASSERT(store.seen() == rv);
    }
    std::map<std::string, std::uint64_t> kept;
    for (const auto& thing : store.List()) kept[thing->meta.key.name] = thing->meta.resource_version;
    RC_ASSERT(kept == cluster);
    for (const auto& [name, text] : mirror)
      RC_ASSERT(text == (cluster.contains(name) ? Of(store.Get({"ns", name})) : ""));
  }));
}

// One writer, many readers: whoever reads seen() finds at least that state, indexes and objects agree, time only goes
// on.
TEST(StoreThreadsTest, ReadersSeeWholeStatesInOrder) {
  Store<Thing> store("things", DecodeThing);
  const int by_color = store.AddIndex([](const Thing& t, const auto& emit) { emit(t.color); });
  constexpr std::uint64_t kLast = 3000;
  std::atomic<int> faults{0}, looks{0};
  std::vector<std::jthread> readers;
  store.Init();
  store.InitDone(1);
  for (int i = 0; i < 3; ++i) {
    readers.emplace_back([&] {
      std::uint64_t before = 0;
      while (before < kLast) {
        const std::uint64_t seen = store.seen();
        const ThingPtr clock = store.Get({"ns", "clock"});
        // "clock" is written at each even version, and as of the version before by a full state.
        if (seen < before || (seen >= 2 && (!clock || clock->meta.resource_version + 2 < seen))) ++faults;
        before = seen;
        auto red = store.ByIndex(by_color, "red");
        for (std::size_t k = 0; k < red.size(); ++k) {
          if (red[k]->color != "red" || (k > 0 && red[k - 1]->meta.key >= red[k]->meta.key)) ++faults;
        }
        for (const auto& thing : store.List()) {
          if (thing->meta.uid != "uid-" + thing->meta.key.name) ++faults;
        }
        ++looks;
      }
    });
  }
  Document document;
  auto json = [](const std::string& name, std::uint64_t rv) {
    return ObjectJson(name, rv, std::string(R"(,"color":")") + (rv % 3 == 0 ? "red" : "blue") + "\"");
  };
  for (std::uint64_t rv = 2; rv <= kLast; ++rv) {
    if (rv % 50 == 0) {
      store.Init();
      for (int i = 0; i < 20; ++i) store.InitApply(document.Parse(json("n" + std::to_string(i), rv - 1)).value());
      store.InitApply(document.Parse(json("clock", rv - 1)).value());
      store.InitDone(rv);
    } else if (rv % 2 == 0) {
      store.Apply(document.Parse(json("clock", rv)).value());
    } else {
      View view = document.Parse(json("n" + std::to_string(rv % 20), rv)).value();
      rv % 7 == 0 ? store.Delete(view) : store.Apply(view);
    }
  }
  readers.clear();
  EXPECT_EQ(faults, 0);
  EXPECT_GT(looks, 0);
}

}  // namespace
}  // namespace rempart::kube
