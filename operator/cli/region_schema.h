// Which fields a SovereignRegion or a HostingProfile may have, as its CustomResourceDefinition says. Pure; any thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "src/base/json.h"

namespace rempart::cli {

extern const std::string_view kRegionDefinition;   // crds/rempart.dev_sovereignregions.yaml
extern const std::string_view kProfileDefinition;  // crds/rempart.dev_hostingprofiles.yaml

// spec.versions[0].schema.openAPIV3Schema of the definitions.
const Json& RegionSchema();
const Json& ProfileSchema();

struct UnknownField {
  std::string path;                // "spec.hosting.locations[0].zone"
  std::vector<std::string> known;  // that could stand there
  std::string Why() const;         // "spec.imges is no field of it: did you mean images?"
};

// The first field that the schema does not have; metadata and status are not looked at, nor are the members of what
// the definition leaves open (a label selector's matchLabels). What is of another type than it should be has no fields.
std::optional<UnknownField> FindUnknownField(const Json& object, const Json& schema);

}  // namespace rempart::cli
