// Keys for tests: those of the standards' test vectors, and others that OpenSSL makes when they are asked for.
#pragma once

#include <string>
#include <string_view>

#include "src/crypto/private_key.h"
#include "src/crypto/public_key.h"

namespace rempart::crypto::test {

std::string FromHex(std::string_view hex);

// From the 32 bytes that RFC 8032 calls the private key, or the public key.
PrivateKey Ed25519FromSeed(std::string_view hex);
PublicKey Ed25519FromPoint(std::string_view hex);

// RFC 8032, section 7.1: TEST 1, TEST 2 and TEST 3.
inline constexpr std::string_view kSeeds[] = {"9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
                                              "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
                                              "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7"};
inline PrivateKey Ed25519Key(int n) { return Ed25519FromSeed(kSeeds[n]); }

// A key as `openssl genpkey` makes it: an algorithm and its options ("ec_paramgen_curve:P-521"). Throws.
struct MadeKey {
  std::string public_pem, private_pem;
};
MadeKey OpensslKey(const std::string& algorithm, std::initializer_list<std::string_view> options = {});

// A signature with the digest, and with RSA the padding and salt, that are named ("pss", 20).
std::string OpensslSign(const std::string& private_pem, std::string_view message, const char* digest,
                        const char* padding = nullptr, int salt = 0);

}  // namespace rempart::crypto::test
