#include "operator/perimeter/gate_proof.h"

#include <utility>

namespace rempart::perimeter {

void GateProofs::NoteWrite(const std::string& region, MonoTime at) {
  std::scoped_lock lock(mutex_);
  entries_[region].last_write = at;
}

std::optional<MonoTime> GateProofs::LastWrite(const std::string& region) const {
  std::scoped_lock lock(mutex_);
  const auto entry = entries_.find(region);
  return entry == entries_.end() ? std::nullopt : entry->second.last_write;
}

void GateProofs::Put(const std::string& region, GateProof proof) {
  std::scoped_lock lock(mutex_);
  entries_[region].proof = std::move(proof);
}

std::optional<GateProof> GateProofs::Get(const std::string& region) const {
  std::scoped_lock lock(mutex_);
  const auto entry = entries_.find(region);
  return entry == entries_.end() ? std::nullopt : entry->second.proof;
}

void GateProofs::Forget(const std::string& region) {
  std::scoped_lock lock(mutex_);
  entries_.erase(region);
}

}  // namespace rempart::perimeter
