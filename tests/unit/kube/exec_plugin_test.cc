#include "src/kube/exec_plugin.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include <chrono>
#include <fstream>
#include <sstream>

#include "tests/unit/kube/temp_dir.h"

namespace rempart::kube {
namespace {

using test::TempDir;

class ExecPluginTest : public testing::Test {
 protected:
  ExecPlugin Script(const std::string& body) {
    return {.api_version = "client.authentication.k8s.io/v1",
            .command = dir_.Write("plugin", "#!/bin/sh\n" + body + "\n", 0700)};
  }
  Result<std::string> Run(const ExecPlugin& plugin, const std::string& info = "{}") {
    return RunExecPluginWithin(plugin, info, limits_);
  }
  std::string Read(const std::string& name) {
    std::ifstream in(dir_ / name);
    std::stringstream text;
    text << in.rdbuf();
    return text.str();
  }
  TempDir dir_;
  ExecLimits limits_{.time = std::chrono::seconds(20)};
};

TEST_F(ExecPluginTest, GivesStandardOutput) {
  const auto output = Run(Script("echo to-stderr >&2; printf 'a\\nb'"));
  ASSERT_TRUE(output) << output.error().message;
  EXPECT_EQ(*output, "a\nb");
}

TEST_F(ExecPluginTest, EnvironmentAndArguments) {
  ::setenv("REMPART_TEST_INHERITED", "yes", 1);
  ::setenv("REMPART_TEST_REPLACED", "old", 1);
  ExecPlugin plugin = Script(
      "echo \"$REMPART_TEST_INHERITED|$REMPART_TEST_REPLACED|$EMPTY|$KUBERNETES_EXEC_INFO|$#|$1|$2\"; env | grep -c "
      "REMPART_TEST_REPLACED");
  plugin.env = {{"REMPART_TEST_REPLACED", "new"}, {"EMPTY", ""}};
  plugin.args = {"a b", "$(echo shell)"};
  EXPECT_EQ(Run(plugin, "{\"kind\":\"X\"}").value(), "yes|new||{\"kind\":\"X\"}|2|a b|$(echo shell)\n1\n");
}

TEST_F(ExecPluginTest, StandardInputIsEmptyAndFilesAreClosed) {
  const int keep_open = ::open(dir_.path().c_str(), O_RDONLY | O_DIRECTORY);  // without close-on-exec
  EXPECT_EQ(Run(Script("cat; ls /proc/self/fd | tr '\\n' ' '")).value(), "0 1 2 3 ") << "3 is ls' own";
  ::close(keep_open);
}

TEST_F(ExecPluginTest, RelativeCommandStartsFromTheKubeconfig) {
  Script("echo here");
  EXPECT_EQ(Run({.command = "./plugin", .directory = dir_.path()}).value(), "here\n");
}

TEST_F(ExecPluginTest, PlainCommandIsLookedForInPath) {
  EXPECT_EQ(Run({.command = "printf", .args = {"%s", "x"}}).value(), "x");
}

TEST_F(ExecPluginTest, WhatCannotBeStarted) {
  const auto missing = Run({.command = "rempart-no-such-plugin", .install_hint = "run\napt install it"});
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().kind, ErrorKind::kInvalid);
  EXPECT_NE(missing.error().message.find("rempart-no-such-plugin: cannot be started: No such file"), std::string::npos);
  EXPECT_NE(missing.error().message.find("(run apt install it)"), std::string::npos) << missing.error().message;
  const auto no_program = Run({.command = dir_.Write("text", "echo 1\n", 0700)});
  ASSERT_FALSE(no_program) << "a text without #! must not be given to a shell";
  EXPECT_NE(no_program.error().message.find("Exec format error"), std::string::npos) << no_program.error().message;
  const auto not_executable = Run({.command = dir_.Write("data", "#!/bin/sh\n", 0600)});
  ASSERT_FALSE(not_executable);
  EXPECT_NE(not_executable.error().message.find("Permission denied"), std::string::npos);
}

TEST_F(ExecPluginTest, FailureQuotesStandardErrorWithoutSecrets) {
  const auto failed =
      Run(Script("echo hunter2; echo 'session of account 12345 expired: run aws sso login (/usr/share/doc/aws)' >&2;"
                 "echo 'token=eyJhbGciOiJSUzI1NiIsImtpZCI6IjEifQ.e30.c2ln' >&2; exit 3"));
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().kind, ErrorKind::kDenied);
  const std::string& m = failed.error().message;
  EXPECT_NE(m.find("ended with status 3: session of account 12345 expired: run aws sso login (/usr/share/doc/aws)"),
            std::string::npos)
      << m;
  EXPECT_EQ(m.find("eyJhb"), std::string::npos) << m;
  EXPECT_EQ(m.find("hunter2"), std::string::npos) << m;
  EXPECT_NE(Run(Script("kill -9 $$")).error().message.find("was ended by signal 9"), std::string::npos);
}

