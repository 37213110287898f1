#include "src/kube/decode.h"

#include <simdjson.h>

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <cmath>
#include <type_traits>
#include <utility>

#include "src/base/clock.h"
#include "src/kube/mend_json.h"

namespace rempart::kube {

namespace dom = simdjson::dom;

namespace {

constexpr std::size_t kMaxDepth = 100;
constexpr std::size_t kMinCapacity = 16 * 1024;
constexpr std::size_t kCommonCapacity = 1024 * 1024;  // larger texts are too rare to leave room for the next
constexpr std::size_t kMaxNameBytes = 1024;           // the API server's own limits are 253 and less

// An element is a pointer to its document and an index on that document's tape. Its constructor from the two is
// private, so a View keeps them as words; the assertions stop the build should simdjson's element ever become more.
struct Words {
  const void* document;
  std::size_t index;
};
static_assert(sizeof(dom::element) == sizeof(Words) && alignof(dom::element) == alignof(Words));
static_assert(std::is_trivially_copyable_v<dom::element>);

// Compact JSON. simdjson's own minify goes through a text character by character, which showed in profiles.
class CompactText {
 public:
  std::string Of(dom::element element) && {
    Append(element);
    return std::move(text_);
  }

 private:
  void Append(dom::element element) {
    switch (element.type()) {
      case dom::element_type::ARRAY:
        text_ += '[';
        for (const dom::element one : dom::array(element)) {
          Append(one);
          text_ += ',';
        }
        Close(']');
        return;
      case dom::element_type::OBJECT:
        text_ += '{';
        for (const auto [key, value] : dom::object(element)) {
          Append(key);
          text_ += ':';
          Append(value);
          text_ += ',';
        }
        Close('}');
        return;
      case dom::element_type::STRING:
        return Append(std::string_view(element));
      case dom::element_type::INT64:
        return AppendNumber(std::int64_t(element));
      case dom::element_type::UINT64:
        return AppendNumber(std::uint64_t(element));
      case dom::element_type::DOUBLE:
        return AppendNumber(double(element));
      case dom::element_type::BOOL:
        text_ += bool(element) ? "true" : "false";
        return;
      case dom::element_type::NULL_VALUE:
        text_ += "null";
        return;
    }
  }

  void Append(std::string_view string) {
    text_ += '"';
    for (;;) {
      const auto end = std::ranges::find_if(
          string, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == '"' || c == '\\'; });
      text_.append(string.begin(), end);
      if (end == string.end()) break;
      Escape(*end);
      string = {end + 1, string.end()};
    }
    text_ += '"';
  }

  void Escape(char c) {
    constexpr std::string_view kHex = "0123456789abcdef", kShort = "\"\\\b\f\n\r\t", kName = "\"\\bfnrt";
    if (const auto at = kShort.find(c); at != kShort.npos) {
      text_ += '\\';
      text_ += kName[at];
    } else {
      text_.append("\\u00") += kHex[static_cast<unsigned char>(c) >> 4];
      text_ += kHex[c & 15];
    }
  }

  template <class Number>
  void AppendNumber(Number number) {
    std::array<char, 32> digits;
    const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), number).ptr;
    text_.append(digits.data(), end);
  }

  void Close(char bracket) {
    if (text_.back() == ',') text_.pop_back();
    text_ += bracket;
  }

  std::string text_;
};

}  // namespace

struct ViewAccess {
  static View Of(dom::element element) {
    if (element.is_null()) return {};
    auto words = std::bit_cast<Words>(element);
    return View(words.document, words.index);
  }
  static dom::element ElementOf(const View& view) { return std::bit_cast<dom::element>(Words{view.raw_, view.index_}); }

  static bool IsDouble(const View& view) {
    return view.exists() && ElementOf(view).type() == dom::element_type::DOUBLE;
  }

