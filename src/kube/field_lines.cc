#include "src/kube/field_lines.h"

#include <algorithm>
#include <charconv>
#include <functional>
#include <optional>

namespace rempart::kube {
namespace {

// One step of a path: a member's name, an element's index, or either ("[0]" may be a key that looks like a number).
struct Step {
  std::string_view key;
  std::optional<std::size_t> index;
};

std::optional<std::size_t> IndexOf(std::string_view digits) {
  std::size_t index = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), index);
  if (digits.empty() || error != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
  return index;
}

// Takes the first step off `path`; nothing at its end, and where a bracket is not closed.
std::optional<Step> TakeStep(std::string_view& path) {
  if (path.starts_with('.')) path.remove_prefix(1);
  if (path.empty()) return std::nullopt;
  if (path[0] != '[') {
    const std::string_view name = path.substr(0, path.find_first_of(".["));
    path.remove_prefix(name.size());
    return Step{name, std::nullopt};
  }
  path.remove_prefix(1);
  if (path.starts_with('"') || path.starts_with('\'')) {
    const auto quote = path.find(path[0], 1);
    if (quote == path.npos || path.substr(quote + 1, 1) != "]") return std::nullopt;
    const Step step{path.substr(1, quote - 1), std::nullopt};
    path.remove_prefix(quote + 2);
    return step;
  }
  const auto bracket = path.find(']');
  if (bracket == path.npos) return std::nullopt;
  const std::string_view inside = path.substr(0, bracket);
  path.remove_prefix(bracket + 1);
  return Step{inside, IndexOf(inside)};
}

constexpr std::string_view kMerge = "<<";

// Mappings that one look-up goes through: far more than people merge, and few enough that each of many objects may
// merge the same long chain.
constexpr int kMaxMerges = 100;

}  // namespace

std::uint32_t FieldLines::HashOf(std::string_view key) {
  // Two keys of one mapping with the same hash would cost a wrong line in a message, once in four billion.
  return static_cast<std::uint32_t>(std::hash<std::string_view>()(key)) | 1U;
}

FieldLines::Place FieldLines::Begin(std::uint32_t line, std::string_view key, bool is_member) {
  if (values_.size() >= kNowhere) return kNowhere;
  const auto place = static_cast<Place>(values_.size());
  values_.push_back(Value{line, is_member ? HashOf(key) : 0, place + 1, place});
  return place;
}

void FieldLines::End(Place place) {
  if (Known(place)) values_[place].end = static_cast<std::uint32_t>(values_.size());
}

void FieldLines::SameAs(Place place, Place anchored) {
  // An anchored alias leads to where that one leads.
  if (Known(place) && Known(anchored)) values_[place].same_as = values_[anchored].same_as;
}

FieldLines::Place FieldLines::FirstChild(Place place) const {
  if (!Known(place)) return kNowhere;
  const Place at = values_[place].same_as;
  return at + 1 < values_[at].end ? at + 1 : kNowhere;
}

FieldLines::Place FieldLines::NextChild(Place parent, Place child) const {
  if (!Known(parent) || !Known(child)) return kNowhere;
  const Place next = values_[child].end;
  return next < values_[values_[parent].same_as].end ? next : kNowhere;
}

FieldLines::Place FieldLines::Member(Place place, std::string_view key) const {
  const std::uint32_t wanted = HashOf(key);
  const std::uint32_t merge = HashOf(kMerge);
  // "<<" has one mapping, or a list of them of which the first one that has the key gives it: depth first. What is
  // still to be looked through, the innermost list last; not on the call stack, since merges go as deep as the text is
  // long.
  struct Rest {
    Place list;  // kNowhere where there is no other one after `next`
    Place next;
  };
  std::vector<Rest> rest = {{kNowhere, place}};
  std::vector<Place> seen;  // a mapping that does not have the key does not have it a second time
  for (int looked = 0; looked < kMaxMerges && !rest.empty(); ++looked) {
    const auto [list, mapping] = rest.back();
    if (const Place next = NextChild(list, mapping); next != kNowhere) {
      rest.back().next = next;
    } else {
      rest.pop_back();
    }
    if (!Known(mapping) || std::ranges::find(seen, values_[mapping].same_as) != seen.end()) continue;
    seen.push_back(values_[mapping].same_as);
    Place merged = kNowhere;
    for (Place child = FirstChild(mapping); child != kNowhere; child = NextChild(mapping, child)) {
      if (values_[child].key == wanted) return child;
      if (values_[child].key == merge) merged = child;
    }
    const Place first = FirstChild(merged);
    if (first == kNowhere) continue;
    const bool is_list = values_[first].key == 0;
    rest.push_back(is_list ? Rest{merged, first} : Rest{kNowhere, merged});
  }
  return kNowhere;
}

int FieldLines::LineOf(Place place) const { return Known(place) ? static_cast<int>(values_[place].line) : 0; }

int FieldLines::LineOf(Place place, std::string_view path) const {
  while (const auto step = TakeStep(path)) {
    Place next = kNowhere;
    const Place first = FirstChild(place);
    if (step->index && first != kNowhere && values_[first].key == 0) {
      next = first;
      for (std::size_t i = 0; i < *step->index && next != kNowhere; ++i) next = NextChild(place, next);
    } else {
      next = Member(place, step->key);
    }
    if (next == kNowhere) break;
    place = next;
  }
  return LineOf(place);
}

}  // namespace rempart::kube
