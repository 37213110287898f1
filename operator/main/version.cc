#include "operator/main/version.h"

namespace rempart {

#if defined(__x86_64__)
constexpr const char* kPlatform = "linux/amd64";
#elif defined(__aarch64__)
constexpr const char* kPlatform = "linux/arm64";
#else
constexpr const char* kPlatform = "linux/other";
#endif

std::string VersionText() { return std::string(REMPART_VERSION) + " (commit " + REMPART_COMMIT + ")"; }

std::string UserAgent(const std::string& program) {
  return program + "/" + REMPART_VERSION + " (" + kPlatform + ") " + REMPART_COMMIT;
}

}  // namespace rempart