TEST_F(ExecPluginTest, TooSlowIsKilledWithItsChildren) {
  limits_.time = std::chrono::milliseconds(300);
  const auto before = std::chrono::steady_clock::now();
  const auto slow = Run(Script("sleep 300 & echo $! > " + (dir_ / "child") + "; echo hunter2; wait"));
  ASSERT_FALSE(slow);
  EXPECT_LT(std::chrono::steady_clock::now() - before, std::chrono::seconds(20));
  EXPECT_EQ(slow.error().kind, ErrorKind::kTransient);
  EXPECT_NE(slow.error().message.find("gave no answer within 300 ms"), std::string::npos);
  EXPECT_EQ(slow.error().message.find("hunter2"), std::string::npos);
  // SIGKILL was sent; the orphan is gone, or dead and not yet reaped by its new parent.
  const std::string child = Read("child");
  ASSERT_FALSE(child.empty());
  const pid_t pid = std::stoi(child);
  for (;;) {
    std::ifstream stat("/proc/" + std::to_string(pid) + "/stat");
    std::string number, name, state;
    if (!(stat >> number >> name >> state) || state == "Z" || state == "X") break;
    ASSERT_LT(std::chrono::steady_clock::now() - before, std::chrono::seconds(20)) << "the child lives on";
  }
}

TEST_F(ExecPluginTest, TooMuchOutputIsRefused) {
  limits_.output_bytes = 64 * 1024;
  const auto much = Run(Script("yes hunter2"));
  ASSERT_FALSE(much);
  EXPECT_EQ(much.error().kind, ErrorKind::kInvalid);
  EXPECT_NE(much.error().message.find("wrote more than 64 KiB"), std::string::npos);
  EXPECT_EQ(Run(Script("head -c 65536 /dev/zero")).value().size(), 65536u);
}

TEST_F(ExecPluginTest, MuchStandardErrorDoesNotBlock) {
  EXPECT_EQ(Run(Script("head -c 1000000 /dev/zero >&2; echo done")).value(), "done\n");
}

TEST_F(ExecPluginTest, ADescendantThatKeepsThePipeIsNotWaitedFor) {
  const auto before = std::chrono::steady_clock::now();
  const auto output = Run(Script("sleep 300 & echo $! > " + (dir_ / "child") + "; echo token"));
  ASSERT_TRUE(output) << output.error().message;
  EXPECT_EQ(*output, "token\n");
  EXPECT_LT(std::chrono::steady_clock::now() - before, std::chrono::seconds(20));
  ::kill(std::stoi(Read("child")), SIGKILL);
}

TEST_F(ExecPluginTest, SignalsAreAsAtStart) {
  const auto handler = ::signal(SIGPIPE, SIG_IGN);
  sigset_t term, before;
  sigemptyset(&term);
  sigaddset(&term, SIGTERM);
  ::pthread_sigmask(SIG_BLOCK, &term, &before);
  const auto output = Run(Script("sed -n 's/^Sig\\(Blk\\|Ign\\):\\t//p' /proc/self/status"));
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  ::signal(SIGPIPE, handler);
  ASSERT_TRUE(output) << output.error().message;
  std::uint64_t blocked = 1, ignored = ~0ull;
  std::istringstream(*output) >> std::hex >> blocked >> ignored;
  EXPECT_EQ(blocked, 0u) << *output;
  EXPECT_EQ(ignored & (1ull << (SIGPIPE - 1)), 0u) << *output;
}

}  // namespace
}  // namespace rempart::kube
