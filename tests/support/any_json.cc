#include "tests/support/any_json.h"

#include <functional>
#include <iterator>
#include <nlohmann/json.hpp>
#include <utility>

namespace rempart::test {
namespace {

const std::string kWide = "stand-in for a wide integer", kDeep = "stand-in for deep nesting";

void CollectPlaces(Json& value, std::vector<Json*>& places) {
  places.push_back(&value);
  if (!value.is_structured()) return;
  for (Json& below : value) CollectPlaces(below, places);
}

void Replace(std::string& text, const std::string& from, const std::function<std::string()>& to) {
  for (std::size_t at = text.find(from); at != std::string::npos; at = text.find(from, at)) {
    const std::string by = to();
    text.replace(at, from.size(), by);
    at += by.size();
  }
}

}  // namespace

Json AnyJson::Scalar() {
  switch (Below(16)) {
    case 0:
    case 1:
      return nullptr;
    case 2:
      return Below(2) == 0;
    case 3:
      return static_cast<std::int64_t>(random_());
    case 4:
      return random_();  // of which half are beyond what is signed
    case 5:
      return static_cast<std::int64_t>(Below(10)) - 2;
    case 6:
      return static_cast<double>(Below(2000)) / 8 - 100;
    case 7:
      return Below(2) == 0 ? 1e300 : -1e-300;
    case 8:
      return std::string(Below(8) == 0 ? 20'000 : Below(300), 'x');
    case 9:
    case 10:
      return kWide;
    case 11:
      return kDeep;
    case 12:
      return std::string("\0\x01\x1f\x7f\"\\/", 7);
    case 13:
      return "\u00e9\u202e\u2028\ufeff\U0001f1eb\U0001f1f7";
    case 14:
      return "30s";
    default:
      return "";
  }
}

Json AnyJson::Value(int depth) {
  const auto kind = Below(4);
  if (depth == 0 || kind < 2) return Scalar();
  Json value = kind == 2 ? Json::array() : Json::object();
  for (auto n = Below(4); n > 0; --n) {
    if (kind == 3)
      value[Json::array({"", "name", "spec", "type", "\u00e9", "a/b.c"})[Below(6)].get<std::string>()] =
          Value(depth - 1);
    else
      value.push_back(Value(depth - 1));
  }
  if (kind == 2 && !value.empty() && Below(3) == 0) value.push_back(value.front());
  return value;
}

Json AnyJson::Damaged(Json value) {
  for (auto n = 1 + Below(3); n > 0; --n) {
    std::vector<Json*> places;
    CollectPlaces(value, places);
    Json& place = *places[Below(places.size())];
    const auto how = Below(6);
    if (how == 0 && place.is_structured() && !place.empty()) {
      place.erase(std::next(place.begin(), static_cast<long>(Below(place.size()))));
    } else if (how == 1 && place.is_array() && !place.empty()) {
      place.push_back(Json(place.front()));
    } else if (how == 2 && place.is_object()) {
      place["unknown"] = Value(2);
    } else {
      place = Value(2);
    }
  }
  return value;
}

std::string AnyJson::Text(const Json& value) {
  std::string text = value.dump();
  Replace(text, '"' + kWide + '"', [this] { return Wide(); });
  Replace(text, '"' + kDeep + '"', [this] { return Deep(); });
  return text;
}

std::string AnyJson::Wide() {
  std::string digits = Below(2) == 0 ? "-" : "";
  digits += static_cast<char>('2' + Below(8));  // above 64 bits also with the fewest digits
  for (auto n = 19 + Below(180); n > 0; --n) digits += static_cast<char>('0' + Below(10));
  return digits;
}

std::string AnyJson::Deep() {
  const std::string open = Below(2) == 0 ? "[" : R"({"a":)", close = open == "[" ? "]" : "}";
  const auto depth = 100 + Below(900);
  std::string text;
  for (std::uint64_t i = 0; i < depth; ++i) text += open;
  text += "1";
  for (std::uint64_t i = 0; i < depth; ++i) text += close;
  return text;
}

}  // namespace rempart::test
