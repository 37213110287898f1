// Which line of a text each field of a document came from, at 16 bytes a value: for messages that point into a file.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace rempart::kube {

// Filled by a reader in the order of the text (TreeBuilder), then only read: const calls may come from any thread. What
// an alias or a merge key brought is found where it is written, at its anchor.
class FieldLines {
 public:
  using Place = std::uint32_t;  // of a value; kRoot is the document
  static constexpr Place kRoot = 0;
  static constexpr Place kNowhere = UINT32_MAX;

  // The line, from 1, of the field at `path` below `place`: "spec.containers[0].image", with ["a.b/c"], ['a.b/c'] or
  // [a.b/c] for a key that has dots. Where there is no such field, its nearest parent's; 0 for an empty document.
  int LineOf(Place place, std::string_view path) const;
  int LineOf(Place place) const;
  // The member of the mapping at `place`; kNowhere where there is none, and where it would have to be looked for in
  // more than 100 mappings that are merged into this one.
  Place Member(Place place, std::string_view key) const;
  // Elements of a list, or values of a mapping, in the order of the text; kNowhere at the end.
  Place FirstChild(Place place) const;
  Place NextChild(Place parent, Place child) const;

  // For readers. Begin's value is a child of the innermost one that is not ended; `key` is empty but for the value of a
  // member, `line` that of the key, if any. Past 2^32 - 2 values nothing more is kept.
  Place Begin(std::uint32_t line, std::string_view key, bool is_member);
  void End(Place place);
  void SameAs(Place place, Place anchored);  // its children are those of `anchored`, which was ended before

 private:
  struct Value {
    std::uint32_t line;
    std::uint32_t key;      // a hash; 0 where it is no member
    std::uint32_t end;      // one past the last value below it
    std::uint32_t same_as;  // where its children are: itself, but for aliases
  };
  static std::uint32_t HashOf(std::string_view key);
  bool Known(Place place) const { return place < values_.size(); }

  std::vector<Value> values_;
};

}  // namespace rempart::kube
