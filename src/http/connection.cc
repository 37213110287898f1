#include "src/http/connection.h"

#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstring>
#include <system_error>
#include <utility>

namespace rempart::http {
namespace {

constexpr char kClosed[] = "the server closed the connection";

std::string TextOf(int error) { return std::generic_category().message(error); }

void Set(int fd, int level, int option, int value) { setsockopt(fd, level, option, &value, sizeof value); }

// Small messages leave at once, and a peer that is gone without a word is noticed within a minute.
void SetOptions(int fd) {
  Set(fd, IPPROTO_TCP, TCP_NODELAY, 1);
  Set(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
  Set(fd, IPPROTO_TCP, TCP_KEEPIDLE, 30);
  Set(fd, IPPROTO_TCP, TCP_KEEPINTVL, 10);
  Set(fd, IPPROTO_TCP, TCP_KEEPCNT, 3);
}

}  // namespace

// How OpenSSL reads and writes. Its own for sockets would raise SIGPIPE.
struct ConnectionBio {
  static int Read(BIO* bio, char* data, int size) {
    BIO_clear_retry_flags(bio);
    const ssize_t got = Of(bio)->Receive(data, static_cast<std::size_t>(size));
    if (got < 0 && errno == EAGAIN) BIO_set_retry_read(bio);
    return static_cast<int>(got);
  }
  static int Write(BIO* bio, const char* data, int size) {
    BIO_clear_retry_flags(bio);
    const ssize_t sent = Of(bio)->Transmit(data, static_cast<std::size_t>(size));
    if (sent < 0 && errno == EAGAIN) BIO_set_retry_write(bio);
    return static_cast<int>(sent);
  }
  static long Control(BIO*, int what, long, void*) { return what == BIO_CTRL_FLUSH ? 1 : 0; }

