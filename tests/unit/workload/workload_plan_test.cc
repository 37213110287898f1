// PlanChild and ReadApplied.
#include "operator/workload/workload_plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/workload/rounds.h"

namespace rempart::workload {
namespace {

using test::Do;
using test::Kind;
using test::Ptr;
using ::testing::HasSubstr;

std::string StalledOf(const ChildPlan& plan) { return plan.stalled ? plan.stalled->reason : "none"; }
std::string WaitingOf(const ChildPlan& plan) { return plan.waiting ? plan.waiting->reason : "none"; }

void ExpectNothing(const ChildPlan& plan) {
  EXPECT_EQ(plan.action, Do::kNothing);
  EXPECT_TRUE(plan.remove.empty());
  EXPECT_TRUE(plan.hold.empty());
  EXPECT_EQ(plan.attempt, "");
  EXPECT_FALSE(plan.drifted);
}

TEST(PlanChild, NewWorkloadGetsItsChild) {
  for (const auto kind : test::kAllKinds) {
    const auto observed = test::Observe(test::Workload(kind));
    const auto plan = PlanChild(observed, {});
    EXPECT_EQ(plan.action, Do::kCreate);
    EXPECT_EQ(plan.desired, *RenderChild(*observed.workload, *observed.region));
    EXPECT_EQ(plan.desired_digest, DigestOf(plan.desired));
    EXPECT_EQ(StalledOf(plan) + WaitingOf(plan), "nonenone");
    EXPECT_NE(plan.attempt, "");
  }
}

TEST(PlanChild, InStepIsLeftAlone) {
  for (const auto kind : test::kAllKinds) {
    const auto in_step = test::ObserveInStep(test::Workload(kind));
    const auto plan = PlanChild(in_step.observed, in_step.applied);
    ExpectNothing(plan);
    EXPECT_EQ(StalledOf(plan) + WaitingOf(plan), "nonenone");
  }
}

// Knowing the digest spares work, and decides nothing.
TEST(PlanChild, TheSameWithAKnownDigest) {
  const auto child = [](const std::function<void(api::Child&)>& change) {
    return [change](WorkloadObservation& o) {
      api::Child changed = *o.child;
      change(changed);
      o.child = Ptr(std::move(changed));
    };
  };
  const std::vector<std::function<void(WorkloadObservation&)>> changes = {
      [](auto&) {},
      [](auto& o) { o.child = nullptr; },
      child([](auto& c) { c.digest = "other"; }),
      child([](auto& c) { c.meta.deleting = true; }),
      child([](auto& c) { c.controller_uid = "other"; }),
      child([](auto& c) { c.controller_uid = ""; }),
      child([](auto& c) { c.node_selector_region = ""; }),
      child([](auto& c) { c.sets_node_name = true; }),
      [](auto& o) {
        api::Child old = test::ChildOf(*o.workload);
        old.kind = o.workload->kind == test::Kind::kDaemonSet ? test::Kind::kDeployment : test::Kind::kDaemonSet;
        o.other_children.push_back(Ptr(std::move(old)));
      },
      [](auto& o) {
        auto region = *o.region;
        region.meta.deleting = true;
        o.region = Ptr(std::move(region));
      },
      [](auto& o) { test::Change(o, [](auto& w) { w.meta.deleting = true; }); },
  };
  for (const auto kind : test::kAllKinds) {
    const auto in_step = test::ObserveInStep(test::Workload(kind));
    EXPECT_EQ(WishVersion(in_step.observed).empty(), kind == test::Kind::kJob);
    for (std::size_t i = 0; i < changes.size(); ++i) {
      auto observed = in_step.observed;
      changes[i](observed);
      const auto whole = PlanChild(observed, in_step.applied);
      const auto quick = PlanChild(observed, in_step.applied, in_step.applied.desired_digest);
      EXPECT_EQ(quick.action, whole.action) << i;
      EXPECT_EQ(quick.drifted, whole.drifted) << i;
      EXPECT_EQ(quick.remove, whole.remove) << i;
      EXPECT_EQ(quick.attempt, whole.attempt) << i;
      EXPECT_EQ(StalledOf(quick) + WaitingOf(quick), StalledOf(whole) + WaitingOf(whole)) << i;
      const Json status = test::StatusOf(observed, whole, {}, in_step.applied).status;
      EXPECT_EQ(test::StatusOf(observed, quick, {}, in_step.applied).status, status) << i;
    }
  }
}

TEST(PlanChild, AWishVersionChangesWithWhatTheChildDependsOn) {
  const auto observed = test::Observe(test::Workload());
  const auto changed = [&](const std::function<void(api::TenantWorkload&, api::SovereignRegion&)>& change) {
    auto workload = *observed.workload;
    auto region = *observed.region;
    change(workload, region);
    return WishVersion(test::Observe(std::move(workload), std::move(region)));
  };
  const std::string before = WishVersion(observed);
  EXPECT_NE(before, "");
  EXPECT_EQ(changed([](auto& w, auto&) { w.meta.resource_version = 99; }), before);
  EXPECT_NE(changed([](auto& w, auto&) { w.meta.generation = 99; }), before);
  EXPECT_NE(changed([](auto& w, auto&) { w.meta.uid = "x"; }), before);
  EXPECT_NE(changed([](auto&, auto& r) { r.meta.generation = 99; }), before);
  EXPECT_NE(changed([](auto&, auto& r) { r.meta.uid = "x"; }), before);
}

TEST(PlanChild, WorkloadBeingDeletedIsLeftAlone) {
  auto observed = test::Observe(test::Workload());
  test::Change(observed, [](auto& w) { w.meta.deleting = true; });
  const auto plan = PlanChild(observed, {});
  ExpectNothing(plan);
  EXPECT_EQ(StalledOf(plan), "none");
}

// Reasons for which nothing is done at all: the same with and without a child, whatever it looks like.
struct StallCase {
  const char* what;
  std::function<void(WorkloadObservation&)> change;
  const char *reason, *says;
};
void PrintTo(const StallCase& c, std::ostream* out) { *out << c.what; }
class PlanChildStalls : public ::testing::TestWithParam<StallCase> {};

TEST_P(PlanChildStalls, AndLeavesWhatExists) {
  auto observed = test::Observe(test::Workload());
  GetParam().change(observed);
  const auto without = PlanChild(observed, {});
  ExpectNothing(without);
  ASSERT_EQ(StalledOf(without), GetParam().reason);
  EXPECT_THAT(without.stalled->message, HasSubstr(GetParam().says));

  auto in_step = test::ObserveInStep(test::Workload());
  GetParam().change(in_step.observed);
  test::ChangeChild(in_step.observed, [](auto& c) { c.digest = "changed"; });
  auto other = test::ChildOf(test::Workload(Kind::kJob));
  in_step.observed.other_children = {Ptr(std::move(other))};
  const auto with = PlanChild(in_step.observed, in_step.applied);
  ExpectNothing(with);
  EXPECT_EQ(StalledOf(with), GetParam().reason);
}

// What somebody can do to a child so that its pods leave the region.
const std::pair<const char*, std::function<void(api::Child&)>> kLetLoose[] = {
    {"selector gone", [](auto& c) { c.node_selector_region = ""; }},
    {"selector of another region", [](auto& c) { c.node_selector_region = "germany"; }},
    {"node name set", [](auto& c) { c.sets_node_name = true; }},
    {"label and selector of another region", [](auto& c) { c.region_label = c.node_selector_region = "germany"; }},
};

void ExpectHeld(const ChildPlan& plan, std::vector<ChildPtr> children, const char* what) {
  ASSERT_EQ(plan.hold.size(), children.size()) << what;
  for (std::size_t i = 0; i < children.size(); ++i) {
    EXPECT_EQ(plan.hold[i].child, children[i]) << what;
    EXPECT_EQ(plan.hold[i].region, "france") << what;
  }
}

TEST_P(PlanChildStalls, ButHoldsChildrenToTheirRegion) {
  for (const auto& [what, let_loose] : kLetLoose) {
    auto in_step = test::ObserveInStep(test::Workload());
    in_step.applied.region = "france";
    GetParam().change(in_step.observed);
    test::ChangeChild(in_step.observed, let_loose);
    auto other = test::ChildOf(test::Workload(Kind::kCronJob));
    let_loose(other);
    in_step.observed.other_children = {Ptr(std::move(other))};
    const auto plan = PlanChild(in_step.observed, in_step.applied);
    EXPECT_EQ(StalledOf(plan), GetParam().reason);
    ExpectHeld(plan, {in_step.observed.child, in_step.observed.other_children[0]}, what);
  }
}

TEST(PlanChildHold, AlsoWhileTheWorkloadIsDeletedAndUnderAnotherController) {
  for (const auto& [what, let_loose] : kLetLoose) {
    auto in_step = test::ObserveInStep(test::Workload());
    in_step.applied.region = "france";
    auto& observed = in_step.observed;
    test::ChangeChild(observed, let_loose);
    test::Change(observed, [](auto& w) { w.meta.deleting = true; });
    ExpectHeld(PlanChild(observed, in_step.applied), {observed.child}, what);

    test::ChangeChild(observed, [](auto& c) { c.controller_uid = "somebody else"; });
    EXPECT_TRUE(PlanChild(observed, in_step.applied).hold.empty()) << "not known to be ours";
    for (const bool workload : {false, true}) {
      test::ChangeChild(observed, [&](auto& c) { c.controller_is_workload = workload; });
      test::Change(observed, [](auto& w) {
        w.meta.deleting = false;
        w.status_json = R"({"child":{"uid":"uid-of-child"}})";
      });
      const auto plan = PlanChild(observed, in_step.applied);
      EXPECT_EQ(plan.action, Do::kNothing);
      EXPECT_EQ(StalledOf(plan), workload ? "none" : "NameTaken");
      ExpectHeld(plan, {observed.child}, what);
      const Json status = test::StatusOf(observed, plan, {}, in_step.applied).status;
      EXPECT_EQ(status["child"]["uid"], "uid-of-child") << "by which it is known the next time";
    }
  }
}

TEST(PlanChildHold, WhatIsUpdatedIsHeldWhereThatFails) {
  auto in_step = test::ObserveInStep(test::Workload(Kind::kStatefulSet));
  in_step.applied.region = "france";
  test::ChangeChild(in_step.observed, [](auto& c) { c.node_selector_region = ""; });
  const auto plan = PlanChild(in_step.observed, in_step.applied);
  EXPECT_EQ(plan.action, Do::kUpdate);
  ExpectHeld(plan, {in_step.observed.child}, "update");
}

TEST(PlanChildHold, LeavesAloneWhatCannotOrNeedNotBeHeld) {
  for (const auto kind : test::kAllKinds) {
    auto in_step = test::ObserveInStep(test::Workload(kind));
    in_step.applied.region = "france";
    auto& observed = in_step.observed;
    // The workload names another region now, which it cannot have: the child stays in its own.
    test::Change(observed, [](auto& w) { w.invalid = "spec.replicas: is -1"; });
    observed.region = nullptr;
    observed.region_name = "nowhere";
    EXPECT_TRUE(PlanChild(observed, in_step.applied).hold.empty());
    test::ChangeChild(observed, [](auto& c) { c.node_selector_region = ""; });
    EXPECT_EQ(PlanChild(observed, in_step.applied).hold.size(), kind == Kind::kJob ? 0U : 1U);
    test::ChangeChild(observed, [](auto& c) { c.suspended = true; });
    EXPECT_EQ(PlanChild(observed, in_step.applied).hold.size(), 1U) << "a suspended Job's template can be changed";
    test::ChangeChild(observed, [](auto& c) { c.meta.deleting = true; });
    EXPECT_TRUE(PlanChild(observed, in_step.applied).hold.empty());
  }
}

TEST(PlanChildHold, TheRegionIsTheOneWrittenDownThenTheWorkloadsThenTheLabels) {
  auto in_step = test::ObserveInStep(test::Workload());
  auto& observed = in_step.observed;
  test::Change(observed, [](auto& w) { w.invalid = "x"; });
  test::ChangeChild(observed, [](auto& c) {
    c.node_selector_region = "";
    c.region_label = "label";
  });
  const auto region = [&](std::string applied) {
    return PlanChild(observed, {"", "", std::move(applied)}).hold.at(0).region;
  };
  EXPECT_EQ(region("italy"), "italy");
  EXPECT_EQ(region(""), "france");
  observed.region = nullptr;
  EXPECT_EQ(region(""), "label");
  test::ChangeChild(observed, [](auto& c) { c.region_label = ""; });
  EXPECT_TRUE(PlanChild(observed, {}).hold.empty()) << "nobody knows which";
  test::ChangeChild(observed, [](auto& c) { c.sets_node_name = true; });
  EXPECT_EQ(region(""), "");
}

void SetTemplate(WorkloadObservation& observed, std::string text) {
  test::Change(observed, [&](auto& w) { w.template_json = std::move(text); });
}
INSTANTIATE_TEST_SUITE_P(
    Table, PlanChildStalls,
    ::testing::Values(
        StallCase{"spec unreadable",
                  [](auto& o) { test::Change(o, [](auto& w) { w.invalid = "spec.replicas: is \"x\""; }); },
                  "InvalidSpec", "spec.replicas"},
        StallCase{"no region named",
                  [](auto& o) {
                    o.region_name = "";
                    o.region = nullptr;
                  },
                  "RegionNotSet", "kubectl label namespace acme rempart.dev/region="},
        StallCase{"region missing", [](auto& o) { o.region = nullptr; }, "RegionNotFound",
                  "\"france\": create it, or name another in spec.region"},
        StallCase{"namespace's region missing",
                  [](auto& o) {
                    o.region = nullptr;
                    test::Change(o, [](auto& w) { w.region = ""; });
                  },
                  "RegionNotFound", "the namespace's label"},
        StallCase{"region unusable",
                  [](auto& o) {
                    auto r = test::Region();
                    r.invalid = "spec.country: is \"\"";
                    o.region = Ptr(std::move(r));
                  },
                  "RegionInvalid", "SovereignRegion france cannot be used: spec.country"},
        StallCase{"region's pattern does not compile",
                  [](auto& o) {
                    auto r = test::Region();
                    r.locations.front().provider_id_pattern = "(";
                    o.region = Ptr(std::move(r));
                  },
                  "RegionInvalid", "providerIDPattern"},
        StallCase{"template unreadable", [](auto& o) { SetTemplate(o, "{"); }, "InvalidSpec", "spec.template"},
        StallCase{"template no object", [](auto& o) { SetTemplate(o, "[]"); }, "PlacementRefused",
                  "spec.template is not an object"},
        StallCase{"child spec unreadable",
                  [](auto& o) { test::Change(o, [](auto& w) { w.child_json = R"({"replicas":1})"; }); }, "InvalidSpec",
                  "spec.deployment.replicas"},
        StallCase{"placement refused",
                  [](auto& o) {
                    SetTemplate(
                        o, R"({"spec":{"nodeName":"a","nodeSelector":{"topology.kubernetes.io/zone":"de-fra-1"}}})");
                  },
                  "PlacementRefused", "choose another"},
        StallCase{"zones refused", [](auto& o) { test::Change(o, [](auto& w) { w.placement.zones = {"mars"}; }); },
                  "PlacementRefused", "spec.placement.zones \"mars\""}));

TEST(PlanChild, RefusalsAreJoinedAndBounded) {
  auto observed = test::Observe(test::Workload());
  std::string selector;
  for (int i = 0; i < 9; ++i) selector += (i ? "," : "") + std::string("\"k") + std::to_string(i) + "\":1";
  SetTemplate(observed, R"({"spec":{"nodeName":"a","nodeSelector":{)" + selector + "}}}");
  const auto plan = PlanChild(observed, {});
  ASSERT_EQ(StalledOf(plan), "PlacementRefused");
  EXPECT_THAT(plan.stalled->message, HasSubstr("spec.template.spec.nodeName is \"a\""));
  EXPECT_THAT(plan.stalled->message, HasSubstr(". spec.template.spec.nodeSelector[\"k0\"] is not"));
  EXPECT_THAT(plan.stalled->message, HasSubstr(". And 5 more"));
}

TEST(PlanChild, ChangedWorkloadUpdatesAndIsNoDrift) {
  auto in_step = test::ObserveInStep(test::Workload());
  test::Change(in_step.observed, [](auto& w) { w.replicas = 5; });
  const auto plan = PlanChild(in_step.observed, in_step.applied);
  EXPECT_EQ(plan.action, Do::kUpdate);
  EXPECT_FALSE(plan.drifted);
  EXPECT_EQ(test::Parse(plan.desired)["spec"]["replicas"], 5);
  // Nothing is known after a restart without a status.
  const auto unknown = PlanChild(test::ObserveInStep(test::Workload()).observed, {});
  EXPECT_EQ(unknown.action, Do::kUpdate);
  EXPECT_FALSE(unknown.drifted);
}

TEST(PlanChild, HandEditedChildIsPutBack) {
  const std::pair<const char*, std::function<void(api::Child&)>> edits[] = {
      {"any field", [](auto& c) { c.digest = DigestOf("edited"); }},
      {"all signs of us removed", [](auto& c) { c.digest = ""; }},
      // These count even where the digest says that nothing changed.
      {"another region", [](auto& c) { c.node_selector_region = "germany"; }},
      {"region removed", [](auto& c) { c.node_selector_region = ""; }},
      {"node name", [](auto& c) { c.sets_node_name = true; }},
  };
  for (const auto& [what, edit] : edits) {
    SCOPED_TRACE(what);
    auto in_step = test::ObserveInStep(test::Workload());
    test::ChangeChild(in_step.observed, edit);
    const auto plan = PlanChild(in_step.observed, in_step.applied);
    EXPECT_EQ(plan.action, Do::kUpdate);
    EXPECT_TRUE(plan.drifted);
  }
}

TEST(PlanChild, OwnerReferenceTakenOffByHandIsPutBack) {
  auto in_step = test::ObserveInStep(test::Workload());
  test::ChangeChild(in_step.observed, [](auto& c) {
    c.controller_uid = "";
    c.controller_is_workload = false;
  });
  EXPECT_EQ(StalledOf(PlanChild(in_step.observed, in_step.applied)), "NameTaken")
      << "nobody wrote down that it is ours";
  test::Change(in_step.observed, [](auto& w) { w.status_json = R"({"child":{"uid":"uid-of-child"}})"; });
  const auto plan = PlanChild(in_step.observed, in_step.applied);
  EXPECT_EQ(plan.action, Do::kUpdate);
  EXPECT_TRUE(plan.drifted);
}

TEST(PlanChild, DeletedChildIsMadeAnewOnceItIsGone) {
  auto in_step = test::ObserveInStep(test::Workload());
  test::ChangeChild(in_step.observed, [](auto& c) { c.meta.deleting = true; });
  const auto waiting = PlanChild(in_step.observed, in_step.applied);
  ExpectNothing(waiting);
  EXPECT_EQ(WaitingOf(waiting), "WaitingForOldChild");
  in_step.observed.child = nullptr;
  EXPECT_EQ(PlanChild(in_step.observed, in_step.applied).action, Do::kCreate);
}

struct ForeignCase {
  const char* what;
  std::function<void(api::Child&)> change;
  Do action;
  const char *stalled, *waiting, *says;
};
TEST(PlanChild, WhatIsNotOursIsNeverTakenOverUnasked) {
  const ForeignCase cases[] = {
      {"nobody's", [](auto& c) { c.controller_uid = ""; }, Do::kNothing, "NameTaken", "none",
       "kubectl annotate deployment web -n acme rempart.dev/adopt=true"},
      {"nobody's, to be adopted",
       [](auto& c) {
         c.controller_uid = "";
         c.adopt = true;
       },
       Do::kAdopt, "none", "none", ""},
      {"another's", [](auto& c) { c.controller_uid = "x-1"; }, Do::kNothing, "NameTaken", "none",
       "controlled by another object (uid x-1)"},
      {"another's, with the annotation",
       [](auto& c) {
         c.controller_uid = "x-1";
         c.adopt = true;
       },
       Do::kNothing, "NameTaken", "none", "never taken over"},
      {"an earlier workload's",
       [](auto& c) {
         c.controller_uid = "old";
         c.controller_is_workload = true;
       },
       Do::kNothing, "none", "WaitingForOldChild", "uid old"},
      {"an earlier workload's, with the annotation",
       [](auto& c) {
         c.controller_uid = "old";
         c.controller_is_workload = true;
         c.adopt = true;
       },
       Do::kNothing, "none", "WaitingForOldChild", ""},
      {"nobody's, being deleted",
       [](auto& c) {
         c.controller_uid = "";
         c.adopt = true;
         c.meta.deleting = true;
       },
       Do::kNothing, "none", "WaitingForOldChild", ""},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.what);
    auto observed = test::Observe(test::Workload());
    auto child = test::ChildOf(*observed.workload);
    child.controller_is_workload = false;
    c.change(child);
    observed.child = Ptr(std::move(child));
    const auto plan = PlanChild(observed, {});
    EXPECT_EQ(plan.action, c.action);
    EXPECT_EQ(StalledOf(plan), c.stalled);
    EXPECT_EQ(WaitingOf(plan), c.waiting);
    EXPECT_THAT(plan.stalled ? plan.stalled->message : plan.waiting ? plan.waiting->message : "", HasSubstr(c.says));
  }
}

TEST(PlanChild, RegionBeingDeletedTakesNoNewChildButKeepsItsOwnRight) {
  auto deleting = test::Region();
  deleting.meta.deleting = true;
  const auto region = Ptr(deleting);

  auto none = test::Observe(test::Workload());
  none.region = region;
  EXPECT_EQ(StalledOf(PlanChild(none, {})), "RegionDeleting");
  ExpectNothing(PlanChild(none, {}));

  auto to_adopt = none;
  auto adoptable = test::ChildOf(*none.workload);
  adoptable.controller_uid = "";
  adoptable.adopt = true;
  to_adopt.child = Ptr(adoptable);
  EXPECT_EQ(StalledOf(PlanChild(to_adopt, {})), "RegionDeleting");

  auto in_step = test::ObserveInStep(test::Workload());
  in_step.observed.region = region;
  ExpectNothing(PlanChild(in_step.observed, in_step.applied));
  EXPECT_EQ(StalledOf(PlanChild(in_step.observed, in_step.applied)), "none");
  auto edited = in_step.observed;
  test::ChangeChild(edited, [](auto& c) { c.digest = "edited"; });
  EXPECT_TRUE(PlanChild(edited, in_step.applied).drifted);
  auto going = in_step.observed;
  test::ChangeChild(going, [](auto& c) { c.meta.deleting = true; });
  EXPECT_EQ(StalledOf(PlanChild(going, in_step.applied)), "RegionDeleting");

  // The kind was changed: the old child stays, since there will be no new one.
  none.other_children = {Ptr(test::ChildOf(test::Workload(Kind::kJob)))};
  EXPECT_TRUE(PlanChild(none, {}).remove.empty());
}

TEST(PlanChild, ChangedKindRemovesTheOldOneFirst) {
  auto observed = test::Observe(test::Workload(Kind::kStatefulSet));
  auto old = test::ChildOf(test::Workload(Kind::kDeployment));
  observed.other_children = {Ptr(old)};
  const auto plan = PlanChild(observed, {});
  EXPECT_EQ(plan.action, Do::kNothing);
  ASSERT_EQ(plan.remove.size(), 1U);
  EXPECT_EQ(plan.remove[0]->kind, Kind::kDeployment);
  ASSERT_EQ(WaitingOf(plan), "WaitingForOldChild");
  EXPECT_THAT(plan.waiting->message,
              HasSubstr("Deployment acme/web is being removed, because the workload is now a StatefulSet"));

  old.meta.deleting = true;
  observed.other_children = {Ptr(old)};
  const auto going = PlanChild(observed, {});
  EXPECT_TRUE(going.remove.empty()) << "once is enough";
  EXPECT_EQ(going.action, Do::kNothing);

  observed.other_children.clear();
  EXPECT_EQ(PlanChild(observed, {}).action, Do::kCreate);
}

TEST(PlanChild, OldKindStaysWhereTheNewOneCannotBeMade) {
  auto observed = test::Observe(test::Workload(Kind::kStatefulSet));
  observed.other_children = {Ptr(test::ChildOf(test::Workload(Kind::kDeployment)))};
  auto foreign = test::ChildOf(*observed.workload);
  foreign.controller_uid = "x";
  foreign.controller_is_workload = false;
  observed.child = Ptr(foreign);
  const auto plan = PlanChild(observed, {});
  EXPECT_EQ(StalledOf(plan), "NameTaken");
  EXPECT_TRUE(plan.remove.empty());
}

TEST(PlanChild, BothKindsThereTheNewOneIsKeptRightAndTheOldRemoved) {
  auto in_step = test::ObserveInStep(test::Workload(Kind::kStatefulSet));
  in_step.observed.other_children = {Ptr(test::ChildOf(test::Workload(Kind::kDeployment)))};
  test::ChangeChild(in_step.observed, [](auto& c) { c.digest = "edited"; });
  const auto plan = PlanChild(in_step.observed, in_step.applied);
  EXPECT_EQ(plan.action, Do::kUpdate);
  EXPECT_EQ(plan.remove.size(), 1U);
}

TEST(PlanChild, AnAttemptIsTheSameUntilWorkloadOrChildChange) {
  auto in_step = test::ObserveInStep(test::Workload());
  test::Change(in_step.observed, [](auto& w) { w.replicas = 5; });
  const auto attempt = [&] { return PlanChild(in_step.observed, in_step.applied).attempt; };
  const std::string first = attempt();
  EXPECT_NE(first, "");
  in_step.observed.pods.clear();
  test::ChangeChild(in_step.observed, [](auto& c) {
    c.ready = 0;
    c.meta.resource_version = 99;
  });
  test::Change(in_step.observed, [](auto& w) {
    w.status_json = "{}";
    w.meta.resource_version = 8;
  });
  EXPECT_EQ(attempt(), first);
  test::Change(in_step.observed, [](auto& w) { w.replicas = 6; });
  const std::string second = attempt();
  EXPECT_NE(second, first);
  test::ChangeChild(in_step.observed, [](auto& c) { c.digest = "edited"; });
  const std::string third = attempt();
  EXPECT_NE(third, second);
  test::ChangeChild(in_step.observed, [](auto& c) { c.meta.uid = "another"; });
  EXPECT_NE(attempt(), third);
}

TEST(ReadApplied, ReadsWhatWasWrittenAndNothingElse) {
  const std::string a = DigestOf("a"), b = DigestOf("b");
  const auto applied = ReadApplied(R"({"child":{"applied":")" + a + "-" + b + R"("}})");
  EXPECT_EQ(applied.desired_digest, a);
  EXPECT_EQ(applied.child_digest, b);
  EXPECT_EQ(ReadApplied(R"({"child":{"applied":")" + a + "-" + b + R"(-complete"}})").child_digest, b);
  EXPECT_EQ(applied.region, "");
  EXPECT_EQ(ReadApplied(R"({"child":{"region":"france"}})").region, "france");
  EXPECT_EQ(ReadApplied(R"({"child":{"region":7}})").region, "");
  EXPECT_EQ(ReadApplied(R"({"child":{"region":")" + std::string(64, 'a') + R"("}})").region, "");
  for (const std::string& status :
       {std::string(""), std::string("{"), std::string("null"), std::string("[]"), std::string(R"({"child":7})"),
        std::string(R"({"child":{"applied":7}})"), std::string(R"({"child":{"applied":""}})"),
        std::string(R"({"child":{"applied":"-"}})"), R"({"child":{"applied":")" + a + R"("}})",
        R"({"child":{"applied":")" + a + R"(-"}})", R"({"child":{"applied":"-)" + a + R"("}})",
        R"({"child":{"applied":")" + a + "-" + b + "-" + a + R"("}})", std::string(R"({"child":{"applied":"XY-12"}})"),
        R"({"child":{"applied":")" + std::string(65, 'a') + "-" + b + R"("}})"}) {
    EXPECT_EQ(ReadApplied(status).desired_digest + ReadApplied(status).child_digest, "") << status;
  }
}

}  // namespace
}  // namespace rempart::workload
