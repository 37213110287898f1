// The one thread on which all of cpprestsdk runs, process-wide.
//
// The library would take 40 threads. It guards a connection only while an operation is being started; a cancellation or
// a time-out that closes the socket on another thread races with an operation under way. On one thread there is nothing
// to race with, so everything of the library is called here: requests are started, cancelled, resumed and destroyed by
// Post.
#pragma once

#include <functional>

#include "src/base/result.h"

namespace rempart::http {

class IoThread {
 public:
  // Starts it at the first call. kInternal: cpprestsdk was used before, elsewhere, with other settings.
  static Result<IoThread*> Get();

  // Runs `work` soon, in order. `work` must not throw or block.
  void Post(std::function<void()> work);

  // Runs `work` and waits for its end. Not to be called on the I/O thread itself.
  void Run(const std::function<void()>& work);

 private:
  IoThread() = default;
};

}  // namespace rempart::http
