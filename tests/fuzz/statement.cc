// The signed statement about a node.
#include "operator/perimeter/attestation.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace rempart;
  const auto statement = perimeter::ReadStatement(fuzz::Text(data, size));
  if (!statement) return 0;
  fuzz::Must(statement->digest.size() == 64, "a digest is a SHA-256");
  fuzz::Must(!statement->node.empty(), "a statement names its node");
  fuzz::Must(*perimeter::ReadStatement(fuzz::Text(data, size)) == *statement, "it is the same again");
  return 0;
}
