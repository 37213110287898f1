// Files as kubectl takes them: split, read, and every object with a line within the file.
#include "src/kube/manifests.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string>

#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace rempart;
  std::string content(fuzz::Text(data, size));
  kube::NormalizeText(content);
  const auto last = 1 + std::ranges::count(content, '\n');
  for (const auto& document : kube::SplitDocuments(content)) {
    fuzz::Must(document.first_line >= 1 && document.first_line <= last, "a document begins within the file");
    for (const auto& manifest : kube::ReadDocument(document, {.max_nodes = 20'000}).objects) {
      fuzz::Must(manifest.object.is_object(), "a manifest is an object");
      fuzz::Must(manifest.object.at("kind").is_string() && manifest.object.at("apiVersion").is_string(),
                 "a manifest says what it is");
      const int line = manifest.LineOf("");
      fuzz::Must(line >= document.first_line && line <= last, "an object's line is one of the file");
    }
  }
  return 0;
}
