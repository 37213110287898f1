// Bad input never ends the process: the custom resource definitions are damaged under a running operator, so that any
// legal JSON comes through, and some hundreds of such objects are made beside good ones. Each gets a condition, the
// good ones are looked after as ever, and once the definitions are as they were all goes on.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <map>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "tests/support/any_json.h"
#include "tests/support/cluster.h"

namespace rempart::test {
namespace {

using ::testing::AllOf, ::testing::HasSubstr;

constexpr kube::Resource kDefinitions{"apiextensions.k8s.io", "v1", "customresourcedefinitions",
                                      "CustomResourceDefinition", false};
constexpr kube::Resource kQuotas{"", "v1", "resourcequotas", "ResourceQuota", true};
constexpr int kObjects = 300;

// Every member may be of any type.
const Json* At(const Json& object, const std::vector<const char*>& path) {
  const Json* at = &object;
  for (const char* key : path) {
    if (!at->is_object() || !at->contains(key)) return nullptr;
    at = &(*at)[key];
  }
  return at;
}

// The condition of that type as the operator writes it; null where there is none.
Json ConditionIn(const Json& object, const std::string& type) {
  const Json* conditions = At(object, {"status", "conditions"});
  if (!conditions || !conditions->is_array()) return nullptr;
  for (const Json& condition : *conditions)
    if (condition.is_object() && condition.value("type", Json()) == type) return condition;
  return nullptr;
}

bool IsTold(const Json& object, const std::string& type) {
  const Json condition = ConditionIn(object, type);
  return condition.is_object() && !condition.value("reason", "").empty() && !condition.value("status", "").empty() &&
         condition.value("observedGeneration", Json()) == object["metadata"].value("generation", Json(0));
}

// The definitions of all kinds, as they were installed or damaged.
class Definitions {
 public:
  explicit Definitions(Cluster& cluster) : cluster_(cluster) {}
  ~Definitions() { EXPECT_TRUE(!damaged_ || PutBack()); }

  bool Damage() {
    damaged_ = true;
    const Json anything = {{"type", "object"}, {"x-kubernetes-preserve-unknown-fields", true}};
    for (const auto* kind : kKinds) {
      const auto definition = cluster_.Get(kDefinitions, {"", NameOf(*kind)});
      if (!definition) return false;
      Json version = (*definition)["spec"]["versions"][0];
      versions_.push_back(version);
      version["schema"]["openAPIV3Schema"] = anything;
      version.erase("selectableFields");                                             // which must be in the schema
      if (version.contains("subresources")) version["subresources"].erase("scale");  // which asks for a number
      if (!Replace(*kind, version)) return false;
    }
    return Await(true);
  }
  bool PutBack() {
    damaged_ = false;
    for (std::size_t i = 0; i < versions_.size(); ++i)
      if (!Replace(*kKinds[i], versions_[i])) return false;
    return Await(false);
  }

 private:
  static constexpr const kube::Resource* kKinds[] = {&api::kRegions, &api::kWorkloads, &api::kProfiles,
                                                     &api::kAttestations, &api::kPerimeterParameters};
  static std::string NameOf(const kube::Resource& kind) {
    return std::string(kind.plural) + "." + std::string(kind.group);
  }

  bool Replace(const kube::Resource& kind, const Json& version) {
    const Json patch = Json::array({{{"op", "replace"}, {"path", "/spec/versions/0"}, {"value", version}}});
    const auto reply =
        cluster_.api().Patch(kDefinitions, {"", NameOf(kind)}, kube::PatchType::kJson, patch.dump(), false, {});
    EXPECT_TRUE(reply) << reply.error().ToString();
    return reply.has_value();
  }
  // Until the server takes (or refuses again) what no schema of ours lets through. It tells nobody when a definition
  // has come to hold, so that it is asked, 60 s at most.
  bool Await(bool anything_is_taken) {
    SystemClock clock;
    const auto limit = clock.Mono() + 60s;
    for (const auto* kind : kKinds) {
      const Json probe = {{"apiVersion", kind->ApiVersion()},
                          {"kind", kind->kind},
                          {"metadata", {{"name", "probe"}}},
                          {"spec", "none of any kind"}};
      const std::string ns = kind->namespaced ? "default" : "";
      auto taken = cluster_.api().Create(*kind, ns, probe.dump(), {}, "dryRun=All");
      while (taken.has_value() != anything_is_taken) {
        if (clock.Mono() > limit) {
          ADD_FAILURE() << NameOf(*kind) << ": " << (taken ? taken->body : taken.error().ToString());
          return false;
        }
        clock.SleepFor(100ms, {});
        taken = cluster_.api().Create(*kind, ns, probe.dump(), {}, "dryRun=All");
      }
    }
    return true;
  }

