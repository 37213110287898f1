#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "src/kube/api.h"

namespace rempart::kube {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

const WallTime kNow = std::chrono::sys_days{std::chrono::year{2026} / 11 / 22} + std::chrono::hours(10);

Error From(int status, const std::string& body = "", const http::Headers& headers = {}) {
  return ErrorFromStatus(status, headers, body, kNow);
}

TEST(ErrorFromStatus, KindOfEachCode) {
  const std::pair<int, ErrorKind> kCases[] = {
      {400, ErrorKind::kInvalid},   {401, ErrorKind::kDenied},    {403, ErrorKind::kDenied},
      {404, ErrorKind::kNotFound},  {405, ErrorKind::kInternal},  {406, ErrorKind::kInternal},
      {408, ErrorKind::kTransient}, {409, ErrorKind::kConflict},  {410, ErrorKind::kGone},
      {413, ErrorKind::kInvalid},   {415, ErrorKind::kInternal},  {422, ErrorKind::kInvalid},
      {429, ErrorKind::kTransient}, {500, ErrorKind::kTransient}, {501, ErrorKind::kTransient},
      {503, ErrorKind::kTransient}, {504, ErrorKind::kTransient}, {599, ErrorKind::kTransient},
      {302, ErrorKind::kInternal},  {600, ErrorKind::kInternal},  {100, ErrorKind::kInternal}};
  for (const auto& [status, kind] : kCases) {
    EXPECT_EQ(From(status).kind, kind) << status;
    EXPECT_EQ(From(status).http_status, status);
    EXPECT_EQ(From(status).message, "the server answered " + std::to_string(status));
  }
}

TEST(ErrorFromStatus, TakesTheStatus) {
  const Error e = From(
      409, R"({"kind":"Status","apiVersion":"v1","status":"Failure","message":"deployments.apps \"web\" already exists",
                               "reason":"AlreadyExists","details":{"name":"web","group":"apps","kind":"deployments"},"code":409})");
  EXPECT_EQ(e.message, "deployments.apps \"web\" already exists");
  EXPECT_EQ(e.reason, "AlreadyExists");
  EXPECT_FALSE(e.retry_after);
}

TEST(ErrorFromStatus, AddsTheCausesThatTheMessageDoesNotTell) {
  const Error e = From(
      422, R"({"kind":"Status","message":"X is invalid: spec.a: Required value","reason":"Invalid","details":{"causes":[
      {"reason":"FieldValueRequired","message":"Required value","field":"spec.a"},
      {"message":"must be positive","field":"spec.b"},{"message":"no field"},{"field":"no.message"},"rubbish",null]}})");
  EXPECT_EQ(e.message, "X is invalid: spec.a: Required value (spec.b: must be positive; no field)");
}

// As the API server answers an apply that changes a Job's template: what is wrong stands after kilobytes of value.
TEST(ErrorFromStatus, KeepsTheEndOfALongCause) {
  const std::string value(5000, 'v');
  const std::string why = "Invalid value: {" + value + "}: field is immutable";
  const std::string body =
      R"({"kind":"Status","reason":"Invalid","code":422,"message":"Job.batch \"web\" is invalid: [spec.template: )" +
      why + R"(, spec.x: Required value]","details":{"causes":[{"field":"spec.template","message":")" + why +
      R"("},{"field":"spec.x","message":"Required value"}]}})";
  const Error e = ErrorFromStatus(422, {}, body, WallTime{});
  EXPECT_TRUE(e.message.starts_with("Job.batch \"web\" is invalid: [spec.template: Invalid value: {vvv")) << e.message;
  EXPECT_TRUE(e.message.ends_with("vvv}: field is immutable, spec.x: Required value]")) << e.message;
  EXPECT_LT(e.message.size(), 400u);
}

