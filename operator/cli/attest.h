// What `kubectl rempart keygen` and `attest` make: an authority's key as a region names it, a signed statement about a
// node, the manifest that holds it. Pure.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "operator/api/node_attestation.h"
#include "operator/api/observed.h"
#include "operator/api/sovereign_region.h"
#include "operator/perimeter/attestation.h"
#include "src/base/clock.h"
#include "src/base/json.h"
#include "src/base/result.h"
#include "src/crypto/private_key.h"

namespace rempart::cli {

// "ed25519", "ecdsa-p256", "ecdsa-p384", "rsa-pss"; nothing for another word.
std::optional<crypto::KeyKind> ParseKeyKind(std::string_view word);

// YAML for a region's spec.hosting.attestation: authorities with this one. Errors: kInvalid, where it cannot be called
// that.
Result<std::string> AuthorityYaml(const std::string& name, const crypto::PublicKey& key);

// What whoever signs says of the node.
struct Stated {
  std::string country, site, host;
  Duration valid{0};  // from now on
};
Result<crypto::DsseEnvelope> SignAnew(const api::Node& node, const Stated& stated, const crypto::PrivateKey& key,
                                      WallTime now);
// One more signature under the statement that is there. Nobody signs what he did not say: the country has to be given
// again, and that, as site and host where they are given, has to be what was signed, of this very node, and not over.
// Errors: kInvalid, and what differs.
Result<crypto::DsseEnvelope> SignToo(const api::NodeAttestation& existing, const api::Node& node, const Stated& stated,
                                     const crypto::PrivateKey& key, WallTime now);

// The object to be applied, under this name.
Json AttestationManifest(const std::string& name, const std::string& node, const crypto::DsseEnvelope& envelope);
std::string AttestationYaml(const Json& manifest);

// kInvalid unless a region has an authority of that name with this key: the wrong key was taken, or it is not known.
Status CheckAuthority(const std::string& name, const crypto::PublicKey& key,
                      const std::vector<api::SovereignRegion>& regions);

// What is signed, and what each region that takes somebody's word will make of it. With a final newline.
std::string DescribeAttestation(const crypto::DsseEnvelope& envelope, const std::string& name, const api::Node& node,
                                const std::vector<api::SovereignRegion>& regions, WallTime now);

}  // namespace rempart::cli
