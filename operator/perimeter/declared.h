// What a region's spec leaves open: an auditor who reads that the gate is shut should also read what it was never asked
// to hold. Pure; any thread.
#pragma once

#include "operator/api/conditions.h"
#include "operator/api/sovereign_region.h"

namespace rempart::perimeter {

inline constexpr char kFullyDeclared[] = "FullyDeclared";

// The condition of that name: True (Declared) where every field of the spec from which rules are made that hold
// something out says so; else False (LeftOpen), with the fields that hold nothing, be it that they are not there or
// that they let everything through. Neither is good or bad.
api::Condition FullyDeclared(const api::SovereignRegion& region);

}  // namespace rempart::perimeter
