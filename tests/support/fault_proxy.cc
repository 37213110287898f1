#include "tests/support/fault_proxy.h"

#include <unistd.h>

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <boost/beast/ssl.hpp>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <limits>
#include <list>
#include <map>
#include <mutex>
#include <stdexcept>
#include <thread>
#include <vector>

#include "tests/support/cluster.h"
#include "tests/support/self_signed.h"

namespace rempart::test {
namespace {

namespace asio = boost::asio;
namespace ssl = boost::asio::ssl;
namespace beast = boost::beast;
namespace bhttp = boost::beast::http;
using boost::system::error_code;
using TlsStream = ssl::stream<asio::ip::tcp::socket>;

std::string StatusBody(int code) {
  static const std::map<int, const char*> reasons = {{409, "Conflict"},
                                                     {410, "Expired"},
                                                     {429, "TooManyRequests"},
                                                     {500, "InternalError"},
                                                     {503, "ServiceUnavailable"}};
  const auto it = reasons.find(code);
  return Json{{"kind", "Status"},
              {"apiVersion", "v1"},
              {"status", "Failure"},
              {"message", "the fault proxy says so"},
              {"reason", it == reasons.end() ? "Unknown" : it->second},
              {"code", code}}
      .dump();
}

struct Closed {};  // thrown to end a connection from within

}  // namespace

std::string Fault::ToString() const {
  static constexpr const char* kNames[] = {"none",        "delay",      "status",    "lose request",
                                           "lose answer", "cut stream", "duplicate", "stale list",
                                           "garble",      "expire",     "hang"};
  const std::string name = kNames[static_cast<std::size_t>(kind)];
  return kind == Kind::kStatus ? name + " " + std::to_string(n) : name;
}

struct FaultProxy::Impl {
  explicit Impl(const kube::Config& config) : upstream(config), acceptor(io, {asio::ip::make_address("127.0.0.1"), 0}) {
    const SelfSigned own = MakeSelfSigned();
    server_tls.use_certificate_chain(asio::buffer(own.certificate));
    server_tls.use_private_key(asio::buffer(own.key), ssl::context::pem);
    const std::string cert =
        upstream.client_cert_pem.empty() ? ReadAll(upstream.client_cert_file) : upstream.client_cert_pem;
    const std::string key =
        upstream.client_key_pem.empty() ? ReadAll(upstream.client_key_file) : upstream.client_key_pem;
    client_tls.add_certificate_authority(
        asio::buffer(upstream.ca_pem.empty() ? ReadAll(upstream.ca_file) : upstream.ca_pem));
    client_tls.use_certificate_chain(asio::buffer(cert));
    client_tls.use_private_key(asio::buffer(key), ssl::context::pem);
    client_tls.set_verify_mode(ssl::verify_peer);
    const auto colon = upstream.server.rfind(':');
    host = upstream.server.substr(8, colon - 8);
    port = upstream.server.substr(colon + 1);

    const auto directory = std::filesystem::temp_directory_path();
    kubeconfig_path = (directory / (UniqueName("fault-proxy") + ".kubeconfig")).string();
    const Json kubeconfig = {
        {"apiVersion", "v1"},
        {"kind", "Config"},
        {"current-context", "proxy"},
        {"clusters",
         Json::array({{{"name", "proxy"},
                       {"cluster",
                        {{"server", "https://127.0.0.1:" + std::to_string(acceptor.local_endpoint().port())},
                         {"certificate-authority", kubeconfig_path + ".ca"}}}}})},
        {"users", Json::array({{{"name", "proxy"}, {"user", {{"token", "not-checked-by-the-proxy"}}}}})},
        {"contexts", Json::array({{{"name", "proxy"}, {"context", {{"cluster", "proxy"}, {"user", "proxy"}}}}})}};
    std::ofstream(kubeconfig_path + ".ca") << own.certificate;
    std::ofstream(kubeconfig_path) << kubeconfig.dump();
    accepting = std::thread([this] { Accept(); });
  }

  ~Impl() {
    stopping = true;
    error_code ignored;
    {  // accept() is woken by a connection of our own
      asio::ip::tcp::socket wake(io);
      wake.connect(acceptor.local_endpoint(), ignored);
    }
    accepting.join();
    acceptor.close(ignored);
    CutAll();
    for (auto& connection : connections) connection->thread.join();
    ::unlink(kubeconfig_path.c_str());
    ::unlink((kubeconfig_path + ".ca").c_str());
  }

