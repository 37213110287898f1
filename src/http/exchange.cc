#include "src/http/exchange.h"

#include <algorithm>
#include <charconv>
#include <limits>
#include <utility>

#include "src/base/text.h"
#include "src/http/header_text.h"

namespace rempart::http {
namespace {

// No chunk is larger: the library keeps its length in an int, and a negative one arrives here as a huge number.
constexpr std::size_t kLargestPiece = std::numeric_limits<int>::max();

// How many bytes may arrive on the wire while up to `payload` bytes of body are put together: TLS records and chunk
// lines cost something on top.
std::size_t WireAllowance(std::size_t payload) {
  const std::size_t sum = payload + payload / 4 + 256 * 1024;
  return sum < payload ? std::numeric_limits<std::size_t>::max() : sum;
}

std::optional<std::size_t> ParseLength(const std::string& text) {
  std::size_t length = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), length);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return length;
}

Error TooLarge(std::size_t limit) {
  return Error::Invalid("the answer is larger than " + std::to_string(limit) + " bytes");
}

}  // namespace

Exchange::Event Exchange::Wait(Clock::time_point start, std::chrono::milliseconds timeout, std::string_view* piece) {
  std::unique_lock lock(mutex_);
  for (;;) {
    if (aborted_) {
      if (finished_ || needs_identity_) return Event::kFinished;
      changed_.wait(lock);
      continue;
    }
    const bool nothing_left = finished_ && buffer_.empty() && held_.empty();
    if (nothing_left) return Event::kFinished;
    if (stop_requested_) return Event::kStopped;
    if (!buffer_.empty()) {
      consuming_.clear();
      consuming_.swap(buffer_);
      *piece = consuming_;
      return Event::kPiece;
    }
    if (!held_.empty()) {
      consuming_held_ = true;
      *piece = held_;
      return Event::kPiece;
    }
    if (needs_identity_) return Event::kNeedsIdentity;
    const auto deadline = (kind_ == Kind::kSend ? start : std::max(start, LastByte())) + timeout;
    if (Clock::now() >= deadline) return Event::kTimedOut;
    changed_.wait_until(lock, deadline);
  }
}

std::function<void()> Exchange::Consumed() {
  std::scoped_lock lock(mutex_);
  if (!consuming_held_) return {};
  consuming_held_ = false;
  held_ = {};
  Touch();  // the silence until now was ours
  return std::exchange(resume_, {});
}

std::function<void()> Exchange::TakeResume() {
  std::scoped_lock lock(mutex_);
  held_ = {};
  return std::exchange(resume_, {});
}

void Exchange::Decide(std::optional<Error> error) {
  if (decided_) return;
  decided_ = true;
  error_ = std::move(error);
}

void Exchange::Abort(std::optional<Error> error) {
  std::scoped_lock lock(mutex_);
  aborted_ = true;
  Decide(std::move(error));
}

void Exchange::Restart() {
  std::scoped_lock lock(mutex_);
  needs_identity_ = false;
  wire_bytes_ = 0;
}

Result<Response> Exchange::Take() {
  std::scoped_lock lock(mutex_);
  if (error_) return Fail(*std::move(error_));
  return std::move(response_);
}

void Exchange::RequestStop() {
  std::unique_lock lock(mutex_);
  stop_requested_ = true;
  lock.unlock();  // else who is woken runs into the lock
  changed_.notify_all();
}

bool Exchange::Aborted() {
  std::scoped_lock lock(mutex_);
  return decided_;
}

// What the library lets pass, and what would leave a connection out of step or a body without an end.
std::optional<Error> Exchange::CheckHead() const {
  if (response_.status < 200 || response_.status > 599)
    return Error::Invalid("unexpected status " + std::to_string(response_.status));
  if (const auto* encoding = Find(response_.headers, "Transfer-Encoding");
      encoding != nullptr && !SameIgnoringCase(*encoding, "chunked"))
    return Error::Invalid("unsupported Transfer-Encoding \"" + CleanText(*encoding, 100) + "\"");
  if (const auto* text = Find(response_.headers, "Content-Length"); text != nullptr) {
    const auto length = ParseLength(*text);
    if (!length) return Error::Invalid("malformed Content-Length \"" + CleanText(*text, 100) + "\"");
    if (kind_ == Kind::kSend && !is_head_ && *length > max_bytes_) return TooLarge(max_bytes_);
  }
  return std::nullopt;
}

bool Exchange::OnHead(int status, Headers headers) {
  std::scoped_lock lock(mutex_);
  heard_ = true;
  if (decided_) return false;
  response_.status = status;
  response_.headers = std::move(headers);
  Touch();
  if (auto error = CheckHead()) {
    Decide(std::move(error));
    return false;
  }
  wire_bytes_ = 0;
  wire_limit_ = WireAllowance(max_bytes_);
  return true;
}

Exchange::Put Exchange::OnPiece(const char* data, std::size_t size,
                                const std::function<std::function<void()>()>& hold) {
  std::unique_lock lock(mutex_);
  if (decided_) return Put::kRefused;
  Touch();
  wire_bytes_ = 0;
  if (size > kLargestPiece) {
    Decide(Error::Invalid("malformed chunk length"));
    return Put::kRefused;
  }
  if (StreamsToSink()) {
    const bool was_empty = buffer_.empty();  // else the calling thread was woken already
    const bool fits = held_.empty() && buffer_.size() + size <= kStreamBuffer;
    if (fits) {
      buffer_.append(data, size);
    } else {
      held_ = std::string_view(data, size);
      resume_ = hold();
    }
    lock.unlock();
    if (was_empty) changed_.notify_all();
    return fits ? Put::kTaken : Put::kHeld;
  }
  std::string& body = response_.body;
  if (kind_ == Kind::kStream) {
    body.append(data, std::min(size, kErrorBody - body.size()));
    if (body.size() < kErrorBody) return Put::kTaken;
    Decide(std::nullopt);  // enough for a message; the rest is not worth the wait
    return Put::kRefused;
  }
  if (size > max_bytes_ - body.size()) {
    Decide(TooLarge(max_bytes_));
    return Put::kRefused;
  }
  body.append(data, size);
  return Put::kTaken;
}

bool Exchange::OnWireBytes(std::size_t size) {
  Touch();
  heard_ = true;
  wire_bytes_ += size;
  if (wire_bytes_ <= wire_limit_) return true;
  std::scoped_lock lock(mutex_);
  Decide(response_.status == 0
             ? Error::Invalid("the answer's header is larger than " + std::to_string(kHeaderBytes) + " bytes")
             : TooLarge(max_bytes_));
  return false;
}

void Exchange::OnNeedsIdentity() {
  std::unique_lock lock(mutex_);
  needs_identity_ = true;
  lock.unlock();
  changed_.notify_all();
}

void Exchange::OnFinished(std::optional<Error> error) {
  std::unique_lock lock(mutex_);
  if (error) Decide(std::move(error));
  held_ = {};  // was the library's memory
  resume_ = {};
  finished_ = true;
  lock.unlock();
  changed_.notify_all();
}

}  // namespace rempart::http
