#include "src/kube/dry_run.h"

namespace rempart::kube {

Result<Reply> DryRunApi::Do(const Call& call, std::stop_token stop) {
  if (call.method == "GET") return api_.Do(call, stop);
  ++would_write_;
  Call harmless = call;
  harmless.target += (call.target.find('?') == std::string::npos ? "?" : "&") + std::string("dryRun=All");
  auto reply = api_.Do(harmless, stop);
  print_("would " + call.doing + (reply ? "" : " (the server would refuse it: " + reply.error().message + ")") +
         "\n  " + call.body);
  return reply;
}

Status DryRunApi::Stream(const std::string& target, std::chrono::milliseconds idle, const http::Client::Sink& sink,
                         std::stop_token stop) {
  return api_.Stream(target, idle, sink, stop);
}

}  // namespace rempart::kube
