// A proxy between the operator and the API server that does harm on demand: cuts streams in mid-event, delays,
// duplicates, answers errors instead of the server, loses answers to writes that were carried out, truncates chunks,
// serves stale lists. It speaks TLS to the operator under an authority of its own, and to the API server with the
// kubeconfig's client certificate.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "src/kube/kubeconfig.h"

namespace rempart::test {

struct Exchange {
  std::string method;
  std::string target;  // path and query
  bool watch = false;
  bool write = false;    // anything but GET, leases apart
  int number = 0;        // of this exchange, from 1
  int write_number = 0;  // of this write, from 1; 0 for reads
};

struct Fault {
  enum class Kind {
    kNone,
    kDelay,        // the answer comes `n` ms later (a stream: each piece)
    kStatus,       // status `n` instead of asking the server; 429 and 503 with Retry-After: 1
    kLoseRequest,  // the connection is closed before the server is asked
    kLoseAnswer,   // the server is asked, the connection closed instead of answering
    kCutStream,    // the body is cut after `n` bytes, inside a chunk, and the connection closed
    kDuplicate,    // each event of a watch comes twice
    kStaleList,    // a list, or a watch's initial state, as it was when first asked for
    kGarble,       // after `n` bytes of a watch, bytes that are no JSON
    kExpire,  // after `n` bytes of a watch, the ERROR event with code 410 by which the server ends one, and its end
    kHang,    // the server is not asked, and no answer comes as long as the client waits
  } kind = Kind::kNone;
  int n = 0;
  std::string ToString() const;  // the kind, of kStatus the code too, without how long or how far: "cut stream"
};

class FaultProxy {
 public:
  using Decide = std::function<Fault(const Exchange&)>;
  // Called once the server's answer to a write is here, before it is handed on (or not).
  using OnWrite = std::function<void(const Exchange&)>;

  explicit FaultProxy(const kube::Config& upstream);
  ~FaultProxy();
  // Either may be changed at any time; they are called on connection threads.
  void SetDecide(Decide decide);
  void SetOnWrite(OnWrite on_write);
  void CutAll();                          // closes every connection that is open now
  const std::string& kubeconfig() const;  // path of one that points here
  int writes() const;                     // carried out so far
  int exchanges() const;
  // How many faults were really done, by their ToString: counted where it is done. A stream that ends before the byte
  // at which it was to be cut is none.
  std::map<std::string, int> done() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace rempart::test
