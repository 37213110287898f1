// What is said of the workloads of a region that speaks French.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <vector>

#include "tests/unit/api/language.h"
#include "tests/unit/workload/rounds.h"

namespace rempart::workload {
namespace {

using api::test::IsFrench;
using test::Change;
using test::Kind;
using test::Play;
using test::Ptr;
using test::Write;

api::SovereignRegion French() {
  api::SovereignRegion region = test::Region();
  region.rules.language = api::Language::kFrench;
  return region;
}

void ExpectEventsFrench(const test::Planned& planned) {
  EXPECT_FALSE(planned.events.empty());
  for (const kube::Event& event : planned.events) EXPECT_THAT(event.note, IsFrench()) << event.reason;
}

// Of every condition with a message, where the status changes, and every event.
void ExpectFrench(const test::Planned& planned) {
  if (!planned.status.is_object()) return ExpectEventsFrench(planned);
  for (const Json& condition : planned.status.at("conditions")) {
    if (const std::string said = condition.at("message"); !said.empty()) EXPECT_THAT(said, IsFrench()) << condition;
  }
  for (const kube::Event& event : planned.events) EXPECT_THAT(event.note, IsFrench()) << event.reason;
}

WorkloadObservation Observe(const std::string& pod_spec, Kind kind = Kind::kDeployment) {
  auto workload = test::Workload(kind);
  workload.template_json = R"({"spec":)" + pod_spec + "}";
  return test::Observe(workload, French());
}

TEST(French, WhyATemplateIsRefused) {
  const std::string required = R"({"affinity":{"nodeAffinity":{"requiredDuringSchedulingIgnoredDuringExecution":)";
  const std::vector<std::string> specs = {
      R"({"nodeName":"x"})",
      R"({"nodeSelector":{"topology.kubernetes.io/zone":"ie-dub-1"}})",
      R"({"nodeSelector":{"topology.kubernetes.io/zone":"fr-par-1","topology.kubernetes.io/region":"fr-lyo"}})",
      required + R"({"nodeSelectorTerms":[{"matchExpressions":[{"key":"topology.kubernetes.io/zone","operator":"In",)" +
          R"("values":["a","b","c","d","e","f"]}]}]}}}})",
      required + R"({"nodeSelectorTerms":[{}]}}}})",
  };
  for (const std::string& spec : specs) {
    const auto round = Play(Observe(spec), {});
    ASSERT_TRUE(round.plan.stalled) << spec;
    EXPECT_EQ(round.plan.stalled->reason, "PlacementRefused");
    ExpectFrench(round.result);
  }
  auto observed = Observe("{}");
  Change(observed, [](auto& w) { w.placement.zones = {"ie-dub-1"}; });
  ExpectFrench(Play(observed, {}).result);
  Change(observed, [](auto& w) {
    w.placement.zones = {"fr-par-1"};
    w.placement.min_zones = 2;
  });
  ExpectFrench(Play(observed, {}).result);
}

TEST(French, WhatBecomesOfTheChild) {
  auto in_step = test::ObserveInStep(test::Workload());
  in_step.observed.region = Ptr(French());
  const api::Child good = *in_step.observed.child;
  Write(in_step.observed, Play(in_step.observed, in_step.applied).result.status);

  auto edited = in_step.observed;
  test::ChangeChild(edited, [](auto& c) { c.digest = "edited"; });
  const auto restored = Play(edited, in_step.applied, test::Succeed(good));
  ASSERT_EQ(restored.result.events.size(), 1u);
  ExpectFrench(restored.result);
  EXPECT_EQ(restored.result.events[0].note, "Deployment acme/web a été modifié à la main, et remis en état");

  auto deleted = in_step.observed;
  deleted.child = nullptr;
  ASSERT_EQ(Play(deleted, in_step.applied, test::Succeed(good)).result.events.size(), 1u);
  EXPECT_THAT(Play(deleted, in_step.applied, test::Succeed(good)).result.events[0].note, IsFrench());

  auto theirs = good;
  theirs.controller_uid = "";
  theirs.controller_is_workload = false;
  auto taken = test::Observe(test::Workload(), French());
  taken.child = Ptr(theirs);
  ExpectFrench(Play(taken, {}).result);

  auto changed = in_step.observed;
  Change(changed, [](auto& w) { w.replicas = 9; });
  ExpectFrench(
      Play(changed, in_step.applied, test::FailWith(Error::Invalid("spec.selector: cannot be changed"))).result);
}

}  // namespace
}  // namespace rempart::workload
