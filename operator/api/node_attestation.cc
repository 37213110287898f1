#include "operator/api/node_attestation.h"

#include <utility>

#include "operator/api/decoded_text.h"
#include "operator/api/spec_reader.h"
#include "src/crypto/digest.h"

namespace rempart::api {

namespace {

using Need = SpecReader::Need;

constexpr std::size_t kMaxEnvelope = 128 * 1024;  // above what the schema's lengths add up to

void ReadEnvelope(const Field& at, SpecReader& reader, NodeAttestation& attestation) {
  if (!reader.Object(at, Need::kRequired)) return;
  auto envelope = crypto::DecodeDsse(at.value.Minified(), kMaxEnvelope);
  if (!envelope) {
    reader.Refuse(at, envelope.error().message);
    return;
  }
  attestation.envelope = *std::move(envelope);
  attestation.envelope.signatures.shrink_to_fit();
}

}  // namespace

Result<NodeAttestation> DecodeNodeAttestation(kube::View object) {
  auto meta = kube::DecodeMeta(object);
  if (!meta) return Fail(std::move(meta).error().While("decode NodeAttestation"));
  NodeAttestation attestation;
  attestation.meta = std::move(*meta);
  SpecReader reader;
  const Field spec{object["spec"], "spec"};
  if (reader.Object(spec, Need::kRequired)) {
    attestation.node = reader.Text(spec["nodeName"], kNodeNameRule, Need::kRequired);
    ReadEnvelope(spec["envelope"], reader, attestation);
  }
  attestation.invalid = std::move(reader).TakeProblem();
  if (attestation.Usable()) attestation.digest = crypto::Sha256(spec.value.Minified());
  attestation.status_json = StatusText(object["status"]);
  return attestation;
}

}  // namespace rempart::api
