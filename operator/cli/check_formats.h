// The parts of PrintCheck; only operator/cli/check_*.cc include it.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "operator/cli/check.h"
#include "operator/cli/check_output.h"

namespace rempart::cli::formats {

std::string Sarif(const CheckReport& report, const CheckOutput& output);
std::string Junit(const CheckReport& report);

// Bounded, valid UTF-8; lines stay.
std::string Clean(std::string_view text);
// The name of a file for people and tools: "stdin" for "-"; "" for kNoFile.
std::string FileName(const CheckReport& report, std::size_t file);
// "file:17", without what is not known; "" for nothing.
std::string Location(const CheckReport& report, std::size_t file, int line);
// "spec.nodeName: message", in as many lines as the message has.
std::string Text(const Finding& finding);
// "2 violations in 1 of 3 objects, 1 problem (2 files)".
std::string Summary(const CheckReport& report);

}  // namespace rempart::cli::formats
