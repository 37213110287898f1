// Text from outside for one line of a message.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace rempart::kube {

// CleanText (src/base/text.h) of `text` with each run of white space and control characters as one space.
std::string Printable(std::string_view text, std::size_t max_bytes);

}  // namespace rempart::kube
