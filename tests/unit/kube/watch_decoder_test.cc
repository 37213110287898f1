#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <algorithm>
#include <random>
#include <string>
#include <vector>

#include "src/kube/watch.h"

namespace rempart::kube {
namespace {

std::string Line(const std::string& type, const std::string& name, int rv) {
  return R"({"type":")" + type + R"(","object":{"metadata":{"name":")" + name + R"(","resourceVersion":")" +
         std::to_string(rv) + "\"}}}\n";
}

// Feeds pieces and notes each event as "type name"; ends with the error, if any.
struct Reading {
  explicit Reading(std::size_t max_line_bytes = 1 << 20) : decoder(max_line_bytes) {}
  Reading& Feed(std::string_view piece) {
    Status status = decoder.Feed(piece, [&](const WatchEvent& event) -> Status {
      events.push_back(std::to_string(static_cast<int>(event.type)) + " " + event.object.Minified());
      return {};
    });
    if (!status) error = status.error();
    return *this;
  }
  WatchDecoder decoder;
  std::vector<std::string> events;
  std::optional<Error> error;
};

TEST(WatchDecoderTest, GivesEachLineAsAnEvent) {
  std::vector<std::pair<WatchEvent::Type, std::string>> seen;
  WatchDecoder decoder;
  Status status = decoder.Feed(Line("ADDED", "a", 1) + Line("MODIFIED", "b", 2) + Line("DELETED", "c", 3) +
                                   Line("BOOKMARK", "d", 4) + Line("ERROR", "e", 5),
                               [&](const WatchEvent& event) -> Status {
                                 seen.emplace_back(event.type, event.object["metadata"]["name"].Str());
                                 return {};
                               });
  EXPECT_TRUE(status);
  using T = WatchEvent::Type;
  EXPECT_EQ(seen,
            (std::vector<std::pair<T, std::string>>{
                {T::kAdded, "a"}, {T::kModified, "b"}, {T::kDeleted, "c"}, {T::kBookmark, "d"}, {T::kError, "e"}}));
  EXPECT_FALSE(decoder.InMidLine());
}

TEST(WatchDecoderTest, IgnoresBlankLinesAndKnowsWhenALineIsCut) {
  Reading reading;
  reading.Feed("\n\r\n  \n" + Line("ADDED", "a", 1) + "\n");
  EXPECT_EQ(reading.events.size(), 1u);
  EXPECT_FALSE(reading.decoder.InMidLine());
  reading.Feed(" ");
  EXPECT_FALSE(reading.decoder.InMidLine());
  reading.Feed("{");
  EXPECT_TRUE(reading.decoder.InMidLine());
  EXPECT_FALSE(reading.error);
}

TEST(WatchDecoderTest, RefusesGarbageAndStaysRefusing) {
  for (const std::string& bad : {std::string("{\n"), std::string("null\n"), std::string("[]\n"),
                                 std::string("HTTP/1.1 500\n"), Line("RENAMED", "a", 1),
                                 std::string(R"({"object":{}})"
                                             "\n"),
                                 std::string(R"({"type":"ADDED"})"
                                             "\n"),
                                 std::string(R"({"type":"ADDED","object":"x"})"
                                             "\n"),
                                 std::string(R"({"type":"ADDED","object":null})"
                                             "\n"),
                                 std::string("\0\0\n", 3)}) {
    Reading reading;
    reading.Feed(Line("ADDED", "before", 1) + bad + Line("ADDED", "after", 2));
    ASSERT_TRUE(reading.error) << bad;
    EXPECT_EQ(reading.error->kind, ErrorKind::kInvalid) << bad;
    EXPECT_EQ(reading.events.size(), 1u) << bad;
    reading.error.reset();
    reading.Feed(Line("ADDED", "later", 3));
    EXPECT_TRUE(reading.error) << bad;
    EXPECT_EQ(reading.events.size(), 1u) << bad;
  }
}

TEST(WatchDecoderTest, StopsAtTheCallbacksErrorAndReturnsIt) {
  WatchDecoder decoder;
  int calls = 0;
  auto fail = [&](const WatchEvent&) -> Status {
    ++calls;
    return Fail(Error::Gone("enough"));
  };
  Status status = decoder.Feed(Line("ADDED", "a", 1) + Line("ADDED", "b", 2), fail);
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().kind, ErrorKind::kGone);
  EXPECT_EQ(calls, 1);
}

TEST(WatchDecoderTest, BoundsALineHoweverItComes) {
  const std::string line = Line("ADDED", std::string(500, 'n'), 1);  // with its newline
  EXPECT_FALSE(Reading(line.size() - 1).Feed(line).error);
  EXPECT_TRUE(Reading(line.size() - 2).Feed(line).error);
  Reading pieces(line.size() - 2);
  for (char c : line) pieces.Feed({&c, 1});
  ASSERT_TRUE(pieces.error);
  EXPECT_NE(pieces.error->message.find("larger than the limit"), std::string::npos);
  // A line that never ends is refused while it comes, not kept.
  Reading endless(1000);
  for (int i = 0; i < 3; ++i) endless.Feed(std::string(400, ' '));
  EXPECT_TRUE(endless.error);
}

