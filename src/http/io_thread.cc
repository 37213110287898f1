#include "src/http/io_thread.h"

#include <pplx/pplx.h>
#include <pplx/threadpool.h>
#include <signal.h>

#include <exception>
#include <future>
#include <memory>
#include <optional>
#include <utility>

namespace rempart::http {
namespace {

// Continuations run where their antecedent ended, which is the I/O thread, instead of being queued there once more.
// This also makes the library start a request inside http_client::request, see client_cpprest.cc.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wnon-virtual-dtor"  // the library's base class has none
struct InlineScheduler final : pplx::scheduler_interface {
  void schedule(pplx::TaskProc_t work, void* argument) override { work(argument); }
};
#pragma GCC diagnostic pop

// Does nothing, each hour. The library moves a request's timer with each step, and Asio makes a system call whenever
// the timer that is due first has changed; with this one before all others, none is made.
void KeepFirst(boost::asio::steady_timer& timer) {
  timer.expires_after(std::chrono::hours(1));
  timer.async_wait([&timer](const boost::system::error_code& error) {
    if (!error) KeepFirst(timer);
  });
}

std::optional<Error> StartThread() {
  // Signals are for the threads that the program chose for them.
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  std::optional<Error> error;
  try {
    pplx::set_ambient_scheduler(std::make_shared<InlineScheduler>());
    crossplat::threadpool::initialize_with_threads(1);
    static boost::asio::steady_timer first(crossplat::threadpool::shared_instance().service());
    KeepFirst(first);
  } catch (const std::exception& e) {
    error = Error::Internal(std::string("cpprestsdk was started elsewhere: ") + e.what());
  }
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  return error;
}

}  // namespace

Result<IoThread*> IoThread::Get() {
  static const std::optional<Error> error = StartThread();
  if (error) return Fail(*error);
  static IoThread instance;
  return &instance;
}

void IoThread::Post(std::function<void()> work) {
  boost::asio::post(crossplat::threadpool::shared_instance().service(), std::move(work));
}

void IoThread::Run(const std::function<void()>& work) {
  std::promise<void> done;
  Post([&] {
    work();
    done.set_value();
  });
  done.get_future().wait();
}

}  // namespace rempart::http