  static std::string ReadAll(const std::string& path) {
    std::ifstream in(path);
    return {std::istreambuf_iterator<char>(in), {}};
  }

  struct Connection {
    std::thread thread;
    std::mutex mutex;
    int client_fd = -1, server_fd = -1;  // for CutAll; -1 once closed
    bool ended = false;
  };

  void Accept() {
    while (!stopping) {
      error_code error;
      asio::ip::tcp::socket socket(io);
      acceptor.accept(socket, error);
      if (error || stopping) continue;
      auto connection = std::make_shared<Connection>();
      std::scoped_lock lock(mutex);
      std::erase_if(connections, [](auto& c) {
        std::unique_lock own(c->mutex);
        if (!c->ended) return false;
        own.unlock();
        c->thread.join();
        return true;
      });
      connections.push_back(connection);
      connection->thread =
          std::thread([this, connection, s = std::move(socket)]() mutable { Serve(*connection, std::move(s)); });
    }
  }

  void CutAll() {
    std::scoped_lock lock(mutex);
    for (auto& connection : connections) {
      std::scoped_lock own(connection->mutex);
      if (connection->client_fd >= 0) ::shutdown(connection->client_fd, SHUT_RDWR);
      if (connection->server_fd >= 0) ::shutdown(connection->server_fd, SHUT_RDWR);
    }
  }

  void Serve(Connection& connection, asio::ip::tcp::socket socket) {
    socket.set_option(asio::ip::tcp::no_delay(true));
    TlsStream client(std::move(socket), server_tls);
    TlsStream server(io, client_tls);
    try {
      server.lowest_layer().connect({asio::ip::make_address(host), static_cast<unsigned short>(std::stoi(port))});
      server.lowest_layer().set_option(asio::ip::tcp::no_delay(true));
      {
        std::scoped_lock own(connection.mutex);
        connection.client_fd = client.lowest_layer().native_handle();
        connection.server_fd = server.lowest_layer().native_handle();
      }
      client.handshake(ssl::stream_base::server);
      server.handshake(ssl::stream_base::client);
      beast::flat_buffer from_client, from_server;
      while (!stopping) Relay(client, server, from_client, from_server);
    } catch (const Closed&) {
    } catch (const std::exception& e) {  // either side went away
      if (std::getenv("REMPART_PROXY_DEBUG")) std::fprintf(stderr, "proxy: %s\n", e.what());
    }
    std::scoped_lock own(connection.mutex);
    connection.client_fd = connection.server_fd = -1;
    error_code ignored;
    client.lowest_layer().close(ignored);
    server.lowest_layer().close(ignored);
    connection.ended = true;
  }

  void Relay(TlsStream& client, TlsStream& server, beast::flat_buffer& from_client, beast::flat_buffer& from_server) {
    bhttp::request_parser<bhttp::string_body> reader;
    reader.body_limit(16 * 1024 * 1024);
    bhttp::read(client, from_client, reader);
    auto request = reader.release();

    Exchange exchange;
    exchange.method = std::string(request.method_string());
    exchange.target = std::string(request.target());
    exchange.watch = exchange.target.find("watch=true") != std::string::npos;
    exchange.write = exchange.method != "GET" && exchange.target.find("/leases") == std::string::npos;
    exchange.number = ++exchange_count;
    Fault fault;
    {
      std::scoped_lock lock(mutex);
      if (decide) fault = decide(exchange);
    }
    if (fault.kind == Fault::Kind::kLoseRequest) {
      Count(fault);
      throw Closed{};
    }
    if (fault.kind == Fault::Kind::kHang) {
      Count(fault);
      AwaitClosed(client);
    }
    if (fault.kind == Fault::Kind::kStatus) {
      Answer(client, fault.n, StatusBody(fault.n));
      return Count(fault);
    }
    if (fault.kind == Fault::Kind::kStaleList && ReplayStale(client, exchange, fault)) return;

    request.erase(bhttp::field::authorization);  // the proxy's own certificate speaks for the operator
    bhttp::write(server, request);
    bhttp::response_parser<bhttp::buffer_body> answer;
    answer.body_limit(std::numeric_limits<std::uint64_t>::max());
    bhttp::read_header(server, from_server, answer);
    if (answer.get().result_int() == 200 && exchange.watch)
      return RelayStream(client, server, from_server, answer, exchange, fault);

    std::string body = ReadBody(server, from_server, answer);
    if (exchange.write && answer.get().result_int() < 300) {
      exchange.write_number = ++write_count;
      OnWrite hook;
      {
        std::scoped_lock lock(mutex);
        hook = on_write;
      }
      if (hook) hook(exchange);
    }
    if (exchange.method == "GET" && answer.get().result_int() == 200) Remember(exchange, body);
    if (fault.kind == Fault::Kind::kLoseAnswer) {
      Count(fault);
      throw Closed{};
    }
    if (fault.kind == Fault::Kind::kDelay) {
      std::this_thread::sleep_for(std::chrono::milliseconds(fault.n));
      Count(fault);
    }
    if (fault.kind == Fault::Kind::kCutStream) {
      Truncate(client, body, fault.n);
      Count(fault);
      throw Closed{};
    }
    Answer(client, static_cast<int>(answer.get().result_int()), body, std::string(answer.get()["Retry-After"]));
  }

