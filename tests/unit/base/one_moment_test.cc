#include "src/base/one_moment.h"

#include <gtest/gtest.h>

namespace rempart {
namespace {

using namespace std::chrono_literals;

TEST(OneMoment, IsTheFirstThatSomebodyAsksFor) {
  SimClock clock;
  const OneMoment moment(clock);
  clock.Advance(90s);
  EXPECT_EQ(FormatTime(moment.Now()), "2026-01-01T00:01:30Z");
  const MonoTime before = moment.Mono();
  clock.Advance(1h);
  EXPECT_EQ(FormatTime(moment.Now()), "2026-01-01T00:01:30Z");
  EXPECT_EQ(moment.Mono() - before, 1h) << "what is waited for goes on";
}

}  // namespace
}  // namespace rempart
