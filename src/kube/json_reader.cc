#include "src/kube/json_reader.h"

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>

namespace rempart::kube {
namespace {

// Where the parser is. It never looks farther than one character past a token, and that only past a number.
struct Cursor {
  const char* at;
  const char* end;
  int line;         // of *at
  int line_before;  // of the character before
};

// An input iterator over a Cursor, which all its copies share; without one, the end.
class CursorIterator {
 public:
  using iterator_category = std::input_iterator_tag;
  using value_type = char;
  using difference_type = std::ptrdiff_t;
  using pointer = const char*;
  using reference = const char&;

  explicit CursorIterator(Cursor* cursor = nullptr) : cursor_(cursor) {}
  reference operator*() const { return *cursor_->at; }
  CursorIterator& operator++() {
    cursor_->line_before = cursor_->line;
    if (*cursor_->at == '\n') ++cursor_->line;
    ++cursor_->at;
    return *this;
  }
  CursorIterator operator++(int) {
    CursorIterator before = *this;
    ++*this;
    return before;
  }
  bool operator==(const CursorIterator& other) const { return AtEnd() == other.AtEnd(); }
  bool operator!=(const CursorIterator& other) const { return AtEnd() != other.AtEnd(); }

 private:
  bool AtEnd() const { return cursor_ == nullptr || cursor_->at == cursor_->end; }
  Cursor* cursor_;
};

// The parser's events -> TreeBuilder. False ends the parse.
class Reader final : public Json::json_sax_t {
 public:
  Reader(const Cursor& cursor, const TreeLimits& limits, FieldLines* lines) : cursor_(cursor), tree_(limits, lines) {}

  bool null() override { return tree_.Scalar(nullptr, Line()); }
  bool boolean(bool value) override { return tree_.Scalar(value, Line()); }
  bool number_integer(Json::number_integer_t value) override { return Number(value); }
  bool number_unsigned(Json::number_unsigned_t value) override {
    // As YAML has it, and the API server: an integer is signed where it can be.
    if (value <= static_cast<Json::number_unsigned_t>(INT64_MAX)) {
      return Number(static_cast<Json::number_integer_t>(value));
    }
    return Number(value);
  }
  bool number_float(Json::number_float_t value, const Json::string_t&) override { return Number(value); }
  bool string(Json::string_t& value) override { return tree_.Scalar(std::move(value), Line()); }
  bool binary(Json::binary_t&) override { return false; }  // not in JSON
  bool start_object(std::size_t) override { return tree_.Open(true, Line()); }
  bool start_array(std::size_t) override { return tree_.Open(false, Line()); }
  bool key(Json::string_t& value) override { return tree_.Key(std::move(value), Line()); }
  bool end_object() override { return tree_.Close(); }
  bool end_array() override { return tree_.Close(); }
  bool parse_error(std::size_t, const std::string&, const Json::exception&) override { return false; }

  Json Take() { return tree_.Take(); }
  const std::string& why() const { return tree_.why(); }
  bool ended_in_number() const { return number_; }

 private:
  template <class T>
  bool Number(T value) {
    number_ = true;
    return tree_.Scalar(value, Line());
  }
  // No token but white space holds a line break: that of its last character is that of the token. Past a number one
  // character more was read.
  int Line() const { return cursor_.line_before; }

  const Cursor& cursor_;
  TreeBuilder tree_;
  bool number_ = false;
};

}  // namespace

std::expected<ReadValue, Unreadable> ReadJson(std::string_view text, const TreeLimits& limits, int first_line,
                                              FieldLines* lines) {
  const char* const begin = text.data();
  Cursor cursor{begin, begin + text.size(), first_line, first_line};
  try {
    Reader reader(cursor, limits, lines);
    if (!Json::sax_parse(CursorIterator(&cursor), CursorIterator(), &reader, Json::input_format_t::json, false)) {
      return std::unexpected(Unreadable{cursor.line_before, reader.why().empty() ? "not well-formed" : reader.why()});
    }
    ReadValue read{reader.Take(), static_cast<std::size_t>(cursor.at - begin)};
    const bool looked_past = reader.ended_in_number() && read.value.is_number() && cursor.at != cursor.end;
    if (looked_past) --read.bytes;
    return read;
  } catch (const Json::exception&) {
    return std::unexpected(Unreadable{cursor.line_before, "cannot be read"});
  }
}

}  // namespace rempart::kube
