#include "src/kube/yaml.h"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <istream>
#include <map>
#include <nlohmann/json.hpp>
#include <streambuf>
#include <string>
#include <utility>
#include <vector>

#include "src/kube/text.h"

namespace rempart::kube {
namespace {

// Leaves yaml-cpp's parser; caught in ParseYaml.
struct Refused {
  int line;  // 0: unknown
  std::string why;
};

constexpr std::string_view kCoreTags = "tag:yaml.org,2002:";

std::size_t CountNodes(const Json& value) {
  std::size_t n = 1;
  if (value.is_object()) n += value.size();  // keys
  if (value.is_structured()) {
    for (const Json& child : value) n += CountNodes(child);
  }
  return n;
}

template <class Int>
std::optional<Int> ParseInteger(std::string_view digits, int base) {
  Int value{};
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value, base);
  if (error != std::errc() || end != digits.data() + digits.size() || digits.empty()) return std::nullopt;
  return value;
}

// YAML 1.2.2, section 10.3.2, without what JSON cannot say (infinities, NaN).
Json ResolveCore(const std::string& text) {
  if (text == "true" || text == "True" || text == "TRUE") return true;
  if (text == "false" || text == "False" || text == "FALSE") return false;
  std::string_view rest = text;
  if (rest.starts_with("0x")) {
    if (auto n = ParseInteger<std::uint64_t>(rest.substr(2), 16)) return *n;
    return text;
  }
  if (rest.starts_with("0o")) {
    if (auto n = ParseInteger<std::uint64_t>(rest.substr(2), 8)) return *n;
    return text;
  }
  if (rest.starts_with('+')) rest.remove_prefix(1);
  if (rest.empty() || rest.find_first_not_of("0123456789+-.eE") != std::string_view::npos ||
      rest.find_first_of("0123456789") == std::string_view::npos || rest[0] == 'e' || rest[0] == 'E' ||
      rest[0] == '+') {
    return text;
  }
  if (auto n = ParseInteger<std::int64_t>(rest, 10)) return *n;
  if (auto n = ParseInteger<std::uint64_t>(rest, 10)) return *n;
  double number = 0;
  const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), number);
  if (error == std::errc() && end == rest.data() + rest.size() && std::isfinite(number)) return number;
  return text;
}

// Builds one document from the parser's events; throws Refused.
class Builder final : public YAML::EventHandler {
 public:
  Builder(YamlScalars scalars, const YamlLimits& limits) : scalars_(scalars), limits_(limits) {}

