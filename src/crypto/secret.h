// Text that must not stay in memory: a private key's PEM, a passphrase.
#pragma once

#include <span>
#include <string_view>
#include <utility>
#include <vector>

namespace rempart::crypto {

// For what a secret was read into. The compiler does not take it for needless.
void WipeBytes(std::span<char> bytes);

// Wiped when it goes or is assigned to; moved, never copied. It has no operator<<, so that none gets into a log by
// accident. What it was made from is the caller's to wipe. Not thread-safe.
class Secret {
 public:
  Secret() = default;
  explicit Secret(std::string_view text) : bytes_(text.begin(), text.end()) {}
  ~Secret() { Wipe(); }
  Secret(Secret&& other) noexcept : bytes_(std::exchange(other.bytes_, {})) {}
  Secret& operator=(Secret&& other) noexcept;
  Secret(const Secret&) = delete;
  Secret& operator=(const Secret&) = delete;

  // Valid as long as this object, unchanged.
  std::string_view view() const { return {bytes_.data(), bytes_.size()}; }
  bool empty() const { return bytes_.empty(); }

 private:
  void Wipe();

  std::vector<char> bytes_;  // not a string: a short one is copied, not moved, and its copy would stay
};

}  // namespace rempart::crypto
