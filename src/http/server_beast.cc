#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ip/v6_only.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <charconv>
#include <exception>
#include <optional>
#include <string_view>
#include <thread>

#include "src/base/log.h"
#include "src/http/server.h"

namespace rempart::http {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace bhttp = boost::beast::http;
using Tcp = asio::ip::tcp;
using boost::system::error_code;

constexpr std::size_t kMaxHeaderBytes = 8 * 1024;
constexpr int kMaxConnections = 64;
constexpr auto kRequestTime = std::chrono::seconds(10);

// One connection: requests one after the other until either side is done. Lives as long as an operation of it is under way. Runs on the
// server's one thread, so nothing is locked.
class Connection : public std::enable_shared_from_this<Connection> {
 public:
  Connection(Tcp::socket socket, const Handler& handler, int& open) : stream_(std::move(socket)), handler_(handler), open_(open) { ++open_; }
  ~Connection() { --open_; }

  void Read() {
    parser_.emplace();
    parser_->header_limit(kMaxHeaderBytes);
    parser_->body_limit(0);
    stream_.expires_after(kRequestTime);
    bhttp::async_read(stream_, buffer_, *parser_, [self = shared_from_this()](error_code error, std::size_t) { self->OnRead(error); });
  }

 private:
  void OnRead(error_code error) {
    if (error == bhttp::error::header_limit) return Refuse(bhttp::status::request_header_fields_too_large, "header above 8 KiB\n");
    if (error == bhttp::error::body_limit) return Refuse(bhttp::status::payload_too_large, "no body is taken here\n");
    if (error == bhttp::error::end_of_stream || error == beast::error::timeout || error.category() == asio::error::get_system_category()) return Close();
    if (error) return Refuse(bhttp::status::bad_request, "this is not HTTP/1.1\n");
    const auto& request = parser_->get();
    if (request.method() != bhttp::verb::get && request.method() != bhttp::verb::head)
      return Refuse(bhttp::status::method_not_allowed, "only GET and HEAD are served\n");
    const std::string target(request.target());
    ServerReply reply;
    try {
      reply = handler_(target.substr(0, target.find('?')));
    } catch (const std::exception& e) {
      log::Error("a handler failed", {{"path", target}, {"error", e.what()}});
      reply = {500, "text/plain; charset=utf-8", "internal error\n"};
    }
    Reply(static_cast<bhttp::status>(reply.status), reply.content_type, std::move(reply.body), request.keep_alive(), request.method() == bhttp::verb::head);
  }

  void Refuse(bhttp::status status, std::string text) { Reply(status, "text/plain; charset=utf-8", std::move(text), false, false); }

  void Reply(bhttp::status status, const std::string& type, std::string body, bool keep_alive, bool head) {
    response_ = {status, 11};
    response_.set(bhttp::field::content_type, type);
    if (status == bhttp::status::method_not_allowed) response_.set(bhttp::field::allow, "GET, HEAD");
    response_.keep_alive(keep_alive);
    response_.content_length(body.size());
    if (!head) response_.body() = std::move(body);
    stream_.expires_after(kRequestTime);
    bhttp::async_write(stream_, response_, [self = shared_from_this(), keep_alive](error_code error, std::size_t) {
      if (error || !keep_alive) return self->Close();
      self->Read();
    });
  }

  void Close() {
    error_code ignored;
    stream_.socket().shutdown(Tcp::socket::shutdown_send, ignored);
  }

  beast::tcp_stream stream_;
  beast::flat_buffer buffer_{2 * kMaxHeaderBytes};
  std::optional<bhttp::request_parser<bhttp::empty_body>> parser_;
  bhttp::response<bhttp::string_body> response_;
  const Handler& handler_;
  int& open_;
};

class BeastServer final : public Server {
 public:
  explicit BeastServer(Handler handler) : handler_(std::move(handler)) {}

  ~BeastServer() override {
    io_.stop();
    if (thread_.joinable()) thread_.join();
  }

  Status Open(const Tcp::endpoint& endpoint) {
    error_code error;
    acceptor_.open(endpoint.protocol(), error);
    if (!error) acceptor_.set_option(asio::socket_base::reuse_address(true), error);
    // An IPv6 wildcard serves IPv4 too.
    if (!error && endpoint.address().is_v6()) acceptor_.set_option(asio::ip::v6_only(false), error);
    if (!error) acceptor_.bind(endpoint, error);
    if (!error) acceptor_.listen(asio::socket_base::max_listen_connections, error);
    if (error) return Fail(Error::Transient("cannot listen on port " + std::to_string(endpoint.port()) + ": " + error.message()));
    port_ = acceptor_.local_endpoint().port();
    Accept();
    thread_ = std::thread([this] { io_.run(); });
    return {};
  }

  int port() const override { return port_; }

 private:
  void Accept() {
    acceptor_.async_accept([this](error_code error, Tcp::socket socket) {
      if (error == asio::error::operation_aborted) return;
      // Above the limit a connection is closed at once: whoever holds the others is cut after their 10 s.
      if (!error && open_ < kMaxConnections) std::make_shared<Connection>(std::move(socket), handler_, open_)->Read();
      if (error == asio::error::no_descriptors) {  // nothing to accept with: look again when something was closed
        retry_.expires_after(std::chrono::milliseconds(100));
        return retry_.async_wait([this](error_code) { Accept(); });
      }
      Accept();
    });
  }

  // Before io_, whose destruction ends the connections that still count themselves here.
  Handler handler_;
  int open_ = 0;
  asio::io_context io_{1};
  Tcp::acceptor acceptor_{io_};
  asio::steady_timer retry_{io_};
  int port_ = 0;
  std::thread thread_;
};

Result<Tcp::endpoint> ParseAddress(const std::string& address) {
  const auto colon = address.rfind(':');
  const std::string shape = "\"" + address + "\" is no address: give host:port, or :port for every interface";
  if (colon == std::string::npos) return Fail(Error::Invalid(shape));
  unsigned short port = 0;
  const char* const end = address.data() + address.size();
  const auto [stopped, bad] = std::from_chars(address.data() + colon + 1, end, port);
  if (bad != std::errc{} || stopped != end) return Fail(Error::Invalid(shape));
  std::string host = address.substr(0, colon);
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') host = host.substr(1, host.size() - 2);
  if (host.empty()) return Tcp::endpoint(Tcp::v6(), port);
  if (host == "localhost") host = "127.0.0.1";
  error_code error;
  const auto ip = asio::ip::make_address(host, error);
  if (error) return Fail(Error::Invalid(shape + " (the host as an IP address)"));
  return Tcp::endpoint(ip, port);
}

}  // namespace

Result<std::unique_ptr<Server>> Server::Listen(const std::string& address, Handler handler) {
  auto endpoint = ParseAddress(address);
  if (!endpoint) return Fail(std::move(endpoint.error()));
  auto server = std::make_unique<BeastServer>(std::move(handler));
  auto opened = server->Open(*endpoint);
  if (!opened && address.front() == ':') opened = server->Open({Tcp::v4(), endpoint->port()});  // a host without IPv6
  if (!opened) return Fail(std::move(opened.error()));
  return server;
}

}  // namespace rempart::http
