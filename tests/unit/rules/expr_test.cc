// The tree, its CEL, and what the evaluator makes of documents.
#include "operator/perimeter/rules/expr.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "operator/perimeter/rules/cel.h"
#include "operator/perimeter/rules/evaluate.h"

namespace rempart::rules {
namespace {

const Text kName = Object()["metadata"]["name"].AsText();
const List kContainers = Object()["spec"]["containers"].AsList();

TEST(Cel, AsTheServerReadsIt) {
  const struct {
    Expr expr;
    const char* cel;
  } rows[] = {
      {kName, R"(object.?metadata.?name.orValue(""))"},
      {kName == "a\"b\\c\n", R"((object.?metadata.?name.orValue("") == "a\"b\\c\x0a"))"},
      {Object()["metadata"]["labels"]["rempart.dev/region"].AsText(),
       R"(object.?metadata.?labels[?"rempart.dev/region"].orValue(""))"},
      {Object()["metadata"]["namespace"].AsText(), R"(object.?metadata[?"namespace"].orValue(""))"},  // a reserved word
      {Object()["a"][kName].Present(), R"(object.?a[?object.?metadata.?name.orValue("")].hasValue())"},
      {!(kName == "x") && Truth(true) && Truth(false), R"((!(object.?metadata.?name.orValue("") == "x") && false))"},
      {kName == "a" || (kName == "b" && kName == "c"),
       R"(((object.?metadata.?name.orValue("") == "a") || ((object.?metadata.?name.orValue("") == "b") && (object.?metadata.?name.orValue("") == "c"))))"},
      {In(kName, Literal(std::vector<std::string>{"a", "b"})), R"((object.?metadata.?name.orValue("") in ["a", "b"]))"},
      {In(kName, Params()["spec"]["nodes"].AsMap()),
       R"((object.?metadata.?name.orValue("") in params.?spec.?nodes.orValue({})))"},
      {All(kContainers, [](const Item& c) { return c["image"].AsText() != ""; }),
       R"(object.?spec.?containers.orValue([]).all(e1, !(e1.?image.orValue("") == "")))"},
      {Any(kContainers,
           [](const Item& c) {
             return Any(c["args"].AsList(), [&](const Item& a) { return a.AsText() == c["name"].AsText(); });
           }),
       R"(object.?spec.?containers.orValue([]).exists(e2, e2.?args.orValue([]).exists(e1, (e1 == e2.?name.orValue("")))))"},
      {Join(MapEach(kContainers, [](const Item& c) { return c["image"].AsText(); }), ", "),
       R"(object.?spec.?containers.orValue([]).map(e1, e1.?image.orValue("")).join(", "))"},
      {Join(KeysOf(Object()["spec"].AsMap()), ", "), R"(object.?spec.orValue({}).map(key, key).join(", "))"},
      {KeysOf(Object()["spec"].AsMap()) + Literal(std::vector<std::string>{"a"}),
       R"((object.?spec.orValue({}).map(key, key) + ["a"]))"},
      {MapEach(Filter(kContainers, [](const Item& c) { return c["image"].Present(); }),
               [](const Item& c) { return c["image"].AsText(); }),
       R"(object.?spec.?containers.orValue([]).map(e1, has(e1.image), e1.?image.orValue("")))"},
      {kContainers + Object()["spec"]["initContainers"].AsList(),
       "(dyn(object.?spec.?containers.orValue([])) + dyn(object.?spec.?initContainers.orValue([])))"},
      {Object()["endpoints"].AsNullableList(), "optional.ofNonZeroValue(object.?endpoints.orValue(null)).orValue([])"},
      {After(kName, "@"), R"(object.?metadata.?name.orValue("").split("@", 2)[?1].orValue(""))"},
      {Replace(Variable("it").AsText() == "x" || Variable("its").Present(), "it", kName),
       R"(((object.?metadata.?name.orValue("") == "x") || true))"},
      {Before(kName, "/"), R"(object.?metadata.?name.orValue("").split("/", 2)[0])"},
      {Matches(kName, "^a$"), R"(object.?metadata.?name.orValue("").matches("^a$"))"},
      {Same(Object()["spec"], OldObject()["spec"]), "(object.?spec == oldObject.?spec)"},
      {If(kName == "", Literal("x"), kName),
       R"(((object.?metadata.?name.orValue("") == "") ? "x" : object.?metadata.?name.orValue("")))"},
  };
  for (const auto& [expr, cel] : rows) EXPECT_EQ(ToCel(expr), cel);
}

enum class Is { kTrue, kFalse, kFailed };
std::ostream& operator<<(std::ostream& out, Is is) {
  return out << (is == Is::kTrue ? "true" : is == Is::kFalse ? "false" : "failed");
}
Is Judge(const Bool& expr, const std::string& object) {
  const Json document = Json::parse(object), params = Json::parse(R"({"spec":{"nodes":{"n1":true}}})");
  Bindings bindings;
  bindings.Set("object", ValueOf(&document));
  bindings.Set("params", ValueOf(&params));
  const Value value = Evaluate(expr, bindings);
  if (value.Bad() || !value.As<bool>()) return Is::kFailed;
  return value.IsTrue() ? Is::kTrue : Is::kFalse;
}

TEST(Evaluate, AbsentNullAndWrongTypes) {
  const Bool empty = kName == "";
  EXPECT_EQ(Judge(empty, "{}"), Is::kTrue);
  EXPECT_EQ(Judge(empty, R"({"metadata":null})"), Is::kTrue);
  EXPECT_EQ(Judge(empty, R"({"metadata":{"name":null}})"), Is::kTrue);
  EXPECT_EQ(Judge(empty, R"({"metadata":{"name":"x"}})"), Is::kFalse);
  EXPECT_EQ(Judge(empty, R"({"metadata":{"name":7}})"), Is::kFailed);
  EXPECT_EQ(Judge(empty, R"({"metadata":[]})"), Is::kFailed);
  EXPECT_EQ(Judge(empty, R"({"metadata":"x"})"), Is::kFailed);
  const Bool all = All(kContainers, [](const Item& c) { return c["image"].AsText() == "a"; });
  EXPECT_EQ(Judge(all, "{}"), Is::kTrue);
  EXPECT_EQ(Judge(all, R"({"spec":{"containers":{}}})"), Is::kFailed);
  EXPECT_EQ(Judge(all, R"({"spec":{"containers":[{"image":"a"},{"image":"b"}]}})"), Is::kFalse);
  EXPECT_EQ(Judge(all, R"({"spec":{"containers":[{"image":"a"},{"image":"a"}]}})"), Is::kTrue);
  EXPECT_EQ(Judge(all, R"({"spec":{"containers":[null]}})"), Is::kFalse);
  EXPECT_EQ(Judge(all, R"({"spec":{"containers":["x"]}})"), Is::kFailed);
}

// CEL: false && error is false, whichever comes first; so are loops.
TEST(Evaluate, AnErrorIsOvercomeWhereTheOtherSideDecides) {
  const Bool failed = Object()["n"].AsText() == "", yes = Truth(true), no = Truth(false);
  const std::string object = R"({"n":7,"spec":{"containers":[{"image":7},{"image":"a"}]}})";
  EXPECT_EQ(Judge(failed && no, object), Is::kFalse);
  EXPECT_EQ(Judge(no && failed, object), Is::kFalse);
  EXPECT_EQ(Judge(failed && yes, object), Is::kFailed);
  EXPECT_EQ(Judge(failed || yes, object), Is::kTrue);
  EXPECT_EQ(Judge(yes || failed, object), Is::kTrue);
  EXPECT_EQ(Judge(failed || no, object), Is::kFailed);
  EXPECT_EQ(Judge(!failed, object), Is::kFailed);
  EXPECT_EQ(Judge(Any(kContainers, [](const Item& c) { return c["image"].AsText() == "a"; }), object), Is::kTrue);
  EXPECT_EQ(Judge(All(kContainers, [](const Item& c) { return c["image"].AsText() == "b"; }), object), Is::kFalse);
  EXPECT_EQ(Judge(All(kContainers, [](const Item& c) { return c["image"].AsText() == "a"; }), object), Is::kFailed);
}

// As CEL has it of them, where they are no loop's (see the table above).
TEST(Evaluate, AMapsKeysAreAList) {
  const List keys = KeysOf(Object()["spec"].AsMap());
  const std::string object = R"({"spec":{"a":1,"b":2}})";
  EXPECT_EQ(Judge(Join(keys, "+") == "a+b", object), Is::kTrue);
  EXPECT_EQ(Judge(Join(keys + Literal(std::vector<std::string>{"c"}), "+") == "a+b+c", object), Is::kTrue);
  EXPECT_EQ(Judge(Join(keys, "+") == "", "{}"), Is::kTrue);
  EXPECT_EQ(Judge(Join(keys, "+") == "", R"({"spec":7})"), Is::kFailed);
}

TEST(Evaluate, Texts) {
  const auto with = [](const std::string& name) { return Json{{"metadata", {{"name", name}}}}.dump(); };
  EXPECT_EQ(Judge(Before(kName, "/") == "a", with("a/b/c")), Is::kTrue);
  EXPECT_EQ(Judge(Before(kName, "/") == "abc", with("abc")), Is::kTrue);
  EXPECT_EQ(Judge(Before(kName, "/") == "", with("/b")), Is::kTrue);
  EXPECT_EQ(Judge(After(kName, "/") == "b/c", with("a/b/c")), Is::kTrue);
  EXPECT_EQ(Judge(After(kName, "/") == "", with("abc")), Is::kTrue);
  EXPECT_EQ(Judge(Lower(kName) == "aé", with("Aé")), Is::kTrue);
  EXPECT_EQ(Judge(StartsWith(kName, Literal("ab")), with("abc")), Is::kTrue);
  EXPECT_EQ(Judge(Contains(kName, Literal("c")), with("ab")), Is::kFalse);
  EXPECT_EQ(Judge(Matches(kName, "^[a-z]+$"), with("ab")), Is::kTrue);
  EXPECT_EQ(Judge(Matches(kName, "^[a-z]+$"), with("a1")), Is::kFalse);
  EXPECT_EQ(Judge(In(kName, Params()["spec"]["nodes"].AsMap()), with("n1")), Is::kTrue);
  EXPECT_EQ(Judge(In(kName, Params()["spec"]["nodes"].AsMap()), with("n2")), Is::kFalse);
  EXPECT_EQ(Judge(kName + Literal("!") == "a!", with("a")), Is::kTrue);
}

TEST(Evaluate, Ranges) {
  const List ranges =
      Literal(std::vector<std::string>{"10.0.0.0/8", "fd00::/8", "192.0.2.7/32", "garbage", "1.2.3.4/33"});
  const struct {
    std::string address;
    bool within;
  } rows[] = {{"10.1.2.3", true},
              {"11.0.0.1", false},
              {"fd12::1", true},
              {"fe80::1", false},
              {"192.0.2.7", true},
              {"192.0.2.8", false},
              {"", false},
              {"10.1.2", false},
              {"::ffff:10.1.2.3", false},
              {"fd12::1%eth0", false},
              {"10.1.2.3/32", false},
              {" 10.1.2.3", false},
              {std::string("10.1.2.3\0x", 10), false}};
  for (const auto& [address, within] : rows)
    EXPECT_EQ(Judge(InRange(kName, ranges), Json{{"metadata", {{"name", address}}}}.dump()),
              within ? Is::kTrue : Is::kFalse)
        << address;
  const struct {
    std::string range;
    bool within;
  } wider[] = {{"10.2.0.0/16", true}, {"10.0.0.0/8", true}, {"10.0.0.0/7", false},
               {"0.0.0.0/0", false},  {"10.0.0.1", false},  {std::string("10.0.0.0\0/16", 12), false}};
  for (const auto& [range, within] : wider)
    EXPECT_EQ(Judge(RangeWithin(kName, ranges), Json{{"metadata", {{"name", range}}}}.dump()),
              within ? Is::kTrue : Is::kFalse)
        << range;
}

TEST(Evaluate, AnUnknownNameFails) {
  Bindings bindings;
  EXPECT_TRUE(Evaluate(Variable("nobody"), bindings).Bad());
}

}  // namespace
}  // namespace rempart::rules
