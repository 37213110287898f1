#include "src/base/log.h"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <poll.h>
#include <spdlog/logger.h>
#include <spdlog/sinks/base_sink.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cmath>
#include <mutex>
#include <nlohmann/json.hpp>
#include <vector>

#include "src/base/clock.h"
#include "src/base/json.h"
#include "src/base/text.h"

namespace rempart::log {

namespace {

constexpr std::size_t kMaxValue = 4096;

std::atomic<void (*)(std::string_view)> test_sink{nullptr};
std::atomic<Format> line_format{Format::kConsole};

// One write a line, so that lines of several processes on one pipe do not mix (spdlog's own sinks go through stdio).
class StderrSink final : public spdlog::sinks::base_sink<std::mutex> {
 protected:
  void sink_it_(const spdlog::details::log_msg& message) override {
    const std::string_view line(message.payload.data(), message.payload.size());
    if (auto* copy_to = test_sink.load()) copy_to(line.substr(0, line.size() - 1));
    for (std::string_view rest = line; !rest.empty();) {
      const ssize_t n = ::write(STDERR_FILENO, rest.data(), rest.size());
      if (n >= 0) {
        rest.remove_prefix(static_cast<std::size_t>(n));
      } else if (errno ==
                 EAGAIN) {  // whoever reads is slow, and made the pipe non-blocking: wait a moment, then give up
        pollfd fd{STDERR_FILENO, POLLOUT, 0};
        if (::poll(&fd, 1, 1000) == 0) return;
      } else if (errno != EINTR) {
        return;
      }
    }
  }
  void flush_() override {}
};

// Never freed: threads may log while the process ends.
spdlog::logger& Logger() {
  static auto* const logger = new spdlog::logger("rempart", std::make_shared<StderrSink>());
  return *logger;
}

spdlog::level::level_enum ToSpdlog(Level level) {
  switch (level) {
    case Level::kDebug:
      return spdlog::level::debug;
    case Level::kInfo:
      return spdlog::level::info;
    case Level::kWarn:
      return spdlog::level::warn;
    case Level::kError:
      return spdlog::level::err;
  }
  return spdlog::level::err;
}

const char* NameOf(Level level) {
  switch (level) {
    case Level::kDebug:
      return "debug";
    case Level::kInfo:
      return "info";
    case Level::kWarn:
      return "warn";
    case Level::kError:
      return "error";
  }
  return "error";
}

// Context fields own their key, since the context outlives the call that named it.
struct OwnedField {
  std::string key;
  std::string value;
  bool bare;
};
thread_local std::vector<OwnedField> context;

struct FieldView {
  std::string_view key;
  std::string_view value;
  bool bare;
};

// The thread's context, then the line's own; a key that comes again later replaces the earlier one.
std::vector<FieldView> AllFields(Fields fields) {
  std::vector<FieldView> all;
  all.reserve(context.size() + fields.size());
  const auto add = [&all](std::string_view key, std::string_view value, bool bare) {
    std::erase_if(all, [&](const FieldView& f) { return f.key == key; });
    all.push_back({key, value, bare});
  };
  for (const OwnedField& f : context) add(f.key, f.value, f.bare);
  for (const Field& f : fields) add(f.key, f.value, f.bare);
  return all;
}

// With quotes around; invalid UTF-8 becomes U+FFFD.
std::string Quoted(std::string_view text, bool ascii = false) {
  return Json(CleanText(text, kMaxValue)).dump(-1, ' ', ascii);
}

// Text for a terminal: nothing that moves a cursor, colours or rings gets through, invalid UTF-8 neither.
std::string ForConsole(std::string_view text) {
  std::string safe = Quoted(text);
  for (std::size_t i = 0; i < safe.size(); ++i) {
    const auto c = static_cast<unsigned char>(safe[i]);
    // DEL, or one of the control characters U+0080 to U+009F, which JSON leaves as they are
    const bool c1 = c == 0xc2 && i + 1 < safe.size() && static_cast<unsigned char>(safe[i + 1]) < 0xa0;
    if (c == 0x7f || c1) return Quoted(text, true);
  }
  return safe;
}

bool IsPlain(std::string_view value) {
  return !value.empty() && value.size() <= kMaxValue && std::all_of(value.begin(), value.end(), [](char c) {
    return c > ' ' && c < 0x7f && c != '"' && c != '=' && c != '\\';
  });
}

// Readable as it stands: printable ASCII and spaces. Anything else is quoted, so that it cannot look like another line.
bool IsPlainMessage(std::string_view msg) {
  return msg.size() <= kMaxValue && std::all_of(msg.begin(), msg.end(), [](char c) { return c >= ' ' && c < 0x7f; });
}

std::string Timestamp() {
  const auto now = std::chrono::system_clock::now();
  const auto ms = std::chrono::floor<std::chrono::milliseconds>(now.time_since_epoch()).count() % 1000;
  std::string text = FormatTime(std::chrono::time_point_cast<WallTime::duration>(now));
  text.pop_back();  // the Z comes after the fraction
  return text + fmt::format(".{:03}Z", ms);
}

std::string JsonLine(Level level, std::string_view msg, const std::vector<FieldView>& fields) {
  std::string line = fmt::format(R"({{"ts":"{}","level":"{}","msg":{})", Timestamp(), NameOf(level), Quoted(msg));
  for (const FieldView& f : fields) {
    line.append(",").append(Quoted(f.key)).append(":");
    if (f.bare)
      line.append(f.value);
    else
      line.append(Quoted(f.value));
  }
  return line.append("}\n");
}

std::string ConsoleLine(Level level, std::string_view msg, const std::vector<FieldView>& fields) {
  std::string line = fmt::format("{} {:<5} ", Timestamp(), NameOf(level));
  if (IsPlainMessage(msg))
    line.append(msg);
  else
    line.append(ForConsole(msg));
  for (const FieldView& f : fields) {
    line.append(" ").append(IsPlain(f.key) ? std::string(f.key) : ForConsole(f.key)).append("=");
    if (IsPlain(f.value))
      line.append(f.value);
    else
      line.append(ForConsole(f.value));
  }
  return line.append("\n");
}

}  // namespace

Field::Field(std::string_view k, double v) : key(k), value(fmt::format("{}", v)), bare(std::isfinite(v)) {}

void Configure(Level level, Format format) {
  line_format = format;
  Logger().set_level(ToSpdlog(level));
}

Result<Level> ParseLevel(std::string_view text) {
  for (Level level : {Level::kDebug, Level::kInfo, Level::kWarn, Level::kError}) {
    if (text == NameOf(level)) return level;
  }
  return Fail(rempart::Error::Invalid("log level \"" + CleanText(text, 64) + "\" is none of debug, info, warn, error"));
}

Result<Format> ParseFormat(std::string_view text) {
  if (text == "json") return Format::kJson;
  if (text == "console") return Format::kConsole;
  return Fail(rempart::Error::Invalid("log format \"" + CleanText(text, 64) + "\" is none of json, console"));
}

bool Enabled(Level level) { return Logger().should_log(ToSpdlog(level)); }

void Write(Level level, std::string_view msg, Fields fields) {
  if (!Enabled(level)) return;
  const std::vector<FieldView> all = AllFields(fields);
  const std::string line =
      line_format.load() == Format::kJson ? JsonLine(level, msg, all) : ConsoleLine(level, msg, all);
  Logger().log(spdlog::source_loc{}, ToSpdlog(level), spdlog::string_view_t(line.data(), line.size()));
}

Context::Context(Fields fields) : restore_(context.size()) {
  for (const Field& f : fields) context.push_back({std::string(f.key), f.value, f.bare});
}

Context::~Context() { context.resize(restore_); }

void SetSink(void (*sink)(std::string_view line)) { test_sink = sink; }

}  // namespace rempart::log
