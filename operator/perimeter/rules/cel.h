// The tree as CEL for the API server's admission policies (cel-spec; libraries of Kubernetes 1.32: optional types,
// extended strings, IP and CIDR). Pure; any thread.
#pragma once

#include <string>
#include <string_view>

#include "operator/perimeter/rules/expr.h"

namespace rempart::rules {

// One line. The same tree gives the same text.
std::string ToCel(const Expr& expr);

// A string literal: what CEL would read as anything else is escaped.
std::string CelText(std::string_view text);

}  // namespace rempart::rules
