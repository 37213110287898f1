#pragma once

#include <string>

namespace rempart {

// "0.1.0 (commit abc1234)", and the User-Agent that goes with every request: "rempart-operator/0.1.0 (linux/amd64)
// abc1234".
std::string VersionText();
std::string UserAgent(const std::string& program);

}  // namespace rempart
