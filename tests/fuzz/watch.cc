// The bytes of a watch stream: cut into pieces anywhere, they give the same events. The first byte says where to cut.
#include <string>
#include <vector>

#include "src/kube/watch.h"
#include "tests/fuzz/fuzz.h"

namespace {

using namespace rempart;

struct Seen {
  std::vector<std::string> events;
  bool failed = false;
  bool operator==(const Seen&) const = default;
};

Seen Feed(std::string_view stream, std::size_t piece) {
  constexpr std::size_t kLongestLine = 2000;
  kube::WatchDecoder decoder(kLongestLine);
  Seen seen;
  const auto keep = [&](const kube::WatchEvent& event) -> Status {
    seen.events.push_back(std::to_string(static_cast<int>(event.type)) + event.object.Minified());
    if (event.type == kube::WatchEvent::Type::kError) (void)kube::WatchError(event.object, WallTime{});
    return {};
  };
  while (!stream.empty() && !seen.failed) {
    seen.failed = !decoder.Feed(stream.substr(0, piece), keep);
    stream.remove_prefix(std::min(piece, stream.size()));
  }
  return seen;
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 1) return 0;
  const std::string_view stream = fuzz::Text(data + 1, size - 1);
  fuzz::Must(Feed(stream, data[0] + 1u) == Feed(stream, stream.size() + 1), "pieces change nothing");
  return 0;
}
