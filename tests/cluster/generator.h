// Objects at the edges of the rules: what they let through, what they do not, and what is null, empty, there twice, of
// the wrong type, huge or in another script.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <random>
#include <string>
#include <vector>

#include "src/base/json.h"

namespace rempart::test {

// Not thread-safe. The same seed gives the same objects.
class Generator {
 public:
  // Another one each time, but where somebody wants to see the same objects again ($REMPART_SEED).
  static std::uint64_t Seed();

  // `node` is the region's, `foreign` is not. The region's spec is that of GateTest.
  Generator(std::uint64_t seed, std::string region, std::string node, std::string foreign)
      : random_(seed), region_(std::move(region)), node_(std::move(node)), foreign_(std::move(foreign)) {}

  Json Pod(Json pod);  // from a compliant one
  Json Service();
  Json Claim();
  Json NetworkPolicy();
  Json Ingress();
  Json Gateway();
  Json Route();
  Json NetworkSet();
  Json StorageClass();
  Json Volume();
  Json Binding();
  Json Slice();
  Json Endpoints();
  Json SecretStore();
  Json ClusterSecretStore();
  Json ExternalSecret();
  Json PushSecret();
  Json Snapshot();

 private:
  bool Sometimes() { return random_() % 3 == 0; }
  bool Rarely() { return random_() % 8 == 0; }
  Json One(const std::vector<Json>& choices) { return choices[random_() % choices.size()]; }
  template <class Make>
  Json List(unsigned longest, Make make);  // one element is there twice now and then
  Json Spoilt(Json spec);                  // now and then, something in it is of another type

  Json NodeSelector();
  Json Tolerations();
  Json Image();
  Json Volumes();
  Json Peer();
  Json Zones();
  Json Address();
  Json Addresses();
  Json Store();

  std::mt19937_64 random_;
  const std::string region_, node_, foreign_;
};

}  // namespace rempart::test
