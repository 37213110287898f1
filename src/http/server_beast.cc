#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ip/v6_only.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <charconv>
#include <exception>
#include <list>
#include <optional>
#include <string_view>
#include <thread>
#include <utility>

#include "src/base/log.h"
#include "src/base/text.h"
#include "src/http/server.h"

namespace rempart::http {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace bhttp = boost::beast::http;
using Tcp = asio::ip::tcp;
using boost::system::error_code;

constexpr char kPlainText[] = "text/plain; charset=utf-8";
constexpr auto kFarewell = std::chrono::seconds(1);  // for a client that was refused to take the answer and to close

// One connection: requests one after the other until either side is done. Lives as long as an operation of it is under
// way. Runs on the server's one thread, so nothing is locked.
class Session : public std::enable_shared_from_this<Session> {
 public:
  Session(Tcp::socket socket, const Handler& handler, const ServerLimits& limits)
      : socket_(std::move(socket)), timer_(socket_.get_executor()), handler_(handler), limits_(limits) {
    error_code ignored;
    socket_.set_option(Tcp::no_delay(true), ignored);
  }

  void Read() {
    parser_.emplace();
    parser_->header_limit(static_cast<std::uint32_t>(limits_.header_bytes));
    parser_->body_limit(0);
    StartTimer(limits_.request_time);
    bhttp::async_read(socket_, buffer_, *parser_,
                      [self = shared_from_this()](error_code error, std::size_t) { self->OnRead(error); });
  }

  void Close() {
    timer_.cancel();
    error_code ignored;
    socket_.close(ignored);
  }

 private:
  // Ends the operation under way when time is up; its handler then finds timed_out_.
  void StartTimer(std::chrono::milliseconds time) {
    timed_out_ = false;
    timer_.expires_after(time);
    timer_.async_wait([weak = weak_from_this()](error_code error) {
      const auto self = weak.lock();
      if (error || !self) return;
      self->timed_out_ = true;
      self->socket_.cancel(error);
    });
  }

  void OnRead(error_code error) {
    if (timed_out_) {  // silence between two requests needs no word
      if (parser_->got_some()) return Refuse(bhttp::status::request_timeout, "the request took too long\n");
      return Close();
    }
    if (error == bhttp::error::header_limit || error == bhttp::error::buffer_overflow)
      return Refuse(bhttp::status::request_header_fields_too_large, "the header is too large\n");
    if (error == bhttp::error::body_limit || error == bhttp::error::unexpected_body)
      return Refuse(bhttp::status::payload_too_large, "no body is taken here\n");
    if (error == bhttp::error::end_of_stream) return Close();
    if (error.category() == bhttp::make_error_code(bhttp::error::bad_method).category())
      return Refuse(bhttp::status::bad_request, "this is not HTTP/1.1\n");
    if (error) return Close();
    Answer();
  }

  void Answer() {
    const auto& request = parser_->get();
    const bool head = request.method() == bhttp::verb::head;
    if (!head && request.method() != bhttp::verb::get)
      return Refuse(bhttp::status::method_not_allowed, "only GET and HEAD are served\n");
    const std::string path(request.target().substr(0, request.target().find('?')));
    ServerReply reply;
    try {
      reply = handler_(path);
    } catch (const std::exception& e) {
      log::Error("a handler failed", {{"path", path}, {"error", e.what()}});
      reply = {500, kPlainText, "internal error\n"};
    } catch (...) {
      log::Error("a handler failed", {{"path", path}});
      reply = {500, kPlainText, "internal error\n"};
    }
    keep_alive_ = request.keep_alive();
    Write(std::move(reply), head);
  }

  void Refuse(bhttp::status status, const char* text) {
    keep_alive_ = false;
    Write({static_cast<int>(status), kPlainText, text}, false);
  }

  void Write(ServerReply reply, bool head) {
    response_ = {};
    response_.result(static_cast<unsigned>(reply.status));
    response_.version(11);
    response_.set(bhttp::field::content_type, reply.content_type);
    if (response_.result() == bhttp::status::method_not_allowed) response_.set(bhttp::field::allow, "GET, HEAD");
    response_.keep_alive(keep_alive_);
    response_.content_length(reply.body.size());
    if (!head) response_.body() = std::move(reply.body);
    StartTimer(timed_out_ ? kFarewell : limits_.request_time);
    bhttp::async_write(socket_, response_,
                       [self = shared_from_this()](error_code error, std::size_t) { self->OnWritten(error); });
  }

  void OnWritten(error_code error) {
    if (error || timed_out_) return Close();
    if (keep_alive_) return Read();
    // Closing with something unread would reset the connection, and the answer might be lost with it.
    socket_.shutdown(Tcp::socket::shutdown_send, error);
    StartTimer(kFarewell);
    Drain();
  }

  void Drain() {
    socket_.async_read_some(asio::buffer(scratch_), [self = shared_from_this()](error_code error, std::size_t) {
      if (error || self->timed_out_) return self->Close();
      self->Drain();
    });
  }

