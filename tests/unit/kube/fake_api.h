// An API server in memory, with switches for what may go wrong. Knows objects by path, resource versions, conflicts and
// merge patches; no schemas, no apply.
#pragma once

#include <condition_variable>
#include <functional>
#include <map>
#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "src/base/json.h"
#include "src/kube/api.h"

namespace rempart::kube::test {

// The objects; several FakeApi may share one. Thread-safe.
class FakeStore {
 public:
  Result<Reply> Apply(const Api::Call& call) {
    std::scoped_lock lock(mutex_);
    const std::string path = call.target.substr(0, call.target.find('?'));
    if (call.method == "GET") return Find(path);
    if (call.method == "POST") {
      Json object = Json::parse(call.body);
      const std::string name = path + "/" + object["metadata"]["name"].get<std::string>();
      if (objects_.contains(name)) return Refuse(409, ErrorKind::kConflict, "AlreadyExists");
      return Store(name, std::move(object), 201);
    }
    Result<Reply> found = Find(path);
    if (!found) return found;
    if (call.method == "DELETE") {
      objects_.erase(path);
      return Reply{200, "{}"};
    }
    Json object = Json::parse(found->body);
    if (call.method == "PATCH") {
      object.merge_patch(Json::parse(call.body));
      return Store(path, std::move(object), 200);
    }
    Json next = Json::parse(call.body);  // PUT
    if (next["metadata"].value("resourceVersion", "") != object["metadata"]["resourceVersion"]) {
      return Refuse(409, ErrorKind::kConflict, "Conflict");
    }
    return Store(path, std::move(next), 200);
  }

  std::optional<Json> Get(const std::string& path) const {
    std::scoped_lock lock(mutex_);
    const auto found = objects_.find(path);
    return found == objects_.end() ? std::nullopt : std::optional(found->second);
  }
  std::vector<Json> All() const {
    std::scoped_lock lock(mutex_);
    std::vector<Json> out;
    for (const auto& [path, object] : objects_) out.push_back(object);
    return out;
  }
  void Put(const std::string& path, Json object) {
    std::scoped_lock lock(mutex_);
    (void)Store(path, std::move(object), 200);
  }
  void Remove(const std::string& path) {
    std::scoped_lock lock(mutex_);
    objects_.erase(path);
  }

 private:
  Result<Reply> Find(const std::string& path) const {
    const auto found = objects_.find(path);
    if (found == objects_.end()) return Refuse(404, ErrorKind::kNotFound, "NotFound");
    return Reply{200, found->second.dump()};
  }
  Result<Reply> Store(const std::string& path, Json object, int status) {
    object["metadata"]["resourceVersion"] = std::to_string(++version_);
    Reply reply{status, object.dump()};
    objects_[path] = std::move(object);
    return reply;
  }
  static std::unexpected<Error> Refuse(int status, ErrorKind kind, const std::string& reason) {
    Error error{kind, reason, reason, status};
    return Fail(error);
  }

  mutable std::mutex mutex_;
  std::map<std::string, Json> objects_;
  int version_ = 100;
};

// Thread-safe. The switches may be turned while calls are under way.
class FakeApi final : public Api {
 public:
  explicit FakeApi(FakeStore& store) : store_(store) {}

  // Every call fails so, until reset; the store sees none of them.
  void FailAll(std::optional<Error> error) {
    Set([&] { fail_all_ = std::move(error); });
  }
  // The next calls fail so, one each.
  void FailNext(Error error, int times = 1) {
    Set([&] { fail_next_.insert(fail_next_.end(), times, error); });
  }
  // The next calls act, and their answers are lost.
  void LoseAnswers(int n) {
    Set([&] { lose_answers_ = n; });
  }
  // Calls block until their stop token is requested, or this is turned off.
  void Hang(bool hang) {
    Set([&] { hang_ = hang; });
  }

  std::vector<Call> calls() const {
    std::scoped_lock lock(mutex_);
    return calls_;
  }
  // Blocks until `n` calls have been made altogether.
  void AwaitCalls(std::size_t n) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return calls_.size() >= n; });
  }
  // The same, and that the last of them has acted and been answered.
  void AwaitAnswers(std::size_t n) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return answers_ >= n; });
  }
  void AwaitHanging() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return hanging_ > 0; });
  }

  Result<Reply> Do(const Call& call, std::stop_token stop) override {
    auto reply = Act(call, stop);
    Set([&] { ++answers_; });
    return reply;
  }
  Status Stream(const std::string&, std::chrono::milliseconds, const http::Client::Sink&, std::stop_token) override {
    return Fail(Error::Internal("this fake has no watches"));
  }

 private:
  Result<Reply> Act(const Call& call, std::stop_token stop) {
    bool lose = false;
    {
      std::unique_lock lock(mutex_);
      calls_.push_back(call);
      changed_.notify_all();
      if (hang_) {
        ++hanging_;
        changed_.notify_all();
        changed_.wait(lock, stop, [&] { return !hang_; });
        --hanging_;
      }
      if (stop.stop_requested()) return Fail(Error::Cancelled("stopped"));
      if (fail_all_) return Fail(*fail_all_);
      if (!fail_next_.empty()) {
        Error error = fail_next_.front();
        fail_next_.erase(fail_next_.begin());
        return Fail(std::move(error));
      }
      if (lose_answers_ > 0) lose = lose_answers_-- > 0;
    }
    Result<Reply> reply = store_.Apply(call);
    if (lose) return Fail(Error::Transient("the answer was lost"));
    return reply;
  }

  template <class F>
  void Set(F f) {
    std::scoped_lock lock(mutex_);
    f();
    changed_.notify_all();
  }

  FakeStore& store_;
  mutable std::mutex mutex_;
  std::condition_variable_any changed_;
  std::vector<Call> calls_;
  std::optional<Error> fail_all_;
  std::vector<Error> fail_next_;
  std::size_t answers_ = 0;
  int lose_answers_ = 0;
  int hanging_ = 0;
  bool hang_ = false;
};

}  // namespace rempart::kube::test
