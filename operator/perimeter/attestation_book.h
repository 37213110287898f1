// NodeAttestations as nodes are judged by them: found by node, opened once. May be used from any thread.
#pragma once

#include <cstddef>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "operator/perimeter/attestation.h"
#include "src/base/metrics.h"

namespace rempart::perimeter {

// Remembers what Open gave for an envelope and a set of keys, by digests of both: a node's heartbeat, a new look at a
// region and the operator's own status writes verify no signature again. It holds the last 16,384 and at most twice as
// many (some 20 MiB); beyond that, what was not asked for longest is verified again. Thread-safe.
class AttestationBook {
 public:
  // `verified` counts the envelopes whose signatures were tried.
  explicit AttestationBook(Counter verified = {}) : verified_(verified) {}
  OpenedPtr Open(const api::NodeAttestation& attestation, const api::AttestationPolicy& policy);

 private:
  using Known = std::unordered_map<std::string, OpenedPtr>;
  OpenedPtr Find(const std::string& key);
  void Keep(const std::string& key, const OpenedPtr& opened);

  const Counter verified_;
  std::mutex mutex_;
  Known young_, old_;  // what is found in the old one moves to the young one; a full young one takes its place
};

// Those that a look concerns. Does not change once it is made.
class Attestations {
 public:
  Attestations() = default;
  // `book` may be null: then each is opened whenever it is judged. It outlives this.
  explicit Attestations(std::vector<api::AttestationPtr> all, AttestationBook* book = nullptr);
  // Of the node, by name.
  std::span<const api::AttestationPtr> Of(std::string_view node) const;
  OpenedPtr Open(const api::NodeAttestation& attestation, const api::AttestationPolicy& policy) const;

 private:
  std::vector<api::AttestationPtr> all_;  // by node, then by name
  AttestationBook* book_ = nullptr;
};

}  // namespace rempart::perimeter
