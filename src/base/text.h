// Text that came from outside, made fit for messages: bounded, and valid UTF-8.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace rempart {

// The longest beginning of `text` of at most `max_bytes` bytes that does not end within a character.
std::string_view CutAtCharacter(std::string_view text, std::size_t max_bytes);

// At most `max_bytes` bytes of `text`, ending in "…" where it was cut, with U+FFFD for what is not UTF-8 (which the
// JSON library would refuse to write).
std::string CleanText(std::string_view text, std::size_t max_bytes);

}  // namespace rempart
