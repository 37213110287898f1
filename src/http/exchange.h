// One request and its answer, shared by the calling thread, which waits, and the I/O thread, which feeds it. Knows
// nothing of cpprestsdk.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "src/http/client.h"

namespace rempart::http {

class ClientIdentity;  // tls.h

class Exchange {
 public:
  using Clock = std::chrono::steady_clock;
  enum class Kind { kSend, kStream };

  static constexpr std::size_t kStreamBuffer = 128 * 1024;  // what waits for a sink, besides as much that it works on
  static constexpr std::size_t kErrorBody = 64 * 1024;      // how much of a stream's error answer is kept
  static constexpr std::size_t kHeaderBytes = 256 * 1024;   // on the wire, handshake and header together

  Exchange(Kind kind, bool is_head, std::size_t max_bytes) : kind_(kind), is_head_(is_head), max_bytes_(max_bytes) {
    Touch();
  }

  // ---- The calling thread ----

  enum class Event {
    kPiece,          // `piece` is to be handed to the sink; only of a stream. Then call Consumed.
    kNeedsIdentity,  // a new connection is being made and wants `identity`; set it, then Restart
    kFinished,       // nothing of this exchange runs any more: Take the result
    kStopped,        // as asked by RequestStop
    kTimedOut,
  };
  // `timeout` counts from `start` for kSend, and from the last byte for kStream. After Abort only kFinished is
  // returned. What arrived before an error is handed out before kFinished.
  Event Wait(Clock::time_point start, std::chrono::milliseconds timeout, std::string_view* piece);

  // The piece of the last Wait is done with. Where the connection waits for that, gives what makes it go on; it is to
  // be called on the I/O thread.
  std::function<void()> Consumed();

  // Decides the result, unless it is decided already: the error, or (nullopt) success with what is there. The
  // connection is to be closed next (client_cpprest.cc does both).
  void Abort(std::optional<Error> error);

  void Restart();
  Result<Response> Take();

  // Any thread.
  void RequestStop();

  // ---- The I/O thread ----

  bool Aborted();

  // The answer's status and headers. False: the answer is refused, or was aborted; close the connection.
  bool OnHead(int status, Headers headers);

  enum class Put { kTaken, kHeld, kRefused };
  // kHeld: there is no room; `data` must stay valid until what `hold` returned was called, on the I/O thread. `hold` is
  // called only then.
  Put OnPiece(const char* data, std::size_t size, const std::function<std::function<void()>()>& hold);

  // Counts what came over the wire. False: more than this answer may have in flight; the connection must be closed.
  bool OnWireBytes(std::size_t size);

  // Whether anything at all came from the server.
  bool heard() const { return heard_; }

  // What the held piece waits for, see Put::kHeld; empty when none is held.
  std::function<void()> TakeResume();

  void OnNeedsIdentity();
  void OnFinished(std::optional<Error> error);

  // Why TLS was refused, for the error's text.
  std::string tls_note;

  // What a new connection presents; read on the I/O thread while the calling thread waits.
  std::shared_ptr<const ClientIdentity> identity;
  bool identity_known = false;

 private:
  void Touch() { last_byte_.store(Clock::now().time_since_epoch().count(), std::memory_order_relaxed); }
  Clock::time_point LastByte() const {
    return Clock::time_point(Clock::duration(last_byte_.load(std::memory_order_relaxed)));
  }
  std::optional<Error> CheckHead() const;
  bool StreamsToSink() const { return kind_ == Kind::kStream && response_.status / 100 == 2; }
  void Decide(std::optional<Error> error);

  const Kind kind_;
  const bool is_head_;
  const std::size_t max_bytes_;

  std::atomic<Clock::rep> last_byte_{0};

  // I/O thread only.
  bool heard_ = false;
  std::size_t wire_bytes_ = 0;  // since the last head or piece
  std::size_t wire_limit_ = kHeaderBytes;

  std::mutex mutex_;
  std::condition_variable changed_;
  Response response_;
  std::string buffer_;     // of a stream: arrived, not yet taken by the calling thread
  std::string consuming_;  // of a stream: what the sink works on
  std::string_view held_;  // a piece that did not fit, still in the library's memory
  std::function<void()> resume_;
  bool consuming_held_ = false;
  bool stop_requested_ = false;
  bool needs_identity_ = false;
  bool aborted_ = false;  // by the calling thread
  bool decided_ = false;
  std::optional<Error> error_;  // of the decision; nullopt is success
  bool finished_ = false;
};

}  // namespace rempart::http
