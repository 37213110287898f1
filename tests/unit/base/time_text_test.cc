#include <gtest/gtest.h>

#include <limits>
#include <string>

#include "src/base/clock.h"

namespace rempart {
namespace {

using namespace std::chrono_literals;

WallTime At(int year, unsigned month, unsigned day, Duration time = 0ns) {
  return std::chrono::sys_days(std::chrono::year(year) / static_cast<int>(month) / static_cast<int>(day)) + time;
}

TEST(ParseTime, ReadsRfc3339) {
  const struct {
    const char* text;
    WallTime time;
  } kCases[] = {
      {"2026-11-22T10:23:00Z", At(2026, 11, 22, 10h + 23min)},
      {"1970-01-01T00:00:00Z", WallTime{}},
      {"1969-12-31T23:59:59Z", WallTime{} - 1s},
      {"2026-11-22t10:23:00z", At(2026, 11, 22, 10h + 23min)},  // RFC 3339, 5.6: either case
      {"2026-11-22T10:23:00.5Z", At(2026, 11, 22, 10h + 23min + 500ms)},
      {"2026-11-22T10:23:00.123456Z", At(2026, 11, 22, 10h + 23min + 123456us)},
      {"2026-11-22T10:23:00.123456789Z", At(2026, 11, 22, 10h + 23min + 123456789ns)},
      {"2026-11-22T10:23:00.1234567899Z", At(2026, 11, 22, 10h + 23min + 123456789ns)},  // finer than we keep
      {"2026-11-22T10:23:00+02:00", At(2026, 11, 22, 8h + 23min)},
      {"2026-11-22T10:23:00-03:30", At(2026, 11, 22, 13h + 53min)},
      {"2026-01-01T00:30:00+01:00", At(2025, 12, 31, 23h + 30min)},
      {"2026-12-31T23:30:00-01:00", At(2027, 1, 1, 30min)},
      {"2026-11-22T10:23:00+00:00", At(2026, 11, 22, 10h + 23min)},
      {"2026-11-22T10:23:00-00:00", At(2026, 11, 22, 10h + 23min)},
      {"2024-02-29T00:00:00Z", At(2024, 2, 29)},
      {"2000-02-29T12:00:00Z", At(2000, 2, 29, 12h)},
      {"2023-12-31T23:59:59Z", At(2023, 12, 31, 23h + 59min + 59s)},
      {"1678-01-01T00:00:00+23:59", At(1677, 12, 31, 1min)},
      {"2261-12-31T23:59:59.999999999-23:59", At(2262, 1, 1, 23h + 58min + 59s + 999999999ns)},
  };
  for (const auto& c : kCases) {
    const auto parsed = ParseTime(c.text);
    ASSERT_TRUE(parsed) << c.text << ": " << parsed.error().message;
    EXPECT_EQ(*parsed, c.time) << c.text << " gave " << FormatMicroTime(*parsed);
  }
}

TEST(ParseTime, RefusesEverythingElse) {
  for (const char* text : {"",
                           "Z",
                           "now",
                           "2026",
                           "2026-11-22",
                           "2026-11-22T10:23:00",
                           "2026-11-22 10:23:00Z",
                           "2026-11-22T10:23Z",
                           "2026-13-01T00:00:00Z",
                           "2026-00-01T00:00:00Z",
                           "2026-01-00T00:00:00Z",
                           "2026-01-32T00:00:00Z",
                           "2026-04-31T00:00:00Z",
                           "2025-02-29T00:00:00Z",
                           "1900-02-29T00:00:00Z",
                           "2100-02-29T00:00:00Z",
                           "2026-01-01T24:00:00Z",
                           "2026-01-01T00:60:00Z",
                           "2016-12-31T23:59:60Z",
                           "2026-01-01T00:00:61Z",
                           "2026-01-01T00:00:00.Z",
                           "2026-01-01T00:00:00,5Z",
                           "2026-01-01T00:00:00+24:00",
                           "2026-01-01T00:00:00+00:60",
                           "2026-01-01T00:00:00+0100",
                           "2026-01-01T00:00:00+1:00",
                           "2026-01-01T00:00:00 +01:00",
                           "2026-01-01T00:00:00ZZ",
                           " 2026-01-01T00:00:00Z",
                           "2026-01-01T00:00:00Z ",
                           "+026-01-01T00:00:00Z",
                           "2026-1-1T00:00:00Z",
                           "-2026-01-01T00:00:00Z",
                           "0001-01-01T00:00:00Z",
                           "1677-12-31T23:59:59Z",
                           "2262-01-01T00:00:00Z",
                           "9999-12-31T23:59:59Z",
                           "99999-01-01T00:00:00Z",
                           "2026-01-01T00:00:00\xc2\xb5",
                           "２026-01-01T00:00:00Z"}) {
    const auto parsed = ParseTime(text);
    ASSERT_FALSE(parsed) << text << " gave " << FormatTime(*parsed);
    EXPECT_EQ(parsed.error().kind, ErrorKind::kInvalid);
  }
  EXPECT_FALSE(ParseTime(std::string_view("2026-01-01T00:00:00Z\0", 21)));
  EXPECT_FALSE(ParseTime("2026-01-01T00:00:00." + std::string(100'000, '1') + "Z"));
}

TEST(ParseTime, AnErrorShowsTheTextWithoutControlCharacters) {
  const auto parsed = ParseTime("\x1b[31m\n\xff" + std::string(1000, 'x'));
  ASSERT_FALSE(parsed);
  EXPECT_TRUE(parsed.error().message.starts_with("\"?[31m??xxx")) << parsed.error().message;
  EXPECT_LT(parsed.error().message.size(), 250u);
}

TEST(FormatTime, Prints) {
  EXPECT_EQ(FormatTime(At(2026, 11, 22, 10h + 23min + 999ms)), "2026-11-22T10:23:00Z");
  EXPECT_EQ(FormatMicroTime(At(2026, 11, 22, 10h + 23min + 7us + 999ns)), "2026-11-22T10:23:00.000007Z");
  EXPECT_EQ(FormatTime(WallTime{} - 1ns), "1969-12-31T23:59:59Z");
  EXPECT_EQ(FormatMicroTime(WallTime{} - 1us), "1969-12-31T23:59:59.999999Z");
  EXPECT_EQ(FormatTime(At(2024, 2, 29)), "2024-02-29T00:00:00Z");
}

TEST(FormatTime, RoundTrips) {
  for (std::int64_t day = -100'000; day < 100'000; day += 37) {
    const WallTime t = WallTime{} + std::chrono::days(day) + std::chrono::seconds(day & 0xffff) + 123456us;
    const auto back = ParseTime(FormatMicroTime(t));
    ASSERT_TRUE(back) << FormatMicroTime(t);
    EXPECT_EQ(*back, t);
  }
}

TEST(ParseDuration, ReadsGosForms) {
  const struct {
    const char* text;
    Duration d;
  } kCases[] = {
      {"0", 0s},
      {"0s", 0s},
      {"30s", 30s},
      {"+30s", 30s},
      {"10m", 10min},
      {"1h30m", 90min},
      {"1h30m0s", 90min},
      {"1.5h", 90min},
      {"500ms", 500ms},
      {"1us", 1us},
      {"1µs", 1us},       // U+00B5
      {"1\u03bcs", 1us},  // U+03BC
      {"7ns", 7ns},
      {"0.5s", 500ms},
      {".5s", 500ms},
      {"5.s", 5s},
      {"1m1m", 2min},  // Go adds up, in any order
      {"1s1h", 1h + 1s},
      {"1.000000001s", 1s + 1ns},
      {"0.0000000019s", 1ns},  // finer than a nanosecond: cut
      {"0.1h", 6min},
      {"0.3333333333333333333h", 1199999999999ns},
      {"9223372036854775807ns", Duration::max()},
      {"2562047h47m16.854775807s", Duration::max()},
  };
  for (const auto& c : kCases) {
    const auto parsed = ParseDuration(c.text);
    ASSERT_TRUE(parsed) << c.text << ": " << parsed.error().message;
    EXPECT_EQ(*parsed, c.d) << c.text << " gave " << parsed->count() << " ns";
  }
}

TEST(ParseDuration, RefusesWithAReason) {
  const struct {
    const char* text;
    const char* why;
  } kCases[] = {
      {"", "empty"},
      {"-30s", "negative"},
      {"-0s", "negative"},
      {"30", "unit"},
      {"3", "unit"},
      {"00", "unit"},
      {"s", "number"},
      {".", "number"},
      {".s", "number"},
      {"+", "number"},
      {"++1s", "number"},
      {"1h-30m", "number"},
      {"1.2.3s", "unit"},
      {"1d", "unit"},
      {"1w", "unit"},
      {"1H", "unit"},
      {"1 s", "unit"},
      {" 1s", "number"},
      {"1s ", "number"},
      {"1e3s", "unit"},
      {"0x10s", "unit"},
      {"10 minutes", "unit"},
      {"forever", "number"},
      {"9223372036854775808ns", "too long a time"},
      {"2562047h47m16.854775808s", "too long a time"},
      {"2562048h", "too long a time"},
      {"99999999999999999999999h", "too long a time"},
      {"18446744073709551616ns", "too long a time"},
      {"5124095576030431h", "too long a time"},
      {"1\xb5s", "unit"},
  };
  for (const auto& c : kCases) {
    const auto parsed = ParseDuration(c.text);
    ASSERT_FALSE(parsed) << c.text << " gave " << parsed->count() << " ns";
    EXPECT_EQ(parsed.error().kind, ErrorKind::kInvalid);
    EXPECT_NE(parsed.error().message.find(c.why), std::string::npos) << c.text << ": " << parsed.error().message;
  }
  EXPECT_FALSE(ParseDuration(std::string_view("1s\0", 3)));
  EXPECT_FALSE(ParseDuration(std::string(100'000, '1') + "s"));
}

TEST(FormatDuration, PrintsAsGoDoes) {
  const struct {
    Duration d;
    const char* text;
  } kCases[] = {
      {0s, "0s"},
      {1ns, "1ns"},
      {999ns, "999ns"},
      {1us, "1µs"},
      {1100ns, "1.1µs"},
      {2200us, "2.2ms"},
      {500ms, "500ms"},
      {3300ms, "3.3s"},
      {30s, "30s"},
      {60s, "1m0s"},
      {4min + 5s, "4m5s"},
      {4min + 5001ms, "4m5.001s"},
      {90min, "1h30m0s"},
      {5h + 6min + 7001ms, "5h6m7.001s"},
      {8min + 1ns, "8m0.000000001s"},
      {-30s, "-30s"},
      {Duration::max(), "2562047h47m16.854775807s"},
      {Duration::min(), "-2562047h47m16.854775808s"},
  };
  for (const auto& c : kCases) EXPECT_EQ(FormatDuration(c.d), c.text);
}

TEST(FormatDuration, RoundTrips) {
  for (std::int64_t n = 1; n < std::numeric_limits<std::int64_t>::max() / 3; n = n * 3 + 1) {
    const auto back = ParseDuration(FormatDuration(Duration(n)));
    ASSERT_TRUE(back) << FormatDuration(Duration(n));
    EXPECT_EQ(back->count(), n);
  }
}

}  // namespace
}  // namespace rempart
