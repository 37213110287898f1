#include "src/kube/status.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace rempart::kube {
namespace {

struct Case {
  const char* name;
  const char* before;
  const char* after;
  const char* patch;
};

class StatusPatchOf : public testing::TestWithParam<Case> {};

TEST_P(StatusPatchOf, IsWhatDiffers) {
  const Json before = Json::parse(GetParam().before), after = Json::parse(GetParam().after);
  const Json patch = StatusPatch(before, after, {"nodes"});
  EXPECT_EQ(patch, Json::parse(GetParam().patch));
  if (patch.is_null()) return;
  Json patched = before;
  patched.merge_patch(patch);
  EXPECT_EQ(StatusPatch(patched, after, {"nodes"}), nullptr) << "what is written is not written again";
}

INSTANTIATE_TEST_SUITE_P(Table, StatusPatchOf,
                         testing::ValuesIn<Case>({
                             {"None", R"(null)", R"({"a":1})", R"({"a":1})"},
                             {"NotAnObject", R"("x")", R"({"a":1})", R"({"a":1})"},
                             {"Empty", R"({})", R"({"a":{"b":[1]}})", R"({"a":{"b":[1]}})"},
                             {"TheSame", R"({"a":1,"b":{"c":[1,2]}})", R"({"b":{"c":[1,2]},"a":1})", R"(null)"},
                             {"AMemberChanges", R"({"a":1,"b":2})", R"({"a":1,"b":3})", R"({"b":3})"},
                             {"AMemberComes", R"({"a":1})", R"({"a":1,"b":{"c":1}})", R"({"b":{"c":1}})"},
                             {"AMemberGoes", R"({"a":1,"nodes":{"fr-1":1}})", R"({"a":1})", R"({"nodes":null})"},
                             {"OthersMembersStay", R"({"a":1,"newer":{"x":1}})", R"({"a":2})", R"({"a":2})"},
                             {"OthersMembersAreNoChange", R"({"a":1,"newer":{"x":1}})", R"({"a":1})", R"(null)"},
                             {"InAMap", R"({"nodes":{"fr-1":1,"fr-2":2,"fr-3":3}})", R"({"nodes":{"fr-1":1,"fr-2":4}})",
                              R"({"nodes":{"fr-2":4,"fr-3":null}})"},
                             {"AnObjectInPlaceOfAList", R"({"a":[1]})", R"({"a":{"b":1}})", R"({"a":{"b":1}})"},
                             {"AListIsReplaced", R"({"a":[1,2]})", R"({"a":[2]})", R"({"a":[2]})"},
                             {"ConditionsAsTheyWere", R"({"conditions":[{"type":"A","status":"True"}]})",
                              R"({"conditions":[{"type":"A","status":"True"}]})", R"(null)"},
                             {"ConditionsInAnotherOrder", R"({"conditions":[{"type":"B"},{"type":"A"}]})",
                              R"({"conditions":[{"type":"A"},{"type":"B"}]})", R"(null)"},
                             {"OthersConditionsStay",
                              R"({"conditions":[{"type":"Theirs","status":"True"},{"type":"A","status":"True"}]})",
                              R"({"conditions":[{"type":"A","status":"False"}]})",
                              R"({"conditions":[{"type":"A","status":"False"},{"type":"Theirs","status":"True"}]})"},
                             {"OthersConditionsAreNoChange", R"({"a":1,"conditions":[{"type":"Theirs"},{"type":"A"}]})",
                              R"({"a":2,"conditions":[{"type":"A"}]})", R"({"a":2})"},
                             {"ConditionsOfNoTypeGo", R"({"conditions":[1,{"type":2},{"type":"A"}]})",
                              R"({"conditions":[{"type":"A"}]})", R"({"conditions":[{"type":"A"}]})"},
                             {"ConditionsThatAreNoList", R"({"conditions":{"type":"A"}})",
                              R"({"conditions":[{"type":"A"}]})", R"({"conditions":[{"type":"A"}]})"},
                             {"NoConditionsBefore", R"({"a":1})", R"({"a":1,"conditions":[{"type":"A"}]})",
                              R"({"conditions":[{"type":"A"}]})"},
                         }),
                         [](const auto& row) { return row.param.name; });

}  // namespace
}  // namespace rempart::kube
