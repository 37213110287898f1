// Errors as values. Every fallible function of Rempart returns Result<T>; exceptions of libraries are caught where the
// library is called and none crosses a module or a thread.
#pragma once

#include <chrono>
#include <expected>
#include <optional>
#include <string>
#include <utility>

namespace rempart {

// What kind of error it is decides, in one place (the runner), whether to retry, which condition and event to write,
// and at which level to log.
enum class ErrorKind {
  kTransient,  // network, 429, 5xx, time-out: the same call may succeed later
  kConflict,   // 409: somebody else wrote; look again, then decide anew
  kInvalid,    // 400, 422, undecodable input: the same input will fail again
  kDenied,     // 401, 403: credentials or RBAC
  kNotFound,   // 404: the object, or the resource type itself, is not there
  kGone,       // 410: the resource version is too old; list again
  kCancelled,  // we are stopping; nobody is at fault
  kInternal,   // a bug of ours
};
const char* ToString(ErrorKind kind);

struct Error {
  ErrorKind kind = ErrorKind::kInternal;
  std::string message;  // what was being done, and why it failed; fit for a condition's message
  std::string
      reason;  // machine-readable where the other side gave one (Status.reason, e.g. "AlreadyExists"), else empty
  int http_status = 0;                                   // 0 where no HTTP answer was had
  std::optional<std::chrono::milliseconds> retry_after;  // the other side's wish, already bounded

  // "doing what: why"; the kind and all else stay.
  Error While(const std::string& doing) && {
    message = doing + ": " + message;
    return std::move(*this);
  }
  std::string ToString() const;

  static Error Transient(std::string m) { return {ErrorKind::kTransient, std::move(m)}; }
  static Error Conflict(std::string m) { return {ErrorKind::kConflict, std::move(m)}; }
  static Error Invalid(std::string m) { return {ErrorKind::kInvalid, std::move(m)}; }
  static Error Denied(std::string m) { return {ErrorKind::kDenied, std::move(m)}; }
  static Error NotFound(std::string m) { return {ErrorKind::kNotFound, std::move(m)}; }
  static Error Gone(std::string m) { return {ErrorKind::kGone, std::move(m)}; }
  static Error Cancelled(std::string m) { return {ErrorKind::kCancelled, std::move(m)}; }
  static Error Internal(std::string m) { return {ErrorKind::kInternal, std::move(m)}; }
};

template <class T>
using Result = std::expected<T, Error>;
using Status = Result<void>;

inline std::unexpected<Error> Fail(Error e) { return std::unexpected<Error>(std::move(e)); }

}  // namespace rempart
