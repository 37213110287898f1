// The client: what happens on the calling thread. It waits in an Exchange, which a Wire feeds on the I/O thread.
#include "src/http/client.h"

#include <algorithm>
#include <exception>
#include <utility>

#include "src/http/exchange.h"
#include "src/http/header_text.h"
#include "src/http/io_thread.h"
#include "src/http/origin.h"
#include "src/http/tls.h"
#include "src/http/wire.h"

namespace rempart::http {
namespace {

using Clock = Exchange::Clock;

class WireClient final : public Client {
 public:
  WireClient(IoThread& io, const Origin& origin, std::shared_ptr<const TlsSettings> tls,
             std::function<Result<Identity>()> identity)
      : io_(io),
        origin_(origin.ToString()),
        identity_(std::move(identity)),
        wire_(MakeCpprestWire(origin, std::move(tls), identity_ != nullptr)) {}

  ~WireClient() override {
    io_.Run([this] { wire_.reset(); });
  }

  Result<Response> Send(const Request& request, std::stop_token stop) override {
    return Do(request, Exchange::Kind::kSend, nullptr, std::move(stop));
  }

  Result<Response> Stream(const Request& request, const Sink& sink, std::stop_token stop) override {
    return Do(request, Exchange::Kind::kStream, &sink, std::move(stop));
  }

 private:
  Result<Response> Do(const Request& request, Exchange::Kind kind, const Sink* sink, std::stop_token stop);
  Result<Response> Drive(const std::shared_ptr<Wire::Call>& call, const Sink* sink);
  void Abort(const std::shared_ptr<Wire::Call>& call, std::optional<Error> error);
  Status ReadIdentity(Exchange& exchange) const;

  IoThread& io_;
  const std::string origin_;
  const std::function<Result<Identity>()> identity_;
  std::shared_ptr<Wire> wire_;
};

Result<Response> WireClient::Do(const Request& request, Exchange::Kind kind, const Sink* sink, std::stop_token stop) {
  Result<Response> result = Fail(Error::Cancelled("stopped before it was sent"));
  if (auto status = CheckRequest(request); !status) {
    result = Fail(std::move(status).error());
  } else if (!stop.stop_requested()) {
    auto call = wire_->NewCall();
    call->request = &request;
    call->exchange = std::make_shared<Exchange>(kind, request.method == "HEAD", request.max_response_bytes);
    const std::stop_callback on_stop(std::move(stop), [&call] { call->exchange->RequestStop(); });
    result = Drive(call, sink);
  }
  if (result) return result;
  const std::string path = request.target.substr(0, request.target.find('?'));
  return Fail(std::move(result).error().While(request.method + " " + origin_ + path));
}

Result<Response> WireClient::Drive(const std::shared_ptr<Wire::Call>& call, const Sink* sink) {
  Exchange& exchange = *call->exchange;
  const auto timeout = std::min<std::chrono::milliseconds>(call->request->timeout, std::chrono::hours(24 * 365));
  const auto started = Clock::now();
  const auto start = [this, &call] { io_.Post([wire = wire_, call] { wire->Start(call); }); };
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

void WireClient::Abort(const std::shared_ptr<Wire::Call>& call, std::optional<Error> error) {
  call->exchange->Abort(std::move(error));
  io_.Post([wire = wire_, call] { wire->Cancel(call); });
}

Status WireClient::ReadIdentity(Exchange& exchange) const {
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
  return std::make_unique<WireClient>(**io, *parsed, std::move(settings), std::move(tls.identity));
}

}  // namespace rempart::http
