// Any legal JSON in any place of an object, from a seed: wrong types, nulls, nothing, long and foreign texts, elements
// that are there twice, integers beyond 64 bits, deep nesting.
#pragma once

#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "src/base/json.h"

namespace rempart::test {

// Not thread-safe. The same seed gives the same values.
class AnyJson {
 public:
  explicit AnyJson(std::uint64_t seed) : random_(seed) {}

  // At most `depth` containers in one another, but for what Text makes of the stand-ins in it.
  Json Value(int depth);
  // `value` with one to three of its places, itself among them, replaced by any value, taken out, or there twice.
  Json Damaged(Json value);
  // The text of a value. What Json cannot hold, or not without stack to match, has stand-ins in Value's results: they
  // become integers of 20 to 200 digits, and lists and objects 100 to 1,000 deep in one another.
  std::string Text(const Json& value);

  std::uint64_t Below(std::uint64_t limit) { return random_() % limit; }

 private:
  Json Scalar();
  std::string Wide();
  std::string Deep();

  std::mt19937_64 random_;
};

}  // namespace rempart::test