  static BIO* New(Connection* connection) {
    static BIO_METHOD* const method = [] {
      BIO_METHOD* made = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "rempart connection");
      BIO_meth_set_read(made, Read);
      BIO_meth_set_write(made, Write);
      BIO_meth_set_ctrl(made, Control);
      return made;
    }();
    BIO* bio = BIO_new(method);
    if (bio == nullptr) return nullptr;
    BIO_set_data(bio, connection);
    BIO_set_init(bio, 1);
    return bio;
  }
  static Connection* Of(BIO* bio) { return static_cast<Connection*>(BIO_get_data(bio)); }
};

std::string Address::ToString() const {
  char host[NI_MAXHOST] = "?";
  char port[NI_MAXSERV] = "?";
  getnameinfo(reinterpret_cast<const sockaddr*>(&socket), size, host, sizeof host, port, sizeof port,
              NI_NUMERICHOST | NI_NUMERICSERV);
  return socket.ss_family == AF_INET6 ? "[" + std::string(host) + "]:" + port : std::string(host) + ":" + port;
}

bool Address::operator==(const Address& other) const {
  return size == other.size && std::memcmp(&socket, &other.socket, size) == 0;
}

Result<std::unique_ptr<Connection>> Connection::Open(const Address& address, const Patience& patience) {
  const auto error = [&](int code) {
    return Fail(Error::Transient("cannot connect to " + address.ToString() + ": " + TextOf(code)));
  };
  const int fd = socket(address.socket.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return error(errno);
  std::unique_ptr<Connection> connection(new Connection(fd, address));
  SetOptions(fd);
  if (connect(fd, reinterpret_cast<const sockaddr*>(&address.socket), address.size) == 0) return connection;
  if (errno != EINPROGRESS) return error(errno);
  if (auto status = connection->Wait(POLLOUT, patience); !status) return Fail(std::move(status).error());
  int code = 0;
  socklen_t size = sizeof code;
  getsockopt(fd, SOL_SOCKET, SO_ERROR, &code, &size);
  if (code != 0) return error(code);
  return connection;
}

Connection::~Connection() {
  if (ssl_ && !failed_ && SSL_is_init_finished(ssl_.get()) == 1) {
    SSL_shutdown(ssl_.get());
    ERR_clear_error();
  }
  close(fd_);
}

// A server that has ended its side takes nothing more either.
Status Connection::Poll(short events, const Patience& patience) const {
  const std::stop_callback wake(patience.stop, [this] { shutdown(fd_, SHUT_RDWR); });
  const auto deadline = patience.Deadline();
  const auto asked = static_cast<short>(events == POLLOUT ? POLLOUT | POLLRDHUP : events);
  for (;;) {
    if (patience.stop.stop_requested()) return Fail(Patience::Stopped());
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now()).count();
    if (left <= 0) return Fail(patience.TimedOut());
    pollfd poll_fd{.fd = fd_, .events = asked, .revents = 0};
    const int ready = poll(&poll_fd, 1, static_cast<int>(std::min<std::int64_t>(left, INT_MAX)));
    if (ready < 0 && errno != EINTR) return Fail(Error::Internal("poll: " + TextOf(errno)));
    if (ready > 0 && poll_fd.revents == POLLRDHUP) return Fail(Error::Transient(kClosed));
    if (ready > 0) return {};
  }
}

// Whether it was stopped is asked once the callback is no more: before, a stop could still shut the connection down,
// and what comes next would take that for the server's doing.
Status Connection::Wait(short events, const Patience& patience) const {
  Status status = Poll(events, patience);
  if (patience.stop.stop_requested()) return Fail(Patience::Stopped());
  return status;
}

ssize_t Connection::Receive(void* data, std::size_t size) {
  const ssize_t got = recv(fd_, data, size, 0);
  drained_ = got < static_cast<ssize_t>(size);
  return got;
}

ssize_t Connection::Transmit(const void* data, std::size_t size) { return send(fd_, data, size, MSG_NOSIGNAL); }

// Why the last operation failed. Where OpenSSL has no word on it, errno is still that of the socket.
Error Connection::Failure() {
  const int code = errno;
  failed_ = true;
  std::string why = ssl_ ? WhyTlsFailed(ssl_.get()) : "";
  if (why.empty()) why = code == 0 ? kClosed : TextOf(code);
  return Error::Transient(std::move(why));
}

// What to do after an operation gave `result`, which was no success: wait, then do it once more; or fail.
Status Connection::Continue(int result, const Patience& patience) {
  short events = 0;
  if (ssl_) {
    const int want = SSL_get_error(ssl_.get(), result);
    if (want == SSL_ERROR_WANT_READ) events = POLLIN;
    if (want == SSL_ERROR_WANT_WRITE) events = POLLOUT;
  }
  return events != 0 ? Wait(events, patience) : Fail(Failure());
}

Status Connection::Handshake(SslPtr ssl, const Patience& patience) {
  ssl_ = std::move(ssl);
  BIO* bio = ConnectionBio::New(this);
  if (bio == nullptr) return Fail(Error::Internal("out of memory"));
  SSL_set_bio(ssl_.get(), bio, bio);
  for (;;) {
    ERR_clear_error();
    errno = 0;
    const int result = SSL_connect(ssl_.get());
    if (result == 1) return {};
    auto status = Continue(result, patience);
    if (failed_) return Fail(std::move(status).error().While("TLS handshake failed"));
    if (!status) return status;
  }
}

Status Connection::Write(std::string_view bytes, const Patience& patience) {
  while (!bytes.empty()) {
    std::size_t sent = 0;
    Status status;
    errno = 0;
    if (ssl_) {
      ERR_clear_error();
      const int result = SSL_write_ex(ssl_.get(), bytes.data(), bytes.size(), &sent);
      if (result != 1) status = Continue(result, patience);
    } else if (const ssize_t result = Transmit(bytes.data(), bytes.size()); result >= 0) {
      sent = static_cast<std::size_t>(result);
    } else {
      status = errno == EAGAIN ? Wait(POLLOUT, patience) : Fail(Failure());
    }
    if (!status) return status;
    bytes.remove_prefix(sent);
  }
  return {};
}

Result<std::size_t> Connection::Read(char* data, std::size_t size, const Patience& patience) {
  // An attempt that most likely finds nothing costs more than to ask first.
  bool wait = drained_ && (!ssl_ || SSL_has_pending(ssl_.get()) == 0);
  for (;;) {
    Status status;
    if (std::exchange(wait, false)) status = Wait(POLLIN, patience);
    if (!status) return Fail(std::move(status).error());
    errno = 0;
    if (ssl_) {
      ERR_clear_error();
      std::size_t got = 0;
      const int result = SSL_read_ex(ssl_.get(), data, size, &got);
      if (result == 1) return got;
      if (SSL_get_error(ssl_.get(), result) == SSL_ERROR_ZERO_RETURN) return std::size_t{0};
      status = Continue(result, patience);
    } else {
      const ssize_t got = Receive(data, size);
      if (got >= 0) return static_cast<std::size_t>(got);
      status = errno == EAGAIN ? Wait(POLLIN, patience) : Fail(Failure());
    }
    if (!status) return Fail(std::move(status).error());
  }
}

bool Connection::Quiet() const {
  if (ssl_ && SSL_has_pending(ssl_.get()) == 1) return false;
  char byte = 0;
  return recv(fd_, &byte, 1, MSG_PEEK) < 0 && errno == EAGAIN;
}

}  // namespace rempart::http
