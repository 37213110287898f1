#include "src/base/log.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <limits>
#include <nlohmann/json.hpp>
#include <thread>
#include <vector>

#include "src/base/clock.h"
#include "src/base/json.h"

namespace rempart {
namespace {

std::vector<std::string> lines;

class LogTest : public testing::Test {
 protected:
  LogTest() {
    lines.clear();
    log::SetSink([](std::string_view line) { lines.emplace_back(line); });
    log::Configure(log::Level::kInfo, log::Format::kJson);
  }
  ~LogTest() override {
    log::SetSink(nullptr);
    log::Configure(log::Level::kInfo, log::Format::kConsole);
  }

  static Json Last() {
    const auto parsed = ParseJson(lines.empty() ? "" : lines.back());
    EXPECT_TRUE(parsed) << (lines.empty() ? "no line" : lines.back());
    return parsed.value_or(Json());
  }
  // A console line from its level on.
  static std::string LastConsole() {
    EXPECT_GT(lines.back().size(), 25u);
    EXPECT_TRUE(ParseTime(lines.back().substr(0, 24))) << lines.back();
    return lines.back().substr(25);
  }
};

TEST_F(LogTest, AJsonLineCarriesTimeLevelMessageAndFields) {
  log::Warn("hello", {{"text", "a"},
                      {"int", 7},
                      {"big", std::uint64_t{18446744073709551615u}},
                      {"float", 0.25},
                      {"yes", true},
                      {"error", rempart::Error::Denied("no")}});
  const Json line = Last();
  EXPECT_EQ(line["level"], "warn");
  EXPECT_EQ(line["msg"], "hello");
  EXPECT_EQ(line["text"], "a");
  EXPECT_EQ(line["int"], 7);
  EXPECT_EQ(line["big"], 18446744073709551615u);
  EXPECT_EQ(line["float"], 0.25);
  EXPECT_EQ(line["yes"], true);
  EXPECT_EQ(line["error"], "no (denied)");
  EXPECT_EQ(line["ts"].get<std::string>().size(), 24u);  // "2026-11-22T10:23:00.123Z"
  EXPECT_TRUE(ParseTime(line["ts"].get<std::string>()));
  EXPECT_TRUE(lines.back().starts_with(R"({"ts":")"));
}

TEST_F(LogTest, ValuesAreEscaped) {
  log::Info("quote \" back \\ line\nend", {{"k", std::string("\0\x01\x1f\x7f é\r\n\t", 10)}, {"k\"2", "v"}});
  EXPECT_EQ(Last()["msg"], "quote \" back \\ line\nend");
  EXPECT_EQ(Last()["k"], std::string("\0\x01\x1f\x7f é\r\n\t", 10));
  EXPECT_EQ(Last()["k\"2"], "v");
  EXPECT_EQ(lines.back().find('\n'), std::string::npos);
}

TEST_F(LogTest, InvalidUtf8IsReplaced) {
  log::Info("bad \xff\xc0", {{"k", "\xe2\x82"}});
  EXPECT_TRUE(Last()["msg"].get<std::string>().starts_with("bad \ufffd"));
  EXPECT_EQ(Last()["k"], "\ufffd");
}

TEST_F(LogTest, LongValuesAreCut) {
  log::Info(std::string(100'000, 'm'), {{"k", std::string(100'000, 'v')}});
  EXPECT_EQ(Last()["msg"].get<std::string>().size(), 4096u);
  EXPECT_TRUE(Last()["k"].get<std::string>().ends_with("v…"));
  EXPECT_LT(lines.back().size(), 9000u);
}

TEST_F(LogTest, NumbersThatJsonCannotWriteAreQuoted) {
  log::Info("n", {{"nan", std::numeric_limits<double>::quiet_NaN()},
                  {"inf", std::numeric_limits<double>::infinity()},
                  {"tiny", 1e-9}});
  EXPECT_EQ(Last()["nan"], "nan");
  EXPECT_EQ(Last()["inf"], "inf");
  EXPECT_EQ(Last()["tiny"], 1e-9);
}

TEST_F(LogTest, LevelsBelowAreLeftOut) {
  log::Debug("no");
  EXPECT_TRUE(lines.empty());
  EXPECT_FALSE(log::Enabled(log::Level::kDebug));
  log::Configure(log::Level::kDebug, log::Format::kJson);
  log::Debug("yes");
  EXPECT_EQ(Last()["level"], "debug");
  log::Configure(log::Level::kError, log::Format::kJson);
  log::Warn("no");
  log::Error("yes too");
  EXPECT_EQ(lines.size(), 2u);
  EXPECT_EQ(Last()["level"], "error");
}

TEST_F(LogTest, ContextNestsAndEnds) {
  {
    log::Context outer({{"controller", "workload"}, {"id", 1}});
    {
      // a key of the inner context hides the outer's, and a field of the line hides both
      log::Context inner({{"id", 2}, {"object", std::string("acme/web")}});
      log::Info("a", {{"object", "acme/db"}});
      EXPECT_EQ(Last()["controller"], "workload");
      EXPECT_EQ(Last()["id"], 2);
      EXPECT_EQ(Last()["object"], "acme/db");
      EXPECT_EQ(lines.back().find("acme/web"), std::string::npos) << "a key is printed once";
    }
    log::Info("b");
    EXPECT_EQ(Last()["id"], 1);
    EXPECT_FALSE(Last().contains("object"));
  }
  log::Info("c");
  EXPECT_EQ(Last().size(), 3u);
}

TEST_F(LogTest, ContextBelongsToItsThread) {
  log::Context mine({{"controller", "workload"}});
  std::jthread([] { log::Info("from elsewhere"); }).join();
  EXPECT_FALSE(Last().contains("controller"));
}

TEST_F(LogTest, ConsoleLinesAreReadableAndCannotForgeOthers) {
  log::Configure(log::Level::kInfo, log::Format::kConsole);
  log::Info("node is out", {{"node", "a-1"}, {"n", 3}, {"why", "no zone"}, {"empty", ""}});
  EXPECT_EQ(LastConsole(), R"(info  node is out node=a-1 n=3 why="no zone" empty="")");
  log::Error("a\nb\x1b[2J", {{"k", "v\nfake"},
                             {"c1",
                              "\xc2\x9b"
                              "2J"},
                             {"del", "\x7f"},
                             {"fr", "été"},
                             {"bad", "\xff"}});
  EXPECT_EQ(LastConsole(),
            "error \"a\\nb\\u001b[2J\" k=\"v\\nfake\" c1=\"\\u009b2J\" del=\"\\u007f\" fr=\"été\" bad=\"\ufffd\"");
}

TEST_F(LogTest, ThreadsDoNotMixLines) {
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([t] {
        log::Context context({{"thread", t}});
        for (int i = 0; i < 250; ++i) log::Info("line", {{"i", i}});
      });
    }
  }
  ASSERT_EQ(lines.size(), 1000u);
  for (const std::string& line : lines) EXPECT_TRUE(ParseJson(line)) << line;
}

