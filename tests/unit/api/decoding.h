// Objects for decoder tests: built with the JSON library, decoded through a Document as the caches do.
#pragma once

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>

#include "src/base/json.h"
#include "src/base/result.h"
#include "src/kube/decode.h"

namespace rempart::api {

// Decodes `object` with `decode`, a function of a View. The result may not hold views: the document is gone.
template <class F>
auto Decoded(const Json& object, F decode) {
  kube::Document document;
  const auto view = document.Parse(object.dump());
  EXPECT_TRUE(view) << view.error().message;
  return decode(view.value_or(kube::View()));
}

inline Json MetaJson(const std::string& name, const std::string& ns = {}) {
  Json meta = {{"name", name},
               {"uid", "3f1c6a52-0f3e-4a77-9d55-7f0e8a1b2c3d"},
               {"resourceVersion", "1042"},
               {"generation", 3},
               {"creationTimestamp", "2026-11-22T10:23:00Z"}};
  if (!ns.empty()) meta["namespace"] = ns;
  return meta;
}

// `object` with the value at `pointer` ("/spec/country") replaced.
inline Json With(Json object, const std::string& pointer, const Json& value) {
  object[Json::json_pointer(pointer)] = value;
  return object;
}

inline Json Without(Json object, const std::string& pointer) {
  const Json::json_pointer at(pointer);
  object[at.parent_pointer()].erase(at.back());
  return object;
}

}  // namespace rempart::api
