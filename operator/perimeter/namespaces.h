// Which namespaces a region governs, and which no region does. Pure; any thread.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "operator/api/observed.h"
#include "operator/perimeter/qualification.h"
#include "operator/perimeter/rules/policies.h"
#include "src/base/result.h"

namespace rempart::perimeter {

using NamespacePtr = std::shared_ptr<const api::Namespace>;

// What the API server answers about a namespace whose deletion the caches have not seen yet: it takes no new object.
bool IsOfWhatGoes(const Error& error);

struct NamespaceView {
  // False where the region's selector cannot be read: `governed` is empty then, and says nothing.
  bool known = true;
  std::vector<std::string> governed;      // by the region, sorted; those being deleted too
  std::vector<std::string> in_no_region;  // of the cluster, sorted; neither governed nor exempt by any region
};

// By the selectors that the gate's bindings carry, see rules::NamespaceSelectorOf. A region whose spec cannot be used
// counts with what could be read of it.
NamespaceView NamespacesOf(const api::SovereignRegion& region, const std::vector<RegionPtr>& regions,
                           const std::vector<NamespacePtr>& namespaces, const rules::PolicyContext& context);

}  // namespace rempart::perimeter
