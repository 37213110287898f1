#include "src/http/exchange.h"

#include <algorithm>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/basic_parser.hpp>
#include <boost/beast/http/error.hpp>
#include <exception>
#include <limits>
#include <optional>
#include <string_view>
#include <utility>

#include "src/base/text.h"
#include "src/http/header_text.h"

namespace rempart::http {
namespace {

namespace beast = boost::beast;
namespace bhttp = boost::beast::http;
using boost::system::error_code;

std::string_view View(beast::string_view text) { return {text.data(), text.size()}; }

// Takes an answer apart as it arrives (RFC 9112): fills the response, and hands a stream's body to its sink straight
// out of the buffer it was received in.
class Answer final : public bhttp::basic_parser<false> {
 public:
  Answer(const Request& request, const Client::Sink* sink, const std::stop_token& stop)
      : limit_(sink == nullptr ? request.max_response_bytes : std::numeric_limits<std::size_t>::max()),
        sink_(sink),
        stop_(stop) {
    eager(true);
    skip(request.method == "HEAD");
    header_limit(kHeaderBytes);
    body_limit(limit_);
  }

  // Takes what is whole out of the buffer. True: that was all. False: more must be read.
  Result<bool> Feed(beast::flat_buffer& buffer) {
    while (buffer.size() > 0 && !is_done()) {
      error_code error;
      buffer.consume(put(buffer.data(), error));
      if (error == bhttp::error::need_more) {
        if (buffer.size() >= kHeaderBytes)
          error = bhttp::error::header_limit;  // chunks have headers too
        else
          return false;
      }
      if (ended_) return true;
      if (error) return Fail(ToError(error));
    }
    return is_done();
  }

  // The connection ended. False: too early.
  bool End() {
    if (!got_some()) return false;
    error_code error;
    put_eof(error);
    return !error;
  }

  // The next answer may follow on the same connection.
  bool Whole() const { return is_done() && keep_alive(); }
  Response Take() { return std::move(response_); }

 private:
  void on_request_impl(bhttp::verb, beast::string_view, beast::string_view, int, error_code&) override {}

  void on_response_impl(int code, beast::string_view, int, error_code& error) override {
    if (code < 200 || code > 599) Stop(Error::Invalid("unexpected status " + std::to_string(code)), error);
    response_.status = code;
    response_.headers.reserve(12);
  }

  void on_field_impl(bhttp::field field, beast::string_view name, beast::string_view value,
                     error_code& error) override {
    if (field == bhttp::field::transfer_encoding && !SameIgnoringCase(View(value), "chunked"))
      Stop(Error::Invalid("unsupported Transfer-Encoding \"" + CleanText(std::string(value), 100) + "\""), error);
    if (!is_header_done()) response_.headers.emplace_back(View(name), View(value));  // what trails the body is left out
  }

  void on_header_impl(error_code&) override {}

  void on_body_init_impl(const boost::optional<std::uint64_t>& length, error_code&) override {
    if (sink_ == nullptr && length) response_.body.reserve(*length);
  }

  std::size_t on_body_impl(beast::string_view piece, error_code& error) override {
    OnPiece(View(piece), error);
    return piece.size();
  }

  void on_chunk_header_impl(std::uint64_t, beast::string_view, error_code&) override {}

  std::size_t on_chunk_body_impl(std::uint64_t, beast::string_view piece, error_code& error) override {
    OnPiece(View(piece), error);
    return piece.size();
  }

  void on_finish_impl(error_code&) override {}

  void OnPiece(std::string_view piece, error_code& error) {
    if (sink_ == nullptr) {
      response_.body.append(piece);
    } else if (response_.status / 100 == 2) {
      Hand(piece, error);
    } else {
      response_.body.append(piece.substr(0, kErrorBody - response_.body.size()));
      if (response_.body.size() == kErrorBody) Stop(std::nullopt, error);  // enough for a message
    }
  }

