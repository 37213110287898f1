// DSSE envelopes: what can be read is the same when it is written and read again.
#include <nlohmann/json.hpp>

#include "src/crypto/dsse.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace rempart;
  const auto envelope = crypto::DecodeDsse(fuzz::Text(data, size));
  if (!envelope) return 0;
  fuzz::Must(!envelope->payload_type.empty(), "an envelope has a payload type");
  fuzz::Must(envelope->signatures.size() <= crypto::kMaxDsseSignatures, "signatures are bounded");
  const auto again =
      crypto::DecodeDsse(crypto::EncodeDsse(*envelope).dump(-1, ' ', false, Json::error_handler_t::replace));
  fuzz::Must(again.has_value() && *again == *envelope, "it is the same again");
  (void)crypto::SignersOf(*envelope, {});
  return 0;
}
