#include "operator/perimeter/gate_proof.h"

#include <utility>

namespace rempart::perimeter {

void GateProofs::NoteWrite(const std::string& region, MonoTime at) {
  std::scoped_lock lock(mutex_);
  auto& written = entries_[region].written;
  if (!written) written.emplace();
  written->at = at;
}

bool GateProofs::NoteCarriedOut(const std::string& region, const std::string& uid, std::int64_t generation,
                                MonoTime now) {
  std::scoped_lock lock(mutex_);
  auto& written = entries_[region].written;
  if (!written) written.emplace().at = now;
  if (written->uid == uid && written->generation == generation) return false;
  written->uid = uid;
  written->generation = generation;
  return true;
}

std::optional<GateWritten> GateProofs::Written(const std::string& region) const {
  std::scoped_lock lock(mutex_);
  const auto entry = entries_.find(region);
  return entry == entries_.end() ? std::nullopt : entry->second.written;
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

void GateProofs::ForgetProof(const std::string& region) {
  std::scoped_lock lock(mutex_);
  if (const auto entry = entries_.find(region); entry != entries_.end()) entry->second.proof.reset();
  DropEmpty(region);
}

void GateProofs::ForgetWritten(const std::string& region) {
  std::scoped_lock lock(mutex_);
  if (const auto entry = entries_.find(region); entry != entries_.end()) entry->second.written.reset();
  DropEmpty(region);
}

void GateProofs::DropEmpty(const std::string& region) {
  const auto entry = entries_.find(region);
  if (entry != entries_.end() && !entry->second.written && !entry->second.proof) entries_.erase(entry);
}

}  // namespace rempart::perimeter
