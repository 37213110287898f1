// The process's environment, as kube::LoadConfig asks for it.
#pragma once

#include <cstdlib>
#include <optional>
#include <string>

namespace rempart {

inline std::optional<std::string> FromEnvironment(const char* name) {
  const char* value = std::getenv(name);
  return value ? std::optional<std::string>(value) : std::nullopt;
}

}  // namespace rempart
