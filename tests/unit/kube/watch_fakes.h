// Stand-ins for what a reflector works with: an API that answers from a script, a sink that takes notes.
#pragma once

#include <deque>
#include <optional>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "src/kube/api.h"
#include "src/kube/watch.h"
#include "tests/unit/kube/jump_clock.h"

namespace rempart::kube::test {

// One answer a call, in order. When they run out the script is over: it requests stop. For one thread.
class ScriptedApi final : public Api {
 public:
  struct Answer {
    std::vector<std::string> pieces;  // of a stream; of a call, joined, the body
    std::optional<Error> error;       // how it ends; a stream's after its pieces
    Duration lasted{0};
  };
  explicit ScriptedApi(JumpClock& clock) : clock_(clock) {}

  Result<Reply> Do(const Call& call, std::stop_token) override {
    auto answer = Next(call.method + " " + call.target);
    if (answer.error) return Fail(*answer.error);
    std::string body;
    for (const auto& piece : answer.pieces) body += piece;
    return Reply{200, std::move(body)};
  }
  Status Stream(const std::string& target, std::chrono::milliseconds idle, const http::Client::Sink& sink,
                std::stop_token) override {
    last_idle = idle;
    auto answer = Next("STREAM " + target);
    clock_.Advance(answer.lasted);
    for (const auto& piece : answer.pieces) {
      if (!sink(piece)) return {};
    }
    if (answer.error) return Fail(*answer.error);
    return {};
  }

  std::deque<Answer> script;
  std::vector<std::string> calls;
  std::chrono::milliseconds last_idle{};
  std::stop_source stop;

 private:
  Answer Next(std::string call) {
    if (script.empty()) {
      stop.request_stop();
      return {{}, Error::Cancelled("the script is over"), {}};
    }
    calls.push_back(std::move(call));
    Answer answer = std::move(script.front());
    script.pop_front();
    return answer;
  }
  JumpClock& clock_;
};

class NotingSink final : public WatchSink {
 public:
  void Init() override { Note("Init"); }
  void InitApply(View object) override { Note("InitApply " + Of(object)); }
  void InitDone(std::uint64_t rv) override { Note("InitDone " + std::to_string(rv)); }
  void Apply(View object) override { Note("Apply " + Of(object)); }
  void Delete(View object) override { Note("Delete " + Of(object)); }
  void Progress(std::uint64_t rv) override { Note("Progress " + std::to_string(rv)); }
  std::vector<std::string> notes;

 private:
  static std::string Of(View object) {
    return std::string(object["metadata"]["name"].Str()) + "@" +
           std::string(object["metadata"]["resourceVersion"].Str());
  }
  void Note(std::string note) { notes.push_back(std::move(note)); }
};

inline std::string ObjectJson(const std::string& name, std::uint64_t rv, const std::string& more = "",
                              const std::string& uid = "") {
  return R"({"metadata":{"namespace":"ns","name":")" + name + R"(","uid":")" + (uid.empty() ? "uid-" + name : uid) +
         R"(","resourceVersion":")" + std::to_string(rv) + "\"}" + more + "}";
}
inline std::string EventLine(const std::string& type, const std::string& object) {
  return R"({"type":")" + type + R"(","object":)" + object + "}\n";
}
inline std::string Added(const std::string& name, std::uint64_t rv) { return EventLine("ADDED", ObjectJson(name, rv)); }
inline std::string Modified(const std::string& name, std::uint64_t rv) {
  return EventLine("MODIFIED", ObjectJson(name, rv));
}
inline std::string Deleted(const std::string& name, std::uint64_t rv) {
  return EventLine("DELETED", ObjectJson(name, rv));
}
inline std::string Bookmark(std::uint64_t rv) {
  return EventLine("BOOKMARK", R"({"metadata":{"resourceVersion":")" + std::to_string(rv) + "\"}}");
}
inline std::string InitialEnd(std::uint64_t rv) {
  return EventLine("BOOKMARK", R"({"metadata":{"resourceVersion":")" + std::to_string(rv) +
                                   R"(","annotations":{"k8s.io/initial-events-end":"true"}}})");
}
inline std::string ErrorLine(int code, const std::string& reason) {
  return EventLine("ERROR", R"({"kind":"Status","code":)" + std::to_string(code) + R"(,"reason":")" + reason +
                                R"(","message":"said"})");
}
inline std::string Page(std::uint64_t rv, const std::vector<std::string>& objects, const std::string& token = "") {
  std::string items;
  for (const auto& object : objects) items += (items.empty() ? "" : ",") + object;
  return R"({"kind":"PodList","metadata":{"resourceVersion":")" + std::to_string(rv) + R"(","continue":")" + token +
         R"("},"items":[)" + items + "]}";
}

}  // namespace rempart::kube::test