  Tcp::socket socket_;
  asio::steady_timer timer_;
  const Handler& handler_;
  const ServerLimits& limits_;
  beast::flat_buffer buffer_{limits_.header_bytes + 1024};
  std::optional<bhttp::request_parser<bhttp::empty_body>> parser_;
  bhttp::response<bhttp::string_body> response_;
  std::array<char, 4096> scratch_;
  bool keep_alive_ = false;
  bool timed_out_ = false;
};

class BeastServer final : public Server {
 public:
  BeastServer(Handler handler, ServerLimits limits) : handler_(std::move(handler)), limits_(limits) {}

  ~BeastServer() override {
    // With everything closed nothing is left to run, and the thread ends.
    asio::post(io_, [this] {
      stopping_ = true;
      error_code ignored;
      acceptor_.close(ignored);
      retry_.cancel();
      for (const auto& weak : sessions_) {
        if (const auto session = weak.lock()) session->Close();
      }
    });
    if (thread_.joinable()) thread_.join();
  }

  error_code Open(const Tcp::endpoint& endpoint) {
    error_code error;
    if (acceptor_.is_open()) acceptor_.close(error);
    acceptor_.open(endpoint.protocol(), error);
    if (!error) acceptor_.set_option(asio::socket_base::reuse_address(true), error);
    // An IPv6 wildcard serves IPv4 too.
    if (!error && endpoint.address().is_v6()) acceptor_.set_option(asio::ip::v6_only(false), error);
    if (!error) acceptor_.bind(endpoint, error);
    if (!error) acceptor_.listen(asio::socket_base::max_listen_connections, error);
    if (!error) port_ = acceptor_.local_endpoint(error).port();
    return error;
  }

  void Start() {
    Accept();
    thread_ = std::thread([this] { io_.run(); });
  }

  int port() const override { return port_; }

 private:
  void Accept() {
    acceptor_.async_accept([this](error_code error, Tcp::socket socket) {
      if (stopping_) return;
      if (error) return AcceptLater();
      Admit(std::move(socket));
      Accept();
    });
  }

  // Out of descriptors, most likely: look again when something may have been closed.
  void AcceptLater() {
    retry_.expires_after(std::chrono::milliseconds(100));
    retry_.async_wait([this](error_code) {
      if (!stopping_) Accept();
    });
  }

  // The oldest gives way: whoever holds connections open must not keep a probe out.
  void Admit(Tcp::socket socket) {
    sessions_.remove_if([](const auto& weak) { return weak.expired(); });
    if (static_cast<int>(sessions_.size()) >= limits_.connections) {
      if (const auto oldest = sessions_.front().lock()) oldest->Close();
      sessions_.pop_front();
    }
    const auto session = std::make_shared<Session>(std::move(socket), handler_, limits_);
    sessions_.push_back(session);
    session->Read();
  }

  const Handler handler_;
  const ServerLimits limits_;
  asio::io_context io_{1};
  Tcp::acceptor acceptor_{io_};
  asio::steady_timer retry_{io_};
  std::list<std::weak_ptr<Session>> sessions_;  // oldest first
  bool stopping_ = false;
  int port_ = 0;
  std::thread thread_;
};

Result<Tcp::endpoint> ParseAddress(const std::string& address) {
  const Error shape = Error::Invalid("address \"" + CleanText(address, 300) +
                                     "\" is not host:port (an IP address, IPv6 in brackets, or localhost) or :port");
  const auto colon = address.rfind(':');
  if (colon == std::string::npos) return Fail(shape);
  unsigned short port = 0;
  const char* const end = address.data() + address.size();
  const auto [stopped, bad] = std::from_chars(address.data() + colon + 1, end, port);
  if (bad != std::errc{} || stopped != end) return Fail(shape);
  std::string host = address.substr(0, colon);
  if (host.empty()) return Tcp::endpoint(Tcp::v6(), port);
  if (host == "localhost") host = "127.0.0.1";
  const bool bracketed = host.size() > 2 && host.front() == '[' && host.back() == ']';
  if (bracketed) host = host.substr(1, host.size() - 2);
  error_code error;
  const auto ip = asio::ip::make_address(host, error);
  if (error || ip.is_v6() != bracketed) return Fail(shape);
  return Tcp::endpoint(ip, port);
}

Error ListenError(const std::string& address, const error_code& error) {
  const std::string text = "cannot listen on " + address + ": " + error.message();
  if (error == asio::error::address_in_use) return Error::Transient(text);
  if (error == asio::error::access_denied) return Error::Denied(text);
  return Error::Invalid(text);
}

}  // namespace

Result<std::unique_ptr<Server>> Server::Listen(const std::string& address, Handler handler, ServerLimits limits) {
  auto endpoint = ParseAddress(address);
  if (!endpoint) return Fail(std::move(endpoint).error());
  auto server = std::make_unique<BeastServer>(std::move(handler), limits);
  error_code error = server->Open(*endpoint);
  if (error == asio::error::address_family_not_supported && address.front() == ':')  // a host without IPv6
    error = server->Open({Tcp::v4(), endpoint->port()});
  if (error) return Fail(ListenError(address, error));
  server->Start();
  return server;
}

}  // namespace rempart::http
