// What every Kubernetes object has, as the operator's caches keep it.
#pragma once

#include <compare>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "src/base/clock.h"

namespace rempart::kube {

// Where a resource is served: "/apis/apps/v1/namespaces/{ns}/deployments/{name}".
struct Resource {
  std::string_view group;    // "" is the core group
  std::string_view version;  // "v1"
  std::string_view plural;   // "deployments"
  std::string_view kind;     // "Deployment"
  bool namespaced = true;

  std::string ApiVersion() const;  // "apps/v1", "v1"
  // The collection (all namespaces where ns is empty), or one object, or a subresource of it. Segments are
  // percent-encoded.
  std::string Path(std::string_view ns = {}, std::string_view name = {}, std::string_view subresource = {}) const;
};

struct ObjectKey {
  std::string ns;  // empty for cluster-scoped
  std::string name;
  auto operator<=>(const ObjectKey&) const = default;
  std::string ToString() const { return ns.empty() ? name : ns + "/" + name; }
};

struct ObjectKeyHash {
  std::size_t operator()(const ObjectKey& k) const {
    std::size_t h = std::hash<std::string>{}(k.ns);
    return h ^ (std::hash<std::string>{}(k.name) + 0x9e3779b97f4a7c15ull + (h << 6) + (h >> 2));
  }
};

// The part of metadata that every projection keeps. resource_version is a number: KEP-5504 (comparable resource
// versions, conformant since Kubernetes 1.35) lets clients order those of one resource type.
struct Meta {
  ObjectKey key;
  std::string uid;
  std::uint64_t resource_version = 0;
  std::int64_t generation = 0;
  WallTime created{};
  bool deleting = false;  // deletionTimestamp is set
};

// For events, evictions and owner references: which object is meant.
struct ObjectRef {
  std::string api_version;
  std::string kind;
  std::string ns;
  std::string name;
  std::string uid;
};

}  // namespace rempart::kube
