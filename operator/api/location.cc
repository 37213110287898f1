#include "operator/api/location.h"

namespace rempart::api {

using Need = SpecReader::Need;

Location ReadLocation(const Field& at, SpecReader& reader) {
  Location location;
  if (!reader.Object(at, Need::kRequired)) return location;
  location.region = reader.Text(at["region"], kLabelValueRule, Need::kRequired);
  location.zones = reader.Texts(at["zones"], 1, kMaxZones, kLabelValueRule);
  location.country = reader.Text(at["country"], kCountryRule, Need::kRequired);
  location.provider_id_pattern = reader.Text(at["providerIDPattern"], kPatternRule, Need::kOptional);
  return location;
}

}  // namespace rempart::api
