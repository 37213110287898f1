#include "src/kube/manifests.h"

#include <simdjson.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "src/kube/json_reader.h"
#include "src/kube/yaml.h"

namespace rempart::kube {
namespace {

constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
constexpr std::string_view kUtf16Marks[] = {"\xFF\xFE", "\xFE\xFF"};  // little and big endian
constexpr std::string_view kBlank = " \t\r\n";

// "---" or "...", alone or before white space.
bool IsMarker(std::string_view line, std::string_view marker) {
  return line.starts_with(marker) && (line.size() == marker.size() || kBlank.contains(line[marker.size()]));
}

enum class Content { kNothing, kDirective, kSomething };

Content ContentOf(std::string_view line) {
  if (line.starts_with('%')) return Content::kDirective;
  const auto first = line.find_first_not_of(kBlank);
  return first == line.npos || line[first] == '#' ? Content::kNothing : Content::kSomething;
}

// Bytes that neither YAML nor JSON may hold; readers differ on them, so nothing is guessed.
std::optional<Unreadable> BadBytes(const DocumentText& document) {
  const auto is_bad = [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return (byte < 0x20 && byte != '\t' && byte != '\n' && byte != '\r') || byte == 0x7F;
  };
  const auto line_at = [&](std::string_view text, std::size_t at) {
    return document.first_line + static_cast<int>(std::ranges::count(text.substr(0, at), '\n'));
  };
  const std::string_view text = document.text;
  if (std::ranges::any_of(kUtf16Marks, [&](std::string_view mark) { return text.starts_with(mark); }))
    return Unreadable{document.first_line, "UTF-16, as PowerShell's > writes: convert it to UTF-8"};
  if (const auto bad = std::ranges::find_if(text, is_bad); bad != text.end()) {
    return Unreadable{line_at(text, static_cast<std::size_t>(bad - text.begin())),
                      *bad == '\0' ? "a zero byte, as UTF-16 has: convert it to UTF-8"
                                   : "a control character: write it as an escape, in double quotes"};
  }
  if (simdjson::validate_utf8(text.data(), text.size())) return std::nullopt;
  std::size_t begin = 0;  // of the first line that is not UTF-8
  for (;;) {
    const auto end = std::min(text.find('\n', begin), text.size());
    if (end == text.size() || !simdjson::validate_utf8(text.data() + begin, end - begin)) break;
    begin = end + 1;
  }
  return Unreadable{line_at(text, begin), "not UTF-8: save it in that encoding"};
}

const char* TypeName(const Json& value) {
  if (value.is_array()) return "a list";
  if (value.is_string()) return "a text";
  if (value.is_boolean()) return "a boolean";
  return value.is_null() ? "null" : "a number";
}

// What a value of a document is: an object, a list of them, or a problem.
class Collector {
 public:
  Collector(Manifests& found, std::shared_ptr<const FieldLines> lines, int document)
      : found_(found), lines_(std::move(lines)), document_(document) {}

  static constexpr std::size_t kMaxTypeText = 512;  // a group has at most 253, a version and a kind 63
  static constexpr std::string_view kWholeDocument = "the document";

  // `where` names the value in messages. What a list says of its items is taken where an item says nothing.
  void Take(Json value, FieldLines::Place place, const std::string& where, const std::string& api_version = {},
            const std::string& kind = {}) {
    if (!value.is_object()) {
      return Complain(place, where,
                      std::string("is ") + TypeName(value) + ", and a manifest is an object with apiVersion and kind");
    }
    if (!kind.empty()) {
      if (!value.contains("kind")) value["kind"] = kind;
      if (!value.contains("apiVersion")) value["apiVersion"] = api_version;
    }
    for (const char* field : {"apiVersion", "kind"}) {
      const auto at = value.find(field);
      if (at == value.end() || at->is_null()) {
        return Complain(place, where, std::string("has no ") + field + ": a manifest names its apiVersion and kind");
      }
      if (!at->is_string() || at->get_ref<const std::string&>().empty()) {
        return Complain(place, where, std::string("has a ") + field + " that is no text");
      }
      if (at->get_ref<const std::string&>().size() > kMaxTypeText) {  // a list's is copied into each of its items
        return Complain(place, where, std::string("has a ") + field + " of more than 512 bytes");
      }
    }
    if (const auto metadata = value.find("metadata"); metadata != value.end() && !metadata->is_object()) {
      if (!metadata->is_null()) {
        return Complain(place, where, std::string("has a metadata that is ") + TypeName(*metadata));
      }
      value.erase(metadata);
    }
    if (IsList(value)) return TakeItems(std::move(value), place, where);
    found_.objects.push_back(Manifest{std::move(value), document_, lines_, place});
  }

