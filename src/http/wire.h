// Carries exchanges between a client and one origin: the seam behind which the HTTP library stands.
#pragma once

#include <memory>

#include "src/http/client.h"
#include "src/http/exchange.h"
#include "src/http/origin.h"
#include "src/http/tls.h"

namespace rempart::http {

// All but NewCall are called on the I/O thread, destruction too.
class Wire {
 public:
  // One Send or Stream. `request` belongs to the calling thread, which waits until the exchange is finished.
  struct Call {
    virtual ~Call() = default;
    const Request* request = nullptr;
    std::shared_ptr<Exchange> exchange;
  };
  virtual ~Wire() = default;

  virtual std::shared_ptr<Call> NewCall() = 0;

  // Feeds the exchange, and at the end calls its OnFinished or OnNeedsIdentity; after the latter it may be started
  // again.
  virtual void Start(const std::shared_ptr<Call>& call) = 0;

  // For an exchange that was aborted: ends it soon, closing its connection.
  virtual void Cancel(const std::shared_ptr<Call>& call) = 0;
};

// On cpprestsdk. `tls` is null for http://.
std::shared_ptr<Wire> MakeCpprestWire(const Origin& origin, std::shared_ptr<const TlsSettings> tls,
                                      bool wants_identity);

}  // namespace rempart::http
