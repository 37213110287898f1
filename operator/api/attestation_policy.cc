#include "operator/api/attestation_policy.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "src/crypto/digest.h"

namespace rempart::api {

namespace {

using Need = SpecReader::Need;

const TextRule kAuthorityNameRule{
    [](std::string_view text) { return kLabelValueRule.holds(text); },
    "an authority's name: 1 to 63 letters, digits, '-', '_' or '.', with a letter or digit at both ends"};
const TextRule kAnyTextRule{[](std::string_view text) { return !text.empty(); }, "a public key in PEM"};

void ReadAuthority(const Field& at, SpecReader& reader, std::vector<Authority>& authorities) {
  if (!reader.Object(at, Need::kRequired)) return;
  std::string name = reader.Text(at["name"], kAuthorityNameRule, Need::kRequired);
  const std::string pem = reader.Text(at["publicKey"], kAnyTextRule, Need::kRequired);
  const auto valid_until = reader.Moment(at["validUntil"]);
  if (name.empty() || pem.empty()) return;
  auto key = crypto::PublicKey::FromPem(pem);
  if (!key) {
    reader.Refuse(at["publicKey"], key.error().message);  // which does not repeat the text: it may be a private key
    return;
  }
  if (std::ranges::find(authorities, name, &Authority::name) != authorities.end())
    reader.Refuse(at["name"], fmt::format("\"{}\" is there twice: name it once", name));
  // One holder of a key would count for two.
  for (const Authority& other : authorities) {
    if (other.key.SameKey(*key)) {
      reader.Refuse(at["publicKey"],
                    fmt::format("is the key of authority \"{}\" as well: give each a key of its own", other.name));
    }
  }
  authorities.push_back({std::move(name), *std::move(key), valid_until});
}

}  // namespace

AttestationPolicy ReadAttestationPolicy(const Field& at, SpecReader& reader) {
  AttestationPolicy policy;
  if (!reader.Object(at, Need::kOptional)) return policy;
  policy.required = reader.Bool(at["required"], policy.required);
  policy.max_age = reader.Time(at["maxAge"], policy.max_age);
  const Field max_age = at["maxAge"];
  if (max_age.value.exists() && policy.max_age == Duration::zero())
    reader.Refuse(max_age, "is zero, which no attestation could meet: give a longer time, like 720h, or leave it out");
  policy.threshold = static_cast<std::size_t>(reader.Int(at["threshold"], 1, kMaxAuthorities, 1));
  const Field authorities = at["authorities"];
  reader.List(authorities, policy.required ? 1 : 0, kMaxAuthorities, "an object with name and publicKey",
              [&](const Field& one) { ReadAuthority(one, reader, policy.authorities); });
  policy.authorities.shrink_to_fit();
  std::string ids;  // of one length each
  for (const Authority& authority : policy.authorities) ids += authority.key.id();
  if (!ids.empty()) policy.digest = crypto::Sha256(ids);
  if (const std::size_t n = authorities.value.Size(); n > 0 && policy.threshold > n) {
    reader.Refuse(
        at["threshold"],
        fmt::format("{} is more than there are authorities, of which there are {}: name more, or ask for less",
                    policy.threshold, n));
  }
  return policy;
}

}  // namespace rempart::api