  Cluster& cluster_;
  std::vector<Json> versions_;  // as they were, of kKinds
  bool damaged_ = false;
};

class DamagedResources : public ::testing::Test {
 protected:
  void SetUp() override {
    std::printf("seed %llu (TEST_SEED)\n", static_cast<unsigned long long>(seed_));
    ASSERT_TRUE(cluster_.Create(MakeNode(id_ + "-node", id_, id_ + "-a", "kwok://" + id_)));
    for (const auto& ns : {good_, bad_}) ASSERT_TRUE(cluster_.Create(MakeNamespace(ns)));
    // What is made of them is not to fill the cluster: two thousand million replicas are legal.
    const Json quota = {{"apiVersion", "v1"},
                        {"kind", "ResourceQuota"},
                        {"metadata", {{"name", "no-pods"}}},
                        {"spec", {{"hard", {{"pods", "0"}}}}}};
    ASSERT_TRUE(cluster_.api().Create(kQuotas, bad_, quota.dump(), {}));
    ASSERT_TRUE(cluster_.Create(MakeRegion(id_, id_, {id_ + "-a"})));
    op_ = StartOperator(cluster_.kubeconfig());
    pid_ = op_->pid();
    for (const char* name : {"early", "turned"}) {
      ASSERT_TRUE(cluster_.Create(MakeWorkload(good_, name, id_)));
      ASSERT_TRUE(AwaitReady(name));
    }
  }
  void TearDown() override {
    for (const auto& [kind, name] : made_) (void)cluster_.Delete(*kind, KeyOf(*kind, name));
    for (const char* name : {"early", "turned", "late"}) (void)cluster_.Delete(api::kWorkloads, {good_, name});
    for (const auto& ns : {good_, bad_}) (void)cluster_.Delete(api::kNamespaces, {"", ns});
    (void)cluster_.Delete(api::kRegions, {"", id_});
    EXPECT_TRUE(cluster_.Await(
        api::kRegions, {"", id_}, [](const Json& r) { return r.is_null(); }, kCollected));
    (void)cluster_.Delete(api::kNodes, {"", id_ + "-node"});
    op_->Signal(SIGTERM);
    EXPECT_EQ(op_->Wait(30s), 0);
  }

  static std::uint64_t Seed() {
    const char* given = std::getenv("TEST_SEED");
    return given ? std::strtoull(given, nullptr, 10) : std::random_device()();
  }
  kube::ObjectKey KeyOf(const kube::Resource& kind, const std::string& name) const {
    return {kind.namespaced ? bad_ : "", name};
  }

  bool AwaitReady(const std::string& name, int replicas = 1) {
    return cluster_
        .Await(
            api::kWorkloads, {good_, name},
            [&](const Json& w) {
              return HasCondition(w, "Ready", "True") && w["status"].value("ready", 0) == replicas;
            },
            60s)
        .has_value();
  }
  Json Child(const std::string& name) { return cluster_.Get(api::kDeployments, {good_, name}).value_or(Json()); }

  // A text in the place of `spec`, whatever it says, as it is; nlohmann's Json could not hold it.
  void Make(const kube::Resource& kind, const std::string& name, const std::string& spec) {
    const Json metadata = {{"name", name}};
    const std::string body = R"({"apiVersion":")" + kind.ApiVersion() + R"(","kind":")" + std::string(kind.kind) +
                             R"(","metadata":)" + metadata.dump() + R"(,"spec":)" + spec + "}";
    const auto made = cluster_.api().Create(kind, KeyOf(kind, name).ns, body, {});
    EXPECT_TRUE(made) << made.error().ToString() << "\n" << body.substr(0, 2000);
    if (made) made_.emplace_back(&kind, name);
  }
  void SetStatus(const kube::Resource& kind, const std::string& name, const std::string& status) {
    const auto set = cluster_.api().Patch(kind, KeyOf(kind, name), kube::PatchType::kMerge,
                                          R"({"status":)" + status + "}", false, {}, "status", "fieldManager=somebody");
    EXPECT_TRUE(set) << set.error().ToString() << "\n" << status.substr(0, 2000);
  }
  void MakeAny(int number);
  // Until each that was made of the kind has a condition of the type, for its present generation.
  bool AwaitTold(const kube::Resource& kind, const std::string& type);
  // Deletes all that was made, or every second one, and waits until it is gone.
  bool Delete(bool all);

  Cluster cluster_;
  const std::uint64_t seed_ = Seed();
  AnyJson any_{seed_};
  const std::string id_ = UniqueName("damaged"), good_ = id_ + "-good", bad_ = id_ + "-bad";
  std::vector<std::pair<const kube::Resource*, std::string>> made_;
  std::unique_ptr<Process> op_;
  int pid_ = 0;
};

