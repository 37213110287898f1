// A judge of two rules and an input that lives in memory, for tests of `check`.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "operator/cli/check.h"

namespace rempart::cli::test {

// RP-101: a pod's spec.nodeName is set. RP-201: a container's image is not from registry.example.
inline std::vector<Violation> JudgePod(const Json& object) {
  std::vector<Violation> violations;
  if (object["kind"] != "Pod" || !object.contains("spec") || !object["spec"].is_object()) return violations;
  const Json& spec = object["spec"];
  if (spec.contains("nodeName")) violations.push_back({"RP-101", "spec.nodeName", "is set: take it away"});
  const Json containers = spec.value("containers", Json::array());
  for (std::size_t i = 0; i < containers.size(); ++i) {
    const std::string image = containers[i].value("image", "");
    if (image.starts_with("registry.example/")) continue;
    violations.push_back({"RP-201", "spec.containers[" + std::to_string(i) + "].image",
                          "\"" + image + "\" is not from registry.example"});
  }
  return violations;
}

inline CheckReport CheckText(const std::string& text, const Judge& judge = JudgePod) {
  CheckInput input;
  input.paths = {"-"};
  input.read_stdin = [&]() -> Result<std::string> { return text; };
  input.judge_of = [&](const std::string&) { return &judge; };
  return RunCheck(input);
}

}  // namespace rempart::cli::test
