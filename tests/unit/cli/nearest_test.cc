#include "operator/cli/nearest.h"

#include <gtest/gtest.h>

namespace rempart::cli {
namespace {

TEST(Nearest, FindsWhatWasMeant) {
  EXPECT_EQ(Nearest("--wokers", {"--workers", "--context"}), "--workers");
  EXPECT_EQ(Nearest("--x", {"--workers"}), std::nullopt);
  EXPECT_EQ(Nearest("", {"--workers"}), std::nullopt);
}

}  // namespace
}  // namespace rempart::cli