  void OnDocumentStart(const YAML::Mark&) override {}
  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    Count(mark, 1);
    Put(mark, anchor, Json(nullptr));
  }

  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    Count(mark, 1);
    Put(mark, anchor, Scalar(mark, tag, value));
  }

  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    const auto found = anchors_.find(anchor);
    if (found == anchors_.end()) throw Refused{mark.line + 1, "an alias inside its own anchor"};
    Count(mark, found->second.nodes);  // before the copy is made
    CheckDepth(mark, stack_.size() + found->second.depth);
    Json copy = found->second.value;
    Put(mark, 0, std::move(copy));
  }

  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    Open(mark, tag, "seq", anchor, Json::array());
  }
  void OnSequenceEnd() override { Close(); }

  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    Open(mark, tag, "map", anchor, Json::object());
  }
  void OnMapEnd() override { Close(); }

  Json Take() { return std::move(root_); }

 private:
  struct Frame {
    Json value;
    YAML::anchor_t anchor;
    YAML::Mark mark;
    std::string key;  // of the member whose value comes next
    bool has_key = false;
  };
  struct Anchored {
    Json value;
    std::size_t nodes, depth;
  };

  void Count(const YAML::Mark& mark, std::size_t n) {
    nodes_ += n;
    if (nodes_ > limits_.max_nodes) {
      throw Refused{mark.line + 1, "more than " + std::to_string(limits_.max_nodes) + " values (aliases expanded)"};
    }
  }

  void CheckDepth(const YAML::Mark& mark, std::size_t depth) const {
    if (depth > limits_.max_depth) {
      throw Refused{mark.line + 1, "nested deeper than " + std::to_string(limits_.max_depth)};
    }
  }

  Json Scalar(const YAML::Mark& mark, const std::string& tag, const std::string& value) const {
    if (tag == "!" || tag == "?" || tag.empty()) {  // quoted, plain
      const bool plain = tag != "!";
      if (plain && value == "<<" && !stack_.empty() && stack_.back().value.is_object() && !stack_.back().has_key) {
        throw Refused{mark.line + 1, "merge keys (<<) are not supported: write the members out"};
      }
      return plain && scalars_ == YamlScalars::kTyped ? ResolveCore(value) : Json(value);
    }
    const bool core = tag.starts_with(kCoreTags);
    const std::string_view type = core ? std::string_view(tag).substr(kCoreTags.size()) : std::string_view();
    if (type == "str") return value;
    if (type == "int" || type == "bool" || type == "float") {
      return scalars_ == YamlScalars::kTyped ? ResolveCore(value) : Json(value);
    }
    throw Refused{mark.line + 1, "a tag other than !!str, !!int, !!float, !!bool, !!map and !!seq: take it away"};
  }

  void Open(const YAML::Mark& mark, const std::string& tag, std::string_view type, YAML::anchor_t anchor, Json value) {
    Count(mark, 1);
    CheckDepth(mark, stack_.size() + 1);
    if (tag != "?" && tag != "!" && !tag.empty() && tag != std::string(kCoreTags) + std::string(type)) {
      throw Refused{mark.line + 1, "a tag that YAML's core schema does not have: take it away"};
    }
    stack_.push_back(Frame{std::move(value), anchor, mark, {}, false});
  }

  void Close() {
    Frame frame = std::move(stack_.back());
    stack_.pop_back();
    Put(frame.mark, frame.anchor, std::move(frame.value));
  }

  void Put(const YAML::Mark& mark, YAML::anchor_t anchor, Json value) {
    if (anchor != 0) anchors_[anchor] = Anchored{value, CountNodes(value), DepthOf(value)};
    if (stack_.empty()) {
      root_ = std::move(value);
      return;
    }
    Frame& parent = stack_.back();
    if (parent.value.is_array()) {
      parent.value.push_back(std::move(value));
    } else if (!parent.has_key) {
      parent.key = KeyText(mark, value);
      parent.has_key = true;
    } else {
      if (!parent.value.emplace(parent.key, std::move(value)).second) {
        throw Refused{mark.line + 1, "a key that its mapping already has"};
      }
      parent.has_key = false;
    }
  }

  static std::string KeyText(const YAML::Mark& mark, const Json& key) {
    if (key.is_string()) return key.get<std::string>();
    if (key.is_boolean() || key.is_number()) return key.dump();
    throw Refused{mark.line + 1, "a key that is no plain text"};
  }

  static std::size_t DepthOf(const Json& value) {
    if (!value.is_structured()) return 0;
    std::size_t deepest = 0;
    for (const Json& child : value) deepest = std::max(deepest, DepthOf(child));
    return deepest + 1;
  }

  const YamlScalars scalars_;
  const YamlLimits& limits_;
  std::size_t nodes_ = 0;
  std::vector<Frame> stack_;
  std::map<YAML::anchor_t, Anchored> anchors_;
  Json root_;
};

// An istream over memory that is not copied.
class MemoryBuffer final : public std::streambuf {
 public:
  explicit MemoryBuffer(std::string_view text) {
    char* begin = const_cast<char*>(text.data());  // only read
    setg(begin, begin, begin + text.size());
  }
};

class NothingMore final : public YAML::EventHandler {
 public:
  void OnDocumentStart(const YAML::Mark& mark) override {
    throw Refused{mark.line + 1, "a second document: put it into a file of its own"};
  }
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark&, YAML::anchor_t) override {}
  void OnAlias(const YAML::Mark&, YAML::anchor_t) override {}
  void OnScalar(const YAML::Mark&, const std::string&, YAML::anchor_t, const std::string&) override {}
  void OnSequenceStart(const YAML::Mark&, const std::string&, YAML::anchor_t, YAML::EmitterStyle::value) override {}
  void OnSequenceEnd() override {}
  void OnMapStart(const YAML::Mark&, const std::string&, YAML::anchor_t, YAML::EmitterStyle::value) override {}
  void OnMapEnd() override {}
};

Error Refusal(int line, const std::string& why) {
  return Error::Invalid(line > 0 ? "YAML, line " + std::to_string(line) + ": " + why : "YAML: " + why);
}

}  // namespace

Result<Json> ParseYaml(std::string_view text, YamlScalars scalars, const YamlLimits& limits) {
  if (text.size() > limits.max_bytes) {
    return Fail(Refusal(0, "larger than " + std::to_string(limits.max_bytes / 1024) + " KiB"));
  }
  try {
    MemoryBuffer buffer(text);
    std::istream in(&buffer);
    YAML::Parser parser(in);
    Builder builder(scalars, limits);
    if (!parser.HandleNextDocument(builder)) return Json(nullptr);
    NothingMore nothing_more;
    parser.HandleNextDocument(nothing_more);
    return builder.Take();
  } catch (const Refused& refused) {
    return Fail(Refusal(refused.line, refused.why));
  } catch (const YAML::Exception& e) {
    return Fail(Refusal(e.mark.is_null() ? 0 : e.mark.line + 1, Printable(e.msg, 200)));
  } catch (const std::exception&) {
    return Fail(Refusal(0, "cannot be read"));
  }
}

}  // namespace rempart::kube