 private:
  void Complain(FieldLines::Place place, const std::string& where, const std::string& what) {
    found_.problems.push_back({lines_->LineOf(place), document_, where + " " + what});
  }

  // kubectl goes by `items` alone, whatever the kind; no kind that is not a list has such a field by the API's
  // conventions. One of a custom resource that holds no objects stays what it is.
  static bool IsList(const Json& object) {
    const auto items = object.find("items");
    if (object["kind"].get_ref<const std::string&>().ends_with("List")) {
      return items != object.end() && (items->is_array() || items->is_null());
    }
    return items != object.end() && items->is_array() &&
           std::any_of(items->begin(), items->end(), [](const Json& item) {
             return item.is_object() && item.contains("kind") && item.contains("apiVersion");
           });
  }

  void TakeItems(Json list, FieldLines::Place place, const std::string& where) {
    const std::string api_version = list["apiVersion"].get<std::string>();
    std::string kind = list["kind"].get<std::string>();
    // A PodList's items may leave out that they are Pods; those of a List have to say what they are.
    kind = kind.ends_with("List") ? kind.substr(0, kind.size() - std::string_view("List").size()) : std::string();
    Json& items = list["items"];
    if (items.is_null()) return;
    const FieldLines::Place items_place = lines_->Member(place, "items");
    FieldLines::Place item_place = lines_->FirstChild(items_place);
    const std::string within = where == kWholeDocument ? "items" : where + ".items";
    for (std::size_t i = 0; i < items.size(); ++i) {
      Take(std::move(items[i]), item_place == FieldLines::kNowhere ? place : item_place,
           within + "[" + std::to_string(i) + "]", api_version, kind);
      item_place = lines_->NextChild(items_place, item_place);
    }
  }

