#include "tests/support/shrink.h"

#include <nlohmann/json.hpp>
#include <vector>

namespace rempart::test {
namespace {

// What can be taken out, the large things first.
void Collect(const Json& at, const Json::json_pointer& path, std::vector<Json::json_pointer>& all) {
  if (at.is_object())
    for (const auto& [key, member] : at.items()) all.push_back(path / key);
  if (at.is_array())
    for (std::size_t i = at.size(); i-- > 0;) all.push_back(path / i);
  if (at.is_object())
    for (const auto& [key, member] : at.items()) Collect(member, path / key, all);
  if (at.is_array())
    for (std::size_t i = at.size(); i-- > 0;) Collect(at[i], path / i, all);
}

Json Without(Json object, const Json::json_pointer& path) {
  Json& parent = object.at(path.parent_pointer());
  if (parent.is_array()) {
    parent.erase(std::stoul(path.back()));
  } else {
    parent.erase(path.back());
  }
  return object;
}

}  // namespace

Json Shrink(Json object, const std::function<bool(const Json&)>& still, int tries) {
  for (bool smaller = true; smaller;) {
    smaller = false;
    std::vector<Json::json_pointer> all;
    Collect(object, Json::json_pointer(), all);
    for (const auto& path : all) {
      if (tries-- <= 0) return object;
      Json less = Without(object, path);
      if (!still(less)) continue;
      object = std::move(less);
      smaller = true;
      break;  // the other paths were of what is gone
    }
  }
  return object;
}

}  // namespace rempart::test
