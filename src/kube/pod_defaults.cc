#include "src/kube/pod_defaults.h"

#include <nlohmann/json.hpp>

namespace rempart::kube {

void DefaultVolumes(Json& pod) {
  const auto spec = pod.is_object() ? pod.find("spec") : pod.end();
  if (spec == pod.end() || !spec->is_object()) return;
  const auto volumes = spec->find("volumes");
  if (volumes == spec->end() || !volumes->is_array()) return;
  for (Json& volume : *volumes) {
    if (!volume.is_object()) continue;
    bool has_source = false;
    for (const auto& [member, value] : volume.items())
      has_source = has_source || (member != "name" && !value.is_null());
    if (!has_source) volume["emptyDir"] = Json::object();
  }
}

}  // namespace rempart::kube
