#include "tests/support/scenario.h"

#include <algorithm>
#include <map>

namespace rempart::test {
namespace {

Json WithKind(Json workload, const std::string& kind, Json spec) {
  workload["spec"][kind] = std::move(spec);
  return workload;
}

// All names of a run carry its id; an end state must not.
Json Neutral(const Json& object, const std::string& id) {
  std::string text = object.dump();
  for (std::size_t at = text.find(id); at != std::string::npos; at = text.find(id, at))
    text.replace(at, id.size(), "ID");
  return Json::parse(text);
}

Json Conditions(const Json& object) {
  Json out = Json::object();
  for (const auto& condition : object.value(Json::json_pointer("/status/conditions"), Json::array()))
    out[condition["type"].get<std::string>()] =
        condition["status"].get<std::string>() + "/" + condition["reason"].get<std::string>();
  return out;
}

Json OurLabels(const Json& object) {
  Json out = Json::object();
  const Json labels = object.value(Json::json_pointer("/metadata/labels"), Json::object());
  for (const auto& [key, value] : labels.items()) {
    if (key.find("rempart") == std::string::npos) continue;
    out[key] = key.ends_with("lost-since") ? Json("SOME-TIME") : value;
  }
  return out;
}

constexpr kube::Resource kReplicaSets{"apps", "v1", "replicasets", "ReplicaSet", true};

Json OwnerOf(const Json& object) {
  for (const auto& owner : object["metadata"].value("ownerReferences", Json::array()))
    if (owner.value("controller", false)) return owner;
  return nullptr;
}

std::string NameOfOwner(const Json& owner) {
  if (owner.is_null()) return "nobody";
  return owner["kind"].get<std::string>() + "/" + owner["name"].get<std::string>() + " (uid " +
         owner["uid"].get<std::string>() + ")";
}

}  // namespace

Scenario::Scenario(Cluster& cluster) : cluster_(cluster), id_(UniqueName("s")), region_(id_), ns_("ns-" + id_) {
  for (const char* zone : {"a", "b", "c", "d"}) nodes_.push_back(id_ + "-" + zone);
}

Scenario::~Scenario() {
  for (const auto& workload : cluster_.List(api::kWorkloads, ns_).value_or(std::vector<Json>{}))
    (void)cluster_.Delete(api::kWorkloads, {ns_, workload["metadata"]["name"]});
  (void)cluster_.Delete(api::kNamespaces, {"", ns_});
  // Whether the operator still runs or not: its finalizer is taken off here, so that nothing is left behind.
  (void)cluster_.Delete(api::kRegions, {"", region_});
  (void)cluster_.MergePatch(api::kRegions, {"", region_}, {{"metadata", {{"finalizers", nullptr}}}});
  for (const auto& node : nodes_) (void)cluster_.Delete(api::kNodes, {"", node});
}

bool Scenario::WorkloadsReady(int expected, std::chrono::milliseconds limit) {
  return cluster_.AwaitList(
      api::kWorkloads, ns_, "",
      [expected](const std::vector<Json>& workloads) {
        return static_cast<int>(workloads.size()) == expected && std::ranges::all_of(workloads, [](const Json& w) {
                 return HasCondition(w, "Ready", "True") && !HasCondition(w, "Placed", "False");
               });
      },
      limit);
}

std::string Scenario::Run(std::chrono::milliseconds limit) {
  auto must = [](const auto& result) {
    if (!result) throw std::runtime_error(result.error().ToString());
  };
  try {
    for (const auto& node : nodes_)
      must(cluster_.Create(MakeNode(node, id_, id_ + "-" + node.back(), "kwok://" + node)));
    must(cluster_.Create(MakeNamespace(ns_, region_)));
    must(cluster_.Create(MakeRegion(region_, id_, {id_ + "-a", id_ + "-b", id_ + "-c"})));
    // 1. Workloads of all kinds, some through the namespace's region.
    const Json schedule = {{"schedule", "0 0 1 1 *"}};
    must(cluster_.Create(MakeWorkload(ns_, "web", region_, 2)));
    must(cluster_.Create(MakeWorkload(ns_, "api", "", 2)));
    must(cluster_.Create(MakeWorkload(ns_, "cache", region_, 1)));
    must(cluster_.Create(WithKind(MakeWorkload(ns_, "db", region_, 2), "statefulSet",
                                  {{"serviceName", "db"}, {"podManagementPolicy", "Parallel"}})));
    must(cluster_.Create(WithKind(MakeWorkload(ns_, "agent", ""), "daemonSet", Json::object())));
    must(cluster_.Create(WithKind(MakeWorkload(ns_, "nightly", region_), "cronJob", schedule)));
    if (!WorkloadsReady(6, limit)) return "workloads of all kinds are Ready";
    // 2. Changes: an image, a scale, a child edited by hand, one deleted by hand.
    must(cluster_.MergePatch(
        api::kWorkloads, {ns_, "api"},
        {{"spec",
          {{"template",
            {{"spec", {{"containers", Json::array({{{"name", "app"}, {"image", "registry.example/app:2"}}})}}}}}}}}));
    must(cluster_.MergePatch(api::kWorkloads, {ns_, "web"}, {{"spec", {{"replicas", 4}}}}, "scale"));
    must(cluster_.MergePatch(
        api::kDeployments, {ns_, "cache"},
        {{"spec", {{"replicas", 3}, {"template", {{"spec", {{"nodeSelector", nullptr}, {"hostNetwork", true}}}}}}}}));
    must(cluster_.Delete(api::kDeployments, {ns_, "web"}, "Orphan"));
    if (!cluster_.Await(
            api::kDeployments, {ns_, "cache"},
            [](const Json& d) {
              return d.is_object() && d["spec"]["replicas"] == 1 &&
                     !d["spec"]["template"]["spec"].contains("hostNetwork") &&
                     d["spec"]["template"]["spec"].contains("nodeSelector");
            },
            limit))
      return "the child that was edited by hand is put back";
    if (!cluster_.Await(
            api::kDeployments, {ns_, "api"},
            [](const Json& d) {
              return d.is_object() &&
                     d["spec"]["template"]["spec"]["containers"][0]["image"] == "registry.example/app:2";
            },
            limit))
      return "the new image is in the child";
    if (!cluster_.Await(
            api::kWorkloads, {ns_, "web"},
            [](const Json& w) {
              return w.is_object() && HasCondition(w, "Ready", "True") && w["status"].value("ready", 0) == 4;
            },
            limit))
      return "the scaled workload has its four pods";
    // 3. A node is lost: its pods move.
    must(cluster_.MergePatch(api::kNodes, {"", nodes_[0]},
                             {{"metadata", {{"labels", {{std::string(api::kTopologyZone), "elsewhere"}}}}}}));
    const std::string lost = nodes_[0];
    if (!cluster_.AwaitList(
            api::kPods, ns_, "",
            [&lost](const std::vector<Json>& pods) {
              return std::ranges::none_of(pods,
                                          [&lost](const Json& p) { return p["spec"].value("nodeName", "") == lost; });
            },
            limit))
      return "the lost node is emptied";
    // 4. Some are deleted; the rest is whole.
    must(cluster_.Delete(api::kWorkloads, {ns_, "nightly"}));
    must(cluster_.Delete(api::kWorkloads, {ns_, "agent"}));
    if (!WorkloadsReady(4, limit)) return "what is left is Ready";
    if (!cluster_.Await(
            api::kRegions, {"", region_},
            [](const Json& r) {
              return HasCondition(r, "Ready", "True") && r["status"]["nodes"].value("qualified", 0) == 2 &&
                     r["status"].value("workloads", 0) == 4;
            },
            limit))
      return "the region counts two nodes and four workloads";
    for (const kube::Resource* kind : {&api::kDaemonSets, &api::kCronJobs})
      if (!cluster_.AwaitList(
              *kind, ns_, "", [](const std::vector<Json>& left) { return left.empty(); }, limit))
        return "children of deleted workloads are gone";
  } catch (const std::exception& e) {
    return e.what();
  }
  return "";
}

// An end state holds more than one kind, and a watch tells of one: pods of a workload that is gone, say, change no
// workload. So those that change last are watched in turn, and all is looked at anew at each turn.
bool Scenario::AwaitState(const std::function<bool()>& is, std::chrono::milliseconds limit) {
  constexpr auto kTurn = 3s;
  SystemClock clock;
  const auto end = clock.Mono() + limit;
  do {
    for (const auto* kind : {&api::kWorkloads, &api::kPods})
      if (cluster_.AwaitList(
              *kind, ns_, "", [&](const std::vector<Json>&) { return is(); }, kTurn))
        return true;
  } while (clock.Mono() < end);
  return false;
}

Json Scenario::AwaitEndState(const Json& expected, std::chrono::milliseconds limit) {
  Json state;
  AwaitState([&] { return (state = EndState()) == expected; }, limit);
  return state;
}

Json Scenario::SettledState(std::chrono::milliseconds limit) {
  Json state;
  const auto is_settled = [&] {
    int wanted = 0;
    for (const auto& workload : cluster_.List(api::kWorkloads, ns_).value_or(std::vector<Json>{})) {
      const int replicas = workload["spec"]["replicas"];
      if (!HasCondition(workload, "Ready", "True") || workload["status"].value("ready", -1) != replicas) return false;
      wanted += replicas;
    }
    state = EndState();
    // A pod that is made anew may be ready before its workload's status has its place.
    for (const auto& [name, workload] : state["workloads"].items())
      if (workload["placed"] != workload["ready"]) return false;
    return state["pods"] == wanted && !state.contains("escaped");
  };
  if (!AwaitState(is_settled, limit)) throw std::runtime_error("it did not settle; its pods:\n" + PodsAndOwners());
  return state;
}

Json Scenario::EndState() {
  Json state;
  const auto region = cluster_.Get(api::kRegions, {"", region_});
  if (region) {
    state["region"] = {{"conditions", Conditions(*region)},
                       {"nodes", (*region)["status"]["nodes"]},
                       {"finalizers", (*region)["metadata"]["finalizers"]},
                       {"workloads", (*region)["status"]["workloads"]}};
  }
  for (const auto& name : nodes_) {
    const auto node = cluster_.Get(api::kNodes, {"", name});
    if (node)
      state["nodes"][name] = {{"labels", OurLabels(*node)},
                              {"unschedulable", node->value(Json::json_pointer("/spec/unschedulable"), false)}};
  }
  for (auto& workload : cluster_.List(api::kWorkloads, ns_).value_or(std::vector<Json>{})) {
    int placed = 0;
    const Json zones = workload["status"].value("nodes", Json::object());
    for (const auto& [zone, count] : zones.items()) placed += count.get<int>();
    state["workloads"][workload["metadata"]["name"].get<std::string>()] = {
        {"conditions", Conditions(workload)},
        {"ready", workload["status"].value("ready", -1)},
        {"replicas", workload["status"].value("replicas", -1)},
        {"updated", workload["status"].value("updated", -1)},
        {"placed", placed}};
  }
  for (const kube::Resource* kind :
       {&api::kDeployments, &api::kStatefulSets, &api::kDaemonSets, &api::kJobs, &api::kCronJobs}) {
    for (auto& child : cluster_.List(*kind, ns_).value_or(std::vector<Json>{})) {
      Json owner = child["metadata"]["ownerReferences"];
      for (auto& reference : owner) reference.erase("uid");
      state["children"][std::string(kind->kind) + "/" + child["metadata"]["name"].get<std::string>()] = {
          {"spec", child["spec"]}, {"labels", OurLabels(child)}, {"owners", owner}};
    }
  }
  int pods = 0;
  for (const auto& pod : Pods()) {
    ++pods;
    if (pod["spec"].value("nodeName", "") == nodes_[0] || pod["spec"].value("nodeName", "") == nodes_[3])
      state["escaped"].push_back(pod["metadata"]["name"]);
  }
  state["pods"] = pods;
  return Neutral(state, id_);
}

std::vector<Json> Scenario::Pods() {
  auto pods = cluster_.List(api::kPods, ns_, std::string(api::kWorkloadLabel)).value_or(std::vector<Json>{});
  std::erase_if(pods, [](const Json& pod) { return pod["metadata"].contains("deletionTimestamp"); });
  return pods;
}

std::string Scenario::PodsAndOwners() {
  std::map<std::string, std::string> owners;  // by uid
  for (const kube::Resource* kind : {&kReplicaSets, &api::kDeployments, &api::kStatefulSets, &api::kDaemonSets}) {
    for (const auto& owner : cluster_.List(*kind, ns_).value_or(std::vector<Json>{})) {
      const Json& metadata = owner["metadata"];
      owners[metadata["uid"]] = "asks for " + owner["spec"].value("replicas", Json("one a node")).dump() +
                                (metadata.contains("deletionTimestamp") ? ", is being deleted" : "") + ", made " +
                                metadata["creationTimestamp"].get<std::string>() + ", is of " +
                                NameOfOwner(OwnerOf(owner));
    }
  }
  std::string lines;
  for (const auto& pod : Pods()) {
    const Json owner = OwnerOf(pod);
    const auto known = owner.is_null() ? owners.end() : owners.find(owner["uid"]);
    lines += pod["metadata"]["name"].get<std::string>() + ": " + pod["status"].value("phase", "no phase") + " on " +
             pod["spec"].value("nodeName", "no node") + ", made " +
             pod["metadata"]["creationTimestamp"].get<std::string>() + ", of " + NameOfOwner(owner) + ", which " +
             (known == owners.end() ? "is not there" : known->second) + "\n";
  }
  return lines;
}

}  // namespace rempart::test
