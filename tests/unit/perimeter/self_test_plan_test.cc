// When a gate is tested and when its test is believed.
#include "operator/perimeter/self_test_plan.h"

#include <gtest/gtest.h>

#include "tests/unit/perimeter/builders.h"

namespace rempart::perimeter {
namespace {

using namespace std::chrono_literals;
using Do = SelfTestPlan::Do;

struct SelfTestPlanTest : ::testing::Test {
  SelfTestPlanTest() {
    auto region = test::Region();
    region.rules.enforcement = api::RegionRules::Enforcement::kEnforce;
    observed.region = test::Ptr(region);
    observed.namespaces = {"a", "b"};
  }
  void Write() { observed.written = GateWritten{"uid-of-france", 3, now}; }
  SelfTestPlan Plan() {
    const auto plan = PlanSelfTest(observed, memory, now);
    memory = plan.memory;
    return plan;
  }
  // A test with this answer; true where it is told.
  bool Told(bool held) {
    const auto plan = Plan();
    EXPECT_EQ(plan.what, Do::kSend);
    const auto result = AfterProbes(observed, plan, now, observed.written, held);
    memory = result.memory;
    if (!result.told) return false;
    observed.last = GateProof{.uid = "uid-of-france", .generation = 3};
    if (!held) observed.last->problems = {{ProbeProblem::Kind::kGotIn, "RP-104", "let in"}};
    return true;
  }

  SelfTestObservation observed;
  SelfTestMemory memory;
  MonoTime now = MonoTime() + 1h;
};

TEST_F(SelfTestPlanTest, OnlyARegionThatEnforcesIsTested) {
  EXPECT_TRUE(IsTested(observed.region));
  EXPECT_FALSE(IsTested(nullptr));
  auto region = *observed.region;
  region.rules.enforcement = api::RegionRules::Enforcement::kWarn;
  EXPECT_FALSE(IsTested(test::Ptr(region)));
  region = *observed.region;
  region.meta.deleting = true;
  EXPECT_FALSE(IsTested(test::Ptr(region)));
  region = *observed.region;
  region.invalid = "spec.images: no";
  EXPECT_FALSE(IsTested(test::Ptr(region)));
}

TEST_F(SelfTestPlanTest, WaitsUntilTheSpecIsCarriedOut) {
  const auto waits = [&] {
    const auto plan = PlanSelfTest(observed, memory, now);
    return plan.what == Do::kWait && !plan.look_again;
  };
  EXPECT_TRUE(waits());
  for (const GateWritten& written :
       {GateWritten{"", 0, now}, GateWritten{"uid-of-france", 2, now}, GateWritten{"before", 3, now}}) {
    observed.written = written;
    EXPECT_TRUE(waits()) << written.uid << written.generation;
  }
  observed.namespaces.clear();
  EXPECT_TRUE(waits()) << "that there is no namespace is said of the spec as it is carried out";
  Write();
  EXPECT_EQ(Plan().what, Do::kTellNoNamespace);
}

TEST_F(SelfTestPlanTest, WhatWasShownStaysShownForAMinute) {
  Write();
  now += kGateSettles;
  EXPECT_TRUE(Told(true));
  now += 10s;
  EXPECT_EQ(Plan().look_again, 50s);
  Write();
  EXPECT_EQ(Plan().what, Do::kSend) << "of the gate as it was";
}

TEST_F(SelfTestPlanTest, TakesTheNamespacesInTurn) {
  Write();
  now += kGateSettles;
  EXPECT_EQ(Plan().ns, "a");
  EXPECT_EQ(Plan().ns, "b");
  EXPECT_EQ(Plan().ns, "a");
  observed.namespaces = {"a"};
  EXPECT_EQ(Plan().ns, "a");
}

// What a webhook of one namespace lets in, another namespace's test does not see.
TEST_F(SelfTestPlanTest, StaysWhereTheGateDoesNotHold) {
  Write();
  now += kGateSettles;
  EXPECT_TRUE(Told(false));
  observed.last->ns = "a";
  for (int i = 0; i < 3; ++i) EXPECT_EQ(Plan().ns, "a") << i;
  observed.namespaces = {"b", "c"};
  EXPECT_EQ(Plan().ns, "c") << "it is gone";
  observed.namespaces = {"a", "b"};
  observed.last->problems.clear();
  now += kSelfTestPeriod;
  EXPECT_EQ(Plan().ns, "a") << "in turn again";
  EXPECT_EQ(Plan().ns, "b");
}

TEST_F(SelfTestPlanTest, AWriteThatMendsHasAllItsTime) {
  Write();
  now += kGateSettles;
  EXPECT_TRUE(Told(false));
  now += 10min;  // told, and told again
  EXPECT_TRUE(Told(false));
  now += 5s;
  EXPECT_TRUE(Told(false));
  now += 1s;
  Write();
  for (const MonoTime end = now + kGateSettles; now < end; now += kSettlingPeriod) EXPECT_FALSE(Told(false));
  EXPECT_TRUE(Told(false)) << "it did not mend";
  now += 5s;
  Write();
  EXPECT_FALSE(Told(false));
  EXPECT_TRUE(Told(true)) << "it did";
}

TEST_F(SelfTestPlanTest, WhatTwoGatesAnsweredShowsNothing) {
  Write();
  now += kGateSettles;
  const auto plan = Plan();
  const auto told = [&](const std::optional<GateWritten>& meanwhile, const SelfTestPlan& by) {
    return AfterProbes(observed, by, now, meanwhile, false).told;
  };
  EXPECT_TRUE(told(observed.written, plan));
  GateWritten rewritten = *observed.written, of_another_spec = rewritten;
  rewritten.at = now;
  EXPECT_FALSE(told(rewritten, plan));
  of_another_spec.generation = 4;
  EXPECT_FALSE(told(of_another_spec, plan));
  EXPECT_FALSE(told(std::nullopt, plan));
  now += kDoubtEnds;
  const auto in_doubt = Plan();
  EXPECT_TRUE(told(rewritten, in_doubt)) << "as it has been for a minute";
  EXPECT_FALSE(told(of_another_spec, in_doubt));
}

TEST_F(SelfTestPlanTest, RewritingForEverIsToldEachMinute) {
  const MonoTime begun = now;
  std::vector<Duration> told;
  for (; now <= begun + 3min; now += 5s) {
    Write();
    if (Told(false)) told.push_back(now - begun);
  }
  EXPECT_EQ(told, (std::vector<Duration>{1min, 2min + 5s})) << "a minute from the first write after it was told";
}

TEST_F(SelfTestPlanTest, NoAnswerIsToldAfterAMinuteAndThenEachTime) {
  Write();
  now += kGateSettles;
  EXPECT_FALSE(Plan().unanswered_tells);
  now += 59s;
  EXPECT_FALSE(Plan().unanswered_tells);
  now += 1s;
  EXPECT_TRUE(Plan().unanswered_tells);
  EXPECT_TRUE(Told(false));
  now += 5s;
  EXPECT_TRUE(Plan().unanswered_tells);
  EXPECT_TRUE(Told(true));
  now += 1min;
  EXPECT_FALSE(Plan().unanswered_tells);
}

}  // namespace
}  // namespace rempart::perimeter
