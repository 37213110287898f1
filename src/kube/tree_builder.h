// Builds a bounded JSON value from a parser's events, and keeps the line of each field; what the readers of YAML and
// JSON share. Not thread-safe.
#pragma once

#include <cstddef>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "src/base/json.h"
#include "src/kube/field_lines.h"

namespace rempart::kube {

struct TreeLimits {
  std::size_t max_nodes = 20'000;  // values and keys, after aliases are expanded; as many again in copies for anchors
  std::size_t max_depth = 50;
};

// Each call gives false where the document is refused; why() says it then, and never with the content. After that, no
// further call. The order of calls is that of a parser: in a mapping, Key or Merge before each value.
class TreeBuilder {
 public:
  // An ended value and its size, for an anchor. Each 64 bytes of a text count as one of the nodes.
  struct Anchored {
    Json value;
    std::size_t nodes = 0, depth = 0;
    FieldLines::Place place = FieldLines::kNowhere;
  };

  // `lines` may be null, or outlives the builder.
  TreeBuilder(const TreeLimits& limits, FieldLines* lines) : limits_(limits), lines_(lines) {}

  // In a mapping whose next call is Key, Merge or Close.
  bool AtKey() const { return InMapping() && !open_.back().has_key; }

  bool Key(std::string key, int line);
  // The next value is the one of "<<" (YAML 1.1's merge key): a mapping, or a list of mappings of which an earlier one
  // wins. Members written after it win; one written before it that it has too is refused, since readers differ there.
  bool Merge(int line);
  // A value that has no values below it. `anchored`, where not null, gets a copy.
  bool Scalar(Json value, int line, Anchored* anchored = nullptr);
  bool Alias(const Anchored& anchored, int line);
  // For a key: `anchored`, where not null, gets a copy; and an alias that is one is counted before Key.
  bool Keep(Anchored* anchored, const Json& value, FieldLines::Place place = FieldLines::kNowhere);
  bool CountCopy(const Anchored& anchored);
  bool Open(bool mapping, int line);
  bool Close(Anchored* anchored = nullptr);

  Json Take() { return std::move(root_); }
  const std::string& why() const { return why_; }

 private:
  struct Frame {
    Json value;
    FieldLines::Place place = FieldLines::kNowhere;
    // Of the member whose value comes next; they point into `value`, or are null while it is that of "<<".
    Json* member = nullptr;
    const std::string* key = nullptr;
    int key_line = 0;
    bool has_key = false, merged = false;
    std::set<std::string> from_merge;  // members that a later one of the same name replaces
  };

  bool InMapping() const { return !open_.empty() && open_.back().value.is_object(); }
  bool Refuse(std::string why);
  bool Count(std::size_t n);
  FieldLines::Place BeginPlace(int line);
  bool Put(Json value);
  bool PutMerged(Frame& parent, Json value);

  const TreeLimits limits_;
  FieldLines* lines_;
  std::size_t nodes_ = 0;
  // In the copies for anchors. Counted apart, so that a document is refused for them only where anchors are within one
  // another or hold much text: side by side they hold no more values than the document does.
  std::size_t kept_ = 0;
  std::vector<Frame> open_;
  Json root_;
  std::string why_;
};

}  // namespace rempart::kube
