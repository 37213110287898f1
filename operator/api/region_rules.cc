#include "operator/api/region_rules.h"

#include <arpa/inet.h>
#include <re2/re2.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <nlohmann/json.hpp>

#include "operator/api/secret_provider.h"
#include "src/base/json.h"
#include "src/base/text.h"
#include "src/kube/label_selector.h"

namespace rempart::api {
namespace {

using Need = SpecReader::Need;

constexpr std::size_t kMaxNames = 100;  // registries, classes, namespaces, identities
constexpr std::size_t kMaxReleased = 10'000;
constexpr std::size_t kMaxText = 253;
constexpr std::size_t kMaxSelector = 4096;
constexpr std::size_t kShownKey = 64;  // bytes of a label's key in a message
constexpr std::size_t kMaxAnnotation = 253 + 1 + 63;
constexpr std::size_t kMaxKeyId = 512;
constexpr std::size_t kMaxEgress = 100;
constexpr std::size_t kMaxPorts = 20;
constexpr std::size_t kMaxProviders = 20;
constexpr std::size_t kMaxAddresses = 10;

bool IsCidr(std::string_view text) {
  const auto slash = text.find('/');
  if (slash == std::string_view::npos) return false;
  const std::string address(text.substr(0, slash));
  const std::string_view digits = text.substr(slash + 1);
  unsigned bits = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), bits);
  if (error != std::errc{} || end != digits.data() + digits.size() || (digits.size() > 1 && digits[0] == '0'))
    return false;
  std::array<unsigned char, 16> bytes{};
  if (inet_pton(AF_INET, address.c_str(), bytes.data()) == 1) return bits <= 32;
  return inet_pton(AF_INET6, address.c_str(), bytes.data()) == 1 && bits <= 128;
}

bool IsRegistry(std::string_view text) {
  static const re2::RE2 pattern(R"([a-z0-9]([a-z0-9.-]*[a-z0-9])?(:[0-9]{1,5})?(/[a-z0-9]+([._-]+[a-z0-9]+)*)*)");
  return text.size() <= kMaxText && re2::RE2::FullMatch({text.data(), text.size()}, pattern);
}

bool IsIdentity(std::string_view text) {
  return text.size() <= kMaxText && (text.starts_with("group:") || text.starts_with("user:")) && !text.ends_with(":");
}

