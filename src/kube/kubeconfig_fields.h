// Reading the mappings of a kubeconfig file field by field. Internal to src/kube.
#pragma once

#include <algorithm>
#include <initializer_list>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "src/base/json.h"
#include "src/base/result.h"
#include "src/kube/kubeconfig_parse.h"
#include "src/kube/text.h"

namespace rempart::kube {

// Reads the members of one mapping. The first error stays and names the file, the place and the field.
class Fields {
 public:
  Fields(const Json& object, const KubeconfigFile& file, std::string place)
      : object_(object), file_(file), place_(std::move(place)) {
    if (!object_.is_object() && !object_.is_null()) Refuse("", "must be a mapping");
  }

  // Absent, null and "" are the same, as for kubectl.
  std::string Text(const char* name) {
    const Json* value = Find(name);
    if (value == nullptr) return {};
    if (value->is_string()) return value->get<std::string>();
    Refuse(name, "must be a text");
    return {};
  }

  bool Flag(const char* name) {
    const std::string text = Text(name);
    if (text == "true") return true;
    if (!text.empty() && text != "false") Refuse(name, "must be true or false");
    return false;
  }

  const Json& Node(const char* name) {
    static const Json kNull;
    const Json* value = Find(name);
    return value == nullptr ? kNull : *value;
  }

  // A list (absent: empty).
  const Json& List(const char* name) {
    static const Json kEmpty = Json::array();
    const Json* value = Find(name);
    if (value == nullptr) return kEmpty;
    if (value->is_array()) return *value;
    Refuse(name, "must be a list");
    return kEmpty;
  }

  void RefuseUnknown(std::initializer_list<std::string_view> known) {
    if (!object_.is_object()) return;
    for (const auto& [name, value] : object_.items()) {
      if (std::find(known.begin(), known.end(), name) == known.end()) {
        Refuse("", "has the unknown field \"" + Printable(name, 60) + "\": correct its spelling or take it away");
      }
    }
  }

  void RefuseIfSet(const char* name, const std::string& fix) {
    const Json* value = Find(name);
    if (value == nullptr || *value == "" || *value == "false") return;
    Refuse(name, "is not supported: " + fix);
  }

  void Refuse(std::string_view name, const std::string& why) { Keep(Error::Invalid(Path(name) + " " + why)); }
  void Keep(Error error) {
    if (!error_) error_ = std::move(error).While("kubeconfig " + file_.name);
  }

  std::string Path(std::string_view name) const {
    if (name.empty()) return place_.empty() ? "the file" : place_;
    if (place_.empty()) return std::string(name);
    return place_ + "." + std::string(name);
  }
  const KubeconfigFile& file() const { return file_; }
  Status status() const { return error_ ? Status(Fail(*error_)) : Status(); }

 private:
  const Json* Find(const char* name) const {
    if (!object_.is_object()) return nullptr;
    const auto found = object_.find(name);
    return found == object_.end() || found->is_null() ? nullptr : &*found;
  }

  const Json& object_;
  const KubeconfigFile& file_;
  const std::string place_;
  std::optional<Error> error_;
};

}  // namespace rempart::kube
