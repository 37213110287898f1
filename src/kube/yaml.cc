#include "src/kube/yaml.h"

#include <yaml.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>
#include <vector>

#include "src/kube/text.h"
#include "src/kube/tree_builder.h"
#include "src/kube/yaml_scalars.h"

namespace rempart::kube {
namespace {

constexpr std::string_view kCoreTags = "tag:yaml.org,2002:";

bool IsNull(std::string_view text) {
  return text.empty() || text == "~" || text == "null" || text == "Null" || text == "NULL";
}

std::string_view TextOf(const yaml_char_t* text) {
  return text == nullptr ? std::string_view() : std::string_view(reinterpret_cast<const char*>(text));
}

// An event, freed with what it points to.
class Event {
 public:
  Event() = default;
  ~Event() { yaml_event_delete(&event_); }
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;

  yaml_event_t* operator->() { return &event_; }
  yaml_event_t* get() { return &event_; }

 private:
  yaml_event_t event_{};
};

// libyaml ends a line, as YAML 1.1 says, at a lone carriage return and three characters of Unicode too; editors, and
// who reads reports (SARIF 2.1.0, 3.14.17), where a line feed is.
class LineFeeds {
 public:
  explicit LineFeeds(std::string_view text) {
    const auto has = [&](char first) { return text.find(first) != text.npos; };
    if (!has('\r') && !has(kNextLine[0]) && !has(kSeparators[0])) return;
    int fed = 0;
    before_.push_back(0);
    for (std::size_t at = 0; at < text.size();) {
      const std::size_t size = BreakAt(text, at);
      if (size > 0) {
        fed += text[at + size - 1] == '\n';
        before_.push_back(fed);
      }
      at += std::max<std::size_t>(size, 1);
    }
  }
  // Both from 0.
  int LineOf(std::size_t line_of_libyaml) const {
    if (before_.empty()) return static_cast<int>(line_of_libyaml);
    return before_[std::min(line_of_libyaml, before_.size() - 1)];
  }

 private:
  static constexpr std::string_view kNextLine = "\xC2\x85", kSeparators = "\xE2\x80";  // U+0085; U+2028, U+2029

  // How many bytes the break has that is there; 0 for none.
  static std::size_t BreakAt(std::string_view text, std::size_t at) {
    const std::string_view rest = text.substr(at);
    if (rest[0] == '\r') return rest.starts_with("\r\n") ? 2 : 1;
    if (rest[0] == '\n') return 1;
    if (rest.starts_with(kNextLine)) return kNextLine.size();
    return rest.size() > 2 && rest.starts_with(kSeparators) && (rest[2] == '\xA8' || rest[2] == '\xA9') ? 3 : 0;
  }

  std::vector<int> before_;  // line feeds before each of libyaml's lines; empty where these are the same
};

// libyaml's events of one document -> TreeBuilder. Its methods give false where the document is refused; error() says
// why.
class Reader {
 public:
  Reader(std::string_view text, YamlScalars scalars, const YamlLimits& limits, int first_line, FieldLines* lines)
      : scalars_(scalars),
        first_line_(first_line),
        line_feeds_(text),
        tree_({limits.max_nodes, limits.max_depth}, lines) {
    initialized_ = yaml_parser_initialize(&parser_) == 1;
    if (!initialized_) return;
    yaml_parser_set_input_string(&parser_, reinterpret_cast<const unsigned char*>(text.data()), text.size());
    yaml_parser_set_encoding(&parser_, YAML_UTF8_ENCODING);
  }
  ~Reader() {
    if (initialized_) yaml_parser_delete(&parser_);
  }
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;

  bool Read() {
    if (!initialized_) return Refuse(-1, "cannot be read");
    for (bool any = false;;) {
      Event event;
      if (yaml_parser_parse(&parser_, event.get()) != 1) return RefuseMalformed();
      if (event->type == YAML_STREAM_END_EVENT) return true;
      if (event->type == YAML_DOCUMENT_START_EVENT && std::exchange(any, true)) {
        return Refuse(Line(event->start_mark), "a second document: put it into a file of its own");
      }
      if (!Take(event)) return false;
    }
  }