bool IsDigest(std::string_view text) {
  return text.size() == 71 && text.starts_with("sha256:") &&
         text.substr(7).find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

bool IsName(std::string_view text) {
  static const re2::RE2 pattern("[a-z0-9]([a-z0-9./-]*[a-z0-9])?");
  return text.size() <= kMaxText && re2::RE2::FullMatch({text.data(), text.size()}, pattern);
}

// As the API server wants a NetworkPolicy's: nothing set beyond the mask, written as it would print it.
bool IsNetwork(std::string_view text) {
  if (!IsCidr(text)) return false;
  const auto slash = text.find('/');
  const std::string address(text.substr(0, slash));
  std::size_t bits = 0;
  std::from_chars(text.data() + slash + 1, text.data() + text.size(), bits);
  std::array<unsigned char, 16> bytes{};
  const int family = address.contains(':') ? AF_INET6 : AF_INET;
  inet_pton(family, address.c_str(), bytes.data());
  for (std::size_t bit = bits; bit < (family == AF_INET ? 32 : 128); ++bit)
    if ((bytes[bit / 8] & (0x80 >> (bit % 8))) != 0) return false;
  std::array<char, INET6_ADDRSTRLEN> printed{};
  return inet_ntop(family, bytes.data(), printed.data(), printed.size()) != nullptr && address == printed.data();
}

bool IsAnnotation(std::string_view text) {
  static const re2::RE2 pattern("[A-Za-z0-9]([A-Za-z0-9._/-]*[A-Za-z0-9])?");
  return text.size() <= kMaxAnnotation && re2::RE2::FullMatch({text.data(), text.size()}, pattern);
}

bool IsKeyId(std::string_view text) {
  return !text.empty() && text.size() <= kMaxKeyId &&
         std::ranges::all_of(text, [](unsigned char c) { return c > 0x20 && c < 0x7f; });
}

bool IsProvider(std::string_view text) {
  static const re2::RE2 pattern("[a-z][A-Za-z0-9]{0,62}");
  return re2::RE2::FullMatch({text.data(), text.size()}, pattern);
}

// [prefix/]name: a DNS subdomain and what a label's value may be.
bool IsLabelKey(std::string_view text) {
  static const re2::RE2 subdomain(R"([a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*)");
  const auto slash = text.find('/');
  if (slash == std::string_view::npos) return kLabelValueRule.holds(text);
  const std::string_view prefix = text.substr(0, slash);
  return prefix.size() <= kMaxText && re2::RE2::FullMatch({prefix.data(), prefix.size()}, subdomain) &&
         kLabelValueRule.holds(text.substr(slash + 1));
}

bool IsLabelValueOrEmpty(std::string_view text) { return text.empty() || kLabelValueRule.holds(text); }

const TextRule kLabelKeyRule{IsLabelKey, "a label's key, like team or example.org/team"};
const TextRule kAnyLabelValueRule{IsLabelValueOrEmpty,
                                  "the value of a label: at most 63 letters, digits, '-', '_' or '.', with a letter or "
                                  "digit at both ends"};
const TextRule kCidrRule{IsCidr, "a CIDR range like 10.0.0.0/8 or fd00::/8"};
const TextRule kRegistryRule{IsRegistry,
                             "a registry like registry.example, registry.example:5000 or registry.example/team"};
const TextRule kIdentityRule{IsIdentity, "group:<name> or user:<name>"};
const TextRule kDigestRule{IsDigest, "a digest: sha256: and 64 hexadecimal digits in lower case"};
const TextRule kNetworkRule{IsNetwork, "a CIDR range like 10.0.0.0/8 or fd00::/8, without bits beyond its mask"};
const TextRule kAnnotationRule{IsAnnotation, "the key of an annotation, of at most 317 characters"};
const TextRule kKeyIdRule{IsKeyId, "the id of a key: at most 512 characters of ASCII without spaces"};
const TextRule kProviderRule{IsProvider, "a provider as External Secrets names it, like vault"};
const TextRule kAddressRule{IsProviderAddress,
                            "an address like https://vault.example:8200: at most 253 characters of ASCII, without a "
                            "quote or backslash, and without a template or a space before its path"};
const TextRule kPodNetworksRule{
    IsKeyId, "the text of an annotation k8s.v1.cni.cncf.io/networks: at most 512 characters of ASCII without spaces"};
const TextRule kNameRule{IsName, "a name in lower case of at most 253 characters"};

std::vector<std::string> Names(const Field& at, SpecReader& reader, const TextRule& rule = kNameRule) {
  return reader.Texts(at, 0, kMaxNames, rule);
}

RegionRules::Images ReadImages(const Field& at, SpecReader& reader) {
  RegionRules::Images images;
  images.registries = Names(at["registries"], reader, kRegistryRule);
  images.require_digest = reader.Bool(at["requireDigest"], true);
  images.require_release = reader.Bool(at["requireRelease"], false);
  images.released = reader.Texts(at["released"], 0, kMaxReleased, kDigestRule);
  return images;
}

RegionRules::Port ReadPort(const Field& at, SpecReader& reader) {
  RegionRules::Port port;
  if (!reader.Object(at, Need::kRequired)) return port;
  port.protocol = reader.OneOf<std::string>(at["protocol"], {{"TCP", "TCP"}, {"UDP", "UDP"}, {"SCTP", "SCTP"}}, "TCP");
  if (!at["port"].value.exists()) reader.Refuse(at["port"], "is missing: give a number from 1 to 65535");
  port.port = static_cast<int>(reader.Int(at["port"], 1, 65535, 0));
  port.end = static_cast<int>(reader.Int(at["endPort"], 1, 65535, 0));
  if (port.end != 0 && port.end < port.port)
    reader.Refuse(at["endPort"], std::to_string(port.end) + " is below port, which is " + std::to_string(port.port) +
                                     ": make it at least as large");
  return port;
}

RegionRules::Egress ReadEgress(const Field& at, SpecReader& reader) {
  RegionRules::Egress egress;
  if (!reader.Object(at, Need::kRequired)) return egress;
  egress.cidr = reader.Text(at["cidr"], kNetworkRule, Need::kRequired);
  if (const Field ports = at["ports"]; ports.value.exists())
    reader.List(ports, 1, kMaxPorts, "an object with a port",
                [&](const Field& one) { egress.ports.push_back(ReadPort(one, reader)); });
  return egress;
}

RegionRules::Network ReadNetwork(const Field& at, SpecReader& reader) {
  RegionRules::Network network;
  network.allow_external_name = reader.Bool(at["allowExternalName"], false);
  network.load_balancer_classes = Names(at["loadBalancerClasses"], reader);
  network.ranges = Names(at["ranges"], reader, kCidrRule);
  network.load_balancer_annotations = Names(at["loadBalancerAnnotations"], reader, kAnnotationRule);
  if (const Field list = at["ingressClasses"]; list.value.exists()) network.ingress_classes = Names(list, reader);
  if (const Field list = at["gatewayClasses"]; list.value.exists()) network.gateway_classes = Names(list, reader);
  network.ingress_annotations = Names(at["ingressAnnotations"], reader, kAnnotationRule);
  network.pod_networks = Names(at["podNetworks"], reader, kPodNetworksRule);
  if (const Field list = at["egress"]; list.value.exists()) {
    auto& egress = network.egress.emplace();
    reader.List(list, 0, kMaxEgress, "an object with a cidr",
                [&](const Field& one) { egress.push_back(ReadEgress(one, reader)); });
  }
  return network;
}

RegionRules::Storage ReadStorage(const Field& at, SpecReader& reader) {
  RegionRules::Storage storage{Names(at["classes"], reader), Names(at["provisioners"], reader)};
  storage.inline_drivers = Names(at["inlineDrivers"], reader);
  if (const Field list = at["snapshotClasses"]; list.value.exists()) storage.snapshot_classes = Names(list, reader);
  if (!storage.provisioners.empty() && storage.classes.empty())
    reader.Refuse(at["provisioners"], "is of the classes that spec.storage.classes lists: list them");
  return storage;
}

RegionRules::Provider ReadProvider(const Field& at, SpecReader& reader) {
  RegionRules::Provider provider;
  if (!reader.Object(at, Need::kRequired)) return provider;
  provider.name = reader.Text(at["name"], kProviderRule, Need::kRequired);
  if (const Field list = at["addresses"]; list.value.exists()) {
    provider.addresses = reader.Texts(list, 1, kMaxAddresses, kAddressRule);
    if (AddressOfProvider(provider.name) == nullptr)
      reader.Refuse(list, "is not for " + CleanText(provider.name, kShownKey) +
                              ", of which no single address is known: leave it out, and its stores may be anywhere");
  }
  return provider;
}

RegionRules::Keys ReadKeys(const Field& at, SpecReader& reader) {
  RegionRules::Keys keys;
  keys.deny_external_stores = reader.OneOf<bool>(at["externalStores"], {{"Deny", true}, {"Allow", false}}, true);
  keys.allowed_stores = Names(at["allowedStores"], reader);
  keys.allowed_keys = Names(at["allowedKeys"], reader, kKeyIdRule);
  if (const Field list = at["providers"]; list.value.exists())
    reader.List(list, 1, kMaxProviders, "an object with a name", [&](const Field& one) {
      keys.providers.push_back(ReadProvider(one, reader));
      const std::string& name = keys.providers.back().name;
      if (std::ranges::count(keys.providers, name, &RegionRules::Provider::name) > 1)
        reader.Refuse(one["name"], SpecReader::Shown(one["name"].value) + " is there twice: name it once");
    });
  if (!keys.providers.empty() && (!keys.deny_external_stores || keys.allowed_stores.empty()))
    reader.Refuse(at["providers"], "is of the stores of allowedStores, where externalStores is Deny: list those");
  return keys;
}

// What the API server would not take as a label selector is refused here, by member. One that selects nothing for a
// typo would tell the operator that the region's namespaces have all left it. Kept as it stands either way.
std::string ReadSelector(const Field& at, SpecReader& reader) {
  std::string text = at.value.Minified();
  if (text.size() > kMaxSelector) {
    reader.Refuse(at, "is larger than 4096 bytes");
    return text;
  }
  const auto json = ParseJson(text);
  const auto selector = json ? kube::LabelSelector::Of(*json) : Fail(Error(json.error()));
  if (!selector) {
    const std::string& problem = selector.error().message;  // "member: why"
    const auto colon = problem.rfind(": ");
    if (!json || colon == std::string::npos)
      reader.Refuse(at, problem);
    else
      reader.Refuse(at[problem.substr(0, colon)], problem.substr(colon + 2));
    return text;
  }
  const Field labels = at["matchLabels"], expressions = at["matchExpressions"];
  if (labels.value.Size() == 0 && expressions.value.Size() == 0)  // all namespaces, the system's too
    reader.Refuse(at, "selects every namespace: name a label");
  labels.value.ForEachMember([&](std::string_view key, kube::View value) {
    const Field member{value, labels.path + "." + CleanText(key, kShownKey)};
    if (!kLabelKeyRule.holds(key)) reader.Refuse(member, "is not " + std::string(kLabelKeyRule.wanted));
    reader.Text(member, kAnyLabelValueRule, Need::kRequired);
  });
  std::size_t i = 0;
  expressions.value.ForEachElement([&](kube::View expression) {
    const Field member{expression, expressions.path + "[" + std::to_string(i++) + "]"};
    reader.Text(member["key"], kLabelKeyRule, Need::kRequired);
    std::size_t k = 0;
    expression["values"].ForEachElement([&](kube::View value) {
      reader.Text({value, member.path + ".values[" + std::to_string(k++) + "]"}, kAnyLabelValueRule, Need::kRequired);
    });
  });
  return text;
}

}  // namespace

