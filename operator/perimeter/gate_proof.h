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
  std::string ns;                // that the probes were sent into
  std::size_t refused = 0, admitted = 0;
  std::vector<std::string> not_probed;  // rules that no request of the operator's own can show
  std::vector<ProbeProblem> problems;
  bool no_namespace = false;  // the region governs none: there is nothing to guard, nor where to send probes
};

// What the gate's objects are.
struct GateWritten {
  std::string uid;              // of the region whose spec was carried out last, the whole of it; "" for none
  std::int64_t generation = 0;  // the same
  MonoTime at{};                // since when they are as they are; the API server's own caches take a moment to follow
  bool operator==(const GateWritten&) const = default;
};

// Thread-safe.
class GateProofs {
 public:
  // Some of the gate's objects were written or deleted.
  void NoteWrite(const std::string& region, MonoTime at);
  // All that the spec of this uid and generation asks for is there, whether anything had to be written for it or not.
  // True where it was another's until now.
  bool NoteCarriedOut(const std::string& region, const std::string& uid, std::int64_t generation, MonoTime now);
  std::optional<GateWritten> Written(const std::string& region) const;
  void Put(const std::string& region, GateProof proof);
  std::optional<GateProof> Get(const std::string& region) const;
  void ForgetProof(const std::string& region);
  void ForgetWritten(const std::string& region);

 private:
  struct Entry {
    std::optional<GateWritten> written;
    std::optional<GateProof> proof;
  };
  void DropEmpty(const std::string& region);  // with the lock held
  mutable std::mutex mutex_;
  std::map<std::string, Entry> entries_;
};

}  // namespace rempart::perimeter
