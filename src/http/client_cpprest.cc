// The client on cpprestsdk. The calling thread waits in an Exchange; everything of the library happens on IoThread.
#include <cpprest/http_client.h>
#include <cpprest/rawptrstream.h>
#include <pplx/threadpool.h>

#include <algorithm>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl.hpp>
#include <exception>
#include <utility>
#include <vector>

#include "src/http/client.h"
#include "src/http/exchange.h"
#include "src/http/header_text.h"
#include "src/http/io_thread.h"
#include "src/http/origin.h"
#include "src/http/response_buffer.h"
#include "src/http/tls.h"

namespace rempart::http {
namespace {

using boost::asio::ip::tcp;
using Clock = Exchange::Clock;

// Thrown through the library, from its callbacks to our continuation.
struct NeedsIdentity {};     // a new connection is being made, and the calling thread has not read the identity yet
struct ConnectionClosed {};  // a kept-alive connection had been closed by the server
struct CannotConfigure {};

constexpr char kCannotConnect[] = "Failed to connect to any resolved endpoint";  // the library's text

// One Send or Stream on the I/O thread. `request` belongs to the calling thread, which waits until all this is over.
struct Call {
  const Request* request;
  std::shared_ptr<Exchange> exchange;
  pplx::cancellation_token_source cancel;
  std::vector<tcp::endpoint> candidates;  // addresses of the host not tried yet
  bool resolving = false;
};

// The call on whose behalf http_client::request runs. The library calls back without saying for which request; but it
// starts a request within http_client::request. Where there is none it is sending a request a second time, by itself,
// since a kept-alive connection turned out to be closed: not wanted, the request may have had its effect.
Call* starting = nullptr;  // I/O thread only

// What is sent to one address, with its kept-alive connections.
struct Route {
  tcp::endpoint address;
  web::http::client::http_client client;
};

web::http::client::http_client_config MakeConfig(const std::shared_ptr<const TlsSettings>& tls, bool wants_identity) {
  web::http::client::http_client_config config;
  config.set_timeout(
      std::chrono::hours(24 * 365));  // an idle timer, which also runs while a sink is slow: Exchange has its own
  config.set_max_redirects(0);
  config.set_chunksize(16 * 1024);       // what is gathered before a body without chunks is handed on
  config.set_tlsext_sni_enabled(false);  // would send the Host header, port and all; TlsSettings does it
  if (tls) {
    config.set_ssl_context_callback([tls, wants_identity](boost::asio::ssl::context& context) {
      if (starting == nullptr) throw ConnectionClosed();
      const Exchange& exchange = *starting->exchange;
      if (wants_identity && !exchange.identity_known) throw NeedsIdentity();
      if (!tls->Configure(context.native_handle(), exchange.identity.get())) throw CannotConfigure();
    });
  }
  config.set_nativehandle_options([tls](web::http::client::native_handle handle) {
    if (starting == nullptr) throw ConnectionClosed();
    if (!tls) return;
    auto* stream = static_cast<boost::asio::ssl::stream<tcp::socket&>*>(handle);
    tls->Attach(stream->native_handle(), starting->exchange);
  });
  return config;
}

Headers TakeHeaders(web::http::http_headers& from) {
  Headers headers;
  headers.reserve(from.size());
  for (auto& [name, value] : from) headers.emplace_back(name, std::move(value));
  return headers;
}

Error ToError(const web::http::http_exception& e, const Exchange& exchange) {
  std::string text = e.what();
  const int code = e.error_code().value();
  // Texts of the library that are about the answer's form and not about the connection.
  if (text.starts_with("Invalid ")) return Error::Invalid("malformed answer: " + text);
  if (text == kCannotConnect) return Error::Transient("cannot connect: refused or unreachable");
  if (text == "Error in SSL handshake") text = "TLS handshake failed";
  std::string why = exchange.tls_note;
  // 1 and 2 are Asio's "stream truncated" and "end of file"; the library turns the latter into ECONNABORTED at times.
  if (why.empty() && (code == 1 || code == 2 || code == ECONNABORTED)) why = "the server closed the connection";
  if (why.empty()) why = TextOfIoError(static_cast<unsigned long>(code));
  return Error::Transient(why.empty() ? text : text + ": " + why);
}

// What belongs to a client but may outlive it by an address lookup that cannot be interrupted. I/O thread only.
class Core : public std::enable_shared_from_this<Core> {
 public:
  Core(Origin origin, std::shared_ptr<const TlsSettings> tls, bool wants_identity)
      : origin_(std::move(origin)),
        tls_(std::move(tls)),
        wants_identity_(wants_identity),
        authority_(origin_.Authority()),
        resolver_(crossplat::threadpool::shared_instance().service()) {}

