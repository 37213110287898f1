#include "src/kube/manifest_files.h"

#include <algorithm>
#include <filesystem>
#include <string_view>
#include <system_error>
#include <unordered_set>
#include <utility>

#include "src/kube/read_file.h"

namespace rempart::kube {
namespace {

namespace fs = std::filesystem;

bool IsManifestName(std::string_view name) {
  return name.ends_with(".yaml") || name.ends_with(".yml") || name.ends_with(".json");
}

bool IsLeftOut(std::string_view name) { return name == ".git" || name.starts_with(".."); }

class Collector {
 public:
  Collector(const std::function<Result<std::string>()>& read_stdin, const FileLimits& limits)
      : read_stdin_(read_stdin), limits_(limits) {}

  void Take(const std::string& path) {
    if (path == "-") {
      if (!seen_.insert(path).second) return;
      if (!read_stdin_) return Keep(path, Fail(Error::Invalid("standard input cannot be read here")));
      return Keep(path, read_stdin_());
    }
    std::error_code error;
    const fs::path real = fs::canonical(path, error);
    if (error) return Keep(path, ReadFile(path, limits_.max_file_bytes));  // which says what is wrong
    if (!fs::is_directory(real, error)) return TakeFile(path, real);
    const std::size_t before = files_.size();
    took_seen_ = seen_.contains(real.native());
    TakeDirectory(path, real, 1);
    if (files_.size() == before && !took_seen_ && !full_) {
      Keep(path, Fail(Error::NotFound(path + ": a directory without a .yaml, .yml or .json file")));
    }
  }

  std::vector<ManifestFile> Done() && { return std::move(files_); }

 private:
  void TakeFile(const std::string& path, const fs::path& real) {
    if (!seen_.insert(real.native()).second) {
      took_seen_ = true;
      return;
    }
    if (full_) return;
    if (files_.size() >= limits_.max_files || total_bytes_ >= limits_.max_total_bytes) {
      full_ = true;
      return Keep(path, Fail(Error::Invalid("more than " + std::to_string(limits_.max_files) + " files or " +
                                            std::to_string(limits_.max_total_bytes / 1024 / 1024) +
                                            " MiB: this one and what follows were not read; check fewer at a time")));
    }
    Keep(path, ReadFile(path, std::min(limits_.max_file_bytes, limits_.max_total_bytes - total_bytes_)));
  }

  void TakeDirectory(const std::string& path, const fs::path& real, std::size_t depth) {
    if (full_ || !seen_.insert(real.native()).second) return;
    if (depth > limits_.max_depth) {
      return Keep(path, Fail(Error::Invalid(path + ": more than " + std::to_string(limits_.max_depth) +
                                            " directories in one another")));
    }
    std::error_code error;
    std::vector<std::string> names;
    for (fs::directory_iterator at(real, error), end; !error && at != end; at.increment(error)) {
      std::string name = at->path().filename().native();
      if (!IsLeftOut(name)) names.push_back(std::move(name));
    }
    if (error) return Keep(path, Fail(Error::Denied("list " + path + ": " + error.message())));
    std::ranges::sort(names);
    const std::string prefix = path == "." ? "" : path.ends_with('/') ? path : path + "/";
    for (const std::string& name : names) TakeEntry(prefix + name, real / name, depth);
  }

  void TakeEntry(const std::string& path, fs::path real, std::size_t depth) {
    std::error_code error;
    const bool manifest = IsManifestName(path);
    if (fs::is_symlink(real, error)) {
      real = fs::canonical(real, error);
      // A link that leads nowhere is of interest where a manifest was meant.
      if (error && manifest) return Keep(path, Fail(Error::NotFound("read " + path + ": " + error.message())));
      if (error) return;
    }
    const auto type = fs::status(real, error).type();
    if (type == fs::file_type::directory) return TakeDirectory(path, real, depth + 1);
    // Nothing that would block, or never end: pipes, devices.
    if (type == fs::file_type::regular && manifest) TakeFile(path, real);
  }

  void Keep(const std::string& path, Result<std::string> content) {
    if (content) total_bytes_ += content->size();
    files_.push_back({path, std::move(content)});
  }

  const std::function<Result<std::string>()>& read_stdin_;
  const FileLimits& limits_;
  std::unordered_set<std::string> seen_;  // real paths
  std::size_t total_bytes_ = 0;
  bool took_seen_ = false;  // something was left out because it was read before
  bool full_ = false;
  std::vector<ManifestFile> files_;
};

}  // namespace

std::vector<ManifestFile> ReadManifestFiles(const std::vector<std::string>& paths,
                                            const std::function<Result<std::string>()>& read_stdin,
                                            const FileLimits& limits) {
  Collector collector(read_stdin, limits);
  for (const std::string& path : paths) collector.Take(path);
  return std::move(collector).Done();
}

}  // namespace rempart::kube
