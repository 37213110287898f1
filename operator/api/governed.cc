#include "operator/api/governed.h"

#include <algorithm>
#include <vector>

#include "operator/api/names.h"
#include "src/base/json.h"

namespace rempart::api {
namespace {

// Labels or annotations that we govern, a line each, sorted: what others add does not matter, nor does the order.
void AppendOurs(std::string& text, kube::View members) {
  std::vector<std::string> lines;
  members.ForEachMember([&](std::string_view key, kube::View value) {
    if (!key.starts_with(kOurPrefix) && key != kManagedByLabel) return;
    lines.push_back(std::string(key) + "=" + value.Minified());
  });
  std::ranges::sort(lines);
  for (const std::string& line : lines) text.append(line).append("\n");
}

}  // namespace

// Sections are set apart by empty lines, which compact JSON and keys do not contain.
std::string DigestOfGoverned(kube::View object) {
  const kube::View metadata = object["metadata"];
  std::string text = object["spec"].Minified() + "\n\n";
  AppendOurs(text, metadata["labels"]);
  text += "\n";
  AppendOurs(text, metadata["annotations"]);
  text += "\n" + metadata["ownerReferences"].Minified();
  return DigestOf(text);
}

}  // namespace rempart::api
