// What is said of a node that is looked at for a region, and the texts of which messages are made.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace rempart::perimeter {

// Machine-readable reasons, in the order in which they are looked for.
enum class Outside {
  kNone,                  // qualified
  kRegionUnusable,        // the region's own spec cannot be used
  kProfileMissing,        // there is no HostingProfile of the name that the region gives
  kProfileUnusable,       // that profile's spec cannot be used
  kProfileDefunct,        // it is a defunct system's
  kProfileExpired,        // its time is over
  kNoLocation,            // region or zone label missing
  kLabelsDisagree,        // topology.kubernetes.io/* and failure-domain.beta.kubernetes.io/* differ
  kRefusedByProfile,      // the profile refuses the region label's value
  kUnknownLocation,       // no location has this region and zone
  kOtherCountry,          // a location has, of another country than the region's
  kProviderMissing,       // a pattern is given, spec.providerID is empty
  kProviderMismatch,      // the provider id does not match
  kUnconfirmedLocation,   // known to the profile, but neither confirmed there nor declared by the region
  kNodeLabelMissing,      // a label that the profile asks for
  kNodeLabelMismatch,     // it has another value
  kNotAttested,           // attestations are required, and there is none of the node
  kAttestationInvalid,    // … and what there is of the node does not hold
  kAttestationExpired,    // … or no longer does
  kAttestationsDisagree,  // several hold, and name different countries; or there are more than are judged
  kAttestedElsewhere,     // the one that holds names another country than the region's
};
const char* ToString(Outside outside);

struct Verdict {
  Outside outside = Outside::kNone;
  std::string message;  // "zone de-fra-1 of region de-fra is not declared; …": what was found and what would be needed
  bool qualified() const { return outside == Outside::kNone; }
};
// With a message of at most kMaxMessage bytes.
inline constexpr std::size_t kMaxMessage = 512;
Verdict Out(Outside outside, const std::string& message);

// A foreign value for a message: in quotes, cut where long.
std::string Quoted(std::string_view value);

}  // namespace rempart::perimeter
