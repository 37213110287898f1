// What the self-test of a region's gate found last, shared by those who need it: the gate's writer tells when it wrote,
// the self-test what came of its probes, the region's status shows it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "src/base/clock.h"

namespace rempart::perimeter {

// A probe that did not do as it should.
struct ProbeProblem {
  enum class Kind : std::uint8_t {
    kGotIn,         // it should have been refused
    kRefused,       // it should have got in, and the gate refused it
    kNotByItsRule,  // refused, but not by the rule that it is for: that rule is not shown to hold
    kNotJudged,     // the server answered something else: no right to send it, a namespace that goes
  } kind;
  std::string rule;     // "RP-101"; of the object that should get in: the gate, "pods"
  std::string message;  // what the server said, or that it let it in
  bool operator==(const ProbeProblem&) const = default;
};

struct GateProof {
  std::string uid;               // of the region that was tested
  std::int64_t generation = 0;   // the same
  std::optional<WallTime> held;  // when all probes last did as they should; none: not since this process began
  std::size_t refused = 0, admitted = 0;
  std::vector<std::string> not_probed;  // rules that no request of the operator's own can show
  std::vector<ProbeProblem> problems;
  bool no_namespace = false;  // the region governs none: there is nothing to guard, nor where to send probes
};

// Thread-safe.
class GateProofs {
 public:
  // Since when the gate's objects are as they are; the API server's own caches take a moment to follow.
  void NoteWrite(const std::string& region, MonoTime at);
  std::optional<MonoTime> LastWrite(const std::string& region) const;
  void Put(const std::string& region, GateProof proof);
  std::optional<GateProof> Get(const std::string& region) const;
  void Forget(const std::string& region);

 private:
  struct Entry {
    std::optional<MonoTime> last_write;
    std::optional<GateProof> proof;
  };
  mutable std::mutex mutex_;
  std::map<std::string, Entry> entries_;
};

}  // namespace rempart::perimeter
