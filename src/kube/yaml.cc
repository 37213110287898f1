#include "src/kube/yaml.h"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <istream>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <streambuf>
#include <utility>
#include <vector>

#include "src/kube/text.h"
#include "src/kube/tree_builder.h"
#include "src/kube/yaml_scalars.h"

namespace rempart::kube {
namespace {

// Leaves yaml-cpp's parser; caught in ReadYaml.
struct Refused {
  int line;
  std::string why;
};

constexpr std::string_view kCoreTags = "tag:yaml.org,2002:";

// yaml-cpp's events of one document -> TreeBuilder; throws Refused.
class Reader final : public YAML::EventHandler {
 public:
  Reader(YamlScalars scalars, const YamlLimits& limits, int first_line, FieldLines* lines)
      : scalars_(scalars), first_line_(first_line), tree_({limits.max_nodes, limits.max_depth}, lines) {}

  void OnDocumentStart(const YAML::Mark&) override {}
  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override { Put(mark, anchor, Json(nullptr)); }

  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    if (tag == "?" && value == "<<" && tree_.AtKey()) {
      if (scalars_ != YamlScalars::kKubernetes) {
        throw Refused{LineOf(mark), "merge keys (<<) are not supported: write the members out"};
      }
      return Check(mark, tree_.Merge(LineOf(mark)));
    }
    if (tag == "?" && scalars_ == YamlScalars::kKubernetes && tree_.AtKey()) {
      return PutKey(mark, anchor, KubernetesKey(value), Json(value));
    }
    Put(mark, anchor, Scalar(mark, tag, value));
  }

  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    const auto found = anchors_.find(anchor);
    if (found == anchors_.end()) throw Refused{LineOf(mark), "an alias inside its own anchor"};
    if (tree_.AtKey()) return Put(mark, 0, Json(found->second.value));
    Check(mark, tree_.Alias(found->second, LineOf(mark)));
  }

  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    Open(mark, tag, "seq", anchor, false);
  }
  void OnSequenceEnd() override { Close(); }

  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    Open(mark, tag, "map", anchor, true);
  }
  void OnMapEnd() override { Close(); }

  Json Take() { return tree_.Take(); }

 private:
  struct Opened {
    YAML::Mark mark;
    YAML::anchor_t anchor;
  };

  int LineOf(const YAML::Mark& mark) const { return first_line_ + mark.line; }

  void Check(const YAML::Mark& mark, bool taken) const {
    if (!taken) throw Refused{LineOf(mark), tree_.why()};
  }

  Json Resolve(const YAML::Mark& mark, const std::string& text) const {
    switch (scalars_) {
      case YamlScalars::kText:
        return text;
      case YamlScalars::kTyped:
        return CoreScalar(text);
      case YamlScalars::kKubernetes:
        break;
    }
    if (auto value = KubernetesScalar(text)) return std::move(*value);
    throw Refused{LineOf(mark), "a number that JSON does not have: put it into quotes"};
  }

  Json Scalar(const YAML::Mark& mark, const std::string& tag, const std::string& value) const {
    if (tag == "?" || tag.empty()) return Resolve(mark, value);  // plain
    if (tag == "!") return value;                                // quoted
    const bool core = tag.starts_with(kCoreTags);
    const std::string_view type = core ? std::string_view(tag).substr(kCoreTags.size()) : std::string_view();
    if (type == "str") return value;
    if (type == "int" || type == "bool" || type == "float") {
      Json resolved = Resolve(mark, value);
      if (scalars_ == YamlScalars::kKubernetes && !(type == "bool" ? resolved.is_boolean() : resolved.is_number())) {
        throw Refused{LineOf(mark), "a value that is not of its tag's type"};
      }
      return resolved;
    }
    throw Refused{LineOf(mark), "a tag other than !!str, !!int, !!float, !!bool, !!map and !!seq: take it away"};
  }

  std::optional<std::string> KeyText(const Json& key) const {
    if (scalars_ == YamlScalars::kKubernetes) return KubernetesKey(key);
    if (key.is_string()) return key.get<std::string>();
    return key.is_boolean() || key.is_number() ? std::optional(key.dump()) : std::nullopt;
  }

  void PutKey(const YAML::Mark& mark, YAML::anchor_t anchor, std::optional<std::string> key, Json value) {
    if (!key) throw Refused{LineOf(mark), "a key that is no plain text, or a bracket that is not closed"};
    Check(mark, tree_.Key(std::move(*key), LineOf(mark)));
    if (anchor != 0) anchors_[anchor] = {std::move(value), 1, 0, FieldLines::kNowhere};
  }

  // A value without values below it, or a key.
  void Put(const YAML::Mark& mark, YAML::anchor_t anchor, Json value) {
    if (tree_.AtKey()) {
      auto key = KeyText(value);
      return PutKey(mark, anchor, std::move(key), std::move(value));
    }
    Check(mark, tree_.Scalar(std::move(value), LineOf(mark), anchor != 0 ? &anchors_[anchor] : nullptr));
  }

  void Open(const YAML::Mark& mark, const std::string& tag, std::string_view type, YAML::anchor_t anchor,
            bool mapping) {
    if (tag != "?" && tag != "!" && !tag.empty() && tag != std::string(kCoreTags) + std::string(type)) {
      throw Refused{LineOf(mark), "a tag that YAML's core schema does not have: take it away"};
    }
    if (tree_.AtKey()) throw Refused{LineOf(mark), "a key that is no plain text, or a bracket that is not closed"};
    Check(mark, tree_.Open(mapping, LineOf(mark)));
    opened_.push_back({mark, anchor});
  }

  void Close() {
    const Opened opened = opened_.back();
    opened_.pop_back();
    // What it was put under may be refused: that mapping has the key already.
    Check(opened.mark, tree_.Close(opened.anchor != 0 ? &anchors_[opened.anchor] : nullptr));
  }

  const YamlScalars scalars_;
  const int first_line_;
  TreeBuilder tree_;
  std::vector<Opened> opened_;
  std::map<YAML::anchor_t, TreeBuilder::Anchored> anchors_;
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
  explicit NothingMore(int first_line) : first_line_(first_line) {}
  void OnDocumentStart(const YAML::Mark& mark) override {
    throw Refused{first_line_ + mark.line, "a second document: put it into a file of its own"};
  }
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark&, YAML::anchor_t) override {}
  void OnAlias(const YAML::Mark&, YAML::anchor_t) override {}
  void OnScalar(const YAML::Mark&, const std::string&, YAML::anchor_t, const std::string&) override {}
  void OnSequenceStart(const YAML::Mark&, const std::string&, YAML::anchor_t, YAML::EmitterStyle::value) override {}
  void OnSequenceEnd() override {}
  void OnMapStart(const YAML::Mark&, const std::string&, YAML::anchor_t, YAML::EmitterStyle::value) override {}
  void OnMapEnd() override {}

 private:
  const int first_line_;
};

}  // namespace

