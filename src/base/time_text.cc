// Times and durations as text (declared in clock.h).
#include <fmt/format.h>

#include <cstdint>
#include <limits>

#include "src/base/clock.h"

namespace rempart {

namespace {

using std::chrono::days;
using std::chrono::floor;
using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::nanoseconds;
using std::chrono::seconds;

__extension__ typedef unsigned __int128 Uint128;

constexpr std::size_t kMaxText = 64;

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

// A cursor over text that only ever moves forward.
class Cursor {
 public:
  explicit Cursor(std::string_view text) : rest_(text) {}

  bool AtEnd() const { return rest_.empty(); }
  char Peek() const { return rest_.empty() ? '\0' : rest_.front(); }
  bool Take(std::string_view wanted) {
    if (!rest_.starts_with(wanted)) return false;
    rest_.remove_prefix(wanted.size());
    return true;
  }
  std::string_view TakeDigits() {
    std::size_t n = 0;
    while (n < rest_.size() && IsDigit(rest_[n])) ++n;
    const std::string_view digits = rest_.substr(0, n);
    rest_.remove_prefix(n);
    return digits;
  }
  // Exactly `width` digits, as a number; -1 where they are not there.
  int TakeNumber(std::size_t width) {
    if (rest_.size() < width) return -1;
    int n = 0;
    for (std::size_t i = 0; i < width; ++i) {
      if (!IsDigit(rest_[i])) return -1;
      n = n * 10 + (rest_[i] - '0');
    }
    rest_.remove_prefix(width);
    return n;
  }

 private:
  std::string_view rest_;
};

// "25" of "0.25", in units of 10^-digits, from at most `digits` digits; what is finer is cut off.
std::uint64_t Fraction(std::string_view text, std::size_t digits) {
  std::uint64_t n = 0;
  for (std::size_t i = 0; i < digits; ++i)
    n = n * 10 + (i < text.size() ? static_cast<std::uint64_t>(text[i] - '0') : 0);
  return n;
}

// Offset from UTC at the cursor ("Z", "+02:00"); false where it is unreadable.
bool TakeOffset(Cursor& c, minutes& offset) {
  offset = minutes(0);
  if (c.Take("Z") || c.Take("z")) return true;
  int sign = 0;
  if (c.Take("+"))
    sign = 1;
  else if (c.Take("-"))
    sign = -1;
  if (sign == 0) return false;
  const int h = c.TakeNumber(2);
  if (!c.Take(":")) return false;
  const int m = c.TakeNumber(2);
  if (h < 0 || h > 23 || m < 0 || m > 59) return false;
  offset = sign * (hours(h) + minutes(m));
  return true;
}

std::string Shown(std::string_view text) {
  // Not only for length: the text comes from outside and goes to a condition's message.
  std::string out;
  for (char c : text.substr(0, kMaxText)) out += (c >= 0x20 && c < 0x7f) ? c : '?';
  if (text.size() > kMaxText) out += "...";
  return out;
}

Error BadTime(std::string_view text) {
  return Error::Invalid("\"" + Shown(text) +
                        "\" is not an RFC 3339 time between 1678 and 2261: write it like 2026-11-22T10:23:00Z");
}

Error BadDuration(std::string_view text, const char* why) {
  return Error::Invalid("\"" + Shown(text) + "\" is not a duration (" + why + "): write it like 30s, 10m or 1h30m");
}

// Nanoseconds of the unit at the cursor; 0 where there is none.
std::uint64_t TakeUnit(Cursor& c) {
  if (c.Take("ns")) return 1;
  if (c.Take("us") || c.Take("\u00b5s") || c.Take("\u03bcs")) return 1'000;
  if (c.Take("ms")) return 1'000'000;
  if (c.Take("s")) return 1'000'000'000;
  if (c.Take("m")) return 60ull * 1'000'000'000;
  if (c.Take("h")) return 3'600ull * 1'000'000'000;
  return 0;
}

// "1.5" for 1'500 of 1'000 a unit: the shortest decimal.
std::string Decimal(std::uint64_t value, std::uint64_t per_unit) {
  std::string text = fmt::format("{}", value / per_unit);
  std::uint64_t rest = value % per_unit;
  if (rest == 0) return text;
  text += '.';
  while (rest != 0) {
    per_unit /= 10;
    text += static_cast<char>('0' + rest / per_unit);
    rest %= per_unit;
  }
  return text;
}

std::string FormatDateTime(WallTime t) {
  const auto day = floor<days>(t);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss time(floor<seconds>(t - day));
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}", static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()), time.hours().count(),
                     time.minutes().count(), time.seconds().count());
}

}  // namespace

std::string FormatTime(WallTime t) { return FormatDateTime(t) + "Z"; }

