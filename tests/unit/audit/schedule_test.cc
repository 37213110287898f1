// When a region is audited next.
#include "operator/perimeter/audit/schedule.h"

#include <gtest/gtest.h>

#include <chrono>

namespace rempart::audit {
namespace {

using namespace std::chrono_literals;

const AuditInputs kBefore{"uid", 3, "nodes", "namespaces"};
const MonoTime kDone = MonoTime{} + 1h;

AuditInputs With(std::string AuditInputs::*member, std::string value) {
  AuditInputs now = kBefore;
  now.*member = std::move(value);
  return now;
}

TEST(Schedule, WhatDiffersSaysHowSoon) {
  const AuditInputs other_nodes = With(&AuditInputs::nodes, "others"),
                    other_region = With(&AuditInputs::uid, "another");
  const AuditInputs other_namespaces = With(&AuditInputs::namespaces, "others");
  AuditInputs both = other_nodes, other_spec = other_namespaces;
  both.namespaces = "others";
  ++other_spec.generation;
  struct Case {
    const char* what;
    AuditInputs now;
    std::optional<MonoTime> for_namespaces;
    Duration interval, due;
  };
  const Case cases[] = {
      {"nothing", kBefore, {}, 5min, 5min},
      {"nothing, and the last was for namespaces", kBefore, kDone, 5min, 5min},
      {"the spec", other_spec, kDone, 5min, 0s},
      {"another region of the name", other_region, kDone, 5min, 0s},
      {"nodes", other_nodes, {}, 5min, 10s},
      {"nodes, with a short interval", other_nodes, {}, 4s, 4s},
      {"namespaces", other_namespaces, {}, 5min, 10s},
      {"namespaces, with a short interval", other_namespaces, kDone, 4s, 4s},
      {"namespaces right after others", other_namespaces, kDone, 5min, 1min},
      {"namespaces a while after others", other_namespaces, kDone - 40s, 5min, 20s},
      {"namespaces long after others", other_namespaces, kDone - 1h, 5min, 10s},
      {"namespaces, with a long interval", other_namespaces, kDone, 1h, 12min},
      {"nodes too, which do not wait for that", both, kDone, 5min, 10s},
  };
  for (const Case& one : cases) {
    const LastAudit last{.of = kBefore, .done = kDone, .for_namespaces = one.for_namespaces};
    EXPECT_EQ((DueAt(last, one.now, one.interval) - kDone) / 1s, one.due / 1s) << one.what;
  }
}

TEST(Schedule, RemembersWhichAuditWasForNamespacesAlone) {
  const LastAudit first = Audited(std::nullopt, kBefore, kDone);
  EXPECT_EQ(first.of, kBefore);
  EXPECT_EQ(first.done, kDone);
  EXPECT_FALSE(first.for_namespaces) << "it was due anyway";
  const LastAudit joined = Audited(first, With(&AuditInputs::namespaces, "others"), kDone + 10s);
  EXPECT_EQ(joined.for_namespaces, kDone + 10s);
  AuditInputs more = joined.of;
  more.nodes = "others", more.namespaces = "more";
  const LastAudit nodes = Audited(joined, more, kDone + 20s);
  EXPECT_EQ(nodes.for_namespaces, kDone + 10s);
  EXPECT_EQ(nodes.done, kDone + 20s);
  EXPECT_EQ(Audited(nodes, more, kDone + 6min).for_namespaces, kDone + 10s);
}

// A pipeline that makes a namespace a minute, or a second, and deletes it again.
TEST(Schedule, AuditsAreNotBackToBackWhateverNamespacesDo) {
  constexpr Duration kTakes = 8s;
  for (const Duration every : {1s, 20s, 60s, 90s}) {
    LastAudit last = Audited(std::nullopt, kBefore, kDone);
    int audits = 0;
    for (Duration at = 0s; at < 1h; at += 1s) {
      const AuditInputs now = With(&AuditInputs::namespaces, std::to_string(at / every));
      if (kDone + at < DueAt(last, now, 5min)) continue;
      at += kTakes;
      last = Audited(last, now, kDone + at);
      ++audits;
    }
    EXPECT_LE(audits, 60) << every / 1s;
    EXPECT_GE(audits, every > 60s ? 35 : 45) << every / 1s << ": nor are they left to the interval";
  }
}

}  // namespace
}  // namespace rempart::audit
