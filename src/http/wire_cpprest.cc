// Exchanges over cpprestsdk.
#include <cpprest/http_client.h>
#include <cpprest/rawptrstream.h>
#include <pplx/threadpool.h>

#include <algorithm>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl.hpp>
#include <exception>
#include <utility>
#include <vector>

#include "src/http/exchange.h"
#include "src/http/response_buffer.h"
#include "src/http/tls.h"
#include "src/http/wire.h"

namespace rempart::http {
namespace {

using boost::asio::ip::tcp;
using Clock = Exchange::Clock;

// Thrown through the library, from its callbacks to our continuation.
struct NeedsIdentity {};     // a new connection is being made, and the calling thread has not read the identity yet
struct ConnectionClosed {};  // a kept-alive connection had been closed by the server
struct CannotConfigure {};

constexpr char kCannotConnect[] = "Failed to connect to any resolved endpoint";  // the library's text

struct CpprestCall final : Wire::Call {
  pplx::cancellation_token_source cancel;
  std::vector<tcp::endpoint> candidates;  // addresses of the host not tried yet
  bool resolving = false;
};

// The call on whose behalf http_client::request runs. The library calls back without saying for which request; but it
// starts a request within http_client::request. Where there is none it is sending a request a second time, by itself,
// since a kept-alive connection turned out to be closed: not wanted, the request may have had its effect.
CpprestCall* starting = nullptr;  // I/O thread only

// What is sent to one address, with its kept-alive connections.
struct Route {
  tcp::endpoint address;
  web::http::client::http_client client;
};

web::http::client::http_client_config MakeConfig(const std::shared_ptr<const TlsSettings>& tls, bool wants_identity) {
  web::http::client::http_client_config config;
  // An idle timer, which also runs while a sink is slow: Exchange has its own.
  config.set_timeout(std::chrono::hours(24 * 365));
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
class CpprestWire final : public Wire, public std::enable_shared_from_this<CpprestWire> {
 public:
  CpprestWire(Origin origin, std::shared_ptr<const TlsSettings> tls, bool wants_identity)
      : origin_(std::move(origin)),
        tls_(std::move(tls)),
        wants_identity_(wants_identity),
        authority_(origin_.Authority()),
        resolver_(crossplat::threadpool::shared_instance().service()) {}

  std::shared_ptr<Wire::Call> NewCall() override { return std::make_shared<CpprestCall>(); }
  void Start(const std::shared_ptr<Wire::Call>& any) override;
  void Cancel(const std::shared_ptr<Wire::Call>& any) override;

 private:
  void Resolve(const std::shared_ptr<CpprestCall>& call);
  void OnResolved(const std::shared_ptr<CpprestCall>& call, const boost::system::error_code& error,
                  const tcp::resolver::results_type& results);
  void TryNext(const std::shared_ptr<CpprestCall>& call);
  std::shared_ptr<Route> MakeRoute(const tcp::endpoint& address) const;
  web::http::http_request MakeRequest(const CpprestCall& call) const;
  void Launch(const std::shared_ptr<CpprestCall>& call, const tcp::endpoint& address);
  void OnHead(const std::shared_ptr<CpprestCall>& call, const std::shared_ptr<Route>& route,
              web::http::http_response response);
  void OnFailure(const std::shared_ptr<CpprestCall>& call, const std::exception_ptr& failure);

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

void CpprestWire::Start(const std::shared_ptr<Wire::Call>& any) {
  const auto call = std::static_pointer_cast<CpprestCall>(any);
  if (call->exchange->Aborted()) return call->exchange->OnFinished(std::nullopt);
  if (origin_.is_address) {
    const auto port = static_cast<unsigned short>(origin_.port);
    return Launch(call, tcp::endpoint(boost::asio::ip::make_address(origin_.host), port));
  }
  if (route_ && Clock::now() - resolved_ < kAddressLifetime) return Launch(call, route_->address);
  Resolve(call);
}

void CpprestWire::Resolve(const std::shared_ptr<CpprestCall>& call) {
  call->resolving = true;
  resolver_.async_resolve(origin_.host, std::to_string(origin_.port), tcp::resolver::numeric_service,
                          [self = shared_from_this(), call](const boost::system::error_code& error,
                                                            const tcp::resolver::results_type& results) {
                            if (std::exchange(call->resolving, false)) self->OnResolved(call, error, results);
                          });
}

void CpprestWire::OnResolved(const std::shared_ptr<CpprestCall>& call, const boost::system::error_code& error,
                             const tcp::resolver::results_type& results) {
  call->candidates.clear();
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

void CpprestWire::TryNext(const std::shared_ptr<CpprestCall>& call) {
  const tcp::endpoint address = call->candidates.front();
  call->candidates.erase(call->candidates.begin());
  Launch(call, address);
}

std::shared_ptr<Route> CpprestWire::MakeRoute(const tcp::endpoint& address) const {
  // Without brackets around IPv6: the library's parser takes that, its resolver would not take the brackets.
  const std::string uri =
      (tls_ ? "https://" : "http://") + address.address().to_string() + ":" + std::to_string(address.port());
  return std::make_shared<Route>(
      Route{address, web::http::client::http_client(uri, MakeConfig(tls_, wants_identity_))});
}

web::http::http_request CpprestWire::MakeRequest(const CpprestCall& call) const {
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

void CpprestWire::Launch(const std::shared_ptr<CpprestCall>& call, const tcp::endpoint& address) {
  try {
    const auto route = route_ && route_->address == address ? route_ : MakeRoute(address);
    if (origin_.is_address) route_ = route;
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

void CpprestWire::OnHead(const std::shared_ptr<CpprestCall>& call, const std::shared_ptr<Route>& route,
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

void CpprestWire::OnFailure(const std::shared_ptr<CpprestCall>& call, const std::exception_ptr& failure) {
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

void CpprestWire::Cancel(const std::shared_ptr<Wire::Call>& any) {
  const auto call = std::static_pointer_cast<CpprestCall>(any);
  if (!origin_.is_address && !call->exchange->heard()) {
    route_.reset();
    ++rotation_;
  }
  if (std::exchange(call->resolving, false)) return call->exchange->OnFinished(std::nullopt);
  call->cancel.cancel();
  if (const auto resume = call->exchange->TakeResume()) resume();
}

}  // namespace

std::shared_ptr<Wire> MakeCpprestWire(const Origin& origin, std::shared_ptr<const TlsSettings> tls,
                                      bool wants_identity) {
  return std::make_shared<CpprestWire>(origin, std::move(tls), wants_identity);
}

}  // namespace rempart::http
