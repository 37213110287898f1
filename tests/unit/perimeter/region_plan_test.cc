#include "operator/perimeter/region_plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <ostream>

#include "tests/unit/kube/status_after.h"
#include "tests/unit/perimeter/builders.h"

namespace rempart::perimeter {
namespace {

using namespace std::chrono_literals;
using test::Frankfurt;
using test::kNow;
using test::Labelled;
using test::Node;
using test::Place;
using test::Ptr;
using test::Ptrs;
using test::Region;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

// The region of the issue with three nodes in two zones and one in Frankfurt; `change` makes the row's difference.
RegionObservation Observed(const std::function<void(api::SovereignRegion&, RegionObservation&)>& change = {}) {
  api::SovereignRegion region = Region();
  RegionObservation observed;
  observed.nodes = Ptrs(Labelled(Node("fr-1")), Labelled(Node("fr-2")), Labelled(Node("fr-3", "fr-par", "fr-par-2")),
                        Frankfurt("de-1"));
  observed.labelled_nodes = 3;
  observed.users = {"acme/web"};
  observed.user_count = 1;
  if (change) change(region, observed);
  observed.region = Ptr(std::move(region));
  observed.regions.push_back(observed.region);
  SortByAge(observed.regions);
  return observed;
}

struct Planned : RegionPlan {
  Json status;  // as it then is; null where nothing is written
};
Planned Plan(const RegionObservation& observed, WallTime now) {
  Planned plan{PlanRegion(observed, now), {}};
  plan.status = kube::test::StatusAfter(observed.region->status_json, plan.status_patch);
  return plan;
}

Json ConditionOf(const Json& status, const std::string& type) {
  for (const Json& condition : status.at("conditions")) {
    if (condition.at("type") == type) return condition;
  }
  return nullptr;
}

struct Row {
  const char* name;
  std::function<void(api::SovereignRegion&, RegionObservation&)> change;
  const char* ready;  // "status reason", and what the message has to say after a colon
  const char* reconciling;
  const char* stalled;
};
void PrintTo(const Row& row, std::ostream* out) { *out << row.name; }

class RegionConditions : public ::testing::TestWithParam<Row> {};

TEST_P(RegionConditions, Say) {
  const Planned plan = Plan(Observed(GetParam().change), kNow);
  ASSERT_TRUE(plan.status.is_object());
  const auto check = [&](const char* type, std::string expected) {
    std::string message;
    if (const auto colon = expected.find(": "); colon != expected.npos) {
      message = expected.substr(colon + 2);
      expected.resize(colon);
    }
    const Json condition = ConditionOf(plan.status, type);
    ASSERT_TRUE(condition.is_object()) << type;
    EXPECT_EQ(condition.at("status").get<std::string>() + " " + condition.at("reason").get<std::string>(), expected)
        << type << ": " << condition;
    EXPECT_THAT(condition.at("message").get<std::string>(), AllOf(HasSubstr(message), Not(""))) << type;
    EXPECT_EQ(condition.at("observedGeneration"), 3) << type;
  };
  check("Ready", GetParam().ready);
  check("Reconciling", GetParam().reconciling);
  check("Stalled", GetParam().stalled);
}

// The region names a profile instead of locations; `change` makes the profile's difference.
std::function<void(api::SovereignRegion&, RegionObservation&)> WithProfile(
    const std::function<void(api::HostingProfile&)>& change = {}) {
  return [change](api::SovereignRegion& region, RegionObservation& observed) {
    region = test::ByProfile(region);
    auto profile = test::Profile();
    if (change) change(profile);
    observed.profiles = Ptrs(profile);
  };
}
constexpr auto kDefunct = [](api::HostingProfile& profile) {
  profile.state = api::HostingProfile::State::kDefunct, profile.since = "2020";
};

constexpr auto kNoNodes = [](auto&, auto& o) { o.nodes.clear(), o.labelled_nodes = 0; };
const auto kElder = [] {
  api::SovereignRegion elder = Region("elder");
  elder.meta.created = kNow - 48h;
  elder.locations = {Place("fr-par", {"fr-par-1"}, "FR")};
  return elder;
};

INSTANTIATE_TEST_SUITE_P(
    Rows, RegionConditions,
    ::testing::Values(
        Row{"InOrder", {}, "True Qualified: 3 nodes are in the region", "False Settled", "False NotStalled"},
        Row{"OneNode", [](auto&, auto& o) { o.nodes = Ptrs(Node("a")); }, "True Qualified: 1 node is in the region",
            "False Settled", "False NotStalled"},
        Row{"EmptyCluster", kNoNodes, "False NoQualifiedNode: the cluster has no node", "False Settled",
            "False NotStalled"},
        Row{"NobodyMatches", [](auto&, auto& o) { o.nodes = Ptrs(Frankfurt("a"), Node("b", "", ""), Frankfurt("c")); },
            "False NoQualifiedNode: none of 3 nodes is in the region: 2 UnknownLocation, 1 NoLocation", "False Settled",
            "False NotStalled"},
        Row{"PodsOutside", [](auto&, auto& o) { o.pods_outside = 2; },
            "False PodsOutside: 2 pods of the region sit on nodes outside it; evicted 30s after the loss, by force "
            "after 10m0s",
            "True PodsOutside", "False NotStalled"},
        Row{"OnePodOutsideAndCordon",
            [](auto& r, auto& o) { o.pods_outside = 1, r.on_loss = api::SovereignRegion::OnLoss::kCordon; },
            "False PodsOutside: 1 pod of the region sits on nodes outside it; left there (spec.hosting.onLoss.action: "
            "Cordon)",
            "True PodsOutside", "False NotStalled"},
        Row{"AllLostWithPodsLeft", [](auto&, auto& o) { o.nodes = Ptrs(Frankfurt("a")), o.pods_outside = 4; },
            "False NoQualifiedNode: 4 pods of the region sit", "True PodsOutside", "False NotStalled"},
        Row{"InvalidSpec",
            [](auto& r, auto& o) { r.invalid = "spec.country: \"France\" is no code: write FR", o.pods_outside = 1; },
            "False InvalidSpec: spec.country: \"France\" is no code: write FR; until then no node qualifies, 3 nodes "
            "keep the region's label, and no pod is evicted",
            "False Settled", "True InvalidSpec: spec.country: \"France\""},
        Row{"BadPattern", [](auto& r, auto&) { r.locations[0].provider_id_pattern = "("; },
            "False InvalidSpec: spec.hosting.locations[0].providerIDPattern", "False Settled",
            "True InvalidSpec: spec.hosting.locations[0].providerIDPattern"},
        Row{"SomeNodesAreAnOlderRegions", [](auto&, auto& o) { o.regions = Ptrs(kElder()); },
            "True Qualified: 1 node is in the region; 2 others match too, but older regions have them: elder",
            "False Settled", "False NotStalled"},
        Row{"AllNodesAreAnOlderRegions",
            [](auto& r, auto& o) { o.regions = Ptrs(kElder()), r.locations[0].zones = {"fr-par-1"}; },
            "False ClaimedByOlderRegion: 2 nodes match the region, but older regions have them all: elder",
            "False Settled", "False NotStalled"},
        Row{"AnOlderRegionThatIsLeavingClaimsNothing",
            [](auto&, auto& o) {
              auto elder = kElder();
              elder.meta.deleting = true;
              o.regions = Ptrs(elder);
              o.leaving = {"elder"};
            },
            "True Qualified: 3 nodes are in the region", "False Settled", "False NotStalled"},
        Row{"DeletedInUse", [](auto& r, auto&) { r.meta.deleting = true; },
            "False Deleting: deletion waits: 1 workload uses the region: acme/web; delete each, or move it to another "
            "region",
            "True Deleting", "True InUse: acme/web"},
        Row{"DeletedWithPodsLeft",
            [](auto& r, auto& o) {
              r.meta.deleting = true, o.users.clear(), o.user_count = 0, o.pods = {"acme/web-1"}, o.pod_count = 1;
            },
            "False Deleting: deletion waits: 1 pod of the region is still there: acme/web-1; delete them, or what "
            "makes "
            "them",
            "True Deleting", "True InUse: acme/web-1"},
        Row{"DeletedAndLabelsRemain",
            [](auto& r, auto& o) { r.meta.deleting = true, o.users.clear(), o.user_count = 0; },
            "False Deleting: deletion waits until 3 nodes have lost the region's labels", "True Deleting",
            "False NotStalled"},
        Row{"ByProfile", WithProfile(), "True Qualified: 3 nodes are in the region", "False Settled",
            "False NotStalled"},
        Row{"NoSuchProfile", [](auto& r, auto& o) { r = test::ByProfile(r), o.pods_outside = 1; },
            "False ProfileMissing: spec.hosting.profile: there is no HostingProfile \"cloud\": create it, or name one "
            "that `kubectl get hostingprofiles` shows; until then no node qualifies, 3 nodes keep the region's label, "
            "and no pod is evicted",
            "False Settled", "True ProfileMissing: spec.hosting.profile"},
        Row{"UnusableProfile", WithProfile([](auto& p) { p.invalid = "spec.system: is missing"; }),
            "False ProfileUnusable: HostingProfile cloud: spec.system: is missing; until then no node qualifies",
            "False Settled", "True ProfileUnusable: HostingProfile cloud"},
        Row{"DefunctProfile", WithProfile(kDefunct),
            "False ProfileDefunct: HostingProfile cloud (The Cloud) is defunct since 2020", "False Settled",
            "True ProfileDefunct: HostingProfile cloud (The Cloud) is defunct since 2020"},
        Row{"DefunctProfileAndPodsLeft", [](auto& r, auto& o) { WithProfile(kDefunct)(r, o), o.pods_outside = 2; },
            "False ProfileDefunct: 2 pods of the region sit on nodes outside it; evicted 30s after the loss",
            "True PodsOutside", "True ProfileDefunct"},
        Row{"ExpiredProfile", WithProfile([](auto& p) { p.expires = kNow; }),
            "False ProfileExpired: HostingProfile cloud expired at 2026-11-22T10:23:00Z", "False Settled",
            "True ProfileExpired: put a later date in its spec.expires"},
        Row{"ProfileThatExpiresSoon", WithProfile([](auto& p) { p.expires = kNow + kExpirySoon; }),
            "True Qualified: 3 nodes are in the region; HostingProfile cloud expires at 2026-12-22T10:23:00Z",
            "False Settled", "False NotStalled"},
        Row{"DeletedAndInvalid",
            [](auto& r,
               auto& o) { r.meta.deleting = true, o.users.clear(), o.user_count = 0, r.invalid = "spec: is missing"; },
            "False Deleting", "True Deleting", "True InvalidSpec: spec: is missing"}),
    [](const auto& test) { return test.param.name; });

TEST(RegionStatus, CountsNodesByZoneAndListsThoseOutside) {
  const Planned plan = Plan(Observed(), kNow);
  EXPECT_EQ(plan.status.at("observedGeneration"), 3);
  EXPECT_EQ(plan.status.at("nodes"),
            (Json{{"qualified", 3}, {"outside", 1}, {"zones", {{"fr-par-1", 2}, {"fr-par-2", 1}}}}));
  ASSERT_EQ(plan.status.at("outside").size(), 1u);
  EXPECT_EQ(plan.status.at("outside")[0].at("node"), "de-1");
  EXPECT_EQ(plan.status.at("outside")[0].at("reason"), "UnknownLocation");
  EXPECT_THAT(plan.status.at("outside")[0].at("message").get<std::string>(), HasSubstr("de-fra-1"));
  EXPECT_FALSE(plan.status.contains("outsideOmitted"));
  EXPECT_EQ(plan.status.at("workloads"), 1);
  EXPECT_EQ(plan.look_again, std::nullopt);
}

TEST(RegionStatus, IsLookedAtAgainBeforeTheProfileExpires) {
  const auto plan_at = [](WallTime expires) {
    return Plan(Observed(WithProfile([&](auto& p) { p.expires = expires; })), kNow);
  };
  EXPECT_EQ(Plan(Observed(WithProfile()), kNow).look_again, std::nullopt);
  const Planned far = plan_at(kNow + kExpirySoon + 1s);
  EXPECT_EQ(far.look_again, kExpiryLook) << "clocks may be set";
  EXPECT_THAT(ConditionOf(far.status, "Ready").at("message").get<std::string>(), Not(HasSubstr("expires")));
  const Planned soon = plan_at(kNow + 10min);
  EXPECT_EQ(soon.look_again, 10min);
  EXPECT_FALSE(soon.wake_nodes);
  const Planned over = plan_at(kNow);
  EXPECT_EQ(over.look_again, std::nullopt);
  EXPECT_TRUE(over.wake_nodes) << "nothing tells the nodes";
  EXPECT_FALSE(Plan(Observed([](auto& r, auto& o) {
                      WithProfile([](auto& p) { p.expires = kNow; })(r, o);
                      o.labelled_nodes = 0;
                    }),
                    kNow)
                   .wake_nodes);
}

TEST(RegionStatus, NamesTheOlderRegionOutside) {
  const Planned plan = Plan(Observed([](auto&, auto& o) { o.regions = Ptrs(kElder()); }), kNow);
  EXPECT_EQ(plan.status.at("nodes").at("qualified"), 1);
  const Json& outside = plan.status.at("outside");
  ASSERT_EQ(outside.size(), 3u);
  EXPECT_EQ(outside[1].at("node"), "fr-1");
  EXPECT_EQ(outside[1].at("reason"), "ClaimedByOlderRegion");
  EXPECT_THAT(outside[1].at("message").get<std::string>(), HasSubstr("elder"));
}

TEST(RegionStatus, ARegionThatNobodyUsesAnyMoreHasNoNode) {
  const Planned plan = Plan(Observed([](auto& r, auto& o) { r.meta.deleting = true, o.user_count = 0; }), kNow);
  EXPECT_EQ(plan.status.at("nodes"), (Json{{"qualified", 0}, {"outside", 4}}));
  EXPECT_EQ(plan.status.at("outside")[1].at("reason"), "RegionLeaving");
}

TEST(RegionStatus, UsersAreNamedUpToTen) {
  const auto deleting = [](std::size_t count) {
    return ConditionOf(Plan(Observed([&](auto& r, auto& o) {
                              r.meta.deleting = true;
                              o.users.clear();
                              o.user_count = count;
                              for (std::size_t i = 0; i < std::min<std::size_t>(count, 100); ++i)
                                o.users.push_back("ns/w" + std::to_string(100 + i));
                            }),
                            kNow)
                           .status,
                       "Stalled")
        .at("message")
        .get<std::string>();
  };
  EXPECT_THAT(deleting(10), AllOf(HasSubstr("10 workloads use the region: ns/w100, "), HasSubstr("ns/w109;"),
                                  Not(HasSubstr("more"))));
  EXPECT_THAT(deleting(11), AllOf(HasSubstr("ns/w109 and 1 more;"), Not(HasSubstr("ns/w110"))));
  EXPECT_THAT(deleting(2345), HasSubstr("ns/w109 and 2335 more;"));
}

TEST(RegionStatus, StaysSmallHoweverLargeTheCluster) {
  const Planned many = Plan(Observed([](auto&, auto& o) {
                              for (int i = 0; i < 5000; ++i)
                                o.nodes.push_back(Ptr(Frankfurt("node-" + std::to_string(10000 + i))));
                            }),
                            kNow);
  EXPECT_EQ(many.status.at("nodes").at("outside"), 5001);
  ASSERT_EQ(many.status.at("outside").size(), 50u);
  EXPECT_EQ(many.status.at("outside")[0].at("node"), "de-1");
  EXPECT_EQ(many.status.at("outside")[49].at("node"), "node-10048");
  EXPECT_EQ(many.status.at("outsideOmitted"), 4951);

  // The longest names, provider ids that JSON escapes, the longest users, many zones.
  const Planned large = Plan(Observed([](auto& r, auto& o) {
                               r.meta.deleting = true;
                               r.locations[0].zones.clear();
                               for (int i = 0; i < 200; ++i) {
                                 const std::string zone = std::to_string(1000 + i) + std::string(59, 'z');
                                 r.locations[0].zones.push_back(zone);
                                 o.nodes.push_back(Ptr(Node(std::to_string(i), "fr-par", zone)));
                                 api::Node outside = Node(std::to_string(i) + std::string(250, 'n'), "fr-par", zone);
                                 outside.provider_id = std::string(5000, '\x01');
                                 o.nodes.push_back(Ptr(outside));
                               }
                               o.users.assign(100, std::string(63, 'n') + "/" + std::string(253, 'w'));
                               o.user_count = 100;
                             }),
                             kNow);
  EXPECT_LT(large.status.dump().size(), 32u * 1024);
  EXPECT_EQ(large.status.at("nodes").at("zones").size(), 64u);
  EXPECT_EQ(large.status.at("outside").size() + large.status.at("outsideOmitted").get<std::size_t>(),
            large.status.at("nodes").at("outside"));
  EXPECT_GE(large.status.at("outside").size(), 10u);
  EXPECT_THAT(ConditionOf(large.status, "Stalled").at("message").get<std::string>(),
              HasSubstr("100 workloads use the region"));
}

// The observation that the region's next round sees, its status written.
RegionObservation Written(const RegionObservation& observed, const Json& status) {
  RegionObservation after = observed;
  api::SovereignRegion region = *observed.region;
  region.status_json = status.dump();
  std::erase(after.regions, after.region);
  after.region = Ptr(std::move(region));
  after.regions.push_back(after.region);
  return after;
}

TEST(RegionStatus, IsNotWrittenWhenNothingChanged) {
  for (const auto& change : {std::function<void(api::SovereignRegion&, RegionObservation&)>(),
                             {[](auto&r, auto&) { r.meta.deleting = true; }},
                             {[](auto&r, auto&) { r.invalid = "spec: is missing"; }},
                             {[](auto&, auto&o) { o.pods_outside = 3; }}}) {
    const RegionObservation observed = Observed(change);
    const Planned first = Plan(observed, kNow);
    ASSERT_EQ(first.events.size(), 1u);
    const Planned second = Plan(Written(observed, first.status), kNow + 1h);
    EXPECT_TRUE(second.status.is_null()) << second.status;
    EXPECT_TRUE(second.events.empty());
  }
}

TEST(RegionStatus, ATransitionTimeMovesWithTheStatusOnly) {
  RegionObservation observed = Observed();
  const Planned first = Plan(observed, kNow);
  observed = Written(observed, first.status);
  observed.nodes.push_back(Ptr(Node("fr-4")));
  const Planned more = Plan(observed, kNow + 1h);
  ASSERT_TRUE(more.status.is_object());
  EXPECT_EQ(ConditionOf(more.status, "Ready").at("lastTransitionTime"), "2026-11-22T10:23:00Z")
      << "still true: 4 nodes";
  EXPECT_TRUE(more.events.empty());

  observed.pods_outside = 1;
  const Planned outside = Plan(observed, kNow + 2h);
  EXPECT_EQ(ConditionOf(outside.status, "Ready").at("lastTransitionTime"), "2026-11-22T12:23:00Z");
  EXPECT_EQ(ConditionOf(outside.status, "Stalled").at("lastTransitionTime"), "2026-11-22T10:23:00Z");
  ASSERT_EQ(outside.events.size(), 1u);
  EXPECT_EQ(outside.events[0].reason, "PodsOutside");
  EXPECT_EQ(outside.events[0].type, kube::Event::Type::kWarning);
  EXPECT_EQ(outside.events[0].regarding.kind, "SovereignRegion");
  EXPECT_EQ(outside.events[0].regarding.name, "france");

  const Planned again = Plan(Written(observed, outside.status), kNow + 3h);
  EXPECT_TRUE(again.events.empty());
}

TEST(RegionStatus, AnUnreadableOldStatusIsWrittenAnew) {
  for (const char* old :
       {"[]", "{", "null", "7", R"({"conditions":"none"})",
        R"({"conditions":[1,{"type":1},{"type":"Ready","status":[]}]})",
        R"({"conditions":[{"type":"Ready","status":"True","reason":"Qualified","lastTransitionTime":3}]})"}) {
    const Planned plan = Plan(Observed([&](auto& r, auto&) { r.status_json = old; }), kNow);
    ASSERT_TRUE(plan.status.is_object()) << old;
    EXPECT_EQ(ConditionOf(plan.status, "Ready").at("lastTransitionTime"), "2026-11-22T10:23:00Z") << old;
  }
}

TEST(RegionStatus, LeavesOutWhatIsEmptyAndTakesItAway) {
  const RegionObservation observed = Observed(kNoNodes);
  const Planned plan = Plan(observed, kNow);
  EXPECT_EQ(plan.status.at("nodes"), (Json{{"qualified", 0}, {"outside", 0}}));
  EXPECT_FALSE(plan.status.contains("outside"));
  Json stored = plan.status;
  stored["outside"] = Json::array();
  stored["nodes"]["zones"] = Json::object();
  EXPECT_EQ(Plan(Written(observed, stored), kNow).status_patch,
            (Json{{"outside", nullptr}, {"nodes", {{"zones", nullptr}}}}));
}

TEST(RegionStatus, OthersConditionsAreNoReasonToWrite) {
  const RegionObservation observed = Observed(kNoNodes);
  Json stored = Plan(observed, kNow).status;
  stored["conditions"].push_back({{"type", "Theirs"}, {"status", "True"}});
  EXPECT_TRUE(Plan(Written(observed, stored), kNow).status_patch.is_null());
}

struct FinalizerRow {
  bool deleting, has;
  std::size_t users, labelled;
  std::optional<bool> expected;
  std::size_t pods = 0;
};
TEST(RegionFinalizer, StandsWhileTheRegionIsUsedOrOnANode) {
  for (const FinalizerRow& row :
       {FinalizerRow{false, false, 0, 0, true}, FinalizerRow{false, false, 2, 3, true},
        FinalizerRow{false, true, 0, 0, {}}, FinalizerRow{true, true, 1, 0, {}}, FinalizerRow{true, true, 0, 1, {}},
        FinalizerRow{true, true, 2, 3, {}}, FinalizerRow{true, true, 0, 0, false}, FinalizerRow{true, false, 0, 0, {}},
        FinalizerRow{true, false, 1, 1, {}}, FinalizerRow{true, true, 0, 0, {}, 1},
        FinalizerRow{true, true, 0, 3, {}, 2}, FinalizerRow{false, true, 0, 0, {}, 1}}) {
    const Planned plan = Plan(Observed([&](auto& r, auto& o) {
                                r.meta.deleting = row.deleting;
                                r.has_finalizer = row.has;
                                o.user_count = row.users;
                                o.users.assign(row.users, "acme/web");
                                o.labelled_nodes = row.labelled;
                                o.pod_count = row.pods;
                                o.pods.assign(row.pods, "acme/web-1");
                              }),
                              kNow);
    EXPECT_EQ(plan.finalizer, row.expected) << row.deleting << row.has << row.users << row.labelled;
    EXPECT_EQ(plan.status.is_null(), plan.finalizer == false) << "a status is written, except on an object that goes";
  }
}

}  // namespace
}  // namespace rempart::perimeter
