#include "operator/perimeter/verdict.h"

#include "src/base/text.h"

namespace rempart::perimeter {

namespace {

constexpr std::size_t kMaxQuoted = 96;  // bytes of a foreign value inside a message

}  // namespace

const char* ToString(Outside outside) {
  switch (outside) {
    case Outside::kNone:
      return "Qualified";
    case Outside::kRegionUnusable:
      return "RegionUnusable";
    case Outside::kProfileMissing:
      return "ProfileMissing";
    case Outside::kProfileUnusable:
      return "ProfileUnusable";
    case Outside::kProfileDefunct:
      return "ProfileDefunct";
    case Outside::kProfileExpired:
      return "ProfileExpired";
    case Outside::kNoLocation:
      return "NoLocation";
    case Outside::kLabelsDisagree:
      return "LabelsDisagree";
    case Outside::kRefusedByProfile:
      return "RefusedByProfile";
    case Outside::kUnknownLocation:
      return "UnknownLocation";
    case Outside::kOtherCountry:
      return "OtherCountry";
    case Outside::kProviderMissing:
      return "ProviderMissing";
    case Outside::kProviderMismatch:
      return "ProviderMismatch";
    case Outside::kUnconfirmedLocation:
      return "UnconfirmedLocation";
    case Outside::kNodeLabelMissing:
      return "NodeLabelMissing";
    case Outside::kNodeLabelMismatch:
      return "NodeLabelMismatch";
    case Outside::kNotAttested:
      return "NotAttested";
    case Outside::kAttestationInvalid:
      return "AttestationInvalid";
    case Outside::kAttestationExpired:
      return "AttestationExpired";
    case Outside::kAttestationsDisagree:
      return "AttestationsDisagree";
    case Outside::kAttestedElsewhere:
      return "AttestedElsewhere";
  }
  return "Unknown";
}

Verdict Out(Outside outside, const std::string& message) { return {outside, CleanText(message, kMaxMessage)}; }

std::string Quoted(std::string_view value) { return "\"" + CleanText(value, kMaxQuoted) + "\""; }

}  // namespace rempart::perimeter
