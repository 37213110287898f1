// When a region lost a node, as the node's label says it, and what is reckoned from that. Pure; any thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "src/base/clock.h"

namespace rempart::perimeter {

// The lost-since label: UTC, whole seconds, "20261122T102300Z". Reading gives nothing for any other form.
std::string FormatLostSince(WallTime t);
std::optional<WallTime> ParseLostSince(std::string_view text);

// Without overflow, however long the duration. Less than nothing counts as nothing.
WallTime Plus(WallTime t, Duration d);

}  // namespace rempart::perimeter