  Json Value() { return tree_.Take(); }
  Unreadable Error() { return std::move(error_); }

 private:
  struct Opened {
    int line;
    std::string anchor;
  };

  bool Refuse(int line, std::string why) {
    error_ = {line < 0 ? 0 : first_line_ + line, std::move(why)};
    return false;
  }

  bool RefuseMalformed() {
    const bool has_mark = parser_.error == YAML_SCANNER_ERROR || parser_.error == YAML_PARSER_ERROR;
    return Refuse(has_mark ? Line(parser_.problem_mark) : -1,
                  Printable(parser_.problem == nullptr ? "cannot be read" : parser_.problem, 200));
  }

  int Line(const yaml_mark_t& mark) const { return line_feeds_.LineOf(mark.line); }  // from 0

  bool Check(int line, bool taken) { return taken || Refuse(line, tree_.why()); }

  bool Take(Event& event) {
    switch (event->type) {
      case YAML_SCALAR_EVENT:
        return TakeScalar(event);
      case YAML_ALIAS_EVENT:
        return TakeAlias(Line(event->start_mark), std::string(TextOf(event->data.alias.anchor)));
      case YAML_SEQUENCE_START_EVENT:
        return Open(Line(event->start_mark), event->data.sequence_start.tag, "seq", event->data.sequence_start.anchor,
                    false);
      case YAML_MAPPING_START_EVENT:
        return Open(Line(event->start_mark), event->data.mapping_start.tag, "map", event->data.mapping_start.anchor,
                    true);
      case YAML_SEQUENCE_END_EVENT:
      case YAML_MAPPING_END_EVENT:
        return Close();
      default:
        return true;
    }
  }

  bool TakeScalar(Event& event) {
    const auto& scalar = event->data.scalar;
    const int line = Line(event->start_mark);
    const std::string text(reinterpret_cast<const char*>(scalar.value), scalar.length);
    const std::string_view tag = TextOf(scalar.tag);
    const std::string anchor(TextOf(scalar.anchor));
    const bool plain = tag.empty() && scalar.plain_implicit == 1;
    if (plain && text == "<<" && tree_.AtKey()) {
      if (scalars_ != YamlScalars::kKubernetes) {
        return Refuse(line, "merge keys (<<) are not supported: write the members out");
      }
      return Check(line, tree_.Merge(line + first_line_));
    }
    if (plain && scalars_ == YamlScalars::kKubernetes && tree_.AtKey()) {
      return PutKey(line, anchor, KubernetesKey(text), Json(text));
    }
    auto value = Scalar(line, tag, plain, text);
    return value && Put(line, anchor, std::move(*value));
  }

  bool TakeAlias(int line, const std::string& anchor) {
    const auto found = anchors_.find(anchor);
    if (found == anchors_.end()) {
      return Refuse(line, "an alias whose anchor is not defined before it, or has it inside");
    }
    if (tree_.AtKey()) {
      return Check(line, tree_.CountCopy(found->second)) && Put(line, {}, Json(found->second.value));
    }
    return Check(line, tree_.Alias(found->second, line + first_line_));
  }

  std::optional<Json> Resolve(int line, const std::string& text) {
    if (IsNull(text)) return Json(nullptr);
    if (scalars_ == YamlScalars::kText) return Json(text);
    if (scalars_ == YamlScalars::kTyped) return CoreScalar(text);
    auto value = KubernetesScalar(text);
    if (!value) Refuse(line, "a number that JSON does not have: put it into quotes");
    return value;
  }

