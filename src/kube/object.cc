#include "src/kube/object.h"

#include "src/kube/api.h"

namespace rempart::kube {

std::string Resource::ApiVersion() const {
  std::string out(group);
  if (!out.empty()) out += '/';
  return out += version;
}

std::string Resource::Path(std::string_view ns, std::string_view name, std::string_view subresource) const {
  std::string path = group.empty() ? "/api/" : "/apis/" + Escape(group) + "/";
  path += Escape(version);
  if (namespaced && !ns.empty()) path += "/namespaces/" + Escape(ns);
  path += "/" + Escape(plural);
  if (!name.empty()) path += "/" + Escape(name);
  if (!subresource.empty()) path += "/" + Escape(subresource);
  return path;
}

}  // namespace rempart::kube
