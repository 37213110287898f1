#include "operator/main/terminal.h"

#include <fcntl.h>
#include <signal.h>
#include <termios.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <string_view>

namespace rempart {
namespace {

// What would end the process waits as long as this lives: the terminal must not be left silent.
class SignalsWait {
 public:
  SignalsWait() {
    sigset_t set;
    sigemptyset(&set);
    for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP}) sigaddset(&set, signal);
    pthread_sigmask(SIG_BLOCK, &set, &before_);
  }
  ~SignalsWait() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  SignalsWait(const SignalsWait&) = delete;
  SignalsWait& operator=(const SignalsWait&) = delete;

 private:
  sigset_t before_{};
};

}  // namespace

Result<crypto::Secret> AskSecret(const std::string& prompt) {
  const int fd = ::open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
  termios before{};
  if (fd < 0 || ::tcgetattr(fd, &before) != 0) {
    if (fd >= 0) ::close(fd);
    return Fail(Error::Invalid("there is no terminal to ask for a passphrase at: give --passphrase-file"));
  }
  const SignalsWait wait;
  termios silent = before;
  silent.c_lflag &= ~static_cast<tcflag_t>(ECHO);
  silent.c_lflag |= ICANON | ECHONL;
  ::tcsetattr(fd, TCSAFLUSH, &silent);
  (void)!::write(fd, prompt.data(), prompt.size());
  std::array<char, 1024> line{};  // a terminal gives a line at once, or what it has of it
  ssize_t n = 0;
  do {
    n = ::read(fd, line.data(), line.size());
  } while (n < 0 && errno == EINTR);
  ::tcsetattr(fd, TCSAFLUSH, &before);
  ::close(fd);
  const std::string_view typed(line.data(), n > 0 ? static_cast<std::size_t>(n) : 0);
  crypto::Secret secret(typed.substr(0, typed.find('\n')));
  crypto::WipeBytes(line);
  if (secret.empty()) return Fail(Error::Invalid("nothing was typed: a passphrase is needed"));
  return secret;
}

}  // namespace rempart
