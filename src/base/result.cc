#include "src/base/result.h"

namespace rempart {

const char* ToString(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::kTransient:
      return "transient";
    case ErrorKind::kConflict:
      return "conflict";
    case ErrorKind::kInvalid:
      return "invalid";
    case ErrorKind::kDenied:
      return "denied";
    case ErrorKind::kNotFound:
      return "not found";
    case ErrorKind::kGone:
      return "gone";
    case ErrorKind::kCancelled:
      return "cancelled";
    case ErrorKind::kInternal:
      return "internal";
  }
  return "unknown";
}

std::string Error::ToString() const {
  std::string text = message;
  text.append(" (").append(rempart::ToString(kind));
  if (http_status != 0) text.append(", HTTP ").append(std::to_string(http_status));
  if (!reason.empty()) text.append(", ").append(reason);
  if (retry_after) text.append(", retry after ").append(std::to_string(retry_after->count())).append(" ms");
  return text.append(")");
}

}  // namespace rempart