// A packet socket in the place of standard error keeps writes apart.
TEST_F(LogTest, OneWriteALine) {
  int ends[2];
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends), 0);
  const int saved = ::dup(STDERR_FILENO);
  ::dup2(ends[1], STDERR_FILENO);
  log::Info("first", {{"k", std::string(3000, 'x')}});
  log::Info("second");
  ::dup2(saved, STDERR_FILENO);
  char buffer[8192];
  for (const char* msg : {"first", "second"}) {
    const ssize_t n = ::recv(ends[0], buffer, sizeof buffer, MSG_DONTWAIT);
    ASSERT_GT(n, 0);
    ASSERT_EQ(buffer[n - 1], '\n');
    const auto line = ParseJson(std::string_view(buffer, static_cast<std::size_t>(n)));
    ASSERT_TRUE(line);
    EXPECT_EQ((*line)["msg"], msg);
  }
  EXPECT_EQ(::recv(ends[0], buffer, sizeof buffer, MSG_DONTWAIT), -1);
  for (int fd : {ends[0], ends[1], saved}) ::close(fd);
}

TEST_F(LogTest, AFullPipeWithoutReaderDelaysButDoesNotBlock) {
  int ends[2];
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, ends), 0);
  while (::send(ends[1], "x", 1, MSG_DONTWAIT) == 1) {
  }
  const int saved = ::dup(STDERR_FILENO);
  ::dup2(ends[1], STDERR_FILENO);
  log::Info("dropped");
  ::dup2(saved, STDERR_FILENO);
  EXPECT_EQ(Last()["msg"], "dropped");
  for (int fd : {ends[0], ends[1], saved}) ::close(fd);
}

TEST(LogParse, LevelsAndFormats) {
  EXPECT_EQ(log::ParseLevel("debug").value(), log::Level::kDebug);
  EXPECT_EQ(log::ParseLevel("error").value(), log::Level::kError);
  EXPECT_EQ(log::ParseLevel("verbose").error().message, "log level \"verbose\" is none of debug, info, warn, error");
  EXPECT_FALSE(log::ParseLevel("INFO"));
  EXPECT_EQ(log::ParseFormat("json").value(), log::Format::kJson);
  EXPECT_EQ(log::ParseFormat("console").value(), log::Format::kConsole);
  EXPECT_EQ(log::ParseFormat("xml").error().message, "log format \"xml\" is none of json, console");
}

}  // namespace
}  // namespace rempart
