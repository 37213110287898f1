// Whether a node is where an authority signed that it is: pure decisions. Unknown means not attested. Nothing here
// throws, and everything may be called from any thread.
//
// What is signed is an in-toto Statement v1 (github.com/in-toto/attestation) in a DSSE envelope, with one subject, the
// node, and the predicate https://rempart.dev/node-hosting/v1. The clauses that ask for it: SecNumCloud 3.2,
// 19.2 (where data are stored and processed) and 19.6 (who hosts them).
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "operator/api/attestation_policy.h"
#include "operator/api/node_attestation.h"
#include "operator/api/observed.h"
#include "src/base/clock.h"
#include "src/base/result.h"

namespace rempart::perimeter {

inline constexpr std::string_view kStatementPayloadType = "application/vnd.in-toto+json";
inline constexpr std::string_view kStatementType = "https://in-toto.io/Statement/v1";
inline constexpr std::string_view kHostingPredicate = "https://rempart.dev/node-hosting/v1";
inline constexpr std::size_t kMaxStatement = 16 * 1024;  // bytes

// What a machine is known by.
struct NodeIdentity {
  std::string name;         // of the Node
  std::string provider_id;  // spec.providerID; "" where there is none, as on machines of one's own
  std::string system_uuid;  // status.nodeInfo.systemUUID
  std::string machine_id;   // status.nodeInfo.machineID
};
NodeIdentity IdentityOf(const api::Node& node);

// SHA-256, in 64 lower-case hex digits, of four netstrings one after the other: kHostingPredicate, provider id, system
// UUID, machine id, byte for byte as the API server gives them. A netstring is a length in decimal, ':', so many bytes,
// ',': no two identities have one encoding. In a shell, for ASCII: printf '%s:%s,' "${#id}" "$id" for each, |
// sha256sum. kInvalid where name, system UUID or machine id is empty: what has no id cannot be told from another.
Result<std::string> NodeDigest(const NodeIdentity& node);

// What the authorities say of a node.
struct HostingClaim {
  std::string country;    // ISO 3166-1 alpha-2
  std::string site;       // "Paris, DC3": 1 to 256 bytes of one line
  std::string host;       // the legal name of who hosts it: the same
  WallTime issued_at{};   // from then on it holds; between the years 2000 and 2200
  WallTime expires_at{};  // from then on no longer; after issued_at
  bool operator==(const HostingClaim&) const = default;
};

struct HostingStatement {
  std::string node;    // the subject's name
  std::string digest;  // the subject's SHA-256, see NodeDigest
  HostingClaim claim;
  bool operator==(const HostingStatement&) const = default;
};
// Strictly, but for unknown members, which in-toto wants left alone. Errors: kInvalid, "statement.predicate.country:
// …".
Result<HostingStatement> ReadStatement(std::string_view payload);
// What is to be signed: JSON of which ReadStatement gives the same again. Times are cut to seconds. Errors: kInvalid,
// of NodeDigest or as ReadStatement has them.
Result<std::string> MakeStatement(const NodeIdentity& node, const HostingClaim& claim);

// Machine-readable reasons; a later one is nearer to holding.
enum class Attested {
  kNotAttested,         // no NodeAttestation for the node
  kNodeUnidentified,    // the node has no system UUID or machine id to bind one to
  kMalformed,           // envelope or statement cannot be read
  kUntrustedSignature,  // no authority of the region signed it
  kThresholdNotMet,     // authorities did, but too few, or their keys have expired
  kWrongNode,           // it is about another node, or another machine of that name
  kTooMany,             // more NodeAttestations of the node than are judged
  kDisagree,            // several hold, and name different countries
  kNotYetValid,         // issuedAt lies ahead
  kTooOld,              // above the region's maxAge
  kExpired,             // expiresAt is over
  kExpiringSoon,        // holds; but not for long
  kHolds,
};
const char* ToString(Attested attested);

struct AttestationVerdict {
  Attested attested = Attested::kNotAttested;
  std::string message;                  // what was found, and what to do; at most 512 bytes
  std::string attestation;              // the NodeAttestation that was judged, by name; "" for none
  std::optional<HostingClaim> claim;    // set once it is known to be signed by enough authorities, for this node
  std::vector<std::string> signers;     // authorities that signed and whose keys count now, in the region's order
  std::optional<WallTime> holds_until;  // with `claim`: the earliest of what ends it
  std::optional<WallTime> look_again;   // when time alone changes the verdict; unset where it does not

  bool holds() const { return attested >= Attested::kExpiringSoon; }
  // Whether the policy lets the node in as far as this goes. Where attestations are not required, one that does not
  // hold proves nothing and costs nothing. Whether the claim's country is the region's is the caller's to compare.
  bool Admits(const api::AttestationPolicy& policy) const { return holds() || !policy.required; }
};

// What a NodeAttestation says to a policy, whatever the time and the node: the part that costs (a tenth of a
// millisecond and more for each signature), to be kept as long as neither object changes.
struct OpenedAttestation {
  std::string name;                           // of the NodeAttestation
  std::string node;                           // its spec.nodeName
  std::vector<std::size_t> signers;           // places in policy.authorities, expired ones too
  std::optional<HostingStatement> statement;  // only where at least one authority signed
  std::string problem;                        // why there is none; "" where no authority signed
};
OpenedAttestation Open(const api::NodeAttestation& attestation, const api::AttestationPolicy& policy);
using OpenedPtr = std::shared_ptr<const OpenedAttestation>;

// How many NodeAttestations of one node are judged. Where there are more, none counts: those left out might say that
// the node is elsewhere.
inline constexpr std::size_t kMaxAttestationsOfNode = 32;
AttestationVerdict TooMany(const NodeIdentity& node, std::size_t count, api::Language language);

// `attestation` may be null. An authority's key counts before its valid_until, the statement from issued_at on and
// before expires_at and issued_at + max_age, to the nanosecond. It is kExpiringSoon in the last third of its time, at
// most the last seven days.
AttestationVerdict Judge(const OpenedAttestation* attestation, const NodeIdentity& node,
                         const api::AttestationPolicy& policy, WallTime now);
AttestationVerdict Judge(const api::NodeAttestation* attestation, const NodeIdentity& node,
                         const api::AttestationPolicy& policy, WallTime now);
// Of several for one node: the one that holds longest. Those that hold must agree on the country; else none does. Where
// none holds, the one that is nearest to it tells why. `attestations` has no null.
AttestationVerdict Judge(std::span<const OpenedPtr> attestations, const NodeIdentity& node,
                         const api::AttestationPolicy& policy, WallTime now);

}  // namespace rempart::perimeter
