// Server-side apply as this operator uses it: ownership of a child's fields, and what an answer says. KEP-555.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "src/base/json.h"
#include "src/base/result.h"

namespace rempart::kube {

// As metadata.resourceVersion of what is applied: the apply creates the object, and where there is one, touches nothing
// and gives kConflict. No object has this version, since etcd's revisions begin with it and its first write has the
// next; the server compares it only with that of an object that is there.
inline constexpr char kOnlyCreate[] = "1";

// metadata.resourceVersion of an object's JSON; nullopt where it cannot be read.
std::optional<std::uint64_t> ResourceVersionOf(std::string_view object_json);

// Whether a field manager other than ours owns something under spec, owner references, or labels whose keys begin with
// `our_labels` ("" for none): an edit by hand, an object of somebody else. Entries of subresources (status, scale) are
// others' business and do not count. True also where the object cannot be read.
bool OthersOwnGoverned(std::string_view object_json, std::string_view our_labels);

// A JSON patch that gives to our apply entry every such field, so that our next apply removes those that are not in
// what we ask for: server-side apply alone leaves fields that somebody added. Tests resourceVersion first. Null where
// nothing is to be done. Errors: kInvalid, where the object cannot be read.
Result<Json> TakeOwnershipPatch(std::string_view object_json, std::string_view our_labels);

}  // namespace rempart::kube
