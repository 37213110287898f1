// The hosting profiles that the chart ships, as the operator would read them from the API server.
#pragma once

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "operator/api/hosting_profile.h"
#include "src/kube/yaml.h"
#include "tests/unit/api/decoding.h"

namespace rempart::api::test {

inline std::vector<std::string> ShippedProfileNames() {
  std::vector<std::string> names;
  for (const auto& file : std::filesystem::directory_iterator(REMPART_SOURCE_DIR "/charts/rempart/profiles"))
    names.push_back(file.path().stem().string());
  std::ranges::sort(names);
  return names;
}

// The manifest as JSON; null where it cannot be read, and the test then fails.
inline Json ShippedManifest(const std::string& name) {
  std::ifstream file(REMPART_SOURCE_DIR "/charts/rempart/profiles/" + name + ".yaml");
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  auto manifest = kube::ParseYaml(text, kube::YamlScalars::kTyped);
  EXPECT_TRUE(manifest) << name << ": " << (manifest ? "" : manifest.error().ToString());
  return manifest ? *std::move(manifest) : Json();
}

inline HostingProfile ShippedProfile(const std::string& name) {
  Json object = ShippedManifest(name);
  if (!object.is_object()) return {};
  object["metadata"].update({{"uid", "uid-of-" + name}, {"resourceVersion", "7"}, {"generation", 1}});
  auto profile = Decoded(object, DecodeHostingProfile);
  EXPECT_TRUE(profile) << name << ": " << (profile ? "" : profile.error().ToString());
  return profile ? *std::move(profile) : HostingProfile();
}

}  // namespace rempart::api::test
