// Certificates for tests, made by OpenSSL when they are asked for (P-256, valid for an hour unless told otherwise).
#pragma once

#include <string>
#include <vector>

namespace rempart::http::testing {

struct Certificate {
  std::string certificate_pem;
  std::string key_pem;
};

struct Leaf {
  std::string common_name = "leaf";
  std::vector<std::string> names;      // DNS names
  std::vector<std::string> addresses;  // IP addresses
  long valid_from = -3600;             // seconds from now
  long valid_until = 3600;
};

Certificate MakeAuthority(const std::string& common_name, const Certificate* parent = nullptr);
Certificate Issue(const Certificate& authority, const Leaf& leaf);

}  // namespace rempart::http::testing
