#include "src/crypto/key_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>
#include <vector>

namespace rempart::crypto {
namespace {

constexpr mode_t kOthers = S_IRWXG | S_IRWXO;

Error FileError(const char* doing, const std::string& path, int error) {
  const std::string text = fmt::format("{} {}: {}", doing, path, std::generic_category().message(error));
  if (error == EEXIST || error == ELOOP)
    return Error::Conflict(text + ": name a file that does not exist yet, a key is never overwritten");
  if (error == ENOENT || error == ENOTDIR) return Error::NotFound(text);
  if (error == EACCES || error == EPERM || error == EROFS) return Error::Denied(text);
  if (error == EISDIR || error == ENAMETOOLONG) return Error::Invalid(text);
  return Error::Transient(text);
}

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() { Close(); }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return fd_; }
  bool Close() {
    const int fd = fd_;
    fd_ = -1;
    return fd < 0 || ::close(fd) == 0;
  }

 private:
  int fd_;
};

bool WriteAll(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t n = ::write(fd, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(n));
  }
  return true;
}

// Wiped at its end, whatever was read into it.
struct Buffer {
  explicit Buffer(std::size_t size) : bytes(size) {}
  ~Buffer() { WipeBytes(bytes); }
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;
  std::vector<char> bytes;  // never grows: a copy would stay behind
};

}  // namespace

Status WriteKeyFile(const std::string& path, const Secret& content) {
  Descriptor file(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, S_IRUSR | S_IWUSR));
  if (file.get() < 0) return Fail(FileError("write", path, errno));
  if (WriteAll(file.get(), content.view()) && ::fsync(file.get()) == 0 && file.Close()) return {};
  const int error = errno;
  ::unlink(path.c_str());
  return Fail(FileError("write", path, error));
}

Result<Secret> ReadKeyFile(const std::string& path, std::size_t max_bytes) {
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  struct stat about {};
  if (file.get() < 0 || ::fstat(file.get(), &about) != 0) return Fail(FileError("read", path, errno));
  if (S_ISDIR(about.st_mode)) return Fail(FileError("read", path, EISDIR));
  if (S_ISREG(about.st_mode) && (about.st_mode & kOthers) != 0) {
    return Fail(
        Error::Invalid(fmt::format("read {}: others may read it (mode {:04o}): chmod 600 it, and think of the "
                                   "key as known to them",
                                   path, about.st_mode & 07777)));
  }
  Buffer buffer(max_bytes + 1);
  std::size_t size = 0;
  while (size < buffer.bytes.size()) {
    const ssize_t n = ::read(file.get(), buffer.bytes.data() + size, buffer.bytes.size() - size);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return Fail(FileError("read", path, errno));
    if (n == 0) return Secret(std::string_view(buffer.bytes.data(), size));
    size += static_cast<std::size_t>(n);
  }
  return Fail(Error::Invalid(fmt::format("read {}: larger than {} bytes, which no key is", path, max_bytes)));
}

}  // namespace rempart::crypto
