// What the server has after a plan's status patch.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "src/base/json.h"

namespace rempart::kube::test {

// `before`: the status as the cache has it, any text. Null where nothing is written.
inline Json StatusAfter(const std::string& before, const Json& patch) {
  if (patch.is_null()) return nullptr;
  Json status = ParseJson(before).value_or(Json::object());
  status.merge_patch(patch);
  return status;
}

}  // namespace rempart::kube::test
