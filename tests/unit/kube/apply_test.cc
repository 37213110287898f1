#include "src/kube/apply.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace rempart::kube {
namespace {

Json Entry(const std::string& manager, const std::string& operation, Json fields, const std::string& subresource = "") {
  Json entry = {{"manager", manager}, {"operation", operation}, {"fieldsV1", std::move(fields)}};
  if (!subresource.empty()) entry["subresource"] = subresource;
  return entry;
}
std::string Object(std::vector<Json> entries) {
  return Json{{"metadata", {{"resourceVersion", "7"}, {"managedFields", std::move(entries)}}}}.dump();
}

constexpr const char* kLabels = "example.org/";
const Json kReplicas = {{"f:spec", {{"f:replicas", Json::object()}}}};
const Json kPaused = {{"f:spec", {{"f:paused", Json::object()}}}};
const Json kOurs = Entry("rempart", "Apply", kReplicas);

TEST(ResourceVersionOf, ReadsADecimalNumber) {
  EXPECT_EQ(ResourceVersionOf(R"({"metadata":{"resourceVersion":"41"}})"), 41U);
  for (const char* text : {"", "null", "{}", "[", R"({"metadata":{"resourceVersion":41}})",
                           R"({"metadata":{"resourceVersion":"4x"}})", R"({"metadata":{"resourceVersion":""}})"})
    EXPECT_EQ(ResourceVersionOf(text), std::nullopt) << text;
}

TEST(OthersOwnGoverned, LooksAtSpecAndNotAtSubresources) {
  EXPECT_FALSE(OthersOwnGoverned(Object({kOurs}), kLabels));
  EXPECT_FALSE(OthersOwnGoverned("{}", kLabels));
  EXPECT_FALSE(
      OthersOwnGoverned(Object({kOurs, Entry("kube-controller-manager", "Update", kReplicas, "status")}), kLabels));
  EXPECT_FALSE(
      OthersOwnGoverned(Object({kOurs, Entry("kubectl", "Update", {{"f:metadata", Json::object()}})}), kLabels));
  EXPECT_TRUE(OthersOwnGoverned(Object({kOurs, Entry("kubectl-edit", "Update", kPaused)}), kLabels));
  EXPECT_TRUE(OthersOwnGoverned(Object({Entry("rempart", "Update", kReplicas)}), kLabels)) << "our name, but no apply";
  EXPECT_TRUE(OthersOwnGoverned("{", kLabels)) << "what cannot be read may be anybody's";
}

TEST(TakeOwnershipPatch, MovesWhatOthersOwnToOurEntry) {
  const auto patch = TakeOwnershipPatch(Object({kOurs, Entry("kubectl-edit", "Update", kPaused)}), kLabels);
  ASSERT_TRUE(patch);
  ASSERT_EQ(patch->size(), 2U);
  EXPECT_EQ((*patch)[0], (Json{{"op", "test"}, {"path", "/metadata/resourceVersion"}, {"value", "7"}}));
  const Json expected = {
      Entry("rempart", "Apply", {{"f:spec", {{"f:replicas", Json::object()}, {"f:paused", Json::object()}}}})};
  EXPECT_EQ((*patch)[1]["value"], Json::array({expected[0]}));
}

TEST(TakeOwnershipPatch, KeepsTheRestOfAnEntry) {
  Json fields = kPaused;
  fields["f:metadata"] = {{"f:annotations", Json::object()}};
  const auto patch = TakeOwnershipPatch(Object({Entry("kubectl-edit", "Update", fields), kOurs}), kLabels);
  ASSERT_TRUE(patch);
  EXPECT_EQ((*patch)[1]["value"][0], Entry("kubectl-edit", "Update", {{"f:metadata", fields["f:metadata"]}}));
}

TEST(TakeOwnershipPatch, TakesOwnerReferencesAndOurLabelsToo) {
  const Json by_hand = Json::parse(R"({"f:metadata":{"f:annotations":{"f:a":{}},
      "f:labels":{"f:app":{},"f:example.org/x":{}},"f:ownerReferences":{"k:{\"uid\":\"u\"}":{}}}})");
  const std::string object = Object({kOurs, Entry("kubectl-edit", "Update", by_hand)});
  EXPECT_TRUE(OthersOwnGoverned(object, kLabels));
  const auto patch = TakeOwnershipPatch(object, kLabels);
  ASSERT_TRUE(patch);
  const Json rest = Json::parse(R"({"f:metadata":{"f:annotations":{"f:a":{}},"f:labels":{"f:app":{}}}})");
  Json mine = kReplicas;
  mine["f:metadata"] =
      Json::parse(R"({"f:labels":{"f:example.org/x":{}},"f:ownerReferences":{"k:{\"uid\":\"u\"}":{}}})");
  EXPECT_EQ((*patch)[1]["value"],
            Json::array({Entry("kubectl-edit", "Update", rest), Entry("rempart", "Apply", mine)}));
}

TEST(TakeOwnershipPatch, NothingToDo) {
  EXPECT_EQ(*TakeOwnershipPatch(Object({kOurs}), kLabels), Json());
  EXPECT_EQ(*TakeOwnershipPatch(Object({Entry("kubectl", "Update", kPaused)}), kLabels), Json())
      << "an apply comes first";
  EXPECT_FALSE(TakeOwnershipPatch("{", kLabels));
}

}  // namespace
}  // namespace rempart::kube