std::expected<Json, Unreadable> ReadYaml(std::string_view text, YamlScalars scalars, const YamlLimits& limits,
                                         int first_line, FieldLines* lines) {
  if (text.size() > limits.max_bytes) {
    return std::unexpected(Unreadable{0, "larger than " + std::to_string(limits.max_bytes / 1024) + " KiB"});
  }
  try {
    MemoryBuffer buffer(text);
    std::istream in(&buffer);
    YAML::Parser parser(in);
    Reader reader(scalars, limits, first_line, lines);
    if (!parser.HandleNextDocument(reader)) return Json(nullptr);
    NothingMore nothing_more(first_line);
    parser.HandleNextDocument(nothing_more);
    return reader.Take();
  } catch (const Refused& refused) {
    return std::unexpected(Unreadable{refused.line, refused.why});
  } catch (const YAML::Exception& e) {
    return std::unexpected(Unreadable{e.mark.is_null() ? 0 : first_line + e.mark.line, Printable(e.msg, 200)});
  } catch (const std::exception&) {
    return std::unexpected(Unreadable{0, "cannot be read"});
  }
}

Result<Json> ParseYaml(std::string_view text, YamlScalars scalars, const YamlLimits& limits) {
  auto value = ReadYaml(text, scalars, limits);
  if (value) return std::move(*value);
  const Unreadable& unreadable = value.error();
  return Fail(Error::Invalid((unreadable.line > 0 ? "YAML, line " + std::to_string(unreadable.line) + ": " : "YAML: ") +
                             unreadable.why));
}

}  // namespace rempart::kube
