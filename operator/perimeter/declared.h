// What a region's spec leaves open: an auditor who reads that the gate is shut should also read what it was never asked
// to hold. Pure; any thread.
#pragma once

#include "operator/api/conditions.h"
#include "operator/api/sovereign_region.h"

namespace rempart::perimeter {

// The condition of that name: False (LeftOpen), with the fields of the spec that hold nothing out, be it that they are
// not there or that they let everything through; True (Declared) where there is none. Neither is good or bad.
api::Condition FullyDeclared(const api::SovereignRegion& region);

}  // namespace rempart::perimeter
