#include "src/kube/api.h"

#include <utility>

namespace rempart::kube {
namespace {

std::string Doing(std::string_view verb, const Resource& r, const ObjectKey& key, std::string_view subresource = {}) {
  std::string out = std::string(verb) + " " + std::string(r.plural);
  if (!subresource.empty()) out += "/" + std::string(subresource);
  const std::string name = key.ToString();
  return name.empty() ? out : out + " " + name;
}

// `path` with the query, and our field manager where the query names none.
std::string WithManager(std::string path, std::string_view query) {
  const bool named = query.starts_with("fieldManager=") || query.find("&fieldManager=") != std::string_view::npos;
  path += '?';
  if (!named) path.append("fieldManager=").append(kFieldManager);
  if (!named && !query.empty()) path += '&';
  return path.append(query);
}

const char* ContentType(PatchType type) {
  switch (type) {
    case PatchType::kApply:
      return "application/apply-patch+yaml";
    case PatchType::kMerge:
      return "application/merge-patch+json";
    case PatchType::kJson:
      return "application/json-patch+json";
  }
  return "";
}

const char* Verb(PatchType type) { return type == PatchType::kApply ? "apply" : "patch"; }

}  // namespace

Result<Reply> Api::Get(const Resource& r, const ObjectKey& key, std::stop_token stop) {
  return Do({.method = "GET", .target = r.Path(key.ns, key.name), .doing = Doing("get", r, key)}, stop);
}

Result<Reply> Api::Create(const Resource& r, std::string_view ns, std::string body, std::stop_token stop,
                          std::string_view query) {
  return Do({.method = "POST",
             .target = WithManager(r.Path(ns), query),
             .body = std::move(body),
             .doing = Doing("create", r, {}) + (ns.empty() ? "" : " in " + std::string(ns))},
            stop);
}

Result<Reply> Api::Replace(const Resource& r, const ObjectKey& key, std::string body, std::stop_token stop) {
  return Do({.method = "PUT",
             .target = WithManager(r.Path(key.ns, key.name), "fieldValidation=Ignore"),
             .body = std::move(body),
             .doing = Doing("replace", r, key)},
            stop);
}

Result<Reply> Api::Patch(const Resource& r, const ObjectKey& key, PatchType type, std::string body, bool force,
                         std::stop_token stop, std::string_view subresource, std::string_view extra_query) {
  std::string query(extra_query);
  if (force && type == PatchType::kApply) query = query.empty() ? "force=true" : "force=true&" + query;
  // Nobody here reads the warnings of which the server would otherwise parse every patch a second time.
  query += query.empty() ? "fieldValidation=Ignore" : "&fieldValidation=Ignore";
  return Do({.method = "PATCH",
             .target = WithManager(r.Path(key.ns, key.name, subresource), query),
             .content_type = ContentType(type),
             .body = std::move(body),
             .doing = Doing(Verb(type), r, key, subresource)},
            stop);
}

Result<Reply> Api::Delete(const Resource& r, const ObjectKey& key, std::string body, std::stop_token stop) {
  return Do({.method = "DELETE",
             .target = r.Path(key.ns, key.name),
             .body = std::move(body),
             .doing = Doing("delete", r, key)},
            stop);
}

std::string Escape(std::string_view text) {
  constexpr std::string_view kHex = "0123456789ABCDEF";
  std::string out;
  out.reserve(text.size());
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    const bool unreserved = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                            std::string_view("-._~").contains(c);
    if (unreserved) {
      out += c;
    } else {
      out += '%';
      out += kHex[byte >> 4];
      out += kHex[byte & 15];
    }
  }
  return out;
}

}  // namespace rempart::kube
