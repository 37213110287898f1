// Keys as PEM, public and private.
#include "src/crypto/pem.h"

#include "src/crypto/private_key.h"
#include "src/crypto/public_key.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace rempart;
  const std::string_view text = fuzz::Text(data, size);
  const auto block = crypto::FindPem(text);
  fuzz::Must(block.body.size() <= text.size(), "a block is part of the text");
  if (const auto key = crypto::PublicKey::FromPem(text)) {
    const auto again = crypto::PublicKey::FromPem(key->ToPem());
    fuzz::Must(again.has_value() && again->SameKey(*key), "a public key is the same again");
  }
  (void)crypto::PrivateKey::FromPem(text);
  return 0;
}