  void Start(const std::shared_ptr<Call>& call);
  void Cancel(const std::shared_ptr<Call>& call);

 private:
  void Resolve(const std::shared_ptr<Call>& call);
  void OnResolved(const std::shared_ptr<Call>& call, const boost::system::error_code& error,
                  const tcp::resolver::results_type& results);
  void TryNext(const std::shared_ptr<Call>& call);
  std::shared_ptr<Route> MakeRoute(const tcp::endpoint& address) const;
  web::http::http_request MakeRequest(const Call& call) const;
  void Launch(const std::shared_ptr<Call>& call, const std::shared_ptr<Route>& route);
  void OnHead(const std::shared_ptr<Call>& call, const std::shared_ptr<Route>& route,
              web::http::http_response response);
  void OnFailure(const std::shared_ptr<Call>& call, const std::exception_ptr& failure);

  const Origin origin_;
  const std::shared_ptr<const TlsSettings> tls_;  // null without TLS
  const bool wants_identity_;
  const std::string authority_;
  tcp::resolver resolver_;
  std::shared_ptr<Route> route_;  // the address in use
  Clock::time_point resolved_;    // when it was found
  std::size_t rotation_ = 0;      // raised when an address was of no use, so that the next call begins with another
};

// A name's address is looked up again after so long, or when it stops answering. (The library would do it for each new
// connection; but it then goes from one address to the next without its callbacks, see MakeConfig, and cannot be
// interrupted. So it is given addresses only.)
constexpr auto kAddressLifetime = std::chrono::minutes(5);

void Core::Start(const std::shared_ptr<Call>& call) {
  if (call->exchange->Aborted()) return call->exchange->OnFinished(std::nullopt);
  if (origin_.is_address && !route_)
    route_ = MakeRoute(
        tcp::endpoint(boost::asio::ip::make_address(origin_.host), static_cast<unsigned short>(origin_.port)));
  if (route_ && (origin_.is_address || Clock::now() - resolved_ < kAddressLifetime)) return Launch(call, route_);
  Resolve(call);
}

void Core::Resolve(const std::shared_ptr<Call>& call) {
  call->resolving = true;
  resolver_.async_resolve(origin_.host, std::to_string(origin_.port), tcp::resolver::numeric_service,
                          [self = shared_from_this(), call](const boost::system::error_code& error,
                                                            const tcp::resolver::results_type& results) {
                            if (std::exchange(call->resolving, false)) self->OnResolved(call, error, results);
                          });
}

void Core::OnResolved(const std::shared_ptr<Call>& call, const boost::system::error_code& error,
                      const tcp::resolver::results_type& results) {
  for (const auto& result : results) {
    if (origin_.tls || result.endpoint().address().is_loopback()) call->candidates.push_back(result.endpoint());
  }
  if (error || call->candidates.empty()) {
    const std::string why = error ? error.message() : "no suitable address";
    return call->exchange->OnFinished(Error::Transient("cannot resolve " + origin_.host + ": " + why));
  }
  resolved_ = Clock::now();
  const auto first = static_cast<std::ptrdiff_t>(rotation_ % call->candidates.size());
  std::ranges::rotate(call->candidates, call->candidates.begin() + first);
  TryNext(call);
}

void Core::TryNext(const std::shared_ptr<Call>& call) {
  const tcp::endpoint address = call->candidates.front();
  call->candidates.erase(call->candidates.begin());
  Launch(call, route_ && route_->address == address ? route_ : MakeRoute(address));
}

std::shared_ptr<Route> Core::MakeRoute(const tcp::endpoint& address) const {
  // Without brackets around IPv6: the library's parser takes that, its resolver would not take the brackets.
  const std::string uri =
      (tls_ ? "https://" : "http://") + address.address().to_string() + ":" + std::to_string(address.port());
  return std::make_shared<Route>(
      Route{address, web::http::client::http_client(uri, MakeConfig(tls_, wants_identity_))});
}

web::http::http_request Core::MakeRequest(const Call& call) const {
  const Request& from = *call.request;
  web::http::http_request request(from.method);
  request.set_request_uri(web::uri(from.target));
  auto& headers = request.headers();
  headers["Host"] = authority_;
  for (const auto& [name, value] : from.headers) {
    std::string& joined = headers[name];
    joined = joined.empty() ? value : joined + ", " + value;
  }
  if (!headers.has("User-Agent")) headers["User-Agent"] = "rempart";
  if (!from.body.empty()) {
    const auto* data = reinterpret_cast<const std::uint8_t*>(from.body.data());
    request.set_body(Concurrency::streams::rawptr_stream<std::uint8_t>::open_istream(data, from.body.size()),
                     from.body.size(), std::string("application/octet-stream"));
  }
  request.set_response_stream(MakeResponseStream(call.exchange));
  return request;
}

void Core::Launch(const std::shared_ptr<Call>& call, const std::shared_ptr<Route>& route) {
  try {
    web::http::http_request request = MakeRequest(*call);
    const SkipDefaultAuthorities skip;
    starting = call.get();
    auto answer = route->client.request(request, call->cancel.get_token());
    starting = nullptr;
    answer.then([self = shared_from_this(), call, route](const pplx::task<web::http::http_response>& task) {
      try {
        self->OnHead(call, route, task.get());
      } catch (...) {
        self->OnFailure(call, std::current_exception());
      }
    });
  } catch (...) {
    starting = nullptr;
    OnFailure(call, std::current_exception());
  }
}

void Core::OnHead(const std::shared_ptr<Call>& call, const std::shared_ptr<Route>& route,
                  web::http::http_response response) {
  route_ = route;
  // The connection is still this request's own; closing it now keeps it from being used again.
  if (!call->exchange->OnHead(response.status_code(), TakeHeaders(response.headers()))) call->cancel.cancel();
  response.content_ready().then([self = shared_from_this(), call](const pplx::task<web::http::http_response>& task) {
    try {
      task.get();
      call->exchange->OnFinished(std::nullopt);
    } catch (...) {
      self->OnFailure(call, std::current_exception());
    }
  });
}

void Core::OnFailure(const std::shared_ptr<Call>& call, const std::exception_ptr& failure) {
  Exchange& exchange = *call->exchange;
  try {
    std::rethrow_exception(failure);
  } catch (const NeedsIdentity&) {
    exchange.OnNeedsIdentity();
  } catch (const ConnectionClosed&) {
    exchange.OnFinished(Error::Transient("the server had closed the kept-alive connection"));
  } catch (const CannotConfigure&) {
    exchange.OnFinished(Error::Internal("cannot set TLS up"));
  } catch (const web::http::http_exception& e) {
    const bool unreachable = e.what() == std::string_view(kCannotConnect);
    if (unreachable && !call->candidates.empty() && !exchange.Aborted()) return TryNext(call);
    if (unreachable && !origin_.is_address) {
      route_.reset();
      ++rotation_;
    }
    exchange.OnFinished(ToError(e, exchange));
  } catch (const std::exception& e) {
    exchange.OnFinished(Error::Internal(std::string("cpprestsdk: ") + e.what()));
  } catch (...) {
    exchange.OnFinished(Error::Internal("cpprestsdk: unknown exception"));
  }
}

void Core::Cancel(const std::shared_ptr<Call>& call) {
  if (!origin_.is_address && !call->exchange->heard()) {
    route_.reset();
    ++rotation_;
  }
  if (std::exchange(call->resolving, false)) return call->exchange->OnFinished(std::nullopt);
  call->cancel.cancel();
  if (const auto resume = call->exchange->TakeResume()) resume();
}

class CpprestClient final : public Client {
 public:
  CpprestClient(IoThread& io, const Origin& origin, std::shared_ptr<const TlsSettings> tls,
                std::function<Result<Identity>()> identity)
      : io_(io),
        origin_(origin.ToString()),
        identity_(std::move(identity)),
        core_(std::make_shared<Core>(origin, std::move(tls), identity_ != nullptr)) {}