void DamagedResources::MakeAny(int number) {
  const std::string name = id_ + "-" + std::to_string(number);
  const kube::Resource* kind = &api::kWorkloads;
  Json spec = MakeWorkload(bad_, name, id_)["spec"];
  switch (number % 10) {
    case 0:
      // Where no node is: whatever becomes of it, it must not take a good one's nodes.
      spec = MakeRegion(name, name, {name + "-a"})["spec"];
      kind = &api::kRegions;
      break;
    case 1:
      spec = {{"country", "FR"}, {"hosting", {{"profile", id_ + "-" + std::to_string(number + 1)}}}};
      kind = &api::kRegions;
      break;
    case 2:
      spec = MakeProfile(name, name)["spec"];
      kind = &api::kProfiles;
      break;
    case 3:
      spec = {{"nodeName", id_ + "-node"},
              {"envelope",
               {{"payloadType", "application/vnd.in-toto+json"},
                {"payload", "e30="},
                {"signatures", Json::array({{{"keyid", "k"}, {"sig", "AAAA"}}})}}}};
      kind = &api::kAttestations;
      break;
    case 4:
      spec = {{"region", name}};
      kind = number % 20 == 4 ? &api::kPerimeterParameters : kind;
      break;
    case 5:
      spec["statefulSet"] = {{"serviceName", "db"}, {"podManagementPolicy", "Parallel"}};
      break;
    case 6:
      spec["cronJob"] = {{"schedule", "0 0 1 1 *"}};
      break;
    case 7:
      spec["placement"] = {{"spread", "Zone"}, {"zones", Json::array({id_ + "-a"})}, {"minZones", 1}};
      break;
    default:
      break;
  }
  Make(*kind, name, any_.Text(any_.Damaged(std::move(spec))));
  const bool has_status = kind != &api::kProfiles && kind != &api::kPerimeterParameters;
  if (has_status && any_.Below(3) == 0) SetStatus(*kind, name, any_.Text(any_.Value(3)));
}

bool DamagedResources::AwaitTold(const kube::Resource& kind, const std::string& type) {
  std::set<std::string> wanted;
  for (const auto& [of, name] : made_)
    if (of == &kind) wanted.insert(name);
  std::vector<std::string> untold;
  const bool told = cluster_.AwaitList(
      kind, kind.namespaced ? bad_ : "", "",
      [&](const std::vector<Json>& objects) {
        untold.clear();
        std::size_t found = 0;
        for (const Json& object : objects) {
          if (!wanted.contains(object["metadata"]["name"])) continue;
          ++found;
          if (!IsTold(object, type)) untold.push_back(object.dump().substr(0, 3000));
        }
        return found == wanted.size() && untold.empty();
      },
      120s);
  std::printf("%zu %s\n", wanted.size(), std::string(kind.plural).c_str());
  if (!told) ADD_FAILURE() << untold.size() << " have no condition, among them:\n" << (untold.empty() ? "" : untold[0]);
  return told && !wanted.empty();
}

bool DamagedResources::Delete(bool all) {
  std::vector<std::pair<const kube::Resource*, std::string>> kept;
  std::map<const kube::Resource*, std::set<std::string>> deleted;
  for (std::size_t i = 0; i < made_.size(); ++i) {
    const auto& [kind, name] = made_[i];
    if (!all && i % 2 != 0) {
      kept.push_back(made_[i]);
      continue;
    }
    EXPECT_TRUE(cluster_.Delete(*kind, KeyOf(*kind, name))) << name;
    deleted[kind].insert(name);
  }
  made_ = kept;
  bool gone = true;
  for (const auto& [kind, names] : deleted) {
    std::string left;
    const auto are_gone = [&left, &names = names](const std::vector<Json>& objects) {
      left.clear();
      for (const Json& object : objects)
        if (names.contains(object["metadata"]["name"])) left = object.dump().substr(0, 3000);
      return left.empty();
    };
    gone = cluster_.AwaitList(*kind, kind->namespaced ? bad_ : "", "", are_gone, kCollected) && gone;
    EXPECT_EQ(left, "") << "is still there";
  }
  return gone;
}

