// JSON of the API server -> typed projections. simdjson works behind this header; a projection's decoder sees a small
// read-only view. Decoders are written once a type, in operator/api and src/kube/core.cc.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "src/base/result.h"
#include "src/kube/object.h"

namespace rempart::kube {

// A node of a parsed document (simdjson DOM element in disguise): cheap to copy, valid as long as its Document. Absent
// and null alike are "not there". Wrong types read as not there: callers decide whether that matters; no accessor
// throws.
class View {
 public:
  View() = default;
  bool exists() const { return raw_ != nullptr; }
  explicit operator bool() const { return exists(); }
  View operator[](std::string_view key) const;  // member of an object
  std::optional<std::string_view> AsString() const;
  std::optional<std::int64_t> AsInt() const;  // also of a float without fraction
  std::optional<bool> AsBool() const;
  std::string_view Str(std::string_view fallback = {}) const;  // AsString or fallback
  std::int64_t Int(std::int64_t fallback = 0) const;
  bool Bool(bool fallback = false) const;
  bool IsObject() const;
  bool IsArray() const;
  std::size_t Size() const;  // members or elements; 0 for scalars
  void ForEachElement(const std::function<void(View)>& f) const;
  void ForEachMember(const std::function<void(std::string_view key, View value)>& f) const;
  std::string Minified() const;  // compact JSON text of this node, members in document order; "" when not there

 private:
  friend struct ViewAccess;  // decode.cc: turns simdjson's elements into views and back
  View(const void* document, std::size_t index) : raw_(document), index_(index) {}
  const void* raw_ = nullptr;  // of the two words of an element: its document …
  std::size_t index_ = 0;      // … and its place on the document's tape
};

// A parser with its buffers, to be kept and used again; not thread-safe. One document at a time: Parse ends the life of
// the views of the one before. Buffers grow to about 15 times the largest text seen, and stay until the Document goes:
// use one of its own for a large answer.
class Document {
 public:
  explicit Document(std::size_t max_bytes = 8 * 1024 * 1024);
  ~Document();
  Document(Document&&) noexcept;
  Document& operator=(Document&&) noexcept;
  // The text is copied into the parser's padded buffer. The value may be of any type, null included (a View that is not
  // there). Errors: kInvalid (malformed, too large, deeper than 100, an integer beyond 64 bits).
  Result<View> Parse(std::string_view text);
  // The same of what an API server answers, where one odd object must not make all that came with it unreadable: what
  // is too deep reads as a text of ours, an integer beyond 64 bits as a floating-point number, see MendJson.
  Result<View> ParseAnswer(std::string_view text);
  bool mended() const;  // whether the last ParseAnswer had to

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// ParseAnswer with a parser that the calling thread keeps, for texts that are looked into at once: the next call on the
// thread ends the life of the views. Limits and errors are those of a Document.
Result<View> ParseOnThread(std::string_view text);

// Whether something in it was nested too deeply, or is a number beyond 64 bits: which of the objects of a text that had
// to be mended are to be told of.
bool HasMended(View object);

// metadata -> Meta. kInvalid where name, uid or resourceVersion is missing, unreadable or longer than 1,024 bytes, or
// creationTimestamp is there and is no time.
Result<Meta> DecodeMeta(View object);

// metadata.resourceVersion of an object, a list or a bookmark, as a number above zero (KEP-5504). kInvalid otherwise.
Result<std::uint64_t> DecodeResourceVersion(View object);

// A projection T has a member `Meta meta` and a decoder:
template <class T>
using Decoder = std::function<Result<T>(View object)>;

}  // namespace rempart::kube
