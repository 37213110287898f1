// When a region's gate is tested, and how: what of it is observed and the time in, a plan out. Pure; any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "operator/perimeter/gate_proof.h"
#include "operator/perimeter/qualification.h"
#include "src/base/clock.h"

namespace rempart::perimeter {

inline constexpr Duration kSelfTestPeriod = std::chrono::minutes(1);
inline constexpr Duration kSelfTestFailedPeriod = std::chrono::seconds(5);
// How long the API server may take to see what was written (its own informers; seconds on a loaded one). A probe that
// does not do as it should within it is sent again before anything is said.
inline constexpr Duration kGateSettles = std::chrono::seconds(15);
inline constexpr Duration kSettlingPeriod = std::chrono::milliseconds(500);
// For how long a gate that is written again and again, or a probe that gets no answer (of a webhook that is dead: 5xx),
// is given the benefit of the doubt. Then the rules concerned are named.
inline constexpr Duration kDoubtEnds = std::chrono::minutes(1);

// What the tests so far leave to the next one.
struct SelfTestMemory {
  std::optional<MonoTime> tested;       // when the last test that was published began
  std::size_t sent = 0;                 // how many tests took the next namespace
  std::optional<MonoTime> doubt_since;  // no probes have all done as they should since then
};

struct SelfTestObservation {
  RegionPtr region;  // for which IsTested is true
  std::optional<GateWritten> written;
  std::vector<std::string> namespaces;  // that probes can be sent into
  std::optional<GateProof> last;
};

struct SelfTestPlan {
  enum class Do : std::uint8_t { kWait, kTellNoNamespace, kSend } what = Do::kWait;
  std::optional<Duration> look_again;  // kWait: none where a change tells
  // kSend: into which of the namespaces. Each test takes the next one; but one where the gate did not hold is tested
  // until it holds: another's test says nothing of it.
  std::string ns;
  // The API server may not have seen the gate as it is: the first problem ends the test, and none is told.
  bool settling = false;
  bool unanswered_tells = false;  // a probe without an answer is a problem like another, and no error
  SelfTestMemory memory;          // as it is from now on
};

// Whether the region says that anything is to be refused. Null: it is gone.
bool IsTested(const RegionPtr& region);

SelfTestPlan PlanSelfTest(const SelfTestObservation& observed, const SelfTestMemory& memory, MonoTime now);

// What is made of a test that got its answers.
struct SelfTestResult {
  bool told = false;  // else it came to nothing
  Duration look_again{};
  SelfTestMemory memory;
};
// `plan`: made of `observed` at `began`. `written`: as it is now; of a gate that changed meanwhile some probes were
// answered by the one, some by the other. `held`: all probes did as they should.
SelfTestResult AfterProbes(const SelfTestObservation& observed, const SelfTestPlan& plan, MonoTime began,
                           const std::optional<GateWritten>& written, bool held);

}  // namespace rempart::perimeter
