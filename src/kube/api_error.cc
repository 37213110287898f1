// metav1.Status and Retry-After: what an answer other than 2xx means.
#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <optional>
#include <string_view>

#include "src/base/json.h"
#include "src/base/text.h"
#include "src/kube/api.h"
#include "src/kube/text.h"

namespace rempart::kube {
namespace {

constexpr std::size_t kMaxMessage = 1024;
constexpr std::size_t kMaxRefusal = 6 * 1024;  // room for an admission policy's words (5 KiB at most) and who says them
constexpr std::size_t kMaxCauses = 1024;
constexpr std::size_t kMaxCause = 240;
constexpr std::size_t kMaxStrangeBody = 200;
constexpr std::chrono::seconds kShortestWait{1};
constexpr std::chrono::seconds kLongestWait{60};

ErrorKind KindOf(int status) {
  switch (status) {
    case 400:
    case 413:
    case 422:
      return ErrorKind::kInvalid;
    case 401:
    case 403:
      return ErrorKind::kDenied;
    case 404:
      return ErrorKind::kNotFound;
    case 409:
      return ErrorKind::kConflict;
    case 410:
      return ErrorKind::kGone;
    case 408:
    case 429:
      return ErrorKind::kTransient;
    default:
      return status >= 500 && status <= 599 ? ErrorKind::kTransient : ErrorKind::kInternal;
  }
}

std::optional<std::int64_t> ParseSeconds(std::string_view text) {
  if (text.empty() || text.find_first_not_of("0123456789") != std::string_view::npos) return std::nullopt;
  std::int64_t seconds = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
  return error == std::errc() ? seconds : std::int64_t{kLongestWait.count()};  // too many digits: bounded anyway
}

// RFC 9110, section 5.6.7: the fixed form and the two old ones that a recipient must take.
std::optional<WallTime> ParseHttpDate(const std::string& text) {
  constexpr std::array<std::string_view, 12> kMonths = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                        "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  std::array<char, 4> month{};
  int day = 0, year = 0, hour = 0, minute = 0, second = 0;
  if (text.size() > 64) return std::nullopt;
  const char* t = text.c_str();
  // NOLINTBEGIN(cert-err34-c): the widths keep each number in range
  if (std::sscanf(t, "%*3[A-Za-z], %2d %3s %4d %2d:%2d:%2d GMT", &day, month.data(), &year, &hour, &minute, &second) !=
          6 &&
      std::sscanf(t, "%*9[A-Za-z], %2d-%3[A-Za-z]-%2d %2d:%2d:%2d GMT", &day, month.data(), &year, &hour, &minute,
                  &second) != 6 &&
      std::sscanf(t, "%*3[A-Za-z] %3s %2d %2d:%2d:%2d %4d", month.data(), &day, &hour, &minute, &second, &year) != 6) {
    return std::nullopt;
  }
  // NOLINTEND(cert-err34-c)
  if (year < 100) year += year < 70 ? 2000 : 1900;
  const auto found = std::find(kMonths.begin(), kMonths.end(), std::string_view(month.data()));
  const std::chrono::year_month_day date{std::chrono::year{year},
                                         std::chrono::month{static_cast<unsigned>(found - kMonths.begin()) + 1},
                                         std::chrono::day{static_cast<unsigned>(day)}};
  const bool time_ok = hour >= 0 && hour < 24 && minute >= 0 && minute < 60 && second >= 0 && second <= 60;
  if (found == kMonths.end() || !date.ok() || !time_ok || year > 2200) return std::nullopt;
  return std::chrono::sys_days(date) + std::chrono::hours(hour) + std::chrono::minutes(minute) +
         std::chrono::seconds(second);
}

std::optional<std::chrono::milliseconds> Bounded(Duration wish) {
  return std::chrono::ceil<std::chrono::milliseconds>(std::clamp<Duration>(wish, kShortestWait, kLongestWait));
}

std::optional<std::chrono::milliseconds> RetryAfter(const http::Headers& headers, const Json* details, WallTime now) {
  if (const std::string* value = http::Find(headers, "Retry-After")) {
    if (const auto seconds = ParseSeconds(*value)) {
      return Bounded(std::chrono::seconds(std::min<std::int64_t>(*seconds, kLongestWait.count())));
    }
    if (const auto date = ParseHttpDate(*value)) return Bounded(*date - now);
  }
  if (details == nullptr) return std::nullopt;
  const auto seconds = details->find("retryAfterSeconds");
  if (seconds == details->end() || !seconds->is_number_integer() || seconds->get<std::int64_t>() <= 0) {
    return std::nullopt;
  }
  return Bounded(std::chrono::seconds(std::min<std::int64_t>(seconds->get<std::int64_t>(), kLongestWait.count())));
}

std::string Text(const Json& object, const char* name) {
  const auto found = object.find(name);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

// The server writes a refused value out in full, kilobytes of it, before it says what is wrong with it ("Invalid value:
// {…}: field is immutable"): where a cause is long, its middle goes rather than its end.
std::string WithShortCauses(std::string message, const Json& details, std::size_t longest) {
  constexpr std::size_t kMostCauses = 20;
  if (message.size() <= longest) return message;
  const auto causes = details.find("causes");
  if (causes == details.end() || !causes->is_array()) return message;
  for (std::size_t i = 0; i < std::min(causes->size(), kMostCauses); ++i) {
    const Json& cause = (*causes)[i];
    const std::string why = cause.is_object() ? Text(cause, "message") : "";
    const auto at = why.size() > kMaxCause ? message.find(why) : std::string::npos;
    if (at == std::string::npos) continue;
    std::size_t tail = why.size() - kMaxCause / 2;
    while (tail < why.size() && (static_cast<unsigned char>(why[tail]) & 0xc0) == 0x80) ++tail;
    message.replace(at, why.size(), std::string(CutAtCharacter(why, kMaxCause / 2)) + " … " + why.substr(tail));
  }
  return message;
}

// "field: message" of each cause that the message does not tell already.
std::string Causes(const Json& details, const std::string& message) {
  const auto causes = details.find("causes");
  if (causes == details.end() || !causes->is_array()) return {};
  std::string out;
  for (const Json& cause : *causes) {
    if (!cause.is_object()) continue;
    const std::string why = Text(cause, "message"), field = Text(cause, "field");
    if (why.empty() || message.find(why) != std::string::npos) continue;
    out += (out.empty() ? "" : "; ") + (field.empty() ? why : field + ": " + why);
    if (out.size() > kMaxCauses) break;
  }
  return Printable(out, kMaxCauses);
}

}  // namespace

Error ErrorFromStatus(int http_status, const http::Headers& headers, std::string_view body, WallTime now) {
  Error error{KindOf(http_status), "the server answered " + std::to_string(http_status)};
  error.http_status = http_status;
  const Result<Json> json = ParseJson(body, {.max_bytes = 1024 * 1024, .max_depth = 32});
  if (!json || !json->is_object() || Text(*json, "kind") != "Status") {
    const std::string said = Printable(body.substr(0, 4 * kMaxStrangeBody), kMaxStrangeBody);
    if (!said.empty()) error.message += ": " + said;
    error.retry_after = RetryAfter(headers, nullptr, now);
    return error;
  }
  const std::string message = Text(*json, "message");
  error.reason = Printable(Text(*json, "reason"), 128);
  const auto found = json->find("details");
  const Json* details = found != json->end() && found->is_object() ? &*found : nullptr;
  const std::size_t longest = error.kind == ErrorKind::kDenied ? kMaxRefusal : kMaxMessage;
  if (!message.empty())
    error.message = Printable(details ? WithShortCauses(message, *details, longest) : message, longest);
  if (details != nullptr) {
    const std::string causes = Causes(*details, message);
    if (!causes.empty()) error.message += " (" + causes + ")";
  }
  error.retry_after = RetryAfter(headers, details, now);
  return error;
}

}  // namespace rempart::kube
