#include "src/kube/text.h"

#include <gtest/gtest.h>

namespace rempart::kube {
namespace {

TEST(Printable, OneCleanLine) {
  EXPECT_EQ(Printable("  a\r\n\tb\x1b[31m c\x7f ", 100), "a b [31m c");
  EXPECT_EQ(Printable("", 10), "");
  EXPECT_EQ(Printable("\n\n", 10), "");
  EXPECT_EQ(Printable("Île-de-France", 100), "Île-de-France");
}

TEST(Printable, IsBounded) {
  const std::string cut = Printable(std::string(100'000, 'x'), 50);
  EXPECT_LE(cut.size(), 50u);
  EXPECT_TRUE(cut.ends_with("…"));
}

}  // namespace
}  // namespace rempart::kube