TEST(WatchDecoderTest, AnySplitOfTheBytesGivesTheSameEvents) {
  EXPECT_TRUE(rc::check("any split gives the same events", [] {
    static const char* const kTypes[] = {"ADDED", "MODIFIED", "DELETED", "BOOKMARK", "ERROR"};
    std::string text;
    const int lines = *rc::gen::inRange(1, 12);
    for (int i = 0; i < lines; ++i) {
      text += Line(kTypes[*rc::gen::inRange(0, 5)],
                   std::string(static_cast<std::size_t>(*rc::gen::inRange(1, 200)), 'x'), i + 1);
      if (*rc::gen::inRange(0, 4) == 0) text += "\r\n";
    }
    const bool cut = *rc::gen::arbitrary<bool>();
    if (cut) text.resize(text.size() - static_cast<std::size_t>(*rc::gen::inRange(1, 10)));
    Reading whole, split;
    whole.Feed(text);
    auto cuts = *rc::gen::container<std::vector<std::size_t>>(rc::gen::inRange<std::size_t>(0, text.size() + 1));
    std::ranges::sort(cuts);
    std::size_t at = 0;
    for (std::size_t next : cuts) {
      split.Feed(std::string_view(text).substr(at, next - at));
      at = next;
    }
    split.Feed(std::string_view(text).substr(at));
    RC_ASSERT(whole.events == split.events);
    RC_ASSERT(!whole.error && !split.error);
    RC_ASSERT(whole.decoder.InMidLine() == split.decoder.InMidLine());
  }));
}

// Any bytes are safe: valid streams with bytes flipped, removed, doubled and inserted, in random pieces. What matters
// is that the sanitizers have nothing to say, that every error is kInvalid and that lines before the harm are read.
TEST(WatchDecoderTest, MutatedStreamsAreReadOrRefused) {
  const std::uint64_t seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937_64 random(seed);
  auto below = [&](std::size_t n) { return static_cast<std::size_t>(random() % n); };
  int refused = 0, read = 0;
  for (int round = 0; round < 4000; ++round) {
    std::string good = Line("ADDED", "first", 1);
    std::string text;
    for (int i = 0; i < 4; ++i) text += Line("MODIFIED", "web-\\u00e9\\n-" + std::to_string(i), i + 2);
    for (std::size_t mutations = 1 + below(6); mutations > 0 && !text.empty(); --mutations) {
      const std::size_t at = below(text.size());
      switch (below(5)) {
        case 0:
          text[at] = static_cast<char>(random());
          break;
        case 1:
          text.erase(at, 1 + below(20));
          break;
        case 2:
          text.insert(at, std::string(text, at, below(40)));
          break;
        case 3:
          text.insert(at, 1 + below(120), "[{\"\\"[below(4)]);
          break;
        default:
          text[at] = "{}[]\",:\n\\0"[below(10)];
          break;
      }
    }
    Reading reading(2000);
    reading.Feed(good);
    for (std::size_t at = 0; at < text.size();) {
      const std::size_t n = 1 + below(100);
      reading.Feed(std::string_view(text).substr(at, n));
      at += n;
    }
    ASSERT_GE(reading.events.size(), 1u);
    if (reading.error) {
      ASSERT_EQ(reading.error->kind, ErrorKind::kInvalid) << reading.error->ToString();
      ++refused;
    } else {
      ++read;
    }
  }
  EXPECT_GT(refused, 0);
  EXPECT_GT(read, 0);
}

TEST(WatchErrorTest, SaysWhatAStatusMeans) {
  struct Case {
    const char* status;
    ErrorKind kind;
  };
  for (
      const Case& c : {
          Case{R"({"kind":"Status","code":410,"reason":"Expired","message":"too old resource version: 1"})",
               ErrorKind::kGone},
          Case{R"({"kind":"Status","code":410,"reason":"Gone","message":"gone"})", ErrorKind::kGone},
          Case{R"({"kind":"Status","code":500,"reason":"Expired","message":"x"})", ErrorKind::kGone},
          Case{R"({"kind":"Status","code":500,"message":"too old resource version: 1"})", ErrorKind::kGone},
          Case{
              R"({"kind":"Status","code":504,"reason":"Timeout","message":"Too large resource version: 9, current: 7"})",
              ErrorKind::kTransient},
          Case{
              R"({"kind":"Status","code":500,"reason":"InternalError","message":"etcd event received with PrevKv=nil"})",
              ErrorKind::kTransient},
          Case{R"({"kind":"Status","code":429,"reason":"TooManyRequests","message":"slow down"})",
               ErrorKind::kTransient},
          Case{R"({"kind":"Status","code":403,"reason":"Forbidden","message":"no"})", ErrorKind::kDenied},
          Case{R"({"kind":"Status"})", ErrorKind::kTransient},
          Case{R"({"kind":"Status","code":200})", ErrorKind::kTransient},
          Case{R"({"code":"x"})", ErrorKind::kTransient},
      }) {
    Document document;
    Error error = WatchError(document.Parse(c.status).value(), WallTime{});
    EXPECT_EQ(error.kind, c.kind) << c.status << " -> " << error.ToString();
    EXPECT_FALSE(error.message.empty()) << c.status;
  }
}

}  // namespace
}  // namespace rempart::kube