  // The value as a T of simdjson; nothing where the view is not there or of another type.
  template <class T>
  static std::optional<T> As(const View& view) {
    if (!view.exists()) return std::nullopt;
    T value;
    if (ElementOf(view).get(value) != simdjson::SUCCESS) return std::nullopt;
    return value;
  }
};

View View::operator[](std::string_view key) const {
  auto object = ViewAccess::As<dom::object>(*this);
  dom::element member;
  if (!object || object->at_key(key).get(member) != simdjson::SUCCESS) return {};
  return ViewAccess::Of(member);
}

std::optional<std::string_view> View::AsString() const { return ViewAccess::As<std::string_view>(*this); }

std::optional<std::int64_t> View::AsInt() const {
  if (auto value = ViewAccess::As<std::int64_t>(*this)) return value;
  auto value =
      ViewAccess::As<double>(*this);  // integers above int64's range read as doubles here, and are refused below
  if (!value || *value < -0x1p63 || *value >= 0x1p63 || std::trunc(*value) != *value) return std::nullopt;
  return static_cast<std::int64_t>(*value);
}

std::optional<bool> View::AsBool() const { return ViewAccess::As<bool>(*this); }

std::string_view View::Str(std::string_view fallback) const { return AsString().value_or(fallback); }
std::int64_t View::Int(std::int64_t fallback) const { return AsInt().value_or(fallback); }
bool View::Bool(bool fallback) const { return AsBool().value_or(fallback); }

bool View::IsObject() const { return exists() && ViewAccess::ElementOf(*this).is_object(); }
bool View::IsArray() const { return exists() && ViewAccess::ElementOf(*this).is_array(); }

std::size_t View::Size() const {
  // Counted by walking: simdjson's own count saturates at 2^24 - 1.
  std::size_t n = 0;
  if (auto array = ViewAccess::As<dom::array>(*this))
    n = static_cast<std::size_t>(std::distance(array->begin(), array->end()));
  if (auto object = ViewAccess::As<dom::object>(*this))
    n = static_cast<std::size_t>(std::distance(object->begin(), object->end()));
  return n;
}

void View::ForEachElement(const std::function<void(View)>& f) const {
  auto array = ViewAccess::As<dom::array>(*this);
  if (!array) return;
  for (dom::element element : *array) f(ViewAccess::Of(element));
}

void View::ForEachMember(const std::function<void(std::string_view, View)>& f) const {
  auto object = ViewAccess::As<dom::object>(*this);
  if (!object) return;
  for (auto [key, value] : *object) f(key, ViewAccess::Of(value));
}

std::string View::Minified() const {
  if (!exists()) return {};
  return CompactText().Of(ViewAccess::ElementOf(*this));
}

bool HasMended(View object) {
  if (object.Str() == kNestedTooDeeply) return true;
  if (ViewAccess::IsDouble(object)) {
    const double number = *ViewAccess::As<double>(object);
    return number <= -0x1p63 || number >= 0x1p64;
  }
  bool found = false;
  const auto look = [&found](View below) { found = found || HasMended(below); };
  object.ForEachElement(look);
  object.ForEachMember([&look](std::string_view, View value) { look(value); });
  return found;
}