std::string_view LevelOf(RegionRules::PodSecurity level) {
  switch (level) {
    case RegionRules::PodSecurity::kRestricted:
      return "restricted";
    case RegionRules::PodSecurity::kBaseline:
      return "baseline";
    case RegionRules::PodSecurity::kUnmanaged:
      break;
  }
  return "";
}

RegionRules ReadRegionRules(const Field& spec, SpecReader& reader) {
  RegionRules rules;
  using Enforcement = RegionRules::Enforcement;
  rules.enforcement = reader.OneOf<Enforcement>(
      spec["enforcement"],
      {{"Audit", Enforcement::kAudit}, {"Warn", Enforcement::kWarn}, {"Enforce", Enforcement::kEnforce}},
      rules.enforcement);
  rules.language =
      reader.OneOf<Language>(spec["language"], {{"en", Language::kEnglish}, {"fr", Language::kFrench}}, rules.language);
  using PodSecurity = RegionRules::PodSecurity;
  rules.pod_security = reader.OneOf<PodSecurity>(spec["podSecurity"],
                                                 {{"Restricted", PodSecurity::kRestricted},
                                                  {"Baseline", PodSecurity::kBaseline},
                                                  {"Unmanaged", PodSecurity::kUnmanaged}},
                                                 rules.pod_security);
  if (const Field selector = spec["namespaceSelector"]; reader.Object(selector, Need::kOptional))
    rules.namespace_selector = ReadSelector(selector, reader);
  rules.exempt_namespaces = Names(spec["exemptNamespaces"], reader);
  if (const Field at = spec["images"]; reader.Object(at, Need::kOptional)) rules.images = ReadImages(at, reader);
  if (const Field at = spec["storage"]; reader.Object(at, Need::kOptional)) rules.storage = ReadStorage(at, reader);
  if (const Field at = spec["network"]; reader.Object(at, Need::kOptional)) rules.network = ReadNetwork(at, reader);
  if (const Field at = spec["keys"]; reader.Object(at, Need::kOptional)) rules.keys = ReadKeys(at, reader);
  if (const Field at = spec["access"]; reader.Object(at, Need::kOptional)) {
    rules.access.admins = Names(at["admins"], reader, kIdentityRule);
    rules.access.exec = Names(at["exec"], reader, kIdentityRule);
    rules.access.node_identity = Names(at["nodeIdentity"], reader, kIdentityRule);
  }
  return rules;
}

}  // namespace rempart::api
