#include "src/kube/dry_run.h"

#include <nlohmann/json.hpp>

#include "src/base/json.h"

namespace rempart::kube {
namespace {

constexpr std::string_view kApplyPatch = "application/apply-patch+yaml";

// What is only tried is not stored, and where it would be created the answer has no resourceVersion, which no object
// that can be read is without. Version 1 is older than all that is stored, so nobody waits to see it.
void GiveVersion(Reply& reply) {
  auto object = ParseJson(reply.body);
  if (!object || !object->is_object()) return;
  const auto metadata = object->find("metadata");
  if (metadata == object->end() || !metadata->is_object()) return;
  const auto version = metadata->find("resourceVersion");
  if (version != metadata->end() && *version != "" && *version != "0") return;
  (*metadata)["resourceVersion"] = "1";
  reply.body = object->dump(-1, ' ', false, Json::error_handler_t::replace);
}

// Where a DELETE has options in its body, the server takes those and reads no query.
Status MarkOptions(Api::Call& call) {
  if (call.method != "DELETE" || call.body.empty()) return {};
  auto options = ParseJson(call.body);
  if (!options || !options->is_object()) return Fail(Error::Internal(call.doing + ": its options are no object"));
  (*options)["dryRun"] = Json::array({"All"});
  call.body = options->dump(-1, ' ', false, Json::error_handler_t::replace);
  return {};
}

// As far as somebody would see a difference. Elements of a list have no kind of their own.
Json WithoutBookkeeping(Json object) {
  if (!object.is_object()) return nullptr;
  for (const char* field : {"apiVersion", "kind"}) object.erase(field);
  if (const auto metadata = object.find("metadata"); metadata != object.end() && metadata->is_object())
    for (const char* field : {"managedFields", "resourceVersion", "generation"}) metadata->erase(field);
  return object;
}

// The list that the object is the only one in: whoever writes it may list it, but not always get it by name.
std::string ListOf(std::string_view target) {
  std::string path(target.substr(0, target.find('?')));
  if (path.ends_with("/status")) path.resize(path.rfind('/'));
  const auto name = path.rfind('/');
  return path.substr(0, name) + "?fieldSelector=metadata.name%3D" + path.substr(name + 1);
}

}  // namespace

Result<Reply> DryRunApi::Do(const Call& call, std::stop_token stop) {
  if (call.method == "GET") return api_.Do(call, stop);
  Call harmless = call;
  harmless.target += (call.target.find('?') == std::string::npos ? "?" : "&") + std::string("dryRun=All");
  if (auto marked = MarkOptions(harmless); !marked) return Fail(std::move(marked.error()));
  const std::string write = DigestOf(call.method + " " + call.target + "\n" + call.body);
  {
    std::scoped_lock lock(mutex_);
    if (const auto known = told_.find(write); known != told_.end() && known->second) return *known->second;
  }
  auto reply = api_.Do(harmless, stop);
  if (reply) GiveVersion(*reply);
  const bool differs = !reply || Differs(call, *reply, stop);
  std::scoped_lock lock(mutex_);
  const auto [told, first] = told_.try_emplace(write);
  if (first && differs) {
    ++would_write_;
    print_("would " + call.doing + (reply ? "" : " (the server would refuse it: " + reply.error().message + ")") +
           "\n  " + call.body);
  }
  if (reply) told->second = *reply;
  return reply;
}

// Whoever does not know what is there (it was started anew) writes it once more, and the server stores nothing. But an
// apply is told always: that a field which somebody added goes again takes further steps, of which each sees none done.
bool DryRunApi::Differs(const Call& call, const Reply& would_be, std::stop_token stop) {
  if (call.method != "PUT" && call.method != "PATCH") return true;
  if (call.content_type == kApplyPatch) return true;
  const auto reply =
      api_.Do({.method = "GET", .target = ListOf(call.target), .doing = "look before: " + call.doing}, std::move(stop));
  const auto list = reply ? ParseJson(reply->body) : Fail(Error(reply.error()));
  const auto would = ParseJson(would_be.body);
  if (!list || !would || !list->is_object()) return true;
  const auto items = list->find("items");
  if (items == list->end() || !items->is_array() || items->size() != 1) return true;
  return WithoutBookkeeping(items->front()) != WithoutBookkeeping(*would);
}

Status DryRunApi::Stream(const std::string& target, std::chrono::milliseconds idle, const http::Client::Sink& sink,
                         std::stop_token stop) {
  return api_.Stream(target, idle, sink, stop);
}

}  // namespace rempart::kube
