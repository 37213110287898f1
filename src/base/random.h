// Randomness, passed in (jitter, names; never keys: those come from OpenSSL).
#pragma once

#include <cstdint>
#include <mutex>
#include <random>

namespace rempart {

// Thread-safe.
class Random {
 public:
  virtual ~Random() = default;
  virtual std::uint64_t Next() = 0;                                        // uniform over all 64-bit values
  double Unit() { return static_cast<double>(Next() >> 11) * 0x1.0p-53; }  // in [0, 1)
};

// A seeded generator; `operator/main` seeds it from the system, tests from a constant that they print.
class SeededRandom final : public Random {
 public:
  explicit SeededRandom(std::uint64_t seed) : engine_(seed) {}
  std::uint64_t Next() override {
    std::scoped_lock lock(mutex_);
    return engine_();
  }

 private:
  std::mutex mutex_;
  std::mt19937_64 engine_;
};

}  // namespace rempart