TEST_F(DamagedResources, GetConditionsAndTheOthersAreLookedAfter) {
  const std::string uid = Child("turned")["metadata"]["uid"];
  {
    Definitions definitions(cluster_);
    ASSERT_TRUE(definitions.Damage());
    Make(api::kWorkloads, "wide",
         R"({"region":")" + id_ + R"(","replicas":100000000000000000000,"template":{"spec":{}}})");
    Make(api::kWorkloads, "deep",
         R"({"region":")" + id_ + R"(","template":{"spec":{"volumes":)" + std::string(1000, '[') +
             std::string(1000, ']') + "}}}");
    for (int i = 0; i < kObjects; ++i) {
      MakeAny(i);
      if (i == kObjects / 2) ASSERT_TRUE(cluster_.Create(MakeWorkload(good_, "late", id_)));
    }
    EXPECT_TRUE(cluster_.api().Patch(api::kWorkloads, {good_, "turned"}, kube::PatchType::kMerge,
                                     R"({"spec":{"replicas":-100000000000000000000}})", false, {}));
    EXPECT_TRUE(AwaitReady("late")) << "what is good gets its child and its pods";
    EXPECT_TRUE(AwaitTold(api::kWorkloads, "Ready"));
    EXPECT_TRUE(AwaitTold(api::kRegions, "Ready"));
    EXPECT_TRUE(AwaitTold(api::kAttestations, "Valid"));
    EXPECT_TRUE(cluster_.MergePatch(api::kDeployments, {good_, "early"}, {{"spec", {{"replicas", 5}}}}));
    EXPECT_TRUE(cluster_.Await(api::kDeployments, {good_, "early"}, [](const Json& d) {
      return d["spec"]["replicas"] == 1;
    })) << "a child that is edited is put back";

    const Json wide = ConditionIn(cluster_.Get(api::kWorkloads, {bad_, "wide"}).value_or(Json()), "Ready");
    EXPECT_EQ(wide.value("reason", ""), "InvalidSpec");
    EXPECT_THAT(wide.value("message", ""), HasSubstr("spec.replicas"));
    EXPECT_TRUE(cluster_.Await(api::kWorkloads, {good_, "turned"}, [](const Json& w) {
      return IsTold(w, "Ready") && ConditionIn(w, "Ready")["reason"] == "InvalidSpec";
    }));
    EXPECT_EQ(Child("turned")["metadata"]["uid"], uid) << "what was made for it stays";
    EXPECT_THAT(op_->Output(),
                AllOf(HasSubstr("beyond 64 bits"), HasSubstr(bad_ + "/wide"), HasSubstr(bad_ + "/deep")));
    EXPECT_TRUE(Delete(false));
    ASSERT_TRUE(definitions.PutBack());
  }
  for (const char* name : {"turned", "late"}) {
    EXPECT_TRUE(cluster_.MergePatch(api::kWorkloads, {good_, name}, {{"spec", {{"replicas", 2}}}}));
    EXPECT_TRUE(AwaitReady(name, 2)) << name;
  }
  EXPECT_EQ(Child("turned")["metadata"]["uid"], uid);
  // What the schema refuses can be deleted, but the server takes no finalizer off it: a region must be mended.
  for (const auto& [kind, name] : made_) {
    if (kind != &api::kRegions) continue;
    const Json spec = MakeRegion(name, name, {name + "-a"})["spec"];
    const Json patch = Json::array({{{"op", "add"}, {"path", "/spec"}, {"value", spec}}});
    const auto mended = cluster_.api().Patch(*kind, {"", name}, kube::PatchType::kJson, patch.dump(), false, {});
    EXPECT_TRUE(mended) << mended.error().ToString();
  }
  EXPECT_TRUE(Delete(true));
  EXPECT_TRUE(op_->Running());
  EXPECT_EQ(op_->pid(), pid_);
}

}  // namespace
}  // namespace rempart::test
