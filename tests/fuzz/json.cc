// The two readers of JSON: what both read is the same value.
#include <nlohmann/json.hpp>

#include "src/base/json.h"
#include "src/kube/field_lines.h"
#include "src/kube/json_reader.h"
#include "src/kube/yaml.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace rempart;
  const std::string_view text = fuzz::Text(data, size);
  if (text.find('\0') != std::string_view::npos) return 0;  // see json_reader.h
  kube::FieldLines lines;
  const auto read = kube::ReadJson(text, {}, 1, &lines);
  const auto parsed = ParseJson(text);
  if (!read) return 0;
  fuzz::Must(read->bytes <= text.size(), "it reads no more than there is");
  const bool whole = text.find_first_not_of(" \t\r\n", read->bytes) == std::string_view::npos;
  if (parsed && whole) fuzz::Must(*parsed == read->value, "both readers give the same value");
  return 0;
}
