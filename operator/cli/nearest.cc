#include "operator/cli/nearest.h"

#include <algorithm>
#include <cstddef>
#include <numeric>

namespace rempart::cli {
namespace {

// Levenshtein's distance.
std::size_t Distance(const std::string& a, const std::string& b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), 0);
  for (std::size_t i = 0; i < a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i + 1;
    for (std::size_t j = 0; j < b.size(); ++j) {
      const std::size_t replaced = diagonal + (a[i] == b[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({row[j] + 1, row[j + 1] + 1, replaced});
    }
  }
  return row.back();
}

}  // namespace

std::optional<std::string> Nearest(const std::string& word, const std::vector<std::string>& known) {
  std::optional<std::string> best;
  std::size_t best_distance = word.size() / 3 + 1;  // farther than that is another word
  for (const auto& candidate : known) {
    const std::size_t distance = Distance(word, candidate);
    if (distance <= best_distance) {
      if (best && distance == best_distance) continue;
      best = candidate;
      best_distance = distance;
    }
  }
  return best;
}

}  // namespace rempart::cli
