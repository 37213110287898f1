#include "src/crypto/dsse.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "src/crypto/base64.h"

namespace rempart::crypto {

namespace {

constexpr std::size_t kMaxDepth = 16;  // an envelope needs three; unknown members may have more

Error Wrong(std::string_view field, std::string_view why) { return Error::Invalid(fmt::format("{}: {}", field, why)); }

// The text at `key`, "" where it is not there ("empty fields may be omitted").
Result<std::string> Text(const Json& object, const char* key, std::string_view field) {
  const auto it = object.find(key);
  if (it == object.end()) return std::string();
  if (!it->is_string()) return Fail(Wrong(field, "is not a text"));
  return it->get<std::string>();
}

Result<std::string> Bounded(const Json& object, const char* key, std::string_view field, std::size_t max_bytes) {
  auto text = Text(object, key, field);
  if (text && text->size() > max_bytes)
    return Fail(Wrong(field, fmt::format("has {} bytes: at most {} are allowed", text->size(), max_bytes)));
  return text;
}

Result<std::string> Decoded(const Json& object, const char* key, std::string_view field) {
  const auto text = Text(object, key, field);
  if (!text) return Fail(text.error());
  auto bytes = DecodeBase64(*text);
  if (!bytes) return Fail(Wrong(field, bytes.error().message));
  return bytes;
}

Result<DsseSignature> DecodeSignature(const Json& object, const std::string& field) {
  if (!object.is_object()) return Fail(Wrong(field, "is not an object with keyid and sig"));
  auto key_id = Bounded(object, "keyid", field + ".keyid", kMaxDsseKeyId);
  if (!key_id) return Fail(std::move(key_id).error());
  auto bytes = Decoded(object, "sig", field + ".sig");
  if (!bytes) return Fail(std::move(bytes).error());
  if (bytes->empty() || bytes->size() > kMaxSignature) {
    return Fail(Wrong(field + ".sig", fmt::format("has {} bytes: give a signature of 1 to {}, in base64", bytes->size(),
                                                  kMaxSignature)));
  }
  return DsseSignature{*std::move(key_id), *std::move(bytes)};
}

Result<DsseEnvelope> FromJson(const Json& envelope) {
  if (!envelope.is_object()) return Fail(Error::Invalid("not an object with payloadType, payload and signatures"));
  auto payload_type = Bounded(envelope, "payloadType", "payloadType", kMaxDssePayloadType);
  if (!payload_type) return Fail(std::move(payload_type).error());
  if (payload_type->empty()) return Fail(Wrong("payloadType", "is missing: give the payload's media type"));
  auto payload = Decoded(envelope, "payload", "payload");
  if (!payload) return Fail(std::move(payload).error());
  DsseEnvelope made{*std::move(payload_type), *std::move(payload), {}};

  const auto list = envelope.find("signatures");
  if (list == envelope.end() || !list->is_array()) {
    return Fail(Wrong("signatures", fmt::format("is not a list: give 1 to {}, each an object with keyid and sig",
                                                kMaxDsseSignatures)));
  }
  if (list->empty() || list->size() > kMaxDsseSignatures) {
    return Fail(Wrong("signatures", fmt::format("has {} elements: give 1 to {}", list->size(), kMaxDsseSignatures)));
  }
  for (std::size_t i = 0; i < list->size(); ++i) {
    auto signature = DecodeSignature((*list)[i], fmt::format("signatures[{}]", i));
    if (!signature) return Fail(std::move(signature).error());
    made.signatures.push_back(*std::move(signature));
  }
  return made;
}

// Whether the key verifies one of the signatures, those that claim to be its own first.
bool Signed(const DsseEnvelope& envelope, std::string_view encoded, const PublicKey& key) {
  for (const bool named : {true, false}) {
    for (const DsseSignature& one : envelope.signatures) {
      if ((one.key_id == key.id()) == named && key.Verify(encoded, one.signature)) return true;
    }
  }
  return false;
}

}  // namespace

std::string PreAuthEncoding(std::string_view payload_type, std::string_view payload) {
  return fmt::format("DSSEv1 {} {} {} {}", payload_type.size(), payload_type, payload.size(), payload);
}

Result<DsseEnvelope> DecodeDsse(std::string_view json, std::size_t max_bytes) {
  const auto parsed = ParseJson(json, {.max_bytes = max_bytes, .max_depth = kMaxDepth, .unique_keys = true});
  if (!parsed) return Fail(parsed.error());
  return FromJson(*parsed);
}

Json EncodeDsse(const DsseEnvelope& envelope) {
  Json signatures = Json::array();
  for (const DsseSignature& one : envelope.signatures) {
    Json element = {{"sig", EncodeBase64(one.signature)}};
    if (!one.key_id.empty()) element["keyid"] = one.key_id;
    signatures.push_back(std::move(element));
  }
  return {{"payloadType", envelope.payload_type},
          {"payload", EncodeBase64(envelope.payload)},
          {"signatures", std::move(signatures)}};
}

std::vector<std::size_t> SignersOf(const DsseEnvelope& envelope, std::span<const PublicKey> keys) {
  std::vector<std::size_t> signers;
  const std::string encoded = PreAuthEncoding(envelope.payload_type, envelope.payload);
  for (std::size_t i = 0; i < keys.size(); ++i) {
    const bool counted = std::ranges::any_of(signers, [&](std::size_t s) { return keys[s].SameKey(keys[i]); });
    if (!counted && Signed(envelope, encoded, keys[i])) signers.push_back(i);
  }
  return signers;
}

Result<std::vector<std::string>> VerifyDsse(const DsseEnvelope& envelope, std::span<const NamedKey> keys,
                                            std::size_t threshold) {
  if (threshold == 0 || threshold > keys.size()) {
    return Fail(Error::Invalid(
        fmt::format("a threshold of {} with {} keys: give one from 1 to the number of keys", threshold, keys.size())));
  }
  std::vector<PublicKey> plain;
  plain.reserve(keys.size());
  for (const NamedKey& one : keys) plain.push_back(one.key);
  std::vector<std::string> names;
  for (const std::size_t signer : SignersOf(envelope, plain)) names.push_back(keys[signer].name);
  if (names.size() >= threshold) return names;
  return Fail(Error::Denied(names.empty() ? fmt::format("none of the {} known keys signed it", keys.size())
                                          : fmt::format("signed by {} of the {} keys that are needed ({})",
                                                        names.size(), threshold, fmt::join(names, ", "))));
}

Result<DsseEnvelope> SignDsse(std::string payload_type, std::string payload, const PrivateKey& key) {
  if (payload_type.empty() || payload_type.size() > kMaxDssePayloadType)
    return Fail(Wrong("payloadType", fmt::format("give 1 to {} bytes", kMaxDssePayloadType)));
  DsseEnvelope envelope{std::move(payload_type), std::move(payload), {}};
  if (auto added = AddSignature(envelope, key); !added) return Fail(std::move(added).error());
  return envelope;
}

Status AddSignature(DsseEnvelope& envelope, const PrivateKey& key) {
  const std::string encoded = PreAuthEncoding(envelope.payload_type, envelope.payload);
  if (Signed(envelope, encoded, key.public_key())) return {};
  if (envelope.signatures.size() >= kMaxDsseSignatures)
    return Fail(Wrong("signatures", fmt::format("there are {} already, as many as are allowed", kMaxDsseSignatures)));
  auto signature = key.Sign(encoded);
  if (!signature) return Fail(std::move(signature).error());
  envelope.signatures.push_back({key.public_key().id(), *std::move(signature)});
  return {};
}

}  // namespace rempart::crypto
