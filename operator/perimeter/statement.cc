// The statement that is signed (declared in attestation.h).
#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "operator/api/spec_reader.h"
#include "operator/perimeter/attestation.h"
#include "src/base/json.h"
#include "src/crypto/digest.h"
#include "src/kube/decode.h"

namespace rempart::perimeter {

namespace {

using api::Field;
using api::SpecReader;
using api::TextRule;
using Need = SpecReader::Need;

constexpr std::size_t kMaxDepth = 16;  // a statement needs four; members that are not ours may have more
constexpr std::size_t kMaxLine = 256;  // bytes of site and host
constexpr WallTime kEarliest = std::chrono::sys_days(std::chrono::year(2000) / 1 / 1);
// Far enough from the end of WallTime for the longest maxAge to be added.
constexpr WallTime kLatest = std::chrono::sys_days(std::chrono::year(2200) / 1 / 1);

// Characters that would make a message look other than it is: controls, line and paragraph separators, and those that
// turn the direction of writing (Unicode's bidirectional controls). The text is valid UTF-8.
bool HasControl(std::string_view text) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto at = [&](std::size_t k) { return k < text.size() ? static_cast<unsigned char>(text[k]) : 0u; };
    if (at(i) < 0x20 || at(i) == 0x7f) return true;
    if (at(i) == 0xc2 && at(i + 1) < 0xa0) return true;                                             // U+0080 to U+009F
    if (at(i) == 0xe2 && at(i + 1) == 0x80 && at(i + 2) >= 0x8e && at(i + 2) <= 0x8f) return true;  // U+200E, U+200F
    if (at(i) == 0xe2 && at(i + 1) == 0x80 && at(i + 2) >= 0xa8 && at(i + 2) <= 0xae) return true;  // U+2028 to U+202E
    if (at(i) == 0xe2 && at(i + 1) == 0x81 && at(i + 2) >= 0xa6 && at(i + 2) <= 0xa9) return true;  // U+2066 to U+2069
  }
  return false;
}

bool IsLine(std::string_view text) {
  return !text.empty() && text.size() <= kMaxLine && text.front() != ' ' && text.back() != ' ' && !HasControl(text);
}