  static std::string ReadBody(TlsStream& server, beast::flat_buffer& buffer,
                              bhttp::response_parser<bhttp::buffer_body>& answer) {
    std::string body;
    while (!answer.is_done()) body += ReadPiece(server, buffer, answer);
    return body;
  }

  static std::string ReadPiece(TlsStream& server, beast::flat_buffer& buffer,
                               bhttp::response_parser<bhttp::buffer_body>& answer) {
    std::string piece(64 * 1024, '\0');
    answer.get().body().data = piece.data();
    answer.get().body().size = piece.size();
    error_code error;
    bhttp::read_some(server, buffer, answer, error);
    if (error && error != bhttp::error::need_buffer) throw boost::system::system_error(error);
    piece.resize(piece.size() - answer.get().body().size);
    return piece;
  }

  [[noreturn]] static void AwaitClosed(TlsStream& client) {
    for (char byte = 0;;) client.read_some(asio::buffer(&byte, 1));  // throws in the end
  }
  static void Answer(TlsStream& client, int status, const std::string& body, const std::string& retry_after = "") {
    bhttp::response<bhttp::string_body> response(static_cast<bhttp::status>(status), 11);
    response.set(bhttp::field::content_type, "application/json");
    if (!retry_after.empty())
      response.set(bhttp::field::retry_after, retry_after);
    else if (status == 429 || status == 503)
      response.set(bhttp::field::retry_after, "1");
    response.body() = body;
    response.prepare_payload();
    bhttp::write(client, response);
  }

  void Count(const Fault& fault) {
    std::scoped_lock lock(mutex);
    ++done[fault.ToString()];
  }

  // Announces more than the whole body, sends only a part of it.
  static void Truncate(TlsStream& client, const std::string& body, int bytes) {
    const std::string head =
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: " + std::to_string(body.size() + 1) +
        "\r\n\r\n";
    asio::write(client, asio::buffer(head + body.substr(0, static_cast<std::size_t>(bytes))));
  }

  static void SendChunk(TlsStream& client, const std::string& data) {
    asio::write(client, bhttp::make_chunk(asio::buffer(data)));
  }

  static void StartStream(TlsStream& client) {
    asio::write(client,
                asio::buffer(std::string(
                    "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n")));
  }

