// The addresses of one host. Thread-safe.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "src/base/result.h"
#include "src/http/connection.h"
#include "src/http/origin.h"

namespace rempart::http {

class Resolver {
 public:
  using Lookup = std::function<Result<std::vector<Address>>()>;  // blocks; called on a thread of its own

  explicit Resolver(Lookup lookup);

  // The addresses, never none, the one to begin with first. A lookup holds for 5 minutes. One that is under way cannot
  // be interrupted: it is left to itself when the caller loses patience, and outlives the resolver if it must; callers
  // share it. Errors: those of the lookup, and of Patience.
  Result<std::vector<Address>> Get(const Patience& patience);

  void Failed(const Address& address);  // the next Get begins with another one, where there is one
  void Forget();                        // the next Get looks up anew

 private:
  struct State;
  const std::shared_ptr<State> state_;
};

// getaddrinfo for this origin; of http:// only loopback addresses. Errors: kTransient.
Resolver::Lookup LookupOf(const Origin& origin);

}  // namespace rempart::http
