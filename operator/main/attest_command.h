// `kubectl rempart keygen` and `kubectl rempart attest node`: their arguments, and what they do with them. What is
// signed and printed is made in operator/cli.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "operator/api/node_attestation.h"
#include "operator/api/observed.h"
#include "operator/api/sovereign_region.h"
#include "operator/main/command_result.h"
#include "src/base/clock.h"
#include "src/base/json.h"
#include "src/base/result.h"
#include "src/crypto/secret.h"

namespace CLI {
class App;
}

namespace rempart {

struct KeygenArguments {
  std::string out;  // a file, or - for standard output
  std::string kind = "ed25519";
  std::string name;
  bool encrypt = false;
  std::string passphrase_file;
};
CLI::App* AddKeygenCommand(CLI::App& app, KeygenArguments& arguments);

struct KeygenWorld {
  std::function<Result<crypto::Secret>()> new_passphrase;        // asked for twice
  std::function<Status(const crypto::Secret&)> write_to_stdout;  // only for --out -
};
CommandResult Keygen(const KeygenArguments& arguments, const KeygenWorld& world);

struct AttestArguments {
  std::string node;
  std::string key;  // a file
  std::string passphrase_file;
  std::string country, site, host, valid;
  std::string authority;
  std::string name;  // of the NodeAttestation; the node's where empty
  std::string from;  // a file in the place of the cluster
  bool add_signature = false;
  bool dry_run = false;
  std::string format;  // "", yaml or json
};
CLI::App* AddAttestCommand(CLI::App& app, AttestArguments& arguments);

// What is known of the node, from the cluster or from a file.
struct AttestSubject {
  api::Node node;
  std::optional<api::NodeAttestation> existing;  // of the name that is to be written
  std::vector<api::SovereignRegion> regions;
};
// The same from a file with the objects, as `kubectl get … -o yaml` writes them. kInvalid without the node.
Result<AttestSubject> ReadSubject(std::string content, const std::string& file, const std::string& node,
                                  const std::string& name);

struct AttestWorld {
  std::function<Result<crypto::Secret>()> passphrase;
  std::function<Result<AttestSubject>(const std::string& node, const std::string& name)> subject;
  // Creates the object, or replaces the envelope of the one that was seen.
  std::function<Status(const Json& manifest, const std::optional<api::NodeAttestation>& existing)> apply;
  WallTime now{};
};
CommandResult Attest(const AttestArguments& arguments, const AttestWorld& world);

}  // namespace rempart
