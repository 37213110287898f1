#include "operator/perimeter/audit/schedule.h"

#include <algorithm>
#include <utility>

namespace rempart::audit {
namespace {

constexpr Duration kMinGap = std::chrono::seconds(10);
constexpr int kNamespaceAuditsAnInterval = 5;  // at most

bool OnlyNamespacesDiffer(const AuditInputs& before, const AuditInputs& now) {
  return before.namespaces != now.namespaces && before.uid == now.uid && before.generation == now.generation &&
         before.nodes == now.nodes;
}

}  // namespace

MonoTime DueAt(const LastAudit& last, const AuditInputs& now, Duration interval) {
  if (last.of == now) return last.done + interval;
  if (last.of.uid != now.uid || last.of.generation != now.generation) return last.done;
  const MonoTime soon = last.done + std::min(interval, kMinGap);
  if (!last.for_namespaces || !OnlyNamespacesDiffer(last.of, now)) return soon;
  return std::max(soon, *last.for_namespaces + interval / kNamespaceAuditsAnInterval);
}

LastAudit Audited(const std::optional<LastAudit>& before, AuditInputs now, MonoTime done) {
  LastAudit audited{.of = std::move(now), .done = done, .for_namespaces = std::nullopt};
  if (!before) return audited;
  audited.for_namespaces = OnlyNamespacesDiffer(before->of, audited.of) ? done : before->for_namespaces;
  return audited;
}

}  // namespace rempart::audit
