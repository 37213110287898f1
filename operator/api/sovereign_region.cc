#include "operator/api/sovereign_region.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "operator/api/decoded_text.h"
#include "operator/api/spec_reader.h"

namespace rempart::api {

namespace {

using Need = SpecReader::Need;

void ReadOnLoss(const Field& at, SpecReader& reader, SovereignRegion& region) {
  if (!reader.Object(at, Need::kOptional)) return;
  using OnLoss = SovereignRegion::OnLoss;
  region.on_loss =
      reader.OneOf<OnLoss>(at["action"], {{"Evict", OnLoss::kEvict}, {"Cordon", OnLoss::kCordon}}, region.on_loss);
  region.grace_period = reader.Time(at["gracePeriod"], region.grace_period);
  region.deadline = reader.Time(at["deadline"], region.deadline);
  if (region.deadline < region.grace_period) {
    reader.Refuse(at["deadline"], FormatDuration(region.deadline) + " is shorter than gracePeriod, which is " +
                                      FormatDuration(region.grace_period) + ": make it at least as long");
  }
}

void ReadSpec(const Field& spec, SpecReader& reader, SovereignRegion& region) {
  if (!reader.Object(spec, Need::kRequired)) return;
  region.country = reader.Text(spec["country"], kCountryRule, Need::kRequired);
  region.rules = ReadRegionRules(spec, reader);
  const Field hosting = spec["hosting"];
  if (!reader.Object(hosting, Need::kRequired)) return;
  region.profile = reader.Text(hosting["profile"], kProfileNameRule, Need::kOptional);
  if (const Field locations = hosting["locations"]; locations.value.exists() || region.profile.empty()) {
    reader.List(locations, 1, kMaxLocations, "an object with region, zones and country",
                [&](const Field& at) { region.locations.push_back(ReadLocation(at, reader)); });
    region.locations.shrink_to_fit();
  }
  region.attestation = ReadAttestationPolicy(hosting["attestation"], reader);
  region.attestation.language = region.rules.language;
  ReadOnLoss(hosting["onLoss"], reader, region);
  region.taint_outside_nodes = reader.Bool(hosting["taintOutsideNodes"], false);
}

}  // namespace

Result<SovereignRegion> DecodeSovereignRegion(kube::View object) {
  auto meta = kube::DecodeMeta(object);
  if (!meta) return Fail(std::move(meta).error().While("decode SovereignRegion"));
  SovereignRegion region;
  region.meta = std::move(*meta);
  object["metadata"]["finalizers"].ForEachElement([&](kube::View finalizer) {
    if (finalizer.AsString() == kRegionFinalizer) {
      region.has_finalizer = true;
    } else {
      region.others_finalizers.emplace_back(finalizer.Str());
    }
  });

  SpecReader reader;
  if (!kRegionNameRule.holds(region.meta.key.name)) {
    reader.Refuse({{}, "metadata.name"},
                  "is not " + std::string(kRegionNameRule.wanted) +
                      ", because it becomes the value of a label: create the region under such a name");
  }
  ReadSpec({object["spec"], "spec"}, reader, region);
  region.invalid = std::move(reader).TakeProblem();
  region.status_json = StatusText(object["status"]);
  return region;
}

void SortByAge(std::vector<std::shared_ptr<const SovereignRegion>>& regions) {
  std::ranges::sort(regions, [](const auto& a, const auto& b) {
    return std::tie(a->meta.created, a->meta.key.name) < std::tie(b->meta.created, b->meta.key.name);
  });
}

}  // namespace rempart::api
