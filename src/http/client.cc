// The client: takes or makes a connection, and has it carry one exchange.
#include "src/http/client.h"

#include <algorithm>
#include <utility>

#include "src/http/connection.h"
#include "src/http/exchange.h"
#include "src/http/header_text.h"
#include "src/http/origin.h"
#include "src/http/pool.h"
#include "src/http/resolver.h"
#include "src/http/tls.h"

namespace rempart::http {
namespace {

constexpr std::chrono::milliseconds kLongestOpening{30'000};

class PooledClient final : public Client {
 public:
  PooledClient(const Origin& origin, std::unique_ptr<const TlsSettings> tls, std::function<Result<Identity>()> identity)
      : origin_(origin.ToString()),
        host_(origin.Authority()),
        tls_(std::move(tls)),
        identity_(std::move(identity)),
        resolver_(LookupOf(origin)) {}

  Result<Response> Send(const Request& request, std::stop_token stop) override {
    return Do(request, nullptr, std::move(stop));
  }

  Result<Response> Stream(const Request& request, const Sink& sink, std::stop_token stop) override {
    return Do(request, &sink, std::move(stop));
  }

 private:
  Result<Response> Do(const Request& request, const Sink* sink, std::stop_token stop);
  Result<Response> Exchange(const Request& request, const Sink* sink, std::stop_token stop);
  Result<std::unique_ptr<Connection>> Open(const Patience& patience);
  Result<std::unique_ptr<Connection>> Reach(const Patience& patience);
  Result<SslPtr> PrepareTls();

  const std::string origin_;
  const std::string host_;
  const std::unique_ptr<const TlsSettings> tls_;  // null without TLS
  const std::function<Result<Identity>()> identity_;
  Resolver resolver_;
  Pool pool_;
};

Result<Response> PooledClient::Do(const Request& request, const Sink* sink, std::stop_token stop) {
  Result<Response> result = Fail(Error::Cancelled("stopped before it was sent"));
  if (auto status = CheckRequest(request); !status) {
    result = Fail(std::move(status).error());
  } else if (!stop.stop_requested()) {
    result = Exchange(request, sink, std::move(stop));
  }
  if (result) return result;
  const std::string path = request.target.substr(0, request.target.find('?'));
  return Fail(std::move(result).error().While(request.method + " " + origin_ + path));
}

Result<Response> PooledClient::Exchange(const Request& request, const Sink* sink, std::stop_token stop) {
  const auto start = Clock::now();
  const auto timeout = std::min<std::chrono::milliseconds>(request.timeout, std::chrono::hours(24 * 365));
  Patience patience{.stop = std::move(stop), .timeout = timeout, .end = start + timeout};
  auto connection = pool_.Take(start);
  const bool kept = connection != nullptr;
  if (!kept) {
    // A stream may be silent for long, but a server that takes no connection is not waited for like that.
    const auto opening = std::min(timeout, kLongestOpening);
    auto opened = Open({.stop = patience.stop, .timeout = opening, .end = start + opening});
    if (!opened) return Fail(std::move(opened).error());
    connection = *std::move(opened);
  }
  if (sink != nullptr) patience.end.reset();
  Outcome outcome = http::Exchange(*connection, host_, request, sink, patience);
  if (outcome.reusable) {
    pool_.Put(std::move(connection), Clock::now());
    return std::move(outcome.response);
  }
  if (outcome.response || outcome.heard || outcome.response.error().kind == ErrorKind::kCancelled)
    return std::move(outcome.response);
  // Perhaps that server is gone, and with it all the connections that were not heard of since.
  pool_.CloseIdleSince(start);
  resolver_.Failed(connection->address());
  if (!kept) return std::move(outcome.response);
  return Fail(std::move(outcome.response).error().While("a kept-alive connection"));
}

Result<std::unique_ptr<Connection>> PooledClient::Open(const Patience& patience) {
  Result<SslPtr> ssl = PrepareTls();
  if (!ssl) return Fail(std::move(ssl).error());
  auto connection = Reach(patience);
  if (!connection || !tls_) return connection;
  if (auto status = (*connection)->Handshake(*std::move(ssl), patience); !status) {
    resolver_.Failed((*connection)->address());
    return Fail(std::move(status).error());
  }
  return connection;
}

Result<SslPtr> PooledClient::PrepareTls() {
  if (!tls_) return SslPtr();
  if (!identity_) return tls_->NewConnection({});
  auto identity = identity_();
  if (!identity) return Fail(std::move(identity).error().While("reading the client certificate"));
  return tls_->NewConnection(*identity);
}

// Tries the addresses one after the other. Each has its share of the time, since one may never answer.
Result<std::unique_ptr<Connection>> PooledClient::Reach(const Patience& patience) {
  const auto addresses = resolver_.Get(patience);
  if (!addresses) return Fail(addresses.error());
  Result<std::unique_ptr<Connection>> connection = Fail(Error::Internal("no address"));
  auto left = static_cast<int>(addresses->size());
  for (const Address& address : *addresses) {
    Patience share = patience;
    const auto now = Clock::now();
    share.end = now + (patience.Deadline() - now) / left--;
    connection = Connection::Open(address, share);
    if (connection || connection.error().kind == ErrorKind::kCancelled) return connection;
    resolver_.Failed(address);
  }
  resolver_.Forget();
  return connection;
}

}  // namespace

Result<std::unique_ptr<Client>> MakeClient(const std::string& origin, TlsOptions tls) {
  auto parsed = ParseOrigin(origin);
  if (!parsed) return Fail(std::move(parsed).error());
  std::unique_ptr<const TlsSettings> settings;
  if (parsed->tls) {
    auto made = TlsSettings::Make(*parsed, tls.ca_pem);
    if (!made) return Fail(std::move(made).error().While("TLS settings of " + parsed->ToString()));
    settings = *std::move(made);
  }
  return std::make_unique<PooledClient>(*parsed, std::move(settings), std::move(tls.identity));
}

}  // namespace rempart::http
