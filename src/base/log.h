// Structured logs on standard error: one JSON object (or one console line) an entry. spdlog does the work and stays
// behind this header. Callers never pass secrets; values and messages are escaped, and cut at 4 KiB each.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include "src/base/result.h"

namespace rempart::log {

enum class Level { kDebug, kInfo, kWarn, kError };
enum class Format { kJson, kConsole };

// One key and its value, as strings; numbers are formatted by the constructors and printed bare (quoted where they are
// not finite). Keys are ours: short, and none of ts, level, msg. A key that comes twice on a line is printed once, as
// last said.
struct Field {
  Field(std::string_view k, std::string_view v) : key(k), value(v) {}
  Field(std::string_view k, const std::string& v) : key(k), value(v) {}
  Field(std::string_view k, const char* v) : key(k), value(v) {}
  Field(std::string_view k, const Error& e) : key(k), value(e.ToString()) {}
  Field(std::string_view k, bool v) : key(k), value(v ? "true" : "false"), bare(true) {}
  Field(std::string_view k, double v);
  template <class N>
  requires(std::is_integral_v<N> && !std::is_same_v<N, bool>) Field(std::string_view k, N v)
      : key(k), value(std::to_string(v)), bare(true) {}
  std::string_view key;
  std::string value;
  bool bare = false;
};
using Fields = std::initializer_list<Field>;

// Once, from main, before other threads start. Until then: info, console.
void Configure(Level level, Format format);
Result<Level> ParseLevel(std::string_view text);    // debug | info | warn | error
Result<Format> ParseFormat(std::string_view text);  // json | console
bool Enabled(Level level);

// Thread-safe. Lines carry ts (RFC 3339, ms), level, msg, the thread's context fields, then `fields`.
void Write(Level level, std::string_view msg, Fields fields = {});
inline void Debug(std::string_view msg, Fields f = {}) {
  if (Enabled(Level::kDebug)) Write(Level::kDebug, msg, f);
}
inline void Info(std::string_view msg, Fields f = {}) { Write(Level::kInfo, msg, f); }
inline void Warn(std::string_view msg, Fields f = {}) { Write(Level::kWarn, msg, f); }
inline void Error(std::string_view msg, Fields f = {}) { Write(Level::kError, msg, f); }

// While it lives, every line of this thread carries these fields (controller, object, reconcile id). Nests.
class Context {
 public:
  explicit Context(Fields fields);
  ~Context();
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;

 private:
  std::size_t restore_;
};

// For tests: every line, without its newline, also goes to `sink` until it is reset with nullptr. Calls come one at a
// time, from the threads that log; the sink itself must not.
void SetSink(void (*sink)(std::string_view line));

}  // namespace rempart::log
