// An audit as OpenReports reports (openreports.io/v1alpha1, https://github.com/openreports/reports-api), which policy
// dashboards read. Pure; any thread.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "operator/perimeter/audit/tally.h"
#include "src/base/json.h"
#include "src/kube/object.h"

namespace rempart::audit {

inline constexpr kube::Resource kReports{"openreports.io", "v1alpha1", "reports", "Report", true};
inline constexpr kube::Resource kClusterReports{"openreports.io", "v1alpha1", "clusterreports", "ClusterReport", false};
inline constexpr std::size_t kResultsOfAReport = 200;  // some 300 KiB at most: messages are bounded
// Of what a report says: results, summary and source. One that says the same is not written again, and one that
// somebody changed is.
std::string DigestOfReport(const Json& report);

struct Report {
  kube::ObjectKey key;
  std::string digest;
  Json object;
};

// The reports of a namespace, "rempart-<region>-<k>" from 0: all violations that the tally lists, by rule and object,
// then how many objects are clean (in the summary of the first, with the violations that are not listed). At least
// one, so that a clean namespace says so. Of the namespace "", which is what belongs to the whole cluster:
// ClusterReports.
std::vector<Report> ReportsOf(const api::SovereignRegion& region, const std::string& ns, const NamespaceTally& tally);

}  // namespace rempart::audit