// An admission policy's message is for whoever asked, to the last word: which rules there are stands in all of it.
TEST(ErrorFromStatus, ARefusalIsToldWhole) {
  const auto refused = [](std::size_t length) {
    const std::string why = "denied request: " + std::string(length, 'x') + " RP-704";
    return From(403, R"({"kind":"Status","reason":"Forbidden","message":"pods is forbidden: )" + why +
                         R"(","details":{"causes":[{"message":")" + why + R"("}]}})")
        .message;
  };
  EXPECT_THAT(refused(5000), ::testing::EndsWith("x RP-704"));
  EXPECT_GT(refused(5000).size(), 5000u);
  EXPECT_LT(refused(50'000).size(), 400u);
}

TEST(ErrorFromStatus, IsBounded) {
  std::string causes;
  for (int i = 0; i < 1000; ++i)
    causes += R"({"field":"spec.f)" + std::to_string(i) + R"(","message":"m)" + std::to_string(i) + R"("},)";
  causes.pop_back();
  const Error e = From(
      422, R"({"kind":"Status","message":")" + std::string(5000, 'x') + R"(","details":{"causes":[)" + causes + "]}}");
  EXPECT_LE(e.message.size(), 1024u + 1024u + 3u);
  EXPECT_NE(e.message.find("spec.f0: m0; spec.f1: m1"), std::string::npos);
}

TEST(ErrorFromStatus, BodiesThatAreNoStatus) {
  EXPECT_EQ(From(502, "<html>\n <b>Bad\tGateway</b>\x01</html>").message,
            "the server answered 502: <html> <b>Bad Gateway</b> </html>");
  EXPECT_EQ(From(500, R"({"kind":"Pod","message":"hello"})").message,
            R"(the server answered 500: {"kind":"Pod","message":"hello"})");
  EXPECT_EQ(From(500, "[1]").message, "the server answered 500: [1]");
  EXPECT_EQ(From(500, "{").message, "the server answered 500: {");
  EXPECT_LE(From(500, std::string(100'000, 'y')).message.size(), 26u + 200u);
  EXPECT_EQ(From(503, "\xff\xfe").message, "the server answered 503: \xEF\xBF\xBD\xEF\xBF\xBD");
}

TEST(ErrorFromStatus, RetryAfter) {
  struct Case {
    const char* header;
    std::optional<milliseconds> expected;
  };
  const Case kCases[] = {
      {"1", seconds(1)},
      {"0", seconds(1)},
      {"17", seconds(17)},
      {"61", seconds(60)},
      {"99999999999999999999999", seconds(60)},
      {"-1", std::nullopt},
      {"1.5", std::nullopt},
      {"", std::nullopt},
      {"soon", std::nullopt},
      {"Sun, 22 Nov 2026 10:00:30 GMT", seconds(30)},   // IMF-fixdate
      {"Sunday, 22-Nov-26 10:00:30 GMT", seconds(30)},  // RFC 850
      {"Sun Nov 22 10:00:30 2026", seconds(30)},        // asctime
      {"Sun, 22 Nov 2026 09:00:00 GMT", seconds(1)},    // in the past
      {"Tue, 22 Dec 2026 10:00:00 GMT", seconds(60)},
      {"Sun, 31 Feb 2026 10:00:30 GMT", std::nullopt},
      {"Sun, 22 Xyz 2026 10:00:30 GMT", std::nullopt},
      {"Sun, 22 Nov 2026 25:00:30 GMT", std::nullopt},
      {"Sun, 22 Nov 9999 10:00:30 GMT", std::nullopt},
  };
  for (const Case& c : kCases) {
    EXPECT_EQ(From(429, "", {{"retry-after", c.header}}).retry_after, c.expected) << c.header;
  }
  const std::string body = R"({"kind":"Status","message":"busy","details":{"retryAfterSeconds":7}})";
  EXPECT_EQ(From(429, body).retry_after, seconds(7));
  EXPECT_EQ(From(429, body, {{"Retry-After", "3"}}).retry_after, seconds(3)) << "the header comes first";
  EXPECT_FALSE(From(429, R"({"kind":"Status","details":{"retryAfterSeconds":-7}})").retry_after);
  EXPECT_FALSE(From(429, R"({"kind":"Status","details":{"retryAfterSeconds":"7"}})").retry_after);
  EXPECT_EQ(From(429, R"({"kind":"Status","details":{"retryAfterSeconds":9223372036854775807}})").retry_after,
            seconds(60));
}

}  // namespace
}  // namespace rempart::kube
