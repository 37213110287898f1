// The name that was probably meant, for messages about one that is not known.
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace rempart::cli {

// Of those known, the one that takes the fewest edits; none where each would take as many as make another word.
std::optional<std::string> Nearest(const std::string& word, const std::vector<std::string>& known);

}  // namespace rempart::cli
