// Where the External Secrets operator's stores say their key service is: what a region can list the addresses of.
// Source: external-secrets.io/v1, apis/externalsecrets/v1 of https://github.com/external-secrets/external-secrets.
// Pure; any thread.
#pragma once

#include <span>
#include <string_view>
#include <vector>

namespace rempart::api {

struct ProviderAddress {
  std::string_view name;         // the store's member of spec.provider
  std::string_view member;       // of that one: where it says its address
  std::string_view below{};      // the member of `member` that it is; "" where `member` is a text itself
  std::string_view elsewhere{};  // a member beside them that leads to a place of its own; "" for none

  std::vector<std::string_view> Path() const;  // from the provider's member on: {"server", "url"}
};

// Of those that say one address.
std::span<const ProviderAddress> ProviderAddresses();

// Null for a provider that is not known, has a single place for everybody, or says several addresses.
const ProviderAddress* AddressOfProvider(std::string_view name);

// One that a region may list: the host is what it is in every store, so that a template (a webhook's) is no part of it.
bool IsProviderAddress(std::string_view text);

}  // namespace rempart::api
