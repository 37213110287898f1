#include "src/kube/tree_builder.h"

#include <algorithm>
#include <string_view>

namespace rempart::kube {
namespace {

constexpr std::string_view kMerge = "<<";

// Bytes: what a value takes in memory, more or less.
constexpr std::size_t kTextOfAValue = 64;

std::size_t CountText(const std::string& text) { return 1 + text.size() / kTextOfAValue; }

// As much as a copy takes. A text that is as long as the whole file may be copied by an alias of three characters.
std::size_t CountNodes(const Json& value) {
  if (value.is_string()) return CountText(value.get_ref<const std::string&>());
  std::size_t n = 1;
  if (value.is_array()) {
    for (const Json& child : value) n += CountNodes(child);
  } else if (value.is_object()) {
    for (const auto& [key, member] : value.items()) n += CountText(key) + CountNodes(member);
  }
  return n;
}

std::size_t DepthOf(const Json& value) {
  if (!value.is_structured()) return 0;
  std::size_t deepest = 0;
  for (const Json& child : value) deepest = std::max(deepest, DepthOf(child));
  return deepest + 1;
}

}  // namespace

bool TreeBuilder::Refuse(std::string why) {
  why_ = std::move(why);
  return false;
}

bool TreeBuilder::Count(std::size_t n) {
  nodes_ += n;
  if (nodes_ <= limits_.max_nodes) return true;
  return Refuse("more than " + std::to_string(limits_.max_nodes) + " values (aliases expanded, " +
                std::to_string(kTextOfAValue) + " bytes of their text as one)");
}

bool TreeBuilder::Keep(Anchored* anchored, const Json& value, FieldLines::Place place) {
  if (anchored == nullptr) return true;
  const std::size_t nodes = CountNodes(value);
  kept_ += nodes;
  if (kept_ > limits_.max_nodes) {  // before the copy is made
    return Refuse("anchors within one another that hold more than " + std::to_string(limits_.max_nodes) +
                  " values: take away those that no alias needs");
  }
  *anchored = {value, nodes, DepthOf(value), place};
  return true;
}

FieldLines::Place TreeBuilder::BeginPlace(int line) {
  if (lines_ == nullptr) return FieldLines::kNowhere;
  if (!InMapping()) return lines_->Begin(static_cast<std::uint32_t>(line), {}, false);
  const Frame& parent = open_.back();
  return lines_->Begin(static_cast<std::uint32_t>(parent.key_line),
                       parent.key != nullptr ? std::string_view(*parent.key) : kMerge, true);
}

bool TreeBuilder::Key(std::string key, int line) {
  if (!Count(1)) return false;
  Frame& frame = open_.back();
  const auto [at, is_new] = frame.value.emplace(std::move(key), nullptr);
  if (!is_new && frame.from_merge.erase(at.key()) == 0) return Refuse("a key that its mapping already has");
  frame.member = &at.value();
  frame.key = &at.key();
  frame.key_line = line;
  frame.has_key = true;
  return true;
}

bool TreeBuilder::Merge(int line) {
  if (!Count(1)) return false;
  Frame& frame = open_.back();
  if (frame.merged) return Refuse("<< twice in one mapping: write <<: [*first, *second]");
  frame.member = nullptr;
  frame.key = nullptr;
  frame.key_line = line;
  frame.has_key = frame.merged = true;
  return true;
}

bool TreeBuilder::Scalar(Json value, int line, Anchored* anchored) {
  if (!Count(1)) return false;
  return Keep(anchored, value, BeginPlace(line)) && Put(std::move(value));
}

bool TreeBuilder::Alias(const Anchored& anchored, int line) {
  if (!Count(anchored.nodes)) return false;  // before the copy is made
  if (open_.size() + anchored.depth > limits_.max_depth) {
    return Refuse("nested deeper than " + std::to_string(limits_.max_depth));
  }
  const FieldLines::Place place = BeginPlace(line);
  if (lines_ != nullptr) lines_->SameAs(place, anchored.place);
  return Put(Json(anchored.value));
}

bool TreeBuilder::CountCopy(const Anchored& anchored) { return Count(anchored.nodes); }

bool TreeBuilder::Open(bool mapping, int line) {
  if (!Count(1)) return false;
  if (open_.size() + 1 > limits_.max_depth) {
    return Refuse("nested deeper than " + std::to_string(limits_.max_depth));
  }
  const FieldLines::Place place = BeginPlace(line);
  Frame& frame = open_.emplace_back();
  frame.value = mapping ? Json::object() : Json::array();
  frame.place = place;
  return true;
}

bool TreeBuilder::Close(Anchored* anchored) {
  Json value = std::move(open_.back().value);
  const FieldLines::Place place = open_.back().place;
  open_.pop_back();
  if (lines_ != nullptr) lines_->End(place);
  return Keep(anchored, value, place) && Put(std::move(value));
}

bool TreeBuilder::Put(Json value) {
  if (open_.empty()) {
    root_ = std::move(value);
    return true;
  }
  Frame& parent = open_.back();
  if (parent.value.is_array()) {
    parent.value.push_back(std::move(value));
    return true;
  }
  parent.has_key = false;
  if (parent.member == nullptr) return PutMerged(parent, std::move(value));
  *parent.member = std::move(value);
  return true;
}

bool TreeBuilder::PutMerged(Frame& parent, Json value) {
  if (value.is_object()) value = Json::array({std::move(value)});
  if (!value.is_array()) return Refuse("<< wants a mapping or a list of mappings");
  for (Json& one : value) {
    if (!one.is_object()) return Refuse("<< wants a mapping or a list of mappings");
    if (!Count(one.size())) return false;  // merges within merges move every member once a level
    for (auto& [key, member] : one.items()) {
      if (parent.from_merge.contains(key)) continue;
      if (!parent.value.emplace(key, std::move(member)).second) {
        return Refuse("<< after a key that it has too, where readers differ on which one counts: put << first");
      }
      parent.from_merge.insert(key);
    }
  }
  return true;
}

}  // namespace rempart::kube
