// Reading JSON of which nothing is known: a member that is absent, null or of another type is "not there". Nothing
// throws.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "src/base/json.h"

namespace rempart::workload {

// A member of an object; null where `json` is no object, or has no such member, or has null there.
inline const Json* Member(const Json* json, std::string_view key) {
  if (!json || !json->is_object()) return nullptr;
  const auto it = json->find(key);
  return it == json->end() || it->is_null() ? nullptr : &*it;
}
inline const Json* Member(const Json& json, std::string_view key) { return Member(&json, key); }

inline const std::string* Text(const Json* json) { return json ? json->get_ptr<const Json::string_t*>() : nullptr; }
inline const std::string* Text(const Json& json) { return Text(&json); }

// A member's text; "" where it is not there.
inline std::string TextAt(const Json* json, std::string_view key) {
  const std::string* text = Text(Member(json, key));
  return text ? *text : std::string();
}

// The member as an object to write to, made or replaced where there is no object.
inline Json& ObjectAt(Json& json, std::string_view key) {
  if (!json.is_object()) json = Json::object();
  Json& member = json[std::string(key)];
  if (!member.is_object()) member = Json::object();
  return member;
}

// Compact text. Broken UTF-8 (which ParseJson does not let in) is replaced rather than thrown at.
inline std::string Compact(const Json& json) { return json.dump(-1, ' ', false, Json::error_handler_t::replace); }

}  // namespace rempart::workload
