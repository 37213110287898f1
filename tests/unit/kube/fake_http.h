// A server behind http::Client: answers from a script, or from a function, and remembers what it was asked.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "src/kube/api.h"

namespace rempart::kube::test {

// Thread-safe. Outlives its clients.
class FakeServer {
 public:
  using Answer = std::function<Result<http::Response>(const http::Request&)>;

  // The next requests get these, in order; then every one gets 200 and "{}".
  void Next(Answer answer) {
    std::scoped_lock lock(mutex_);
    script_.push_back(std::move(answer));
  }
  void Next(int status, std::string body = "{}", http::Headers headers = {}) {
    Next([=](const http::Request&) -> Result<http::Response> { return http::Response{status, headers, body}; });
  }
  void Break(Error error) {
    Next([=](const http::Request&) -> Result<http::Response> { return Fail(error); });
  }

  MakeHttpClient Maker() {
    return [this](const std::string& origin, http::TlsOptions tls) -> Result<std::unique_ptr<http::Client>> {
      std::scoped_lock lock(mutex_);
      if (refuse_clients_) return Fail(Error::Invalid("cannot be used"));
      opened_.push_back({origin, tls.ca_pem});
      tls_ = tls;
      return std::make_unique<Client>(*this);
    };
  }
  void RefuseClients(bool refuse) {
    std::scoped_lock lock(mutex_);
    refuse_clients_ = refuse;
  }

  std::vector<http::Request> requests() const {
    std::scoped_lock lock(mutex_);
    return requests_;
  }
  struct Opened {
    std::string origin, ca_pem;
  };
  std::vector<Opened> opened() const {
    std::scoped_lock lock(mutex_);
    return opened_;
  }
  http::TlsOptions tls() const {
    std::scoped_lock lock(mutex_);
    return tls_;
  }

 private:
  class Client final : public http::Client {
   public:
    explicit Client(FakeServer& server) : server_(server) {}
    Result<http::Response> Send(const http::Request& request, std::stop_token stop) override {
      if (stop.stop_requested()) return Fail(Error::Cancelled("stopped"));
      return server_.Serve(request);
    }
    // A 2xx body goes to the sink in pieces of 3 bytes.
    Result<http::Response> Stream(const http::Request& request, const Sink& sink, std::stop_token stop) override {
      Result<http::Response> response = Send(request, stop);
      if (!response || response->status / 100 != 2) return response;
      for (std::string_view rest = response->body; !rest.empty();
           rest.remove_prefix(std::min<std::size_t>(3, rest.size()))) {
        if (!sink(rest.substr(0, 3))) break;
      }
      response->body.clear();
      return response;
    }

   private:
    FakeServer& server_;
  };

  Result<http::Response> Serve(const http::Request& request) {
    Answer answer;
    {
      std::scoped_lock lock(mutex_);
      requests_.push_back(request);
      if (script_.empty()) return http::Response{200, {}, "{}"};
      answer = std::move(script_.front());
      script_.pop_front();
    }
    return answer(request);
  }

  mutable std::mutex mutex_;
  std::deque<Answer> script_;
  std::vector<http::Request> requests_;
  std::vector<Opened> opened_;
  http::TlsOptions tls_;
  bool refuse_clients_ = false;
};

}  // namespace rempart::kube::test
