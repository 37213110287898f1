// When a region is audited next. An audit lists much of the cluster, so that what asks for one has to wait for its
// turn. Pure; any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "src/base/clock.h"

namespace rempart::audit {

// What of the caches an audit depends on: where it differs, the next one does not wait for the interval.
struct AuditInputs {
  std::string uid;  // the region's
  std::int64_t generation = 0;
  std::string nodes, namespaces;  // digests of the names: of those that qualify, of those that the region governs
  bool operator==(const AuditInputs&) const = default;
};

struct LastAudit {
  AuditInputs of;
  MonoTime done{};
  // When the last one was done that nothing but other namespaces asked for: this one, or one before.
  std::optional<MonoTime> for_namespaces;
};

// Not after the interval. The region's own change does not wait. Nodes come in crowds, and so do namespaces: ten
// seconds after the last audit. But namespaces may come and go all day, one for each run of a pipeline: after an audit
// that was theirs alone the next such one is a fifth of the interval away, so that a cluster is read five times as
// often at most.
MonoTime DueAt(const LastAudit& last, const AuditInputs& now, Duration interval);

// What to remember of an audit of `now`; `before`: of the one before, if any.
LastAudit Audited(const std::optional<LastAudit>& before, AuditInputs now, MonoTime done);

}  // namespace rempart::audit