std::string FormatMicroTime(WallTime t) {
  const auto micros = floor<std::chrono::microseconds>(t) - floor<seconds>(t);
  return fmt::format("{}.{:06}Z", FormatDateTime(t), micros.count());
}

Result<WallTime> ParseTime(std::string_view text) {
  if (text.size() > kMaxText) return Fail(BadTime(text));
  Cursor c(text);
  const int year = c.TakeNumber(4);
  bool ok = c.Take("-");
  const int month = c.TakeNumber(2);
  ok = ok && c.Take("-");
  const int day = c.TakeNumber(2);
  ok = ok && (c.Take("T") || c.Take("t"));
  const int hour = c.TakeNumber(2);
  ok = ok && c.Take(":");
  const int minute = c.TakeNumber(2);
  ok = ok && c.Take(":");
  const int second = c.TakeNumber(2);  // no leap seconds: the API server has none either
  std::string_view fraction;
  if (ok && c.Take(".")) ok = !(fraction = c.TakeDigits()).empty();
  minutes offset{};
  ok = ok && TakeOffset(c, offset) && c.AtEnd();
  // The years between which nanoseconds since 1970 fit into 64 bits, whatever the offset.
  if (!ok || year < 1678 || year > 2261 || month < 1 || day < 1 || hour < 0 || hour > 23 || minute < 0 || minute > 59 ||
      second < 0 || second > 59) {
    return Fail(BadTime(text));
  }
  const std::chrono::year_month_day date{std::chrono::year(year), std::chrono::month(static_cast<unsigned>(month)),
                                         std::chrono::day(static_cast<unsigned>(day))};
  if (!date.ok()) return Fail(BadTime(text));
  const nanoseconds nanos(static_cast<std::int64_t>(Fraction(fraction, 9)));
  return WallTime(std::chrono::sys_days(date)) + hours(hour) + minutes(minute) + seconds(second) + nanos - offset;
}

Result<Duration> ParseDuration(std::string_view text) {
  if (text.empty()) return Fail(BadDuration(text, "it is empty"));
  if (text.size() > kMaxText) return Fail(BadDuration(text, "it is too long"));
  if (text == "0") return Duration::zero();  // zero alone needs no unit
  Cursor c(text);
  if (c.Take("-")) return Fail(BadDuration(text, "it is negative"));
  c.Take("+");

  constexpr auto kMax = static_cast<std::uint64_t>(std::numeric_limits<Duration::rep>::max());
  constexpr std::size_t kFractionDigits = 18;
  constexpr std::uint64_t kFractionScale = 1'000'000'000'000'000'000;
  Uint128 total = 0;
  do {
    const std::string_view whole = c.TakeDigits();
    const std::string_view fraction = c.Take(".") ? c.TakeDigits() : std::string_view();
    if (whole.empty() && fraction.empty()) return Fail(BadDuration(text, "a number is missing"));
    const std::uint64_t unit = TakeUnit(c);
    if (unit == 0) return Fail(BadDuration(text, "a unit is missing or unknown; there are ns, us, ms, s, m, h"));

    std::uint64_t n = 0;
    for (char digit : whole) {
      if (__builtin_mul_overflow(n, 10u, &n) || __builtin_add_overflow(n, static_cast<unsigned>(digit - '0'), &n)) {
        return Fail(BadDuration(text, "it is too long a time"));
      }
    }
    total += Uint128{n} * unit + Uint128{Fraction(fraction, kFractionDigits)} * unit / kFractionScale;
    if (total > kMax) return Fail(BadDuration(text, "it is too long a time"));
  } while (!c.AtEnd());
  return Duration(static_cast<Duration::rep>(total));
}

std::string FormatDuration(Duration d) {
  if (d == Duration::zero()) return "0s";
  const bool negative = d < Duration::zero();
  // Negated as unsigned, since the smallest duration has no positive twin.
  const auto n = negative ? 0 - static_cast<std::uint64_t>(d.count()) : static_cast<std::uint64_t>(d.count());
  std::string text = negative ? "-" : "";
  if (n < 1'000) return text + fmt::format("{}ns", n);
  if (n < 1'000'000) return text + Decimal(n, 1'000) + "\u00b5s";
  if (n < 1'000'000'000) return text + Decimal(n, 1'000'000) + "ms";
  constexpr std::uint64_t kMinute = 60ull * 1'000'000'000;
  const std::uint64_t total_minutes = n / kMinute;
  if (total_minutes >= 60) text += fmt::format("{}h", total_minutes / 60);
  if (total_minutes > 0) text += fmt::format("{}m", total_minutes % 60);
  return text + Decimal(n % kMinute, 1'000'000'000) + "s";
}

}  // namespace rempart