  ~CpprestClient() override {
    io_.Run([this] { core_.reset(); });
  }

  Result<Response> Send(const Request& request, std::stop_token stop) override {
    return Do(request, Exchange::Kind::kSend, nullptr, std::move(stop));
  }

  Result<Response> Stream(const Request& request, const Sink& sink, std::stop_token stop) override {
    return Do(request, Exchange::Kind::kStream, &sink, std::move(stop));
  }

 private:
  Result<Response> Do(const Request& request, Exchange::Kind kind, const Sink* sink, std::stop_token stop);
  Result<Response> Drive(const std::shared_ptr<Call>& call, const Sink* sink);
  void Abort(const std::shared_ptr<Call>& call, std::optional<Error> error);
  Status ReadIdentity(Exchange& exchange) const;

  IoThread& io_;
  const std::string origin_;
  const std::function<Result<Identity>()> identity_;
  std::shared_ptr<Core> core_;
};

Result<Response> CpprestClient::Do(const Request& request, Exchange::Kind kind, const Sink* sink,
                                   std::stop_token stop) {
  Result<Response> result = Fail(Error::Cancelled("stopped before it was sent"));
  if (auto status = CheckRequest(request); !status) {
    result = Fail(std::move(status).error());
  } else if (!stop.stop_requested()) {
    auto call = std::make_shared<Call>();
    call->request = &request;
    call->exchange = std::make_shared<Exchange>(kind, request.method == "HEAD", request.max_response_bytes);
    const std::stop_callback on_stop(std::move(stop), [&call] { call->exchange->RequestStop(); });
    result = Drive(call, sink);
  }
  if (result) return result;
  const std::string path = request.target.substr(0, request.target.find('?'));
  return Fail(std::move(result).error().While(request.method + " " + origin_ + path));
}

Result<Response> CpprestClient::Drive(const std::shared_ptr<Call>& call, const Sink* sink) {
  Exchange& exchange = *call->exchange;
  const auto timeout = std::min<std::chrono::milliseconds>(call->request->timeout, std::chrono::hours(24 * 365));
  const auto started = Clock::now();
  const auto start = [this, &call] { io_.Post([core = core_, call] { core->Start(call); }); };
  start();
  for (;;) {
    std::string_view piece;
    switch (exchange.Wait(started, timeout, &piece)) {
      case Exchange::Event::kFinished:
        return exchange.Take();
      case Exchange::Event::kStopped:
        Abort(call, Error::Cancelled("stopped"));
        break;
      case Exchange::Event::kTimedOut:
        Abort(call, Error::Transient("no answer within " + std::to_string(timeout.count()) + " ms"));
        break;
      case Exchange::Event::kNeedsIdentity:
        if (auto status = ReadIdentity(exchange); !status) return Fail(std::move(status).error());
        exchange.Restart();
        start();
        break;
      case Exchange::Event::kPiece: {
        bool more = false;
        std::optional<Error> failure;
        try {
          more = (*sink)(piece);
        } catch (const std::exception& e) {
          failure = Error::Internal(std::string("the stream's sink threw: ") + e.what());
        } catch (...) {
          failure = Error::Internal("the stream's sink threw");
        }
        if (!more) {
          Abort(call, std::move(failure));
        } else if (auto resume = exchange.Consumed()) {
          io_.Post(std::move(resume));
        }
        break;
      }
    }
  }
}

void CpprestClient::Abort(const std::shared_ptr<Call>& call, std::optional<Error> error) {
  call->exchange->Abort(std::move(error));
  io_.Post([core = core_, call] { core->Cancel(call); });
}

Status CpprestClient::ReadIdentity(Exchange& exchange) const {
  auto identity = identity_();
  if (!identity) return Fail(std::move(identity).error().While("reading the client certificate"));
  auto parsed = ClientIdentity::Parse(*identity);
  if (!parsed) return Fail(std::move(parsed).error());
  exchange.identity = *std::move(parsed);
  exchange.identity_known = true;
  return {};
}

}  // namespace

Result<std::unique_ptr<Client>> MakeClient(const std::string& origin, TlsOptions tls) {
  auto parsed = ParseOrigin(origin);
  if (!parsed) return Fail(std::move(parsed).error());
  auto io = IoThread::Get();
  if (!io) return Fail(std::move(io).error());
  std::shared_ptr<const TlsSettings> settings;
  if (parsed->tls) {
    auto made = TlsSettings::Make(*parsed, tls.ca_pem);
    if (!made) return Fail(std::move(made).error().While("TLS settings of " + parsed->ToString()));
    settings = *std::move(made);
  }
  return std::make_unique<CpprestClient>(**io, *parsed, std::move(settings), std::move(tls.identity));
}

}  // namespace rempart::http
