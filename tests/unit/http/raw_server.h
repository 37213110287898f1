// A server for tests that does on a connection exactly what the test says, byte by byte: blocking sockets, one thread a
// connection, with TLS or without.
#pragma once

#include <openssl/ossl_typ.h>

#include <atomic>
#include <condition_variable>
#include <functional>
#include <list>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>

#include "tests/unit/http/certificates.h"

namespace rempart::http::testing {

struct SeenRequest {
  std::string line;    // "GET / HTTP/1.1"
  std::string header;  // all header lines, CRLF included
  std::string body;
  // The value of a header, "" when absent.
  std::string Header(std::string_view name) const;
};

class Connection {
 public:
  Connection(int fd, SSL_CTX* context, int number);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  bool Handshake();
  std::optional<SeenRequest> Read();  // nullopt when the client closed, or on any error
  bool Write(std::string_view bytes);
  bool Answer(std::string_view body, std::string_view status = "200 OK", std::string_view headers = "");
  bool Chunk(std::string_view data);
  void Reset();                           // closes with a TCP reset
  void CloseNotify();                     // ends TLS properly
  bool AwaitClosed();                     // blocks until the client closed; false when it sent something instead
  void ShrinkSendBuffer();                // so that a client that does not read is noticed soon
  std::string PeerName() const;           // common name of the client's certificate, "" for none
  std::string ServerName() const;         // what the client asked for (SNI)
  int number() const { return number_; }  // 1 for the first connection of a server
  void Shutdown();                        // from another thread: ends what blocks

 private:
  long ReadSome(char* data, std::size_t size);
  std::mutex mutex_;  // guards closing against Shutdown
  int fd_;
  SSL* ssl_ = nullptr;
  const int number_;
  std::string pending_;
};

class RawServer {
 public:
  struct Options {
    std::optional<Certificate> certificate;  // without: plain HTTP
    std::string client_ca_pem;               // asks for client certificates of this authority, and requires one
    bool ipv6 = false;
  };
  using Behaviour = std::function<void(Connection&)>;  // runs on the connection's thread; the connection ends with it

  RawServer(Options options, Behaviour behaviour);
  ~RawServer();  // ends all connections and joins
  int port() const { return port_; }
  std::string origin(const std::string& host = "") const;  // default: the loopback address
  int connections() const { return connections_.load(); }

  // Answers each request of a connection as `answer` says, until the client closes.
  static Behaviour Loop(std::function<void(Connection&, const SeenRequest&)> answer);

 private:
  void Accept();
  struct Slot {
    std::unique_ptr<Connection> connection;
    std::thread thread;
  };
  const Options options_;
  const Behaviour behaviour_;
  SSL_CTX* context_ = nullptr;
  int listener_ = -1;
  int port_ = 0;
  std::atomic<int> connections_{0};
  std::mutex mutex_;
  bool stopping_ = false;
  std::list<Slot> slots_;
  std::thread acceptor_;
};

// Lets one thread wait for another's event.
class Event {
 public:
  void Set();
  bool Wait(int seconds = 20);  // false on time-out

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool set_ = false;
};

}  // namespace rempart::http::testing
