#include "operator/perimeter/lost_since.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

namespace rempart::perimeter {

WallTime Plus(WallTime t, Duration d) {
  d = std::max(d, Duration::zero());
  return t > WallTime::max() - d ? WallTime::max() : t + d;
}

std::string FormatLostSince(WallTime t) {
  const auto day = std::chrono::floor<std::chrono::days>(t);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss time(std::chrono::floor<std::chrono::seconds>(t - day));
  return fmt::format("{:04}{:02}{:02}T{:02}{:02}{:02}Z", static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()), time.hours().count(),
                     time.minutes().count(), time.seconds().count());
}

std::optional<WallTime> ParseLostSince(std::string_view text) {
  if (text.size() != 16 || text[8] != 'T' || text[15] != 'Z') return std::nullopt;
  bool ok = true;
  const auto number = [&](std::size_t at, std::size_t digits) {
    unsigned value = 0;
    const char* end = text.data() + at + digits;
    const auto [stop, error] = std::from_chars(text.data() + at, end, value);
    ok = ok && error == std::errc() && stop == end;
    return value;
  };
  const unsigned year = number(0, 4), month = number(4, 2), day = number(6, 2);
  const unsigned hour = number(9, 2), minute = number(11, 2), second = number(13, 2);
  const std::chrono::year_month_day date(std::chrono::year(static_cast<int>(year)), std::chrono::month(month),
                                         std::chrono::day(day));
  // Nanoseconds since 1970 reach to the year 2262.
  if (!ok || !date.ok() || year < 1970 || year > 2261 || hour > 23 || minute > 59 || second > 59) return std::nullopt;
  return std::chrono::sys_days(date) + std::chrono::hours(hour) + std::chrono::minutes(minute) +
         std::chrono::seconds(second);
}

}  // namespace rempart::perimeter