  Manifests& found_;
  std::shared_ptr<const FieldLines> lines_;
  const int document_;
};

void TakeDocument(Manifests& found, Json value, std::shared_ptr<const FieldLines> lines) {
  if (value.is_null()) return;
  ++found.documents;
  Collector(found, std::move(lines), found.documents)
      .Take(std::move(value), FieldLines::kRoot, std::string(Collector::kWholeDocument));
}

void Refuse(Manifests& found, int first_line, const char* format, const Unreadable& unreadable) {
  ++found.documents;
  found.problems.push_back({unreadable.line > 0 ? unreadable.line : first_line, found.documents,
                            std::string(format) + ": " + unreadable.why});
}

// A chart's templates are no manifests yet.
Unreadable WithHint(Unreadable unreadable, std::string_view text) {
  if (text.contains("{{")) unreadable.why += "; it has a template's {{ in it: render it first, as with helm template";
  return unreadable;
}

// {"a": … or {}, which is hardly meant as YAML.
bool LooksLikeJson(std::string_view text) {
  const auto second = text.find_first_not_of(kBlank, 1);
  return second != text.npos && (text[second] == '"' || text[second] == '}');
}

}  // namespace

void NormalizeText(std::string& content) {
  if (content.starts_with(kByteOrderMark)) content.erase(0, kByteOrderMark.size());
  const auto first = content.find("\r\n");
  if (first == content.npos) return;
  std::size_t to = first;
  for (std::size_t from = first; from < content.size(); ++from) {
    if (content[from] == '\r' && from + 1 < content.size() && content[from + 1] == '\n') continue;
    content[to++] = content[from];
  }
  content.resize(to);
}

std::vector<DocumentText> SplitDocuments(std::string_view content) {
  std::vector<DocumentText> documents;
  std::size_t begin = 0;  // of the document that is being read
  int begin_line = 1;
  bool marked = false, something = false, directives = false;
  const auto end_document = [&](std::size_t end) {
    // Directives without a document are kept, to be refused.
    if (something || directives) documents.push_back({content.substr(begin, end - begin), begin_line});
    marked = something = directives = false;
  };
  int line_number = 0;
  for (std::size_t at = 0; at < content.size();) {
    ++line_number;
    const auto line_end = std::min(content.find('\n', at), content.size());
    const std::size_t next = std::min(line_end + 1, content.size());
    std::string_view line = content.substr(at, line_end - at);
    if (!something && line.starts_with(kByteOrderMark)) {  // of files put together by cat
      at += kByteOrderMark.size();
      line.remove_prefix(kByteOrderMark.size());
      if (!directives) {
        begin = at;
        begin_line = line_number;
      }
    }
    if (IsMarker(line, "---")) {
      // The marker belongs to what follows it (`--- {a: b}`), and so do directives before it.
      if (something || !directives) {
        end_document(at);
        begin = at;
        begin_line = line_number;
      }
      marked = true;
      directives = false;
      something = ContentOf(line.substr(3)) != Content::kNothing;
    } else if (IsMarker(line, "...")) {
      end_document(at);
      begin = next;
      begin_line = line_number + 1;
    } else if (const Content of = ContentOf(line); of == Content::kSomething) {
      something = true;
    } else if (of == Content::kDirective) {
      (marked || something ? something : directives) = true;  // within a document it is none
    }
    at = next;
  }
  end_document(content.size());
  return documents;
}

Manifests ReadDocument(const DocumentText& document, const ManifestLimits& limits) {
  Manifests found;
  if (const auto bad = BadBytes(document)) {
    Refuse(found, document.first_line, "cannot be read", *bad);
    return found;
  }
  const TreeLimits tree_limits{limits.max_nodes, limits.max_depth};
  std::string_view rest = document.text;
  int line = document.first_line;
  const auto skip = [&](std::size_t bytes) {
    line += static_cast<int>(std::ranges::count(rest.substr(0, bytes), '\n'));
    rest.remove_prefix(bytes);
  };
  const auto skip_blank = [&] { skip(std::min(rest.find_first_not_of(kBlank), rest.size())); };
  skip_blank();
  if (IsMarker(rest, "---")) {
    skip(3);
    skip_blank();
  }
  const bool braces = rest.starts_with('{');
  std::optional<Unreadable> as_json;
  while (braces && !rest.empty()) {
    auto lines = std::make_shared<FieldLines>();
    auto read = ReadJson(rest, tree_limits, line, lines.get());
    if (!read) {
      as_json = std::move(read.error());
      break;
    }
    TakeDocument(found, std::move(read->value), std::move(lines));
    skip(read->bytes);
    skip_blank();
  }
  if (braces && !as_json) return found;
  if (as_json && found.documents > 0) {
    as_json->why += "; what follows was not read";
    Refuse(found, line, "JSON", *as_json);
    return found;
  }
  const YamlLimits yaml_limits{document.text.size(), limits.max_nodes, limits.max_depth};
  auto lines = std::make_shared<FieldLines>();
  auto value = ReadYaml(document.text, YamlScalars::kKubernetes, yaml_limits, document.first_line, lines.get());
  if (value) {
    TakeDocument(found, std::move(*value), std::move(lines));
  } else if (as_json && LooksLikeJson(rest)) {
    Refuse(found, document.first_line, "JSON", *as_json);
  } else {
    Refuse(found, document.first_line, "YAML", WithHint(std::move(value.error()), document.text));
  }
  return found;
}

}  // namespace rempart::kube
