#include "tests/unit/http/raw_server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <memory>
#include <stdexcept>
#include <utility>

#include "src/http/header_text.h"

namespace rempart::http::testing {
namespace {

SSL_CTX* MakeContext(const RawServer::Options& options) {
  SSL_CTX* context = SSL_CTX_new(TLS_server_method());
  BIO* certificate_bio = BIO_new_mem_buf(options.certificate->certificate_pem.data(), -1);
  BIO* key_bio = BIO_new_mem_buf(options.certificate->key_pem.data(), -1);
  X509* certificate = PEM_read_bio_X509(certificate_bio, nullptr, nullptr, nullptr);
  EVP_PKEY* key = PEM_read_bio_PrivateKey(key_bio, nullptr, nullptr, nullptr);
  if (SSL_CTX_use_certificate(context, certificate) != 1 || SSL_CTX_use_PrivateKey(context, key) != 1)
    throw std::runtime_error("cannot use the server's certificate");
  while (X509* intermediate = PEM_read_bio_X509(certificate_bio, nullptr, nullptr, nullptr))
    SSL_CTX_add0_chain_cert(context, intermediate);
  ERR_clear_error();
  X509_free(certificate);
  EVP_PKEY_free(key);
  BIO_free(certificate_bio);
  BIO_free(key_bio);
  if (!options.client_ca_pem.empty()) {
    BIO* bio = BIO_new_mem_buf(options.client_ca_pem.data(), -1);
    X509* authority = PEM_read_bio_X509(bio, nullptr, nullptr, nullptr);
    X509_STORE_add_cert(SSL_CTX_get_cert_store(context), authority);
    X509_free(authority);
    BIO_free(bio);
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
  }
  return context;
}

}  // namespace

std::string SeenRequest::Header(std::string_view name) const {
  for (std::size_t at = 0; at < header.size();) {
    const auto end = header.find("\r\n", at);
    const std::string_view text = std::string_view(header).substr(at, end - at);
    const auto colon = text.find(':');
    if (colon != text.npos && SameIgnoringCase(text.substr(0, colon), name)) {
      const auto value = text.substr(colon + 1);
      return std::string(value.substr(std::min(value.find_first_not_of(' '), value.size())));
    }
    at = end + 2;
  }
  return "";
}

Connection::Connection(int fd, SSL_CTX* context, int number) : fd_(fd), number_(number) {
  if (context != nullptr) {
    ssl_ = SSL_new(context);
    SSL_set_fd(ssl_, fd_);
  }
}

Connection::~Connection() {
  SSL_free(ssl_);
  if (fd_ >= 0) close(fd_);
}

bool Connection::Handshake() { return ssl_ == nullptr || SSL_accept(ssl_) == 1; }

long Connection::ReadSome(char* data, std::size_t size) {
  if (ssl_ != nullptr) return SSL_read(ssl_, data, static_cast<int>(size));
  return recv(fd_, data, size, 0);
}

std::optional<SeenRequest> Connection::Read() {
  char block[16384];
  std::size_t end = 0;
  while ((end = pending_.find("\r\n\r\n")) == pending_.npos) {
    const long got = ReadSome(block, sizeof block);
    if (got <= 0) return std::nullopt;
    pending_.append(block, static_cast<std::size_t>(got));
  }
  SeenRequest request;
  const auto line_end = pending_.find("\r\n");
  request.line = pending_.substr(0, line_end);
  request.header = pending_.substr(line_end + 2, end - line_end);
  pending_.erase(0, end + 4);
  const std::string length = request.Header("Content-Length");
  const std::size_t wanted = length.empty() ? 0 : std::stoul(length);
  while (pending_.size() < wanted) {
    const long got = ReadSome(block, sizeof block);
    if (got <= 0) return std::nullopt;
    pending_.append(block, static_cast<std::size_t>(got));
  }
  request.body = pending_.substr(0, wanted);
  pending_.erase(0, wanted);
  return request;
}

bool Connection::Write(std::string_view bytes) {
  while (!bytes.empty()) {
    const long sent =
        ssl_ != nullptr ? SSL_write(ssl_, bytes.data(), static_cast<int>(std::min<std::size_t>(bytes.size(), 1 << 20)))
                        : send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
  return true;
}

bool Connection::Answer(std::string_view body, std::string_view status, std::string_view headers) {
  std::string text = "HTTP/1.1 ";
  text.append(status).append("\r\nContent-Length: ").append(std::to_string(body.size())).append("\r\n");
  return Write(text.append(headers).append("\r\n").append(body));
}

bool Connection::Chunk(std::string_view data) {
  char line[32];
  snprintf(line, sizeof line, "%zx\r\n", data.size());
  return Write(std::string(line).append(data).append("\r\n"));
}

void Connection::Reset() {
  const std::scoped_lock lock(mutex_);
  const linger now{.l_onoff = 1, .l_linger = 0};
  setsockopt(fd_, SOL_SOCKET, SO_LINGER, &now, sizeof now);
  close(std::exchange(fd_, -1));
}

void Connection::CloseNotify() { SSL_shutdown(ssl_); }

bool Connection::AwaitClosed() {
  char byte = 0;
  return pending_.empty() && ReadSome(&byte, 1) <= 0;
}

void Connection::ShrinkSendBuffer() {
  const int size = 16 * 1024;
  setsockopt(fd_, SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
}

std::string Connection::PeerName() const {
  X509* certificate = ssl_ == nullptr ? nullptr : SSL_get1_peer_certificate(ssl_);
  if (certificate == nullptr) return "";
  char name[256] = "";
  X509_NAME_get_text_by_NID(X509_get_subject_name(certificate), NID_commonName, name, sizeof name);
  X509_free(certificate);
  return name;
}

std::string Connection::ServerName() const {
  const char* name = SSL_get_servername(ssl_, TLSEXT_NAMETYPE_host_name);
  return name == nullptr ? "" : name;
}

void Connection::Shutdown() {
  const std::scoped_lock lock(mutex_);
  if (fd_ >= 0) shutdown(fd_, SHUT_RDWR);
}

RawServer::RawServer(Options options, Behaviour behaviour)
    : options_(std::move(options)), behaviour_(std::move(behaviour)) {
  if (options_.certificate) context_ = MakeContext(options_);
  listener_ = socket(options_.ipv6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in v4{.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
  sockaddr_in6 v6{.sin6_family = AF_INET6, .sin6_addr = in6addr_loopback};
  auto* address = options_.ipv6 ? reinterpret_cast<sockaddr*>(&v6) : reinterpret_cast<sockaddr*>(&v4);
  socklen_t size = options_.ipv6 ? sizeof v6 : sizeof v4;
  if (bind(listener_, address, size) != 0 || listen(listener_, 128) != 0 || getsockname(listener_, address, &size) != 0)
    throw std::runtime_error("cannot listen");
  port_ = ntohs(options_.ipv6 ? v6.sin6_port : v4.sin_port);
  acceptor_ = std::thread([this] { Accept(); });
}

RawServer::~RawServer() {
  {
    const std::scoped_lock lock(mutex_);
    stopping_ = true;
    for (auto& slot : slots_) slot.connection->Shutdown();
  }
  shutdown(listener_, SHUT_RDWR);
  acceptor_.join();
  for (auto& slot : slots_) slot.thread.join();
  slots_.clear();
  close(listener_);
  SSL_CTX_free(context_);
}

void RawServer::Accept() {
  for (;;) {
    const int fd = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (fd < 0) return;
    const int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    const std::scoped_lock lock(mutex_);
    auto& slot = slots_.emplace_back();
    slot.connection = std::make_unique<Connection>(fd, context_, ++connections_);
    if (stopping_) slot.connection->Shutdown();
    slot.thread = std::thread([this, connection = slot.connection.get()] {
      sigset_t pipe;
      sigemptyset(&pipe);
      sigaddset(&pipe, SIGPIPE);
      pthread_sigmask(SIG_BLOCK, &pipe, nullptr);  // OpenSSL writes without MSG_NOSIGNAL
      if (connection->Handshake()) behaviour_(*connection);
      connection->Shutdown();
    });
  }
}

std::string RawServer::origin(const std::string& host) const {
  const std::string name = !host.empty() ? host : options_.ipv6 ? "[::1]" : "127.0.0.1";
  return (options_.certificate ? "https://" : "http://") + name + ":" + std::to_string(port_);
}

RawServer::Behaviour RawServer::Loop(std::function<void(Connection&, const SeenRequest&)> answer) {
  return [answer = std::move(answer)](Connection& connection) {
    while (const auto request = connection.Read()) answer(connection, *request);
  };
}

void Event::Set() {
  const std::scoped_lock lock(mutex_);
  set_ = true;
  changed_.notify_all();
}

bool Event::Wait(int seconds) {
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, std::chrono::seconds(seconds), [this] { return set_; });
}

}  // namespace rempart::http::testing
