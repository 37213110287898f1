// The status of this operator's own resources, written by JSON merge patch (RFC 7396) to the status subresource: it
// costs the API server less than an apply. What it does not know of there, members and types of conditions, is other
// controllers' (or a newer version's) and stays.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <nlohmann/json_fwd.hpp>
#include <stop_token>
#include <string_view>

#include "src/base/json.h"
#include "src/base/result.h"
#include "src/kube/api.h"
#include "src/kube/object.h"

namespace rempart::kube {

// What makes `before` into `after`, less what they share; null where that is everything. `before` may be any JSON,
// since others may write it; `after` is an object without nulls, its conditions have different types. `optional`: the
// members that are taken away where `after` has none.
Json StatusPatch(const Json& before, Json after, std::initializer_list<std::string_view> optional);

// Sends a patch of StatusPatch, made from the status that the object had at `version`: a list is replaced whole, so an
// object that somebody changed since is refused with kConflict. Gives the new resourceVersion, 0 where the answer does
// not tell.
Result<std::uint64_t> PatchStatus(Api& api, const Resource& resource, const ObjectKey& key, std::uint64_t version,
                                  Json patch, std::stop_token stop);

}  // namespace rempart::kube
