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

bool IsA(const kube::Resource& resource, const Json& object) {
  const std::string& api_version = object.at("apiVersion").get_ref<const std::string&>();
  return object.at("kind").get_ref<const std::string&>() == resource.kind &&
         api_version.starts_with(std::string(api::kGroup) + "/");
}

template <class T>
Result<T> Decode(Json object, Result<T> (*decode)(kube::View)) {
  Json& metadata = object["metadata"];
  if (metadata.is_null()) metadata = Json::object();
  // What only the server knows; a manifest that was read from one brings its own.
  metadata.emplace("uid", "manifest");
  metadata.emplace("resourceVersion", "1");
  auto view = kube::ParseOnThread(object.dump(-1, ' ', false, Json::error_handler_t::replace));
  if (!view) return Fail(std::move(view.error()));
  auto decoded = decode(*view);
  if (decoded && !decoded->Usable()) return Fail(Error::Invalid(decoded->invalid));
  return decoded;
}

// With file and line.
template <class T>
Result<T> ReadOne(kube::Manifest manifest, const std::string& file, const kube::Resource& resource, const Json& schema,
                  Result<T> (*decode)(kube::View)) {
  if (const auto unknown = FindUnknownField(manifest.object, schema)) {
    return Fail(Error::Invalid(
        fmt::format("{}:{}: {}: {}", file, manifest.LineOf(unknown->path), resource.kind, unknown->Why())));
  }
  const int line = manifest.LineOf("");
  auto read = Decode(std::move(manifest.object), decode);
  if (!read) return Fail(std::move(read.error()).While(fmt::format("{}:{}: {}", file, line, resource.kind)));
  return read;
}

}  // namespace

Result<RegionFile> ReadRegion(std::string content, const std::string& file) {
  kube::NormalizeText(content);
  std::optional<kube::Manifest> found;
  std::vector<api::HostingProfile> profiles;
  for (const kube::DocumentText& document : kube::SplitDocuments(content)) {
    kube::Manifests manifests = kube::ReadDocument(document);
    if (!manifests.problems.empty()) {
      const auto& problem = manifests.problems.front();
      return Fail(Error::Invalid(fmt::format("{}:{}: {}", file, problem.line, problem.message)));
    }
    for (kube::Manifest& manifest : manifests.objects) {
      if (IsA(api::kProfiles, manifest.object)) {
        auto profile = ReadOne(std::move(manifest), file, api::kProfiles, ProfileSchema(), api::DecodeHostingProfile);
        if (!profile) return Fail(std::move(profile.error()));
        profiles.push_back(*std::move(profile));
        continue;
      }
      if (!IsA(api::kRegions, manifest.object)) continue;
      if (found) return Fail(Error::Invalid(file + ": more than one SovereignRegion: put each into a file of its own"));
      found = std::move(manifest);
    }
  }
  if (!found) return Fail(Error::Invalid(file + ": no SovereignRegion in it"));
  auto region = ReadOne(*std::move(found), file, api::kRegions, RegionSchema(), api::DecodeSovereignRegion);
  if (!region) return Fail(std::move(region.error()));
  return RegionFile{*std::move(region), std::move(profiles)};
}

}  // namespace rempart::cli
