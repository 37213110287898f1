#include "operator/perimeter/attestation_book.h"

#include <algorithm>
#include <memory>
#include <tuple>
#include <utility>

namespace rempart::perimeter {
namespace {

constexpr std::size_t kGeneration = 16'384;

OpenedPtr OpenAnew(const api::NodeAttestation& attestation, const api::AttestationPolicy& policy) {
  return std::make_shared<const OpenedAttestation>(rempart::perimeter::Open(attestation, policy));
}

std::string_view NodeOf(const api::AttestationPtr& attestation) { return attestation->node; }

}  // namespace

OpenedPtr AttestationBook::Open(const api::NodeAttestation& attestation, const api::AttestationPolicy& policy) {
  // Without a digest there is nothing to know it by, and nothing worth remembering: no keys, or no envelope.
  if (attestation.digest.empty() || policy.digest.empty()) {
    if (attestation.Usable() && !policy.authorities.empty()) verified_.Add();
    return OpenAnew(attestation, policy);
  }
  // The name is no part of what is signed: a copy under another name is opened by itself, to be called by its own.
  const std::string key = attestation.digest + policy.digest + attestation.meta.key.name;
  if (OpenedPtr known = Find(key)) return known;
  verified_.Add();
  OpenedPtr opened = OpenAnew(attestation, policy);  // outside the lock: it takes a while
  Keep(key, opened);
  return opened;
}

OpenedPtr AttestationBook::Find(const std::string& key) {
  std::scoped_lock lock(mutex_);
  if (const auto it = young_.find(key); it != young_.end()) return it->second;
  const auto it = old_.find(key);
  if (it == old_.end()) return nullptr;
  OpenedPtr opened = it->second;
  if (young_.size() < kGeneration) {
    young_.insert(old_.extract(it));
  }
  return opened;
}

void AttestationBook::Keep(const std::string& key, const OpenedPtr& opened) {
  std::scoped_lock lock(mutex_);
  if (young_.size() >= kGeneration) {
    old_ = std::exchange(young_, {});
  }
  young_.insert_or_assign(key, opened);
}

Attestations::Attestations(std::vector<api::AttestationPtr> all, AttestationBook* book)
    : all_(std::move(all)), book_(book) {
  std::ranges::sort(all_, {}, [](const api::AttestationPtr& one) { return std::tie(one->node, one->meta.key.name); });
}

std::span<const api::AttestationPtr> Attestations::Of(std::string_view node) const {
  const auto [first, last] = std::ranges::equal_range(all_, node, {}, NodeOf);
  return {first, last};
}

OpenedPtr Attestations::Open(const api::NodeAttestation& attestation, const api::AttestationPolicy& policy) const {
  return book_ == nullptr ? OpenAnew(attestation, policy) : book_->Open(attestation, policy);
}

}  // namespace rempart::perimeter
