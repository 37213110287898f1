#include <functional>

#include "operator/api/observed.h"
#include "tests/unit/api/decoding.h"

namespace rempart::api {
namespace {

Json PodTemplate() {
  return {{"metadata", {{"labels", {{"app", "web"}}}}},
          {"spec",
           {{"nodeSelector", {{"rempart.node-restriction.kubernetes.io/region", "france"}}},
            {"containers", Json::array()}}}};
}

Json OwnerJson() {
  return {{"apiVersion", "rempart.dev/v1alpha1"},
          {"kind", "TenantWorkload"},
          {"name", "web"},
          {"uid", "owner-uid"},
          {"controller", true}};
}

// A child of ours of any kind but CronJob.
Json ChildJson() {
  Json meta = MetaJson("web", "acme");
  meta["labels"] = {
      {"rempart.dev/workload", "web"}, {"rempart.dev/region", "france"}, {"app.kubernetes.io/managed-by", "rempart"}};
  meta["ownerReferences"] = Json::array({OwnerJson()});
  return {{"metadata", meta},
          {"spec", {{"replicas", 3}, {"template", PodTemplate()}}},
          {"status", {{"observedGeneration", 3}}}};
}

Child DecodedChild(const Json& object, ChildKind kind = ChildKind::kDeployment) {
  auto child = Decoded(object, [kind](kube::View view) { return DecodeChild(kind, view); });
  EXPECT_TRUE(child) << child.error().message;
  return child.value_or(Child());
}

std::string Digest(const Json& object) { return DecodedChild(object).digest; }

Json Conditions(const std::string& type, const std::string& status, const std::string& reason,
                const std::string& message) {
  return {{{"type", "Other"}, {"status", "True"}},
          {{"type", type}, {"status", status}, {"reason", reason}, {"message", message}}};
}

TEST(DecodeChild, Deployment) {
  Json object = ChildJson();
  object["status"] = {{"observedGeneration", 3},
                      {"replicas", 5},
                      {"readyReplicas", 4},
                      {"updatedReplicas", 3},
                      {"availableReplicas", 2}};
  const Child child = DecodedChild(object);
  EXPECT_EQ(child.meta.key.ToString(), "acme/web");
  EXPECT_EQ(child.kind, ChildKind::kDeployment);
  EXPECT_EQ(child.controller_uid, "owner-uid");
  EXPECT_TRUE(child.controller_is_workload);
  EXPECT_FALSE(child.adopt);
  EXPECT_EQ(child.digest.size(), 32u);
  EXPECT_EQ(child.node_selector_region, "france");
  EXPECT_FALSE(child.sets_node_name);
  EXPECT_EQ(child.observed_generation, 3);
  EXPECT_EQ(child.replicas, 5);
  EXPECT_EQ(child.ready, 4);
  EXPECT_EQ(child.updated, 3);
  EXPECT_EQ(child.available, 2);
  EXPECT_EQ(child.failure, "");
}

TEST(DecodeChild, DeploymentFailures) {
  EXPECT_EQ(DecodedChild(With(ChildJson(), "/status/conditions",
                              Conditions("Progressing", "False", "ProgressDeadlineExceeded", "late")))
                .failure,
            "ProgressDeadlineExceeded: late");
  EXPECT_EQ(DecodedChild(With(ChildJson(), "/status/conditions",
                              Conditions("Progressing", "True", "NewReplicaSetAvailable", "ok")))
                .failure,
            "");
  EXPECT_EQ(DecodedChild(
                With(ChildJson(), "/status/conditions", Conditions("ReplicaFailure", "True", "FailedCreate", "quota")))
                .failure,
            "FailedCreate: quota");
  // The cause is told rather than the consequence, in either order.
  Json both = {{{"type", "Progressing"}, {"status", "False"}, {"reason", "Late"}, {"message", "l"}},
               {{"type", "ReplicaFailure"}, {"status", "True"}, {"reason", "FailedCreate"}, {"message", "quota"}}};
  EXPECT_EQ(DecodedChild(With(ChildJson(), "/status/conditions", both)).failure, "FailedCreate: quota");
  std::swap(both[0], both[1]);
  EXPECT_EQ(DecodedChild(With(ChildJson(), "/status/conditions", both)).failure, "FailedCreate: quota");
  const std::string cut =
      DecodedChild(With(ChildJson(), "/status/conditions",
                        Conditions("ReplicaFailure", "True", "FailedCreate", std::string(9999, 'x'))))
          .failure;
  EXPECT_EQ(cut.size(), 256u);
  EXPECT_TRUE(cut.ends_with("x…"));
}

TEST(DecodeChild, StatefulSet) {
  Json object = ChildJson();
  object["status"] = {{"replicas", 5}, {"readyReplicas", 4}, {"updatedReplicas", 3}, {"availableReplicas", 2}};
  const Child child = DecodedChild(object, ChildKind::kStatefulSet);
  EXPECT_EQ(child.kind, ChildKind::kStatefulSet);
  EXPECT_EQ(child.replicas + child.ready * 10 + child.updated * 100 + child.available * 1000, 2345);
}

TEST(DecodeChild, DaemonSet) {
  Json object = ChildJson();
  object["status"] = {
      {"desiredNumberScheduled", 5}, {"numberReady", 4}, {"updatedNumberScheduled", 3}, {"numberAvailable", 2}};
  const Child child = DecodedChild(object, ChildKind::kDaemonSet);
  EXPECT_EQ(child.replicas + child.ready * 10 + child.updated * 100 + child.available * 1000, 2345);
}

TEST(DecodeChild, Job) {
  Json object = ChildJson();
  object["spec"]["suspend"] = true;
  object["status"] = {{"active", 5}, {"ready", 4}, {"succeeded", 3}, {"failed", 2}};
  Child child = DecodedChild(object, ChildKind::kJob);
  EXPECT_EQ(child.replicas, 5);
  EXPECT_EQ(child.ready, 4);
  EXPECT_EQ(child.updated, 0);
  EXPECT_TRUE(child.suspended);
  EXPECT_FALSE(child.complete);
  child = DecodedChild(With(object, "/status/conditions", Conditions("Complete", "True", "CompletionsReached", "")),
                       ChildKind::kJob);
  EXPECT_TRUE(child.complete);
  EXPECT_EQ(child.failure, "");
  child = DecodedChild(
      With(object, "/status/conditions", Conditions("Failed", "True", "BackoffLimitExceeded", "too often")),
      ChildKind::kJob);
  EXPECT_FALSE(child.complete);
  EXPECT_EQ(child.failure, "BackoffLimitExceeded: too often");
  child = DecodedChild(With(object, "/status/conditions", Conditions("Failed", "False", "X", "y")), ChildKind::kJob);
  EXPECT_EQ(child.failure, "");
}

TEST(DecodeChild, CronJob) {
  Json object = ChildJson();
  object["spec"] = {{"suspend", true}, {"jobTemplate", {{"spec", {{"template", PodTemplate()}}}}}};
  object["status"] = {{"active", Json::array({{{"name", "web-1"}}, {{"name", "web-2"}}})}};
  const Child child = DecodedChild(object, ChildKind::kCronJob);
  EXPECT_EQ(child.node_selector_region, "france");
  EXPECT_EQ(child.replicas, 2);
  EXPECT_TRUE(child.suspended);
  object["spec"]["jobTemplate"]["spec"]["template"]["spec"]["nodeName"] = "x";
  EXPECT_TRUE(DecodedChild(object, ChildKind::kCronJob).sets_node_name);
}

TEST(DecodeChild, CountsOutOfRangeAreClamped) {
  EXPECT_EQ(DecodedChild(With(ChildJson(), "/status/replicas", -5)).replicas, 0);
  EXPECT_EQ(DecodedChild(With(ChildJson(), "/status/replicas", 99999999999)).replicas, 2147483647);
  EXPECT_EQ(DecodedChild(With(ChildJson(), "/status/replicas", "5")).replicas, 0);
}

TEST(DecodeChild, OfWhatIsNotOursDigestAndStatusAreNotKept) {
  Json object = ChildJson();
  object["metadata"].erase("labels");
  object["metadata"]["ownerReferences"] =
      Json::array({{{"apiVersion", "apps/v1"}, {"kind", "Other"}, {"uid", "u"}, {"controller", true}}});
  object["status"]["replicas"] = 3;
  const Child child = DecodedChild(object);
  EXPECT_EQ(child.meta.key.name, "web");
  EXPECT_EQ(child.controller_uid, "u") << "or a child whose signs were taken off would look like nobody's";
  EXPECT_FALSE(child.controller_is_workload);
  EXPECT_EQ(child.digest, "");
  EXPECT_EQ(child.node_selector_region, "france") << "it may have been ours";
  EXPECT_EQ(child.replicas, 0);
}

TEST(DecodeChild, EachSignOfUsIsSeen) {
  Json bare = ChildJson();
  bare["metadata"].erase("labels");
  bare["metadata"].erase("ownerReferences");
  EXPECT_EQ(Digest(bare), "");
  EXPECT_NE(Digest(With(bare, "/metadata/labels", {{"rempart.dev/workload", "web"}})), "");
  EXPECT_EQ(Digest(With(bare, "/metadata/labels", {{"app.kubernetes.io/managed-by", "rempart"}})), "");
  EXPECT_NE(Digest(With(bare, "/metadata/ownerReferences", Json::array({OwnerJson()}))), "");

  Child child = DecodedChild(With(bare, "/metadata/annotations", {{"rempart.dev/adopt", "true"}}));
  EXPECT_NE(child.digest, "");
  EXPECT_TRUE(child.adopt);
  EXPECT_FALSE(child.controller_is_workload);
  child = DecodedChild(With(bare, "/metadata/annotations", {{"rempart.dev/adopt", "True"}}));
  EXPECT_FALSE(child.adopt) << "only \"true\" says so";
}

TEST(DecodeChild, OnlyAControllerOfOurKindAndGroupIsOurs) {
  const auto owned_by = [](const char* member, const Json& value) {
    Json object = ChildJson();
    object["metadata"]["ownerReferences"][0][member] = value;
    return DecodedChild(object).controller_is_workload;
  };
  EXPECT_TRUE(owned_by("apiVersion", "rempart.dev/v1"));  // a later version of ours
  EXPECT_FALSE(owned_by("apiVersion", "rempart.dev.evil/v1"));
  EXPECT_FALSE(owned_by("apiVersion", "apps/v1"));
  EXPECT_FALSE(owned_by("kind", "SovereignRegion"));
  EXPECT_FALSE(owned_by("controller", false));
  EXPECT_FALSE(owned_by("controller", "true"));
  EXPECT_FALSE(owned_by("kind", nullptr));
}

TEST(DecodeChild, AForeignControllerOfALabelledObjectIsTold) {
  Json object = ChildJson();
  object["metadata"]["ownerReferences"] = {
      {{"apiVersion", "apps/v1"}, {"kind", "Other"}, {"uid", "not-controller"}},
      {{"apiVersion", "apps/v1"}, {"kind", "Other"}, {"uid", "u"}, {"controller", true}}};
  const Child child = DecodedChild(object);
  EXPECT_FALSE(child.controller_is_workload);
  EXPECT_EQ(child.controller_uid, "u");
}

TEST(DecodeChild, AnUnreadableControllerIsNotNone) {
  const auto uid_of = [](const Json& uid) {
    return DecodedChild(With(ChildJson(), "/metadata/ownerReferences/0/uid", uid)).controller_uid;
  };
  EXPECT_EQ(uid_of(std::string(2000, 'u')), "(unreadable)");
  EXPECT_EQ(uid_of(7), "(unreadable)");
}

TEST(ChildDigest, ChangesWithWhatWeGovern) {
  const std::string before = Digest(ChildJson());
  const std::pair<const char*, Json> kEdits[] = {
      {"/spec/replicas", 4},
      {"/spec/replicas", "3"},
      {"/spec/paused", true},
      {"/spec/template/spec/nodeSelector/rempart.node-restriction.kubernetes.io~1region", "other"},
      {"/spec/template/spec/nodeName", "x"},
      {"/spec/template/metadata/annotations", {{"kubectl.kubernetes.io/restartedAt", "now"}}},
      {"/metadata/labels/rempart.dev~1region", "other"},
      {"/metadata/labels/rempart.dev~1more", ""},
      {"/metadata/labels/app.kubernetes.io~1managed-by", "helm"},
      {"/metadata/annotations", {{"rempart.dev/note", "x"}}},
      {"/metadata/ownerReferences/0/uid", "another"},
      {"/metadata/ownerReferences/0/blockOwnerDeletion", true},
  };
  for (const auto& [pointer, value] : kEdits) EXPECT_NE(Digest(With(ChildJson(), pointer, value)), before) << pointer;
  EXPECT_NE(Digest(Without(ChildJson(), "/metadata/labels/rempart.dev~1region")), before);
  EXPECT_NE(Digest(Without(ChildJson(), "/metadata/ownerReferences")), before);
}

TEST(ChildDigest, DoesNotChangeWithWhatOthersGovern) {
  const std::string before = Digest(ChildJson());
  const std::pair<const char*, Json> kEdits[] = {
      {"/status", {{"replicas", 1}}},
      {"/metadata/resourceVersion", "2000"},
      {"/metadata/generation", 9},
      {"/metadata/managedFields", Json::array({{{"manager", "kubectl"}}})},
      {"/metadata/labels/team", "x"},
      {"/metadata/labels/rempart.development~1x", "x"},
      {"/metadata/annotations", {{"deployment.kubernetes.io/revision", "2"}}},
  };
  for (const auto& [pointer, value] : kEdits) EXPECT_EQ(Digest(With(ChildJson(), pointer, value)), before) << pointer;
}

// The same text under labels and under annotations, or a value that looks like two lines, are different objects.
TEST(ChildDigest, CannotBeForgedByMovingText) {
  Json label = ChildJson();
  label["metadata"]["labels"]["rempart.dev/x"] = "1";
  Json annotation = ChildJson();
  annotation["metadata"]["annotations"] = {{"rempart.dev/x", "1"}};
  EXPECT_NE(Digest(label), Digest(annotation));
  Json two = ChildJson();
  two["metadata"]["annotations"] = {{"rempart.dev/a", "1"}, {"rempart.dev/b", "2"}};
  Json one = ChildJson();
  one["metadata"]["annotations"] = {{"rempart.dev/a", "1\"\nrempart.dev/b=\"2"}};
  EXPECT_NE(Digest(two), Digest(one));
}

}  // namespace
}  // namespace rempart::api
