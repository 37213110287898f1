#include <optional>
#include <utility>

#include "src/kube/watch.h"

namespace rempart::kube {

namespace {

std::optional<WatchEvent::Type> TypeOf(std::string_view text) {
  if (text == "ADDED") return WatchEvent::Type::kAdded;
  if (text == "MODIFIED") return WatchEvent::Type::kModified;
  if (text == "DELETED") return WatchEvent::Type::kDeleted;
  if (text == "BOOKMARK") return WatchEvent::Type::kBookmark;
  if (text == "ERROR") return WatchEvent::Type::kError;
  return std::nullopt;
}

bool IsBlank(std::string_view line) { return line.find_first_not_of(" \t\r") == std::string_view::npos; }

// Buffers that grew for one huge object are given back rather than kept for the life of the stream.
constexpr std::size_t kKeepBytes = 256 * 1024;

}  // namespace

struct WatchDecoder::Impl {
  using OnEvent = std::function<Status(const WatchEvent&)>;

  explicit Impl(std::size_t max) : max_line_bytes(max), document(max) {}

  Status Feed(std::string_view piece, const OnEvent& on_event) {
    while (!piece.empty()) {
      std::size_t end = piece.find('\n');
      std::string_view head = piece.substr(0, end);
      if (head.size() > max_line_bytes - begun.size()) {
        return Fail(
            Error::Invalid("a watch event is larger than the limit of " + std::to_string(max_line_bytes) + " bytes"));
      }
      if (end == std::string_view::npos) {
        begun.append(head);
        return {};
      }
      piece.remove_prefix(end + 1);
      if (!begun.empty()) head = begun.append(head);
      Status status = Line(head, on_event);
      if (head.size() > kKeepBytes) document = Document(max_line_bytes);
      begun.clear();
      if (begun.capacity() > kKeepBytes) begun.shrink_to_fit();
      if (!status) return status;
    }
    return {};
  }

  Status Line(std::string_view line, const OnEvent& on_event) {
    if (IsBlank(line)) return {};
    auto event = document.ParseAnswer(line);
    if (!event) return Fail(std::move(event).error().While("read a watch event"));
    auto type = TypeOf((*event)["type"].Str());
    if (!type)
      return Fail(Error::Invalid("read a watch event: type is none of ADDED, MODIFIED, DELETED, BOOKMARK, ERROR"));
    View object = (*event)["object"];
    if (!object.IsObject()) return Fail(Error::Invalid("read a watch event: object is no JSON object"));
    return on_event({*type, object, document.mended()});
  }

  const std::size_t max_line_bytes;
  Document document;
  std::string begun;  // the start of a line whose end has not come yet
  std::optional<Error> spent;
};

WatchDecoder::WatchDecoder(std::size_t max_line_bytes) : impl_(std::make_unique<Impl>(max_line_bytes)) {}
WatchDecoder::~WatchDecoder() = default;

Status WatchDecoder::Feed(std::string_view piece, const std::function<Status(const WatchEvent&)>& on_event) {
  if (impl_->spent) return Fail(*impl_->spent);
  Status status = impl_->Feed(piece, on_event);
  if (!status) impl_->spent = status.error();
  return status;
}

bool WatchDecoder::InMidLine() const { return !IsBlank(impl_->begun); }

Error WatchError(View status, WallTime now) {
  std::int64_t code = status["code"].Int(500);
  if (code < 400 || code > 599) code = 500;
  Error error = ErrorFromStatus(static_cast<int>(code), {}, status.Minified(), now);
  // Some servers report a compaction as an internal error, with only the message to tell.
  bool too_old = error.reason == "Expired" || error.reason == "Gone" ||
                 status["message"].Str().find("too old resource version") != std::string_view::npos;
  if (too_old) error.kind = ErrorKind::kGone;
  return error;
}

}  // namespace rempart::kube
