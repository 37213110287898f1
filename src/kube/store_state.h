// One full state of a store: the objects by key, and the indexes over them. A part of store.h.
#pragma once

#include <algorithm>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "src/kube/object.h"

namespace rempart::kube {

// Not thread-safe. An object's key is kept once, in the object: the set hashes and compares by what it points to.
template <class T>
class StoreState {
 public:
  using Ptr = std::shared_ptr<const T>;
  using IndexFn = std::function<void(const T&, const std::function<void(std::string_view)>& emit)>;

  struct Hash {
    using is_transparent = void;
    std::size_t operator()(const ObjectKey& key) const { return ObjectKeyHash{}(key); }
    std::size_t operator()(const Ptr& object) const { return ObjectKeyHash{}(object->meta.key); }
  };
  struct Equal {
    using is_transparent = void;
    bool operator()(const Ptr& a, const Ptr& b) const { return a->meta.key == b->meta.key; }
    bool operator()(const ObjectKey& a, const Ptr& b) const { return a == b->meta.key; }
    bool operator()(const Ptr& a, const ObjectKey& b) const { return a->meta.key == b; }
  };
  using Objects = std::unordered_set<Ptr, Hash, Equal>;

  explicit StoreState(std::size_t indexes) : indexes_(indexes) {}

  const Objects& objects() const { return objects_; }

  Ptr Find(const ObjectKey& key) const {
    auto it = objects_.find(key);
    return it == objects_.end() ? nullptr : *it;
  }

  std::vector<Ptr> ByIndex(std::size_t index, std::string_view value) const {
    auto group = indexes_.at(index).find(value);
    return group == indexes_.at(index).end() ? std::vector<Ptr>{} : group->second;
  }

  bool AnyByIndex(std::size_t index, std::string_view value) const {
    return indexes_.at(index).contains(value);  // no group is empty
  }

  // Takes the place of the object of the same key.
  void Put(Ptr object, const std::vector<IndexFn>& fns) {
    Erase(object->meta.key, fns);
    for (std::size_t i = 0; i < fns.size(); ++i) {
      for (std::string& value : ValuesOf(fns[i], *object)) {
        Group& group = indexes_[i][std::move(value)];
        group.insert(PlaceOf(group, object->meta.key), object);
      }
    }
    objects_.insert(std::move(object));
  }

  void Erase(const ObjectKey& key, const std::vector<IndexFn>& fns) {
    auto it = objects_.find(key);
    if (it == objects_.end()) return;
    for (std::size_t i = 0; i < fns.size(); ++i) {
      for (const std::string& value : ValuesOf(fns[i], **it)) {
        auto group = indexes_[i].find(value);
        group->second.erase(PlaceOf(group->second, key));
        if (group->second.empty()) indexes_[i].erase(group);
      }
    }
    objects_.erase(it);
  }

 private:
  using Group = std::vector<Ptr>;  // ordered by key
  struct TextHash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
  };
  using Index = std::unordered_map<std::string, Group, TextHash, std::equal_to<>>;

  static typename Group::iterator PlaceOf(Group& group, const ObjectKey& key) {
    return std::lower_bound(group.begin(), group.end(), key,
                            [](const Ptr& object, const ObjectKey& k) { return object->meta.key < k; });
  }

  static std::vector<std::string> ValuesOf(const IndexFn& fn, const T& object) {
    std::vector<std::string> values;
    fn(object, [&](std::string_view value) {
      if (std::ranges::find(values, value) == values.end()) values.emplace_back(value);
    });
    return values;
  }

  Objects objects_;
  std::vector<Index> indexes_;
};

}  // namespace rempart::kube