  void RelayStream(TlsStream& client, TlsStream& server, beast::flat_buffer& buffer,
                   bhttp::response_parser<bhttp::buffer_body>& answer, const Exchange& exchange, Fault fault) {
    StartStream(client);
    std::string line, initial;
    bool in_initial_state = exchange.target.find("sendInitialEvents=true") != std::string::npos;
    int sent = 0;
    while (!answer.is_done()) {
      std::string piece = ReadPiece(server, buffer, answer);
      if (piece.empty()) continue;
      if (fault.kind == Fault::Kind::kDelay) {
        std::this_thread::sleep_for(std::chrono::milliseconds(fault.n));
        Count(fault);
      }
      if (fault.kind == Fault::Kind::kDuplicate || in_initial_state) {  // line by line
        std::string out;
        for (const char c : piece) {
          line += c;
          if (c != '\n') continue;
          out += line;
          if (fault.kind == Fault::Kind::kDuplicate) {
            out += line;
            Count(fault);
          }
          if (in_initial_state) {
            initial += line;
            if (line.find("k8s.io/initial-events-end") != std::string::npos) {
              in_initial_state = false;
              Remember(exchange, initial);
            }
          }
          line.clear();
        }
        piece = std::move(out);
        if (!in_initial_state && fault.kind != Fault::Kind::kDuplicate) piece += std::exchange(line, "");
        if (piece.empty()) continue;
      }
      if (fault.kind == Fault::Kind::kCutStream && sent + static_cast<int>(piece.size()) > fault.n) {
        // The chunk's size is announced whole; its end never comes.
        char size[32];
        std::snprintf(size, sizeof size, "%zx\r\n", piece.size());
        asio::write(client,
                    asio::buffer(size + piece.substr(0, static_cast<std::size_t>(std::max(0, fault.n - sent)))));
        Count(fault);
        throw Closed{};
      }
      if (fault.kind == Fault::Kind::kGarble && sent + static_cast<int>(piece.size()) > fault.n) {
        SendChunk(client, piece.substr(0, piece.size() / 2) + "\x01{{]\"\n");
        Count(fault);
        throw Closed{};
      }
      if (fault.kind == Fault::Kind::kExpire && sent + static_cast<int>(piece.size()) > fault.n) {
        const std::string::size_type whole = piece.rfind('\n') + 1;  // 0 for none: what follows is part of an event
        if (whole > 0) {
          SendChunk(client, piece.substr(0, whole) +
                                R"({"type":"ERROR","object":{"kind":"Status","apiVersion":"v1","metadata":{},)"
                                R"("status":"Failure","message":"too old resource version: 1","reason":"Expired",)"
                                R"("code":410}})"
                                "\n");
          asio::write(client, bhttp::make_chunk_last());
          Count(fault);
          throw Closed{};
        }
      }
      SendChunk(client, piece);
      sent += static_cast<int>(piece.size());
    }
    if (!line.empty()) SendChunk(client, line);
    asio::write(client, bhttp::make_chunk_last());
  }

  static std::string WithoutQueryNoise(const std::string& target) {  // one memory a resource and way of asking
    return target.substr(0, target.find('?')) +
           (target.find("sendInitialEvents") != std::string::npos ? "#stream" : "#list");
  }

  void Remember(const Exchange& exchange, const std::string& body) {
    std::scoped_lock lock(mutex);
    memory.try_emplace(WithoutQueryNoise(exchange.target), body);
  }

  // False where nothing was remembered yet.
  bool ReplayStale(TlsStream& client, const Exchange& exchange, const Fault& fault) {
    std::string old;
    {
      std::scoped_lock lock(mutex);
      const auto it = memory.find(WithoutQueryNoise(exchange.target));
      if (it == memory.end()) return false;
      old = it->second;
    }
    if (!exchange.watch) {
      Answer(client, 200, old);
      Count(fault);
      return true;
    }
    if (exchange.target.find("sendInitialEvents=true") == std::string::npos) return false;
    StartStream(client);
    SendChunk(client, old);
    asio::write(client, bhttp::make_chunk_last());
    Count(fault);
    throw Closed{};
  }

  kube::Config upstream;
  std::string host, port, kubeconfig_path;
  asio::io_context io;
  ssl::context server_tls{ssl::context::tls_server}, client_tls{ssl::context::tls_client};
  asio::ip::tcp::acceptor acceptor;
  std::thread accepting;
  std::atomic<bool> stopping{false};
  std::atomic<int> exchange_count{0}, write_count{0};
  std::mutex mutex;
  std::list<std::shared_ptr<Connection>> connections;
  std::map<std::string, std::string> memory;
  std::map<std::string, int> done;
  Decide decide;
  OnWrite on_write;
};

FaultProxy::FaultProxy(const kube::Config& upstream) : impl_(std::make_unique<Impl>(upstream)) {}
FaultProxy::~FaultProxy() = default;
void FaultProxy::SetDecide(Decide decide) {
  std::scoped_lock lock(impl_->mutex);
  impl_->decide = std::move(decide);
}
void FaultProxy::SetOnWrite(OnWrite on_write) {
  std::scoped_lock lock(impl_->mutex);
  impl_->on_write = std::move(on_write);
}
void FaultProxy::CutAll() { impl_->CutAll(); }
const std::string& FaultProxy::kubeconfig() const { return impl_->kubeconfig_path; }
int FaultProxy::writes() const { return impl_->write_count; }
int FaultProxy::exchanges() const { return impl_->exchange_count; }
std::map<std::string, int> FaultProxy::done() const {
  std::scoped_lock lock(impl_->mutex);
  return impl_->done;
}

}  // namespace rempart::test
