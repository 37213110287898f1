// A digest of all that we govern of an object of ours as the server stores it. Two objects with the same digest are the
// same to us; an edit by hand changes it.
#pragma once

#include <string>

#include "src/kube/decode.h"

namespace rempart::api {

// Of spec, of labels and annotations with our prefix (and managed-by), and of owner references.
std::string DigestOfGoverned(kube::View object);

}  // namespace rempart::api
