#include "src/kube/read_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <system_error>

namespace rempart::kube {
namespace {

Error FileError(const std::string& path, int error) {
  const std::string text = "read " + path + ": " + std::generic_category().message(error);
  if (error == ENOENT || error == ENOTDIR) return Error::NotFound(text);
  if (error == EACCES || error == EPERM) return Error::Denied(text);
  if (error == EISDIR || error == ENAMETOOLONG || error == ELOOP) return Error::Invalid(text);
  return Error::Transient(text);
}

}  // namespace

Result<std::string> ReadFile(const std::string& path, std::size_t max_bytes) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return Fail(FileError(path, errno));
  auto content = ReadDescriptor(fd, path, max_bytes);
  ::close(fd);
  return content;
}

Result<std::string> ReadDescriptor(int fd, const std::string& name, std::size_t max_bytes) {
  std::string content;
  std::array<char, 16 * 1024> piece;
  for (;;) {
    const ssize_t n = ::read(fd, piece.data(), piece.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return Fail(FileError(name, errno));
    if (n == 0) return content;
    content.append(piece.data(), static_cast<std::size_t>(n));
    if (content.size() > max_bytes) {
      return Fail(Error::Invalid("read " + name + ": larger than " + std::to_string(max_bytes / 1024) + " KiB"));
    }
  }
}

}  // namespace rempart::kube
