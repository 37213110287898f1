#include "operator/cli/region_file.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "operator/api/names.h"
#include "operator/cli/region_schema.h"
#include "src/kube/decode.h"
#include "src/kube/manifests.h"

namespace rempart::cli {
namespace {

bool IsRegion(const Json& object) {
  const std::string& api_version = object.at("apiVersion").get_ref<const std::string&>();
  return object.at("kind").get_ref<const std::string&>() == api::kRegions.kind &&
         api_version.starts_with(std::string(api::kGroup) + "/");
}

Result<api::SovereignRegion> Decode(Json object) {
  Json& metadata = object["metadata"];
  if (metadata.is_null()) metadata = Json::object();
  // What only the server knows; a manifest that was read from one brings its own.
  metadata.emplace("uid", "manifest");
  metadata.emplace("resourceVersion", "1");
  auto view = kube::ParseOnThread(object.dump(-1, ' ', false, Json::error_handler_t::replace));
  if (!view) return Fail(std::move(view.error()));
  auto region = api::DecodeSovereignRegion(*view);
  if (region && !region->Usable()) return Fail(Error::Invalid(region->invalid));
  return region;
}

}  // namespace

Result<api::SovereignRegion> ReadRegion(std::string content, const std::string& file) {
  kube::NormalizeText(content);
  std::optional<kube::Manifest> found;
  for (const kube::DocumentText& document : kube::SplitDocuments(content)) {
    kube::Manifests manifests = kube::ReadDocument(document);
    if (!manifests.problems.empty()) {
      const auto& problem = manifests.problems.front();
      return Fail(Error::Invalid(fmt::format("{}:{}: {}", file, problem.line, problem.message)));
    }
    for (kube::Manifest& manifest : manifests.objects) {
      if (!IsRegion(manifest.object)) continue;
      if (found) return Fail(Error::Invalid(file + ": more than one SovereignRegion: put each into a file of its own"));
      found = std::move(manifest);
    }
  }
  if (!found) return Fail(Error::Invalid(file + ": no SovereignRegion in it"));
  if (const auto unknown = FindUnknownField(found->object))
    return Fail(
        Error::Invalid(fmt::format("{}:{}: SovereignRegion: {}", file, found->LineOf(unknown->path), unknown->Why())));
  const int line = found->LineOf("");
  auto region = Decode(std::move(found->object));
  if (!region) return Fail(std::move(region.error()).While(fmt::format("{}:{}: SovereignRegion", file, line)));
  return region;
}

}  // namespace rempart::cli
