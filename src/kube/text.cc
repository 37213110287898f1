#include "src/kube/text.h"

#include "src/base/text.h"

namespace rempart::kube {

std::string Printable(std::string_view text, std::size_t max_bytes) {
  std::string line;
  bool gap = false;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte <= 0x20 || byte == 0x7F) {
      gap = !line.empty();
      continue;
    }
    if (line.size() > max_bytes) break;  // the rest would be cut anyway
    if (gap) line += ' ';
    gap = false;
    line += c;
  }
  return CleanText(line, max_bytes);
}

}  // namespace rempart::kube
