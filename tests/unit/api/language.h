// What a test asks of a text that a region says in French.
#pragma once

#include <gmock/gmock.h>
#include <re2/re2.h>

#include <string>

namespace rempart::api::test {

// No English word is left in it: one of those that no sentence does without. What is quoted, and words of programs
// ("In"), do not count.
MATCHER(IsFrench, "is French") {
  const std::string text(arg);
  std::string word;
  if (!re2::RE2::PartialMatch(
          text, R"((?:^|[ (])(the|is|are|was|were|of|and|not|in|to|its|it|has|have|with|by|from)(?:[ ,.;:)]|$))",
          &word))
    return !text.empty();
  *result_listener << "says \"" << word << "\"";
  return false;
}

}  // namespace rempart::api::test
