// One connection to a server, TCP with or without TLS, for one thread at a time. Everything happens on the calling
// thread: the socket does not block, and poll(2) is what waits. A requested stop shuts the socket down, which wakes
// poll; so a connection costs one descriptor and no thread, and is of no use after an operation on it has failed.
#pragma once

#include <sys/socket.h>
#include <sys/types.h>

#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>

#include "src/base/result.h"
#include "src/http/client.h"
#include "src/http/tls.h"

namespace rempart::http {

using Clock = std::chrono::steady_clock;

struct Address {
  sockaddr_storage socket{};
  socklen_t size = 0;
  std::string ToString() const;  // "192.0.2.1:443"
  bool operator==(const Address& other) const;
};

// How long an operation waits. Errors: kTransient, when time is up; kCancelled, when stopped.
struct Patience {
  std::stop_token stop;
  std::chrono::milliseconds timeout{};   // what the error says
  std::optional<Clock::time_point> end;  // none: `timeout` is for each silence
  Clock::time_point Deadline() const { return end.value_or(Clock::now() + timeout); }
  Error TimedOut() const {
    Error error = Error::Transient("no answer within " + std::to_string(timeout.count()) + " ms");
    error.reason = kTimedOut;
    return error;
  }
  static Error Stopped() { return Error::Cancelled("stopped"); }
};

// Errors of all: those of Patience, and kTransient.
class Connection {
 public:
  static Result<std::unique_ptr<Connection>> Open(const Address& address, const Patience& patience);
  ~Connection();  // closes, and waits for nothing
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // From here on all goes through `ssl`. At most once, before anything is written.
  Status Handshake(SslPtr ssl, const Patience& patience);

  Status Write(std::string_view bytes, const Patience& patience);

  // Some bytes, at least one; 0: the server ended the connection in good order (over TLS: said so).
  Result<std::size_t> Read(char* data, std::size_t size, const Patience& patience);

  // Whether the server has sent nothing that was not read, nor closed: what is kept for another request must be so.
  bool Quiet() const;

  const Address& address() const { return address_; }

 private:
  friend struct ConnectionBio;
  Connection(int fd, const Address& address) : fd_(fd), address_(address) {}
  Status Poll(short events, const Patience& patience) const;
  Status Wait(short events, const Patience& patience) const;  // Poll, and whether it was stopped
  ssize_t Receive(void* data, std::size_t size);
  ssize_t Transmit(const void* data, std::size_t size);
  Status Continue(int result, const Patience& patience);
  Error Failure();

  const int fd_;
  const Address address_;
  SslPtr ssl_;
  bool drained_ = true;  // there was no more to receive a moment ago
  bool failed_ = false;
};

}  // namespace rempart::http
