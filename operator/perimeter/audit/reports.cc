#include "operator/perimeter/audit/reports.h"

#include <fmt/format.h>

#include <algorithm>
#include <tuple>

#include "operator/api/gate_object.h"

namespace rempart::audit {
namespace {

Json ResultOf(const api::SovereignRegion& region, const Finding& finding) {
  const auto& [api_version, kind, ns, name, uid] = finding.object;
  Json object = {{"apiVersion", api_version}, {"kind", kind}, {"name", name}};
  if (!ns.empty()) object["namespace"] = ns;
  if (!uid.empty()) object["uid"] = uid;
  return {{"policy", region.meta.key.name},
          {"rule", finding.rule},
          {"category", "perimeter"},
          {"severity", "high"},
          {"result", "fail"},
          {"scored", true},
          {"message", finding.message},
          {"resources", Json::array({std::move(object)})},
          {"properties", {{"field", finding.field}}}};
}

Json Summary(std::size_t pass, std::size_t fail) {
  return {{"pass", pass}, {"fail", fail}, {"warn", 0}, {"error", 0}, {"skip", 0}};
}

}  // namespace

std::string DigestOfReport(const Json& report) {
  Json said = Json::object();
  for (const char* member : {"results", "source", "summary"})
    if (const auto it = report.find(member); it != report.end() && !it->empty()) said[member] = *it;
  return DigestOf(said.dump(-1, ' ', false, Json::error_handler_t::replace));
}

std::vector<Report> ReportsOf(const api::SovereignRegion& region, const std::string& ns, const NamespaceTally& tally) {
  std::vector<const Finding*> findings;
  findings.reserve(tally.findings.size());
  for (const Finding& finding : tally.findings) findings.push_back(&finding);
  std::ranges::stable_sort(findings, {}, [](const Finding* finding) {
    return std::tie(finding->rule, finding->object.kind, finding->object.name, finding->field);
  });
  const std::size_t unlisted = tally.violations - tally.findings.size();
  const kube::Resource& resource = ns.empty() ? kClusterReports : kReports;

  std::vector<Report> reports;
  std::size_t at = 0;
  do {
    const std::size_t end = std::min(findings.size(), at + kResultsOfAReport);
    const bool first = at == 0;
    const std::string name = fmt::format("rempart-{}-{}", region.meta.key.name, reports.size());
    Json results = Json::array();
    for (std::size_t i = at; i < end; ++i) results.push_back(ResultOf(region, *findings[i]));
    Json object = {{"apiVersion", resource.ApiVersion()},
                   {"kind", resource.kind},
                   {"metadata",
                    {{"name", name},
                     {"labels", {{api::kManagedByLabel, "rempart"}, {api::kRegionLabel, region.meta.key.name}}},
                     {"ownerReferences", Json::array({{{"apiVersion", api::kRegions.ApiVersion()},
                                                       {"kind", api::kRegions.kind},
                                                       {"name", region.meta.key.name},
                                                       {"uid", region.meta.uid}}})}}},
                   {"source", "rempart"},
                   {"summary", Summary(first ? tally.clean : 0, end - at + (first ? unlisted : 0))},
                   {"results", std::move(results)}};
    if (!ns.empty()) object["metadata"]["namespace"] = ns;
    const std::string digest = DigestOfReport(object);
    reports.push_back({{ns, name}, digest, std::move(object)});
    at = end;
  } while (at < findings.size());
  return reports;
}

}  // namespace rempart::audit