  // Nothing where it is refused.
  std::optional<Json> Scalar(int line, std::string_view tag, bool plain, const std::string& text) {
    if (plain) return Resolve(line, text);
    if (tag.empty() || tag == "!") return Json(text);  // quoted
    const std::string_view type = tag.starts_with(kCoreTags) ? tag.substr(kCoreTags.size()) : std::string_view();
    if (type == "str") return Json(text);
    if (type == "int" || type == "bool" || type == "float") {
      auto resolved = Resolve(line, text);
      if (resolved && scalars_ == YamlScalars::kKubernetes &&
          !(type == "bool" ? resolved->is_boolean() : resolved->is_number())) {
        Refuse(line, "a value that is not of its tag's type");
        return std::nullopt;
      }
      return resolved;
    }
    Refuse(line, "a tag other than !!str, !!int, !!float, !!bool, !!map and !!seq: take it away");
    return std::nullopt;
  }

  std::optional<std::string> KeyText(const Json& key) const {
    if (scalars_ == YamlScalars::kKubernetes) return KubernetesKey(key);
    if (key.is_string()) return key.get<std::string>();
    return key.is_boolean() || key.is_number() ? std::optional(key.dump()) : std::nullopt;
  }

  bool PutKey(int line, const std::string& anchor, std::optional<std::string> key, const Json& value) {
    if (!key) return Refuse(line, "a key that is no plain text");
    if (!Check(line, tree_.Key(std::move(*key), line + first_line_))) return false;
    return anchor.empty() || Check(line, tree_.Keep(&anchors_[anchor], value));
  }

  // A value without values below it, or a key.
  bool Put(int line, const std::string& anchor, Json value) {
    if (tree_.AtKey()) {
      auto key = KeyText(value);
      return PutKey(line, anchor, std::move(key), value);
    }
    return Check(line,
                 tree_.Scalar(std::move(value), line + first_line_, anchor.empty() ? nullptr : &anchors_[anchor]));
  }

  bool Open(int line, const yaml_char_t* tag_text, std::string_view type, const yaml_char_t* anchor, bool mapping) {
    const std::string_view tag = TextOf(tag_text);
    if (!tag.empty() && tag != "!" && tag != std::string(kCoreTags) + std::string(type)) {
      return Refuse(line, "a tag that YAML's core schema does not have: take it away");
    }
    if (tree_.AtKey()) return Refuse(line, "a key that is no plain text");
    if (!Check(line, tree_.Open(mapping, line + first_line_))) return false;
    Opened& opened = opened_.emplace_back(Opened{line, std::string(TextOf(anchor))});
    if (!opened.anchor.empty()) anchors_.erase(opened.anchor);  // until it is whole, it is no one's alias
    return true;
  }

  bool Close() {
    const Opened opened = std::move(opened_.back());
    opened_.pop_back();
    return Check(opened.line, tree_.Close(opened.anchor.empty() ? nullptr : &anchors_[opened.anchor]));
  }

  yaml_parser_t parser_{};
  bool initialized_ = false;
  const YamlScalars scalars_;
  const int first_line_;
  const LineFeeds line_feeds_;
  TreeBuilder tree_;
  std::vector<Opened> opened_;
  std::map<std::string, TreeBuilder::Anchored> anchors_;
  Unreadable error_;
};

}  // namespace

std::expected<Json, Unreadable> ReadYaml(std::string_view text, YamlScalars scalars, const YamlLimits& limits,
                                         int first_line, FieldLines* lines) {
  if (text.size() > limits.max_bytes) {
    return std::unexpected(Unreadable{0, "larger than " + std::to_string(limits.max_bytes / 1024) + " KiB"});
  }
  Reader reader(text, scalars, limits, first_line, lines);
  if (!reader.Read()) return std::unexpected(reader.Error());
  return reader.Value();
}

Result<Json> ParseYaml(std::string_view text, YamlScalars scalars, const YamlLimits& limits) {
  auto value = ReadYaml(text, scalars, limits);
  if (value) return std::move(*value);
  const Unreadable& unreadable = value.error();
  return Fail(Error::Invalid((unreadable.line > 0 ? "YAML, line " + std::to_string(unreadable.line) + ": " : "YAML: ") +
                             unreadable.why));
}

}  // namespace rempart::kube
