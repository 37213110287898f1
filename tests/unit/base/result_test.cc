#include "src/base/result.h"

#include <gtest/gtest.h>

namespace rempart {
namespace {

TEST(Error, SaysWhatWasBeingDone) {
  const Error e = Error::Denied("no such token").While("list pods");
  EXPECT_EQ(e.message, "list pods: no such token");
  EXPECT_EQ(e.kind, ErrorKind::kDenied);
}

TEST(Error, ToStringCarriesAllThatIsKnown) {
  Error e = Error::Transient("list pods: too many requests");
  EXPECT_EQ(e.ToString(), "list pods: too many requests (transient)");
  e.http_status = 429;
  e.reason = "TooManyRequests";
  e.retry_after = std::chrono::milliseconds(1500);
  EXPECT_EQ(e.ToString(), "list pods: too many requests (transient, HTTP 429, TooManyRequests, retry after 1500 ms)");
}

TEST(Error, EachKindHasItsName) {
  EXPECT_EQ(Error::Conflict("x").ToString(), "x (conflict)");
  EXPECT_EQ(Error::Invalid("x").ToString(), "x (invalid)");
  EXPECT_EQ(Error::NotFound("x").ToString(), "x (not found)");
  EXPECT_EQ(Error::Gone("x").ToString(), "x (gone)");
  EXPECT_EQ(Error::Cancelled("x").ToString(), "x (cancelled)");
  EXPECT_EQ(Error::Internal("x").ToString(), "x (internal)");
  EXPECT_EQ(Error::Denied("x").ToString(), "x (denied)");
}

}  // namespace
}  // namespace rempart
