// Bad input never ends the process: whatever legal JSON stands in the place of any part of an object, decoders answer.
#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <limits>

#include "operator/api/hosting_profile.h"
#include "operator/api/node_attestation.h"
#include "operator/api/observed.h"
#include "operator/api/sovereign_region.h"
#include "operator/api/tenant_workload.h"
#include "tests/unit/api/decoding.h"

namespace rempart::api {
namespace {

// Texts that some decoder looks for, so that random values get past the first comparison.
const std::vector<std::string> kKnownTexts = {"",
                                              "FR",
                                              "Evict",
                                              "Cordon",
                                              "30s",
                                              "-1h",
                                              "True",
                                              "False",
                                              "Ready",
                                              "Zone",
                                              "None",
                                              "TenantWorkload",
                                              "rempart.dev/v1alpha1",
                                              "Running",
                                              "fr-par-1",
                                              "^(a|b)*$",
                                              "(((",
                                              "\\pL{1000}",
                                              "é\u0000",
                                              "PodScheduled",
                                              "Failed",
                                              "true",
                                              "2026-11-22T10:23:00Z"};
const std::vector<std::string> kKnownKeys = {
    "key", "type", "status", "message", "reason",  "controller", "kind",   "apiVersion",
    "uid", "spec", "region", "zones",   "country", "spread",     "action", "rempart.dev/adopt"};

rc::Gen<Json> Scalar() {
  return rc::gen::oneOf(rc::gen::just(Json(nullptr)),
                        rc::gen::map(rc::gen::arbitrary<bool>(), [](bool b) { return Json(b); }),
                        rc::gen::map(rc::gen::arbitrary<std::int64_t>(), [](std::int64_t n) { return Json(n); }),
                        rc::gen::element(Json(std::numeric_limits<std::uint64_t>::max()), Json(-1), Json(1e300),
                                         Json(0.5), Json(-0.0), Json(3.0)),
                        rc::gen::map(rc::gen::elementOf(kKnownTexts), [](const std::string& s) { return Json(s); }),
                        rc::gen::map(rc::gen::container<std::string>(rc::gen::inRange<char>(0, 127)),
                                     [](const std::string& s) { return Json(s); }),
                        rc::gen::map(rc::gen::inRange(0, 3000),
                                     [](int n) { return Json(std::string(static_cast<std::size_t>(n), 'x')); }));
}

rc::Gen<Json> Value(int depth) {
  if (depth == 0) return Scalar();
  const auto list = rc::gen::map(rc::gen::container<std::vector<Json>>(Value(depth - 1)),
                                 [](const std::vector<Json>& v) { return Json(v); });
  const auto object = rc::gen::map(rc::gen::container<std::vector<std::pair<std::string, Json>>>(
                                       rc::gen::pair(rc::gen::elementOf(kKnownKeys), Value(depth - 1))),
                                   [](const std::vector<std::pair<std::string, Json>>& members) {
                                     Json all = Json::object();
                                     for (const auto& [key, value] : members) all[key] = value;
                                     return all;
                                   });
  return rc::gen::oneOf(Scalar(), rc::gen::resize(5, list), rc::gen::resize(5, object));
}

void CollectPointers(const Json& value, const Json::json_pointer& at, std::vector<Json::json_pointer>& all) {
  all.push_back(at);
  if (value.is_object()) {
    for (const auto& [key, member] : value.items()) CollectPointers(member, at / key, all);
  } else if (value.is_array()) {
    for (std::size_t i = 0; i < value.size(); ++i) CollectPointers(value[i], at / i, all);
  }
}

// A valid object with up to three places replaced by random values, or taken out.
Json Damaged(Json object) {
  const int times = *rc::gen::inRange(1, 4);
  for (int i = 0; i < times; ++i) {
    std::vector<Json::json_pointer> pointers;
    CollectPointers(object, Json::json_pointer(), pointers);
    const auto at = pointers[*rc::gen::inRange<std::size_t>(0, pointers.size())];
    const bool remove = !at.empty() && *rc::gen::inRange(0, 4) == 0;
    if (!remove) {
      object[at] = *Value(2);
    } else if (Json& parent = object[at.parent_pointer()]; parent.is_object()) {
      parent.erase(at.back());
    } else {
      parent.erase(static_cast<std::size_t>(std::stoul(at.back())));
    }
  }
  return object;
}

Json Metadata(const std::string& name) {
  Json meta = MetaJson(name, "acme");
  meta["labels"] = {
      {"rempart.dev/workload", "web"}, {"topology.kubernetes.io/zone", "a"}, {"rempart.dev/region", "france"}};
  meta["annotations"] = {{"rempart.dev/adopt", "true"}};
  meta["finalizers"] = Json::array({"rempart.dev/in-use"});
  meta["ownerReferences"] = Json::array(
      {{{"apiVersion", "rempart.dev/v1alpha1"}, {"kind", "TenantWorkload"}, {"uid", "u"}, {"controller", true}}});
  return meta;
}

Json PodTemplate() {
  return {{"spec", {{"nodeName", ""}, {"nodeSelector", {{std::string(kNodeRegionLabel), "france"}}}}}};
}

// RFC 8032, TEST 1.
constexpr const char* kPublicKey =
    "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=\n"
    "-----END PUBLIC KEY-----\n";

// Everything that some decoder reads, in one object.
Json Whole() {
  return {
      {"metadata", Metadata("web")},
      {"spec",
       {{"country", "FR"},
        {"system", "s"},
        {"provider", "p"},
        {"state", "Defunct"},
        {"since", "2020-02"},
        {"note", "n"},
        {"expires", "2026-11-22T10:23:00Z"},
        {"locations",
         Json::array({{{"region", "r"}, {"zones", {"a"}}, {"country", "FR"}, {"confirmed", false}, {"note", "n"}}})},
        {"refuse", Json::array({{{"region", "q"}, {"why", "w"}}})},
        {"requiredNodeLabels", Json::array({{{"key", "topology.x.org/net"}, {"values", {"v"}}}})},
        {"hosting",
         {{"profile", "cloud"},
          {"locations",
           Json::array({{{"region", "r"}, {"zones", {"a", "b"}}, {"country", "FR"}, {"providerIDPattern", "^x"}}})},
          {"attestation",
           {{"required", true},
            {"maxAge", "720h"},
            {"threshold", 1},
            {"authorities",
             Json::array({{{"name", "a"}, {"publicKey", kPublicKey}, {"validUntil", "2026-11-22T10:23:00Z"}}})}}},
          {"onLoss", {{"action", "Evict"}, {"gracePeriod", "1s"}, {"deadline", "2s"}}},
          {"taintOutsideNodes", true}}},
        {"region", "france"},
        {"replicas", 2},
        {"placement", {{"spread", "Zone"}, {"zones", {"a", "b"}}, {"minZones", 1}}},
        {"template", PodTemplate()},
        {"job", {{"backoffLimit", 3}}},
        {"suspend", true},
        {"jobTemplate", {{"spec", {{"template", PodTemplate()}}}}},
        {"providerID", "x://1"},
        {"unschedulable", false},
        {"taints", Json::array({{{"key", "k"}, {"effect", "NoSchedule"}}})},
        {"nodeName", "n"},
        {"envelope",
         {{"payloadType", "t"}, {"payload", "e30="}, {"signatures", Json::array({{{"keyid", "k"}, {"sig", "AAAA"}}})}}},
        {"nodeSelector", {{std::string(kNodeRegionLabel), "france"}}}}},
      {"status",
       {{"phase", "Running"},
        {"observedGeneration", 3},
        {"replicas", 1},
        {"active", 2},
        {"ready", 1},
        {"conditions",
         {{{"type", "Ready"}, {"status", "True"}},
          {{"type", "Failed"}, {"status", "True"}, {"reason", "R"}, {"message", "m"}}}}}}};
}

template <class T>
void ExpectAnswer(const Result<T>& result) {
  if (result) {
    RC_ASSERT(!result->meta.key.name.empty());
  } else {
    const ErrorKind kind = result.error().kind;
    RC_ASSERT((kind == ErrorKind::kInvalid || kind == ErrorKind::kNotFound));
    RC_ASSERT(!result.error().message.empty());
  }
}

void ExpectObjectText(const std::string& text) {
  const auto json = ParseJson(text);
  RC_ASSERT(json.has_value());
  RC_ASSERT(json->is_object());
}

TEST(AnyJson, TheWholeObjectIsReadByEachDecoder) {
  EXPECT_EQ(Decoded(Whole(), DecodeSovereignRegion).value().invalid, "");
  EXPECT_EQ(Decoded(Whole(), DecodeTenantWorkload).value().invalid, "");
  EXPECT_EQ(Decoded(Whole(), DecodeNodeAttestation).value().invalid, "");
  EXPECT_EQ(Decoded(Whole(), DecodeHostingProfile).value().invalid, "");
  EXPECT_TRUE(Decoded(Whole(), DecodeNode));
  EXPECT_TRUE(Decoded(Whole(), DecodePod));
  EXPECT_TRUE(Decoded(Whole(), DecodeNamespace));
}

void ExpectAnswers(const Json& object) {
  kube::Document document;
  const auto view = document.Parse(object.dump());
  RC_ASSERT(view.has_value());

  const auto region = DecodeSovereignRegion(*view);
  ExpectAnswer(region);
  if (region) {
    RC_ASSERT(region->invalid.size() < 1000u);
    if (region->Usable()) {
      RC_ASSERT((!region->locations.empty() || !region->profile.empty()));
      RC_ASSERT(region->grace_period <= region->deadline);
      const AttestationPolicy& policy = region->attestation;
      RC_ASSERT(policy.threshold >= 1u);
      RC_ASSERT((policy.authorities.empty() ? !policy.required : policy.threshold <= policy.authorities.size()));
    }
  }
  const auto profile = DecodeHostingProfile(*view);
  ExpectAnswer(profile);
  if (profile) {
    RC_ASSERT(profile->invalid.size() < 1000u);
    if (profile->Usable()) {
      RC_ASSERT((!profile->system.empty() && !profile->provider.empty()));
      RC_ASSERT((profile->state != HostingProfile::State::kDefunct || !profile->since.empty()));
      for (const auto& label : profile->required_labels) RC_ASSERT(IsLocationLabel(label.key));
    }
  }
  const auto workload = DecodeTenantWorkload(*view);
  ExpectAnswer(workload);
  if (workload) {
    RC_ASSERT(workload->invalid.size() < 1000u);
    RC_ASSERT(workload->replicas >= 0);
    RC_ASSERT(workload->placement.min_zones >= 1);
    // What is not refused can be used: the texts are objects again.
    if (workload->invalid.empty()) ExpectObjectText(workload->template_json);
    if (!workload->child_json.empty()) ExpectObjectText(workload->child_json);
    if (!workload->status_json.empty()) ExpectObjectText(workload->status_json);
  }
  const auto attestation = DecodeNodeAttestation(*view);
  ExpectAnswer(attestation);
  if (attestation) {
    RC_ASSERT(attestation->invalid.size() < 1000u);
    if (attestation->Usable()) RC_ASSERT((!attestation->node.empty() && !attestation->envelope.signatures.empty()));
  }
  ExpectAnswer(DecodeNode(*view));
  ExpectAnswer(DecodePod(*view));
  ExpectAnswer(DecodeNamespace(*view));
  for (int kind = 0; kind < kChildKinds; ++kind) {
    const auto child = DecodeChild(static_cast<ChildKind>(kind), *view);
    ExpectAnswer(child);
    if (!child) continue;
    RC_ASSERT(child->replicas >= 0);
    RC_ASSERT(child->failure.size() <= 256u);
  }
}

RC_GTEST_PROP(AnyJson, DecodersAlwaysAnswer, ()) {
  for (int i = 0; i < 10; ++i)
    ExpectAnswers(Damaged(Whole()));  // the library's own hundred cases are few for so large an object
}

// No object at all: every decoder refuses, none falls over.
RC_GTEST_PROP(AnyJson, NoDecoderReadsWhatIsNoObject, ()) {
  const Json value = *Value(3);
  kube::Document document;
  const auto view = document.Parse(value.dump());
  RC_ASSERT(view.has_value());
  RC_ASSERT(!DecodeSovereignRegion(*view).has_value());
  RC_ASSERT(!DecodeTenantWorkload(*view).has_value());
  RC_ASSERT(!DecodeNodeAttestation(*view).has_value());
  RC_ASSERT(!DecodeHostingProfile(*view).has_value());
  RC_ASSERT(!DecodeNode(*view).has_value());
  RC_ASSERT(!DecodePod(*view).has_value());
  for (int kind = 0; kind < kChildKinds; ++kind)
    RC_ASSERT(!DecodeChild(static_cast<ChildKind>(kind), *view).has_value());
}

}  // namespace
}  // namespace rempart::api
