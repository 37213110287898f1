// Which of External Secrets' providers say an address, where, and what a region may list of them.
#include "operator/api/secret_provider.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <gmock/gmock.h>

#include <map>

#include "src/kube/read_file.h"

namespace rempart::api {
namespace {

// By the Go types of external-secrets.io/v1 (apis/externalsecrets/v1, commit cc5bfbc).
TEST(ProviderAddress, IsWhereTheStoresSayIt) {
  const std::map<std::string, std::string> expected = {{"akeyless", "akeylessGWApiURL"},
                                                       {"azurekv", "vaultUrl"},
                                                       {"barbican", "authURL"},
                                                       {"beyondtrust", "server.apiUrl"},
                                                       {"beyondtrustworkloadcredentials", "server.apiUrl"},
                                                       {"chef", "serverUrl"},
                                                       {"conjur", "url"},
                                                       {"crd", "server.url"},
                                                       {"dvls", "serverUrl"},
                                                       {"fortanix", "apiUrl"},
                                                       {"gitlab", "url"},
                                                       {"infisical", "hostAPI"},
                                                       {"kubernetes", "server.url"},
                                                       {"ngrok", "apiUrl"},
                                                       {"onboardbase", "apiHost"},
                                                       {"onepassword", "connectHost"},
                                                       {"openBao", "server"},
                                                       {"ovh", "server"},
                                                       {"passbolt", "host"},
                                                       {"passworddepot", "host"},
                                                       {"pulumi", "apiUrl"},
                                                       {"scaleway", "apiUrl"},
                                                       {"secretserver", "serverURL"},
                                                       {"senhasegura", "url"},
                                                       {"vault", "server"},
                                                       {"webhook", "url"}};
  std::map<std::string, std::string> found;
  for (const auto& known : ProviderAddresses())
    found[std::string(known.name)] = fmt::format("{}", fmt::join(known.Path(), "."));
  EXPECT_EQ(found, expected);
  EXPECT_EQ(AddressOfProvider("aws"), nullptr);
  EXPECT_EQ(AddressOfProvider("Vault"), nullptr);
  EXPECT_EQ(AddressOfProvider("crd")->elsewhere, "authRef");
}

// The server's own check, which says the same.
TEST(ProviderAddress, IsKnownToTheDefinition) {
  const auto source = kube::ReadFile(std::string(REMPART_SOURCE_DIR) + "/crds/source/sovereignregion.yaml", 1'000'000);
  ASSERT_TRUE(source);
  std::string list;
  for (const auto& known : ProviderAddresses()) list += fmt::format("{}'{}'", list.empty() ? "" : ", ", known.name);
  EXPECT_THAT(*source, ::testing::HasSubstr("!has(self.addresses) || self.name in [" + list + "]"));
}

TEST(ProviderAddress, HasNoTemplateInItsHost) {
  for (const char* good :
       {"https://vault.example:8200", "https://vault.example/", "vault.example", "https://[fd00::1]:8200",
        "https://hook.example/{{ .remoteRef.key }}", "https://hook.example?key={{.remoteRef.key}}", "HOST"})
    EXPECT_TRUE(IsProviderAddress(good)) << good;
  for (const char* bad : {"", "https://{{.remoteRef.key}}", "https://kv{{ .s.x }}/", "{{ .s.x }}", "a b", "https://v ",
                          "https://v/ ", "https://v/\n", "https://v/\"", "https://v/\\", "https://é.example",
                          "https:///path", "https://", "https://{{.s.x}}/y"})
    EXPECT_FALSE(IsProviderAddress(bad)) << bad;
  EXPECT_TRUE(IsProviderAddress(std::string(253, 'v')));
  EXPECT_FALSE(IsProviderAddress(std::string(254, 'v')));
}

}  // namespace
}  // namespace rempart::api
