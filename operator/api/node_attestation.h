// NodeAttestation (rempart.dev/v1alpha1), cluster-scoped: what somebody signed about where a node is hosted. Whether it
// holds is judged in operator/perimeter/attestation.h. See crds/nodeattestation.md.
#pragma once

#include <memory>
#include <string>

#include "operator/api/names.h"
#include "src/base/result.h"
#include "src/crypto/dsse.h"
#include "src/kube/decode.h"
#include "src/kube/object.h"

namespace rempart::api {

struct NodeAttestation {
  kube::Meta meta;
  std::string node;               // spec.nodeName: which node it is meant for; what is signed says so too
  crypto::DsseEnvelope envelope;  // decoded, not verified
  // Not empty: the spec cannot be used: field and fix. It then proves nothing.
  std::string invalid;
  std::string status_json;  // status as it stands, compact; "" for none
  // SHA-256 of all that its judgement depends on: node and envelope. "" where it cannot be used, or was not decoded.
  std::string digest;

  bool Usable() const { return invalid.empty(); }
};

// Any legal JSON gives an attestation, perhaps an invalid one; only unreadable metadata is an error. An envelope has at
// most 128 KiB of text, and the bounds of crypto::DecodeDsse.
Result<NodeAttestation> DecodeNodeAttestation(kube::View object);

using AttestationPtr = std::shared_ptr<const NodeAttestation>;

}  // namespace rempart::api
