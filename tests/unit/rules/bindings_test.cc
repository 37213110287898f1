// What names stand for while a document is judged.
#include <gtest/gtest.h>

#include "operator/perimeter/rules/evaluate.h"
#include "operator/perimeter/rules/rule.h"

namespace rempart::rules {
namespace {

// A pod may have ten thousand containers, and a rule is asked of each: what stays bound makes every look-up longer.
TEST(Bindings, ANameStandsForOneValue) {
  Bindings bindings;
  bindings.Set("object", std::string("the object"));
  for (int i = 0; i < 10'000; ++i) bindings.Set("it", std::to_string(i));
  EXPECT_EQ(bindings.size(), 2U);
  const Value it = Evaluate(It().AsText(), bindings);
  ASSERT_NE(it.As<std::string>(), nullptr);
  EXPECT_EQ(*it.As<std::string>(), "9999");
  EXPECT_EQ(bindings.size(), 2U);
}

}  // namespace
}  // namespace rempart::rules
