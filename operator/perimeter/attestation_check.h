// What a node's attestations do to a region's verdict. Pure. Unknown means outside. May be called from any thread.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "operator/perimeter/evidence.h"
#include "operator/perimeter/verdict.h"

namespace rempart::perimeter {

// All attestations of the node, judged by the region's policy. kNotAttested where the region names no authority: then
// nobody's word counts, whatever there is.
AttestationVerdict JudgeAttestations(const api::Node& node, const api::SovereignRegion& region,
                                     const Evidence& evidence);

// Outside where attestations are required and none holds, and, required or not, where one that holds contradicts the
// region's country or another one that holds.
Verdict CheckAttestation(const AttestationVerdict& attested, const api::SovereignRegion& region);

// Whether any of the regions names an authority: else attestations need not be looked up.
bool AnyTakesWord(const std::vector<std::shared_ptr<const api::SovereignRegion>>& regions);

// When the next of the node's verdicts changes by time alone; nothing where none will.
std::optional<WallTime> NextChange(const api::Node& node,
                                   const std::vector<std::shared_ptr<const api::SovereignRegion>>& regions,
                                   const Evidence& evidence);

// Until when the node is attested: to the region that its label names, else to the first that takes anybody's word.
// May have passed; nothing where it never was.
std::optional<WallTime> AttestedUntil(const api::Node& node,
                                      const std::vector<std::shared_ptr<const api::SovereignRegion>>& regions,
                                      const Evidence& evidence);

// Of a region's nodes, those whose attestations end soon (Attested::kExpiringSoon), the soonest first.
struct Outlook {
  struct Ending {
    std::string node;
    WallTime until;
  };
  std::vector<Ending> ending;
  std::optional<WallTime> look_again;  // when the first of them ends, or another one joins them
};
Outlook OutlookOf(const api::SovereignRegion& region, const std::vector<std::shared_ptr<const api::Node>>& nodes,
                  const Evidence& evidence);

}  // namespace rempart::perimeter
