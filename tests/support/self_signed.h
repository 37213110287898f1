// A server's certificate for 127.0.0.1 that is its own authority, good for a day.
#pragma once

#include <string>

namespace rempart::test {

struct SelfSigned {
  std::string certificate, key;  // PEM
};
SelfSigned MakeSelfSigned();

}  // namespace rempart::test