struct Document::Impl {
  // Capacity grows by doubling (a stream's texts vary in size), and is asked for here because only here the depth can
  // be said: what parse() allocates by itself keeps the depth of the last allocation.
  simdjson::error_code Reserve(std::size_t bytes) {
    if (parser.capacity() >= bytes && parser.capacity() != 0) return simdjson::SUCCESS;
    const bool common = bytes <= kCommonCapacity;
    return parser.allocate(common ? std::max(std::bit_ceil(bytes), kMinCapacity) : bytes, kMaxDepth);
  }
  simdjson::error_code Parse(std::string_view text, dom::element& root) {
    if (const auto error = Reserve(text.size())) return error;
    return parser.parse(text.data(), text.size(), true).get(root);
  }
  Result<View> Read(std::string_view text, bool mend) {
    mended = false;
    if (text.empty()) return Fail(Error::Invalid("malformed JSON: no text at all"));
    if (text.size() > max_bytes) {
      return Fail(Error::Invalid("JSON of " + std::to_string(text.size()) + " bytes is larger than the limit of " +
                                 std::to_string(max_bytes)));
    }
    dom::element root;
    auto error = Parse(text, root);
    if (mend && (error == simdjson::DEPTH_ERROR || error == simdjson::NUMBER_ERROR)) {
      error = Parse(MendJson(text, kMaxDepth - 1), root);  // simdjson takes one container less than its limit
      mended = true;
    }
    if (error == simdjson::MEMALLOC)
      return Fail(Error::Transient("no memory to parse JSON of " + std::to_string(text.size()) + " bytes"));
    if (error)
      return Fail(Error::Invalid("malformed JSON of " + std::to_string(text.size()) +
                                 " bytes: " + simdjson::error_message(error)));
    return ViewAccess::Of(root);
  }

  std::size_t max_bytes;
  dom::parser parser;
  bool mended = false;
};

Document::Document(std::size_t max_bytes) : impl_(std::make_unique<Impl>()) { impl_->max_bytes = max_bytes; }
Document::~Document() = default;
Document::Document(Document&&) noexcept = default;
Document& Document::operator=(Document&&) noexcept = default;

Result<View> Document::Parse(std::string_view text) { return impl_->Read(text, false); }

Result<View> Document::ParseAnswer(std::string_view text) { return impl_->Read(text, true); }

bool Document::mended() const { return impl_->mended; }

Result<View> ParseOnThread(std::string_view text) {
  thread_local Document document;
  // What one huge text took is given back with the next that is not.
  thread_local bool grown = false;
  if (std::exchange(grown, text.size() > kCommonCapacity)) document = Document();
  return document.ParseAnswer(text);
}

namespace {

Result<std::string> RequiredText(View metadata, const char* field) {
  auto text = metadata[field].AsString();
  if (!text || text->empty()) return Fail(Error::Invalid(std::string("metadata.") + field + " is missing"));
  if (text->size() > kMaxNameBytes) {
    return Fail(Error::Invalid(std::string("metadata.") + field + " is longer than " + std::to_string(kMaxNameBytes) +
                               " bytes"));
  }
  return std::string(*text);
}

}  // namespace

Result<std::uint64_t> DecodeResourceVersion(View object) {
  std::string_view text = object["metadata"]["resourceVersion"].Str();
  std::uint64_t value = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || text[0] == '0' || error != std::errc{} || end != text.data() + text.size()) {
    return Fail(Error::Invalid(text.empty() ? "metadata.resourceVersion is missing"
                                            : "metadata.resourceVersion is not a decimal number above zero"));
  }
  return value;
}

Result<Meta> DecodeMeta(View object) {
  View metadata = object["metadata"];
  Meta meta;

  auto name = RequiredText(metadata, "name");
  if (!name) return Fail(std::move(name).error());
  meta.key.name = std::move(*name);

  if (View ns = metadata["namespace"]) {
    auto text = ns.AsString();
    if (!text || text->size() > kMaxNameBytes)
      return Fail(Error::Invalid("metadata.namespace is no string, or too long"));
    meta.key.ns = *text;
  }

  auto uid = RequiredText(metadata, "uid");
  if (!uid) return Fail(std::move(uid).error());
  meta.uid = std::move(*uid);

  auto version = DecodeResourceVersion(object);
  if (!version) return Fail(std::move(version).error());
  meta.resource_version = *version;

  meta.generation = metadata["generation"].Int();
  if (View created = metadata["creationTimestamp"]) {
    auto time = ParseTime(created.Str());
    if (!time) return Fail(std::move(time).error().While("metadata.creationTimestamp"));
    meta.created = *time;
  }
  meta.deleting = metadata["deletionTimestamp"].exists();
  return meta;
}

}  // namespace rempart::kube
