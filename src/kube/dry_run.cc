#include "src/kube/dry_run.h"

#include <nlohmann/json.hpp>

#include "src/base/json.h"

namespace rempart::kube {
namespace {

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

}  // namespace

Result<Reply> DryRunApi::Do(const Call& call, std::stop_token stop) {
  if (call.method == "GET") return api_.Do(call, stop);
  Call harmless = call;
  harmless.target += (call.target.find('?') == std::string::npos ? "?" : "&") + std::string("dryRun=All");
  if (auto marked = MarkOptions(harmless); !marked) return Fail(std::move(marked.error()));
  ++would_write_;
  auto reply = api_.Do(harmless, stop);
  print_("would " + call.doing + (reply ? "" : " (the server would refuse it: " + reply.error().message + ")") +
         "\n  " + call.body);
  if (reply) GiveVersion(*reply);
  return reply;
}

Status DryRunApi::Stream(const std::string& target, std::chrono::milliseconds idle, const http::Client::Sink& sink,
                         std::stop_token stop) {
  return api_.Stream(target, idle, sink, stop);
}

}  // namespace rempart::kube
