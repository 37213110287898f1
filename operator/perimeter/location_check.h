// Whether a node is at one of the places of a list: what a region declares, or what a hosting profile knows. Pure.
// Unknown means outside. May be called from any thread.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "operator/api/language.h"
#include "operator/api/location.h"
#include "operator/api/observed.h"
#include "operator/perimeter/verdict.h"

namespace rempart::perimeter {

// The locations and whose they are, for messages. A view: both have to outlive it.
struct LocationList {
  std::span<const api::Location> locations;
  std::string_view profile = {};  // the HostingProfile's name; "" for a region's own
  api::Language language = api::Language::kEnglish;
};

// What a pattern that cannot be used is, as "field: what it is, and what to do"; "" where all can.
std::string PatternProblem(const LocationList& list);

// Topology labels that are missing, or that the old ones contradict.
Verdict CheckLabels(const api::Node& node, api::Language language);

// Where the node is, as far as the list goes. Qualified, and `at` set: its region and zone labels equal a location
// (exactly: no prefix, no case folding), that location's country is `country`, and spec.providerID matches where the
// location gives a pattern (RE2, searched: "^" and "$" are the user's). A node that matches, provider id included, a
// location of that country and one of another is outside. Of several that match, `at` is a confirmed one where there is
// one. The patterns are known to be usable, and the labels to be set.
struct Located {
  Verdict verdict;
  const api::Location* at = nullptr;
};
Located Locate(const api::Node& node, std::string_view country, const LocationList& list);

}  // namespace rempart::perimeter
