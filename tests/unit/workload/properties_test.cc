// What holds whatever a tenant writes: generated templates of any legal JSON, some of it of nearly the right shape.
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>

#include "operator/workload/json_access.h"
#include "operator/workload/selection.h"
#include "tests/unit/workload/rounds.h"

namespace rempart::workload {
namespace {

using test::Do;
using test::Kind;
using test::Ptr;

// One of the given texts.
rc::Gen<std::string> OneOf(std::vector<std::string> texts) { return rc::gen::elementOf(std::move(texts)); }

// At most four: depth, not length, is what matters, and the sizes of nested containers multiply.
template <class Container, class... Gens>
rc::Gen<Container> Few(Gens... gens) {
  return rc::gen::mapcat(rc::gen::inRange<std::size_t>(0, 5),
                         [=](std::size_t n) { return rc::gen::container<Container>(n, gens...); });
}

rc::Gen<Json> Scalar() {
  return rc::gen::oneOf(
      rc::gen::just(Json()), rc::gen::map(rc::gen::arbitrary<bool>(), [](bool b) { return Json(b); }),
      rc::gen::map(rc::gen::arbitrary<std::int64_t>(), [](std::int64_t n) { return Json(n); }),
      rc::gen::map(OneOf({"", "a", "france", "web", "fr-par-1", "fr-par-2", "de-fra-1", "fr-par", "In", "NotIn",
                          "Exists", "topology.kubernetes.io/zone", "12", "ScheduleAnyway"}),
                   [](const std::string& s) { return Json(s); }));
}

// Names that mean something to us come up often.
rc::Gen<std::string> Key() {
  return OneOf({"metadata",
                "labels",
                "spec",
                "nodeName",
                "nodeSelector",
                "affinity",
                "nodeAffinity",
                "requiredDuringSchedulingIgnoredDuringExecution",
                "nodeSelectorTerms",
                "matchExpressions",
                "matchFields",
                "key",
                "operator",
                "values",
                "topologySpreadConstraints",
                "topologyKey",
                "whenUnsatisfiable",
                "restartPolicy",
                "jobTemplate",
                "selector",
                "matchLabels",
                "updateStrategy",
                "rollingUpdate",
                "partition",
                "x",
                "rempart.dev/region",
                "rempart.node-restriction.kubernetes.io/region",
                "topology.kubernetes.io/zone"});
}

rc::Gen<Json> AnyJson(int depth) {
  if (depth == 0) return Scalar();
  const auto member = rc::gen::pair(Key(), rc::gen::lazy([=] { return AnyJson(depth - 1); }));
  return rc::gen::oneOf(Scalar(),
                        rc::gen::map(Few<std::vector<Json>>(rc::gen::lazy([=] { return AnyJson(depth - 1); })),
                                     [](const std::vector<Json>& v) { return Json(v); }),
                        rc::gen::map(Few<std::vector<std::pair<std::string, Json>>>(member), [](const auto& members) {
                          Json object = Json::object();
                          for (const auto& [key, value] : members) object[key] = value;
                          return object;
                        }));
}

rc::Gen<Json> AnyRequirement() {
  return rc::gen::map(
      rc::gen::tuple(
          OneOf({"topology.kubernetes.io/zone", "topology.kubernetes.io/region",
                 "failure-domain.beta.kubernetes.io/zone", "disk", "rempart.node-restriction.kubernetes.io/region",
                 "rempart.node-restriction.kubernetes.io/lost-since"}),
          OneOf({"In", "NotIn", "Exists", "DoesNotExist", "Gt", "Lt", "Near"}),
          Few<std::vector<std::string>>(
              OneOf({"fr-par-1", "fr-par-2", "fr-lyo", "fr-par", "de-fra-1", "france", "7"}))),
      [](const auto& parts) {
        return Json{{"key", std::get<0>(parts)}, {"operator", std::get<1>(parts)}, {"values", std::get<2>(parts)}};
      });
}

// A template with the shape that matters to placement, and anything at all in one place of it.
rc::Gen<Json> NearlyTemplate() {
  const auto terms = Few<std::vector<std::vector<Json>>>(Few<std::vector<Json>>(AnyRequirement()));
  const auto selector = Few<std::map<std::string, std::string>>(
      OneOf({"disk", "topology.kubernetes.io/zone", "topology.kubernetes.io/region",
             "rempart.node-restriction.kubernetes.io/region"}),
      OneOf({"ssd", "fr-par-1", "fr-lyo-1", "fr-par", "fr-lyo", "de-fra-1", "france", "germany"}));
  const auto where =
      OneOf({"",
             "/spec",
             "/spec/nodeSelector",
             "/spec/nodeName",
             "/spec/affinity",
             "/spec/affinity/nodeAffinity",
             "/metadata",
             "/spec/affinity/nodeAffinity/requiredDuringSchedulingIgnoredDuringExecution/nodeSelectorTerms/0",
             "/spec/topologySpreadConstraints",
             "/x",
             "/x",
             "/x",
             "/x",
             "/x",
             "/x",
             "/x",
             "/x",
             "/x",
             "/x",
             "/x"});
  return rc::gen::map(rc::gen::tuple(terms, selector, where, AnyJson(3)), [](const auto& parts) {
    const auto& [all_terms, labels, at, anything] = parts;
    Json list = Json::array();
    for (const auto& term : all_terms) list.push_back({{"matchExpressions", term}});
    Json pod_template = {{"metadata", Json::object()},
                         {"spec", {{"containers", Json::array()}, {"nodeSelector", labels}}}};
    if (!list.empty())
      pod_template["spec"]["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
                  ["nodeSelectorTerms"] = list;
    const Json::json_pointer pointer(at);
    try {
      pod_template[pointer] = anything;
    } catch (const Json::exception&) {  // no such place in this one
    }
    return pod_template;
  });
}
rc::Gen<Json> AnyTemplate() { return rc::gen::oneOf(AnyJson(5), NearlyTemplate(), NearlyTemplate(), NearlyTemplate()); }

rc::Gen<api::TenantWorkload> AnyWorkload() {
  const auto zones = Few<std::vector<std::string>>(OneOf({"fr-par-1", "fr-par-2", "fr-lyo-1"}));
  return rc::gen::map(rc::gen::tuple(rc::gen::inRange(0, 5), rc::gen::inRange(0, 3), zones, rc::gen::inRange(1, 4),
                                     AnyTemplate(), AnyJson(4), rc::gen::inRange(0, 10)),
                      [](const auto& parts) {
                        auto workload = test::Workload(static_cast<Kind>(std::get<0>(parts)));
                        workload.placement = {static_cast<api::Placement::Spread>(std::get<1>(parts)),
                                              std::get<2>(parts), std::get<3>(parts)};
                        workload.template_json = std::get<4>(parts).dump();
                        const int child = std::get<6>(parts);  // mostly nothing, or what is right
                        if (child < 5)
                          workload.child_json = child > 0 ? R"({"schedule":"@daily"})" : std::get<5>(parts).dump();
                        return workload;
                      });
}

bool HeldToFrance(const Json& pod_template) {
  const Json* spec = Member(pod_template, "spec");
  return TextAt(Member(spec, "nodeSelector"), api::kNodeRegionLabel) == "france" && !spec->contains("nodeName");
}

RC_GTEST_PROP(RenderTemplateHolds, ForAnyTemplate, ()) {
  const auto workload = *AnyWorkload();
  const Json pod_template = *AnyTemplate();
  const Json rendered = RenderTemplate(workload, pod_template, test::Region());
  RC_ASSERT(HeldToFrance(rendered));
  RC_ASSERT(rendered["metadata"]["labels"]["rempart.dev/workload"] == "web");
  RC_ASSERT(rendered["metadata"]["labels"]["rempart.dev/region"] == "france");
  RC_ASSERT(RenderTemplate(workload, pod_template, test::Region()) == rendered);
  RC_ASSERT(RenderTemplate(workload, rendered, test::Region()) == rendered);
}

// What is refused is refused for a reason, and what is let through gives a child that is held to the region.
RC_GTEST_PROP(PlanChildDecides, AnyWorkload, ()) {
  const auto observed = test::Observe(*AnyWorkload());
  const auto plan = PlanChild(observed, {});
  RC_CLASSIFY(plan.stalled.has_value(), "refused");
  if (plan.stalled) {
    RC_ASSERT(plan.action == Do::kNothing);
    RC_ASSERT(!plan.stalled->reason.empty() && !plan.stalled->message.empty());
    return;
  }
  RC_ASSERT(plan.action == Do::kCreate);
  const bool cron = observed.workload->kind == Kind::kCronJob;
  const Json spec = Json::parse(plan.desired)["spec"];
  RC_ASSERT(HeldToFrance(cron ? spec["jobTemplate"]["spec"]["template"] : spec["template"]));
  RC_ASSERT(PlanChild(observed, {}).desired_digest == plan.desired_digest);
}

// CheckPlacement against a second opinion: the tenant's own selectors tried on every node that the region can have.
bool Matches(const Json& expression, const std::map<std::string, std::string>& labels) {
  const auto found = labels.find(expression["key"].get<std::string>());
  const std::string op = expression["operator"];
  const auto values = expression.value("values", std::vector<std::string>());
  const bool there = found != labels.end(), among = there && std::ranges::find(values, found->second) != values.end();
  if (op == "In") return among;
  if (op == "NotIn") return !among;
  if (op == "Exists") return there;
  if (op == "DoesNotExist") return !there;
  if (!there || found->second.empty() ||
      !std::ranges::all_of(found->second, [](unsigned char c) { return std::isdigit(c); }))
    return false;
  return op == "Gt" ? std::stoll(found->second) > std::stoll(values[0])
                    : std::stoll(found->second) < std::stoll(values[0]);
}
bool Fits(const Json& spec, const std::map<std::string, std::string>& labels) {
  for (const auto& [key, value] : spec["nodeSelector"].items())
    if (!labels.contains(key) || labels.at(key) != value) return false;
  const Json::json_pointer at(
      "/affinity/nodeAffinity/requiredDuringSchedulingIgnoredDuringExecution/nodeSelectorTerms");
  if (!spec.contains(at)) return true;
  return std::ranges::any_of(spec[at], [&](const Json& term) {
    const Json expressions = term.value("matchExpressions", Json::array());
    return !expressions.empty() && std::ranges::all_of(expressions, [&](const Json& e) { return Matches(e, labels); });
  });
}

RC_GTEST_PROP(CheckPlacementAgrees, WithTryingEveryNode, ()) {
  auto workload = test::Workload();
  workload.placement.zones = *Few<std::vector<std::string>>(OneOf({"fr-par-1", "fr-par-2", "fr-lyo-1"}));
  const auto terms = *Few<std::vector<std::vector<Json>>>(Few<std::vector<Json>>(rc::gen::suchThat(
      AnyRequirement(), [](const Json& r) { return ReadRequirement(r).has_value() && r["key"] != "disk"; })));
  const auto selector = *Few<std::map<std::string, std::string>>(
      OneOf({"topology.kubernetes.io/zone", "topology.kubernetes.io/region",
             "rempart.node-restriction.kubernetes.io/region"}),
      OneOf({"fr-par-1", "fr-lyo-1", "fr-par", "fr-lyo", "de-fra-1", "france"}));
  Json pod_template = {{"spec", {{"nodeSelector", selector}}}};
  Json list = Json::array();
  for (const auto& term : terms) list.push_back({{"matchExpressions", term}});
  if (!list.empty())
    pod_template["spec"]["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
                ["nodeSelectorTerms"] = list;

  const auto region = test::Region();
  const Json& spec = pod_template["spec"];
  const auto& zones = workload.placement.zones;
  bool possible = false;
  for (const auto& place : PlacesOf(region, nullptr)) {
    if (!zones.empty() && std::ranges::find(zones, place.zone) == zones.end()) continue;
    std::map<std::string, std::string> labels = {{"topology.kubernetes.io/region", std::string(place.region)},
                                                 {"topology.kubernetes.io/zone", std::string(place.zone)},
                                                 {std::string(api::kNodeRegionLabel), "france"},
                                                 {std::string(api::kNodeCountryLabel), "FR"}};
    possible |= Fits(spec, labels);
    labels["failure-domain.beta.kubernetes.io/zone"] = place.zone;
    possible |= Fits(spec, labels);
  }
  const bool allowed = CheckPlacement(workload, pod_template, region, nullptr).empty();
  RC_CLASSIFY(possible, "possible");
  RC_ASSERT(!possible || allowed);
  // The one thing that is not looked into: a term that wants the old label to be there and to be missing.
  if (!possible && allowed) {
    RC_ASSERT(std::ranges::any_of(terms, [](const auto& term) {
      return std::ranges::count_if(
                 term, [](const Json& r) { return r["key"] == "failure-domain.beta.kubernetes.io/zone"; }) > 1;
    }));
  }
}

// Both halves in a row, with a server that answers anything: the status that results is stable.
RC_GTEST_PROP(PlanStatusIsStable, OnItsOwnResult, ()) {
  auto observed = test::Observe(*AnyWorkload());
  test::Change(observed, [](auto& w) { w.status_json = (*AnyJson(3)).dump(); });
  if (*rc::gen::arbitrary<bool>()) observed.region = nullptr;
  observed.region_has_nodes = *rc::gen::arbitrary<bool>();
  if (*rc::gen::arbitrary<bool>()) {
    auto child = test::ChildOf(*observed.workload);
    child.controller_uid = *OneOf({"uid-of-web", "", "other"});
    child.ready = *rc::gen::inRange(0, 5);
    child.updated = *rc::gen::inRange(0, 5);
    child.complete = *rc::gen::arbitrary<bool>();
    child.failure = *OneOf({"", "Failed: x"});
    child.meta.deleting = *rc::gen::arbitrary<bool>();
    observed.child = Ptr(child);
  }
  const int pods = *rc::gen::inRange(0, 4);
  for (int i = 0; i < pods; ++i)
    observed.pods.push_back(
        test::PodOn("p", *OneOf({"", "n"}), *OneOf({"", "fr-par-1", "fr-par-2"}), *rc::gen::arbitrary<bool>()));

  Applied applied = ReadApplied(observed.workload->status_json);
  const auto plan = PlanChild(observed, applied);
  std::optional<ApplyOutcome> outcome;
  if (plan.action != Do::kNothing && *rc::gen::arbitrary<bool>()) {
    outcome = ApplyOutcome{};
    switch (*rc::gen::inRange(0, 4)) {
      case 0:
        outcome->child = Ptr(test::ChildOf(*observed.workload));
        applied = {plan.desired_digest, outcome->child->digest};
        break;
      case 1:
        outcome->error = Error::Invalid("field is immutable");
        break;
      case 2:
        outcome->error = Error::Denied("no");
        break;
      default:
        outcome->error = Error::Conflict("no");
    }
  }
  const auto first = test::StatusOf(observed, plan, outcome, applied);
  RC_ASSERT(!first.status.is_null());
  for (const auto& condition : first.status["conditions"]) RC_ASSERT(!condition["reason"].get<std::string>().empty());
  test::Change(observed, [&](auto& w) { w.status_json = first.status.dump(); });
  RC_ASSERT(test::StatusOf(observed, plan, outcome, applied, test::kNow + std::chrono::hours(1)).status.is_null());
}

}  // namespace
}  // namespace rempart::workload