bool IsSha256(std::string_view text) {
  return text.size() == 64 &&
         std::ranges::all_of(text, [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

const TextRule kStatementTypeRule{[](std::string_view text) { return text == kStatementType; }, kStatementType};
const TextRule kPredicateTypeRule{[](std::string_view text) { return text == kHostingPredicate; }, kHostingPredicate};
const TextRule kLineRule{IsLine, "one line of 1 to 256 bytes, without blanks at its ends or invisible characters"};
const TextRule kDigestRule{IsSha256, "a SHA-256 in 64 lower-case hex digits"};
const TextRule kTimeRule{[](std::string_view text) {
                           const auto time = ParseTime(text);
                           return time && *time >= kEarliest && *time < kLatest;
                         },
                         "a time between 2000 and 2200, written like 2026-11-22T10:23:00Z"};

WallTime ReadTime(const Field& at, SpecReader& reader) {
  const auto time = ParseTime(reader.Text(at, kTimeRule, Need::kRequired));
  return time ? *time : WallTime();
}

void ReadSubject(const Field& at, SpecReader& reader, HostingStatement& statement) {
  if (!reader.Object(at, Need::kRequired)) return;
  statement.node = reader.Text(at["name"], api::kNodeNameRule, Need::kRequired);
  if (reader.Object(at["digest"], Need::kRequired))
    statement.digest = reader.Text(at["digest"]["sha256"], kDigestRule, Need::kRequired);
}

void ReadPredicate(const Field& at, SpecReader& reader, HostingClaim& claim) {
  if (!reader.Object(at, Need::kRequired)) return;
  claim.country = reader.Text(at["country"], api::kCountryRule, Need::kRequired);
  claim.site = reader.Text(at["site"], kLineRule, Need::kRequired);
  claim.host = reader.Text(at["host"], kLineRule, Need::kRequired);
  claim.issued_at = ReadTime(at["issuedAt"], reader);
  claim.expires_at = ReadTime(at["expiresAt"], reader);
  if (claim.expires_at <= claim.issued_at) {
    reader.Refuse(at["expiresAt"], SpecReader::Shown(at["expiresAt"].value) + " is not after issuedAt, which is " +
                                       SpecReader::Shown(at["issuedAt"].value));
  }
}

std::string Netstring(std::string_view text) { return fmt::format("{}:{},", text.size(), text); }

WallTime Seconds(WallTime time) { return std::chrono::floor<std::chrono::seconds>(time); }

}  // namespace

NodeIdentity IdentityOf(const api::Node& node) {
  return {node.meta.key.name, node.provider_id, node.system_uuid, node.machine_id};
}

Result<std::string> NodeDigest(const NodeIdentity& node) {
  if (node.name.empty()) return Fail(Error::Invalid("metadata.name: is missing: name the node"));
  for (const auto& [field, id] : {std::pair{"systemUUID", &node.system_uuid}, {"machineID", &node.machine_id}}) {
    if (id->empty()) {
      return Fail(Error::Invalid(
          fmt::format("status.nodeInfo.{}: is empty, so that nothing can be bound to this machine: give the machine a "
                      "{} of its own, and restart its kubelet",
                      field, field == std::string_view("machineID") ? "/etc/machine-id" : "system UUID (SMBIOS)")));
    }
  }
  return crypto::Sha256Hex(Netstring(kHostingPredicate) + Netstring(node.provider_id) + Netstring(node.system_uuid) +
                           Netstring(node.machine_id));
}

Result<HostingStatement> ReadStatement(std::string_view payload) {
  // Twice: this parser bounds size and depth and refuses a name that comes twice, of which the other would take the
  // first.
  if (auto parsed = ParseJson(payload, {.max_bytes = kMaxStatement, .max_depth = kMaxDepth, .unique_keys = true});
      !parsed)
    return Fail(std::move(parsed).error().While("statement"));
  kube::Document document(kMaxStatement);
  const auto view = document.Parse(payload);
  if (!view) return Fail(Error(view.error()).While("statement"));

  SpecReader reader;
  HostingStatement statement;
  const Field root{*view, "statement"};
  if (reader.Object(root, Need::kRequired)) {
    reader.Text(root["_type"], kStatementTypeRule, Need::kRequired);
    reader.Text(root["predicateType"], kPredicateTypeRule, Need::kRequired);
    reader.List(root["subject"], 1, 1, "the node with name and digest",
                [&](const Field& subject) { ReadSubject(subject, reader, statement); });
    ReadPredicate(root["predicate"], reader, statement.claim);
  }
  if (auto problem = std::move(reader).TakeProblem(); !problem.empty()) return Fail(Error::Invalid(std::move(problem)));
  return statement;
}

Result<std::string> MakeStatement(const NodeIdentity& node, const HostingClaim& claim) {
  const auto digest = NodeDigest(node);
  if (!digest) return Fail(digest.error());
  const Json json = {{"_type", kStatementType},
                     {"subject", Json::array({{{"name", node.name}, {"digest", {{"sha256", *digest}}}}})},
                     {"predicateType", kHostingPredicate},
                     {"predicate",
                      {{"country", claim.country},
                       {"site", claim.site},
                       {"host", claim.host},
                       {"issuedAt", FormatTime(claim.issued_at)},
                       {"expiresAt", FormatTime(claim.expires_at)}}}};
  std::string text = json.dump(-1, ' ', false, Json::error_handler_t::replace);
  const auto read = ReadStatement(text);
  if (!read) return Fail(read.error());
  HostingClaim wanted = claim;
  wanted.issued_at = Seconds(claim.issued_at);
  wanted.expires_at = Seconds(claim.expires_at);
  if (*read != HostingStatement{node.name, *digest, wanted})
    return Fail(Error::Invalid("statement.predicate: a text is not UTF-8: write it in UTF-8"));
  return text;
}

}  // namespace rempart::perimeter
