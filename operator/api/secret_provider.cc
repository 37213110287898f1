#include "operator/api/secret_provider.h"

#include <re2/re2.h>

#include <algorithm>
#include <array>

namespace rempart::api {
namespace {

constexpr std::size_t kMaxAddress = 253;

// By name. A kubeconfig (authRef) has a server of its own, and so have the endpoints of a customCloudConfig.
constexpr std::array kAddresses{
    ProviderAddress{"akeyless", "akeylessGWApiURL"},
    ProviderAddress{.name = "azurekv", .member = "vaultUrl", .elsewhere = "customCloudConfig"},
    ProviderAddress{"barbican", "authURL"},
    ProviderAddress{"beyondtrust", "server", "apiUrl"},
    ProviderAddress{"beyondtrustworkloadcredentials", "server", "apiUrl"},
    ProviderAddress{"chef", "serverUrl"},
    ProviderAddress{"conjur", "url"},
    ProviderAddress{"crd", "server", "url", "authRef"},
    ProviderAddress{"dvls", "serverUrl"},
    ProviderAddress{"fortanix", "apiUrl"},
    ProviderAddress{"gitlab", "url"},
    ProviderAddress{"infisical", "hostAPI"},
    ProviderAddress{"kubernetes", "server", "url", "authRef"},
    ProviderAddress{"ngrok", "apiUrl"},
    ProviderAddress{"onboardbase", "apiHost"},
    ProviderAddress{"onepassword", "connectHost"},
    ProviderAddress{"openBao", "server"},
    ProviderAddress{"ovh", "server"},
    ProviderAddress{"passbolt", "host"},
    ProviderAddress{"passworddepot", "host"},
    ProviderAddress{"pulumi", "apiUrl"},
    ProviderAddress{"scaleway", "apiUrl"},
    ProviderAddress{"secretserver", "serverURL"},
    ProviderAddress{"senhasegura", "url"},
    ProviderAddress{"vault", "server"},
    ProviderAddress{"webhook", "url"},
};

}  // namespace

std::vector<std::string_view> ProviderAddress::Path() const {
  if (below.empty()) return {member};
  return {member, below};
}

std::span<const ProviderAddress> ProviderAddresses() { return kAddresses; }

const ProviderAddress* AddressOfProvider(std::string_view name) {
  const auto* found = std::ranges::find(kAddresses, name, &ProviderAddress::name);
  return found == kAddresses.end() ? nullptr : found;
}

bool IsProviderAddress(std::string_view text) {
  // No second slash behind the first of a path: where there is no host, https: would be one. The same pattern is in the
  // definition (crds/source/fragments.yaml). No quotes and backslashes, which CEL would have escaped: the policies'
  // texts have a limit.
  static const re2::RE2 pattern(
      R"(([a-z][a-z0-9+.-]*://)?[!$-.0->@-\[\]-z|~]+([/?#]([!#-.0-\[\]-~]([ !#-\[\]-~]*[!#-\[\]-~])?)?)?)");
  return text.size() <= kMaxAddress && re2::RE2::FullMatch({text.data(), text.size()}, pattern);
}

}  // namespace rempart::api
