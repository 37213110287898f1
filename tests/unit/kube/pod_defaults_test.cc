#include "src/kube/pod_defaults.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace rempart::kube {
namespace {

TEST(DefaultVolumes, AreEmptyDirs) {
  Json pod =
      Json::parse(R"({"spec":{"volumes":[{"name":"a"},{"name":"b","emptyDir":null},{"name":"c","csi":{}},{},7]}})");
  DefaultVolumes(pod);
  EXPECT_EQ(pod, Json::parse(R"({"spec":{"volumes":[{"name":"a","emptyDir":{}},{"name":"b","emptyDir":{}},
                                {"name":"c","csi":{}},{"emptyDir":{}},7]}})"));
}

TEST(DefaultVolumes, AnyOtherJsonStaysAsItIs) {
  for (const char* text : {"7", "null", "[]", "{}", R"({"spec":7})", R"({"spec":{"volumes":"x"}})"}) {
    Json pod = Json::parse(text);
    DefaultVolumes(pod);
    EXPECT_EQ(pod, Json::parse(text));
  }
}

}  // namespace
}  // namespace rempart::kube
