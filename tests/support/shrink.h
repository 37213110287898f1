// The smallest object that still does what a found one does, for people to look at.
#pragma once

#include <functional>

#include "src/base/json.h"

namespace rempart::test {

// Takes members and elements out, one at a time and for as long as `still` holds of what is left; asks at most `tries`
// times.
Json Shrink(Json object, const std::function<bool(const Json&)>& still, int tries = 500);

}  // namespace rempart::test
