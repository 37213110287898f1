// Legal JSON that simdjson does not take. An API server sends such where a resource's schema lets anything through
// (x-kubernetes-preserve-unknown-fields): what it stores may nest 10,000 deep, and an integer beyond 64 bits is to it a
// floating-point number that it writes without a fraction.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace rempart::kube {

// Stands in the place of what was nested too deeply. No type of Kubernetes nests that far, so that nothing which has
// this text in it is accepted in the place of what was there.
inline constexpr std::string_view kNestedTooDeeply = "(nested too deeply to be read)";

// The same text, with at most `max_depth` containers in one another, those that are in that many being replaced by
// kNestedTooDeeply, and integers beyond 64 bits written as the floating-point numbers that they are to the server. A
// text that needs neither comes back as it is. Whether it is well-formed is the parser's business; of what is replaced
// nobody looks.
std::string MendJson(std::string_view text, std::size_t max_depth);

}  // namespace rempart::kube
