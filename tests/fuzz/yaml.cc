// YAML in each of the ways that it is read, with the lines of its fields.
#include "src/kube/yaml.h"

#include <nlohmann/json.hpp>

#include "src/kube/field_lines.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace rempart;
  const std::string_view text = fuzz::Text(data, size);
  for (const auto scalars : {kube::YamlScalars::kText, kube::YamlScalars::kTyped, kube::YamlScalars::kKubernetes}) {
    kube::FieldLines lines;
    const auto value = kube::ReadYaml(text, scalars, {}, 1, &lines);
    const auto without = kube::ReadYaml(text, scalars, {});
    fuzz::Must(value.has_value() == without.has_value(), "lines change nothing");
    if (!value) {
      fuzz::Must(!value.error().why.empty(), "a refusal says why");
      continue;
    }
    // NaN is not equal to itself.
    const auto dump = [](const Json& json) { return json.dump(-1, ' ', false, Json::error_handler_t::replace); };
    fuzz::Must(dump(*value) == dump(*without), "lines change nothing of the value");
  }
  return 0;
}
