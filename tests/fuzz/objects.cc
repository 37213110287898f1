// Objects as the operator keeps them: any JSON gives one, perhaps an invalid one, or an error.
#include "operator/api/gate_object.h"
#include "operator/api/hosting_profile.h"
#include "operator/api/node_attestation.h"
#include "operator/api/observed.h"
#include "operator/api/sovereign_region.h"
#include "operator/api/tenant_workload.h"
#include "src/kube/decode.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace rempart;
  kube::Document document(1 << 20);
  const auto object = document.Parse(fuzz::Text(data, size));
  if (!object) return 0;
  if (const auto region = api::DecodeSovereignRegion(*object)) {
    const auto again = api::DecodeSovereignRegion(*object);
    fuzz::Must(again.has_value() && again->invalid == region->invalid, "a region is read the same twice");
    if (region->Usable()) fuzz::Must(region->country.size() == 2, "a region that can be used has a country");
  }
  (void)api::DecodeTenantWorkload(*object);
  (void)api::DecodeHostingProfile(*object);
  (void)api::DecodeNodeAttestation(*object);
  (void)api::DecodeNode(*object);
  (void)api::DecodePod(*object);
  (void)api::DecodeNamespace(*object);
  (void)api::DecodeChild(api::ChildKind{}, *object);
  (void)api::DecodeGateObject(api::GateKind::kPolicy, *object);
  return 0;
}