  void Hand(std::string_view piece, error_code& error) {
    if (piece.empty()) return;
    if (stop_.stop_requested()) return Stop(Patience::Stopped(), error);
    try {
      if (!(*sink_)(piece)) Stop(std::nullopt, error);
    } catch (const std::exception& e) {
      Stop(Error::Internal(std::string("the stream's sink threw: ") + e.what()), error);
    } catch (...) {
      Stop(Error::Internal("the stream's sink threw"), error);
    }
  }

  // Ends the parsing: with an error, or (nullopt) successfully with what is there.
  void Stop(std::optional<Error> why, error_code& error) {
    ended_ = !why;
    error_ = std::move(why);
    error = make_error_code(boost::system::errc::operation_canceled);
  }

  Error ToError(const error_code& error) {
    if (error_) return *std::exchange(error_, std::nullopt);
    if (error == bhttp::error::body_limit)
      return Error::Invalid("the answer is larger than " + std::to_string(limit_) + " bytes");
    if (error == bhttp::error::header_limit)
      return Error::Invalid("the answer's header is larger than " + std::to_string(kHeaderBytes) + " bytes");
    return Error::Invalid("malformed answer: " + error.message());
  }

  const std::size_t limit_;  // of the body
  const Client::Sink* const sink_;
  const std::stop_token& stop_;
  Response response_;
  std::optional<Error> error_;
  bool ended_ = false;
};

bool WantsLength(const Request& request) {  // RFC 9110 8.6: those whose meaning a body is part of
  return !request.body.empty() || request.method == "POST" || request.method == "PUT" || request.method == "PATCH";
}

std::string Head(const std::string& host, const Request& request) {
  std::string head;
  head.reserve(512 + request.target.size() + (request.body.size() <= kPieceBytes ? request.body.size() : 0));
  const auto add = [&head](std::string_view name, std::string_view value) {
    head.append(name).append(": ").append(value).append("\r\n");
  };
  head.append(request.method).append(" ").append(request.target).append(" HTTP/1.1\r\n");
  add("Host", host);
  for (const auto& [name, value] : request.headers) add(name, value);
  if (Find(request.headers, "User-Agent") == nullptr) add("User-Agent", "rempart");
  if (WantsLength(request)) add("Content-Length", std::to_string(request.body.size()));
  return head.append("\r\n");
}

Status Write(Connection& connection, const std::string& host, const Request& request, const Patience& patience) {
  std::string head = Head(host, request);
  if (request.body.size() <= kPieceBytes) return connection.Write(head.append(request.body), patience);
  if (auto status = connection.Write(head, patience); !status) return status;
  return connection.Write(request.body, patience);
}

}  // namespace

Outcome Exchange(Connection& connection, const std::string& host, const Request& request, const Client::Sink* sink,
                 const Patience& patience) {
  Outcome outcome{.response = Fail(Error::Internal("no answer"))};
  // When it fails, what the server said before it closed (an answer, a TLS alert) tells more than that.
  const bool written = Write(connection, host, request, patience).has_value();
  Answer answer(request, sink, patience.stop);
  beast::flat_buffer buffer(2 * kHeaderBytes);
  for (;;) {
    const auto got = connection.Read(static_cast<char*>(buffer.prepare(kPieceBytes).data()), kPieceBytes, patience);
    if (!got || *got == 0) {
      if (got && answer.End()) break;
      Error error = got ? Error::Transient("the server closed the connection") : got.error();
      if (outcome.heard && error.kind == ErrorKind::kTransient) {
        error = std::move(error).While("the answer was cut short");
        if (error.reason == kTimedOut) error.reason = kSilent;
      }
      outcome.response = Fail(std::move(error));
      return outcome;
    }
    outcome.heard = true;
    buffer.commit(*got);
    const auto done = answer.Feed(buffer);
    if (!done) {
      outcome.response = Fail(done.error());
      return outcome;
    }
    if (*done) break;
  }
  outcome.reusable = written && buffer.size() == 0 && answer.Whole();
  outcome.response = answer.Take();
  return outcome;
}

}  // namespace rempart::http
