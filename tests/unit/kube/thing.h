// A small projection, and its decoder, for tests of stores.
#pragma once

#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "src/kube/decode.h"
#include "src/kube/store.h"

namespace rempart::kube::test {

struct Thing {
  Meta meta;
  std::string color;
  std::vector<std::string> tags;
};
using ThingPtr = Store<Thing>::Ptr;

inline int decoded = 0;  // calls of DecodeThing

// Colors that mean harm: invisible, unreadable, explosive, impostor.
inline Result<Thing> DecodeThing(View object) {
  ++decoded;
  const std::string_view color = object["color"].Str();
  if (color == "invisible") return Fail(Error::NotFound("need not be kept"));
  if (color == "unreadable") return Fail(Error::Invalid("color: is unreadable"));
  if (color == "explosive") throw std::runtime_error("boom");
  auto meta = DecodeMeta(object);
  if (!meta) return Fail(std::move(meta).error());
  Thing thing{std::move(*meta), std::string(color), {}};
  if (color == "impostor") thing.meta.key.name = "somebody-else";
  object["tags"].ForEachElement([&](View tag) { thing.tags.emplace_back(tag.Str()); });
  return thing;
}

inline std::string Of(const ThingPtr& thing) {
  return thing ? thing->meta.key.name + "@" + std::to_string(thing->meta.resource_version) + thing->color : "-";
}

}  // namespace rempart::kube::test
