// A change that an existing child cannot take: said once, with what to do, and not tried again until something changes.
#include <gmock/gmock.h>

#include <map>
#include <mutex>
#include <regex>
#include <sstream>

#include "tests/faults/own_region.h"
#include "tests/support/events.h"
#include "tests/support/fault_proxy.h"

namespace rempart::test {
namespace {

using ::testing::HasSubstr;

// Counts an operator's attempts to write, those that are refused too, by method and path.
class WriteCounts {
 public:
  explicit WriteCounts(FaultProxy& proxy) {
    proxy.SetDecide([this](const Exchange& exchange) {
      std::scoped_lock lock(mutex_);
      if (exchange.write) ++counts_[exchange.target.substr(0, exchange.target.find('?'))];
      return Fault{};
    });
  }
  int Of(const std::string& path) {
    std::scoped_lock lock(mutex_);
    return counts_[path];
  }

 private:
  std::mutex mutex_;
  std::map<std::string, int> counts_;  // by path
};

Json Image(int version) {
  return Json::array({{{"name", "app"}, {"image", "registry.example/app:" + std::to_string(version)}}});
}

struct Row {
  const char* test;
  kube::Resource resource;
  Json spec;    // merge patch of the workload's spec, before
  Json change;  // and what its child cannot take
  const char* field;
};

void PrintTo(const Row& row, std::ostream* out) { *out << row.test; }

// What wakes a workload that is stuck: changes of its own metadata, and all that goes on beside it. Over when workload
// "other" was scaled five times, from `replicas` on.
void WakeItAllTheSame(Cluster& cluster, WriteCounts& counts, const kube::ObjectKey& stuck, int replicas) {
  const kube::ObjectKey other{stuck.ns, "other"};
  const std::string child = api::kDeployments.Path(other.ns, other.name);
  const int before = counts.Of(child);
  for (int wanted = replicas; wanted < replicas + 5; ++wanted) {
    const Json annotations = {{"example.org/round", std::to_string(wanted)}};
    ASSERT_TRUE(cluster.MergePatch(api::kWorkloads, stuck, {{"metadata", {{"annotations", annotations}}}}));
    ASSERT_TRUE(cluster.MergePatch(api::kWorkloads, other, {{"spec", {{"replicas", wanted}}}}));
    ASSERT_TRUE(cluster.Await(api::kWorkloads, other, [&](const Json& w) {
      return HasCondition(w, "Ready", "True") && w["status"].value("ready", 0) == wanted;
    }));
  }
  EXPECT_GE(counts.Of(child), before + 5) << "the span shows nothing";
}

class Immutable : public ::testing::TestWithParam<Row> {};

TEST_P(Immutable, IsSaidOnceAndHelpedByWhatItSays) {
  const auto& [test, resource, spec, change, field] = GetParam();
  Cluster cluster;
  FaultProxy proxy(UpstreamOf(cluster));
  WriteCounts counts(proxy);
  auto op = StartOperator(proxy.kubeconfig());
  OwnRegion region(cluster, {"a"});
  const kube::ObjectKey key{region.ns(), "stuck"};
  Json workload = MakeWorkload(region.ns(), "stuck", region.id());
  workload["spec"].merge_patch(spec);
  region.Create(workload);
  region.Create(MakeWorkload(region.ns(), "other", region.id()));
  ASSERT_TRUE(region.AwaitSettled(2)) << op->Output();

  const std::string child = resource.Path(key.ns, key.name), status = api::kWorkloads.Path(key.ns, key.name, "status");
  const int applied = counts.Of(child);
  ASSERT_EQ(applied, 1) << "it was created";
  ASSERT_TRUE(cluster.MergePatch(api::kWorkloads, key, {{"spec", change}}));
  const auto stalled = cluster.Await(
      api::kWorkloads, key, [](const Json& w) { return HasCondition(w, "Stalled", "True", "ImmutableField"); });
  ASSERT_TRUE(stalled) << op->Output();
  EXPECT_TRUE(HasCondition(*stalled, "Ready", "False", "ImmutableField"));
  const std::string says = ConditionOf(*stalled, "Stalled")["message"];
  EXPECT_THAT(says, HasSubstr(field));

  ASSERT_TRUE(AwaitEvent(cluster, key.ns, "ImmutableField", "TenantWorkload", key.name));

  const int told = counts.Of(status), events = counts.Of(kEvents.Path(key.ns));
  WakeItAllTheSame(cluster, counts, key, 2);
  EXPECT_EQ(counts.Of(child), applied + 1) << "refused once, and tried again";
  EXPECT_LE(counts.Of(status), told + 1) << "said again and again";
  EXPECT_EQ(counts.Of(kEvents.Path(key.ns)), events);
  op->Signal(SIGTERM);
  ASSERT_EQ(op->Wait(30s), 0);
  op = StartOperator(proxy.kubeconfig());
  WakeItAllTheSame(cluster, counts, key, 7);
  EXPECT_EQ(counts.Of(child), applied + 2) << "another operator has to find out for itself, once";
  EXPECT_LE(counts.Of(status), told + 1);

  // The user does what it says, to the letter.
  std::smatch command;
  ASSERT_TRUE(std::regex_search(says, command, std::regex(R"(\((kubectl delete [^,)]+)(?:, with (--[a-z=]+))?)")))
      << says;
  std::istringstream words(command[1].str() + " " + command[2].str());
  std::vector<std::string> argv;
  for (std::string word; words >> word;) argv.push_back(word);
  const auto old_uid = stalled->value(Json::json_pointer("/status/child/uid"), "");
  const auto done = RunCommand(argv, cluster.kubeconfig());
  ASSERT_EQ(done.code, 0) << done.output;
  EXPECT_TRUE(cluster.Await(api::kWorkloads, key, [&](const Json& w) {
    return HasCondition(w, "Ready", "True") && HasCondition(w, "Stalled", "False") &&
           w.value(Json::json_pointer("/status/child/uid"), "") != old_uid;
  })) << op->Output();
  EXPECT_EQ(counts.Of(child), applied + 3) << "made anew with one write";
  op->Signal(SIGTERM);
  EXPECT_EQ(op->Wait(30s), 0);
}

Json Labelled(const char* value) {
  return {{"deployment", {{"selector", {{"matchLabels", {{"app", value}}}}}}},
          {"template", {{"metadata", {{"labels", {{"app", value}}}}}}}};
}

INSTANTIATE_TEST_SUITE_P(All, Immutable,
                         ::testing::Values(Row{"TemplateOfAJob",
                                               api::kJobs,
                                               {{"job", Json::object()}},
                                               {{"template", {{"spec", {{"containers", Image(2)}}}}}},
                                               "spec.template: "},
                                           Row{"SelectorOfADeployment", api::kDeployments, Labelled("one"),
                                               Labelled("two"), "spec.selector: "},
                                           Row{"ServiceOfAStatefulSet",
                                               api::kStatefulSets,
                                               {{"statefulSet", {{"serviceName", "one"}}}},
                                               {{"statefulSet", {{"serviceName", "two"}}}},
                                               "updates to statefulset spec for fields other than"}),
                         [](const auto& each) { return std::string(each.param.test); });

}  // namespace
}  // namespace rempart::test
