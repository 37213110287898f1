#include "src/http/resolver.h"

#include <netdb.h>
#include <netinet/in.h>
#include <signal.h>

#include <algorithm>
#include <condition_variable>
#include <cstring>
#include <exception>
#include <mutex>
#include <thread>
#include <utility>

namespace rempart::http {
namespace {

constexpr auto kLifetime = std::chrono::minutes(5);
constexpr auto kRetry = std::chrono::seconds(5);  // after a failure, where there are addresses from before

bool IsLoopback(const sockaddr* address) {
  if (address->sa_family == AF_INET)
    return ntohl(reinterpret_cast<const sockaddr_in*>(address)->sin_addr.s_addr) >> 24 == 127;
  return address->sa_family == AF_INET6 &&
         IN6_IS_ADDR_LOOPBACK(&reinterpret_cast<const sockaddr_in6*>(address)->sin6_addr);
}

// Without signals: those are for the threads that the program chose for them.
void StartDetached(std::function<void()> work) {
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  try {
    std::thread(std::move(work)).detach();
  } catch (...) {
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
    throw;
  }
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

}  // namespace

struct Resolver::State {
  explicit State(Lookup with) : lookup(std::move(with)) {}

  void Run() {
    Result<std::vector<Address>> found = Fail(Error::Transient("no address"));
    try {
      found = lookup();
    } catch (const std::exception& e) {
      found = Fail(Error::Internal(std::string("address lookup: ") + e.what()));
    }
    const std::scoped_lock lock(mutex);
    running = false;
    error.reset();
    if (found) {
      // The address in use stays the first.
      const auto same = addresses.empty() ? found->end() : std::ranges::find(*found, addresses.front());
      if (same != found->end()) std::rotate(found->begin(), same, found->end());
      addresses = *std::move(found);
      until = Clock::now() + kLifetime;
    } else {
      error = std::move(found).error();
      until = Clock::now() + kRetry;
    }
    changed.notify_all();
  }

  const Lookup lookup;
  std::mutex mutex;
  std::condition_variable_any changed;
  bool running = false;
  std::optional<Error> error;  // of the last lookup
  std::vector<Address> addresses;
  Clock::time_point until;  // when they are to be looked up again
};

Resolver::Resolver(Lookup lookup) : state_(std::make_shared<State>(std::move(lookup))) {}

Result<std::vector<Address>> Resolver::Get(const Patience& patience) {
  State& state = *state_;
  std::unique_lock lock(state.mutex);
  if (!state.addresses.empty() && Clock::now() < state.until) return state.addresses;
  if (!std::exchange(state.running, true)) {
    try {
      StartDetached([state = state_] { state->Run(); });
    } catch (const std::exception& e) {
      state.running = false;
      return Fail(Error::Transient(std::string("cannot start a thread to look up an address: ") + e.what()));
    }
  }
  const auto done = [&state] { return !state.running; };
  if (!state.changed.wait_until(lock, patience.stop, patience.Deadline(), done))
    return Fail(patience.stop.stop_requested() ? Patience::Stopped() : patience.TimedOut());
  // Known addresses outlive a name server that is not to be had.
  if (state.error && state.addresses.empty()) return Fail(*state.error);
  return state.addresses;
}

void Resolver::Failed(const Address& address) {
  const std::scoped_lock lock(state_->mutex);
  auto& addresses = state_->addresses;
  if (!addresses.empty() && addresses.front() == address)
    std::rotate(addresses.begin(), addresses.begin() + 1, addresses.end());
}

void Resolver::Forget() {
  const std::scoped_lock lock(state_->mutex);
  state_->until = {};
}

Resolver::Lookup LookupOf(const Origin& origin) {
  return [origin]() -> Result<std::vector<Address>> {
    addrinfo hints{};
    hints.ai_flags = AI_NUMERICSERV | (origin.is_address ? AI_NUMERICHOST : 0);
    hints.ai_socktype = SOCK_STREAM;
    addrinfo* found = nullptr;
    const int code = getaddrinfo(origin.host.c_str(), std::to_string(origin.port).c_str(), &hints, &found);
    const std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> owner(found, freeaddrinfo);
    std::vector<Address> addresses;
    for (; code == 0 && found != nullptr; found = found->ai_next) {
      if (!origin.tls && !IsLoopback(found->ai_addr)) continue;
      Address& address = addresses.emplace_back();
      std::memcpy(&address.socket, found->ai_addr, found->ai_addrlen);
      address.size = found->ai_addrlen;
    }
    if (!addresses.empty()) return addresses;
    const std::string why = code == 0 ? "no suitable address" : gai_strerror(code);
    return Fail(Error::Transient("cannot resolve " + origin.host + ": " + why));
  };
}

}  // namespace rempart::http
