#include "src/crypto/key_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>
#include <sstream>

#include "tests/unit/kube/temp_dir.h"

namespace rempart::crypto {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

std::string Content(const std::string& path) {
  std::ifstream in(path);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

struct KeyFileTest : ::testing::Test {
  kube::test::TempDir dir;
  const std::string path = dir / "key.pem";
};

TEST_F(KeyFileTest, IsForItsOwnerAlone) {
  const mode_t before = ::umask(0);
  EXPECT_TRUE(WriteKeyFile(path, Secret("secret")));
  ::umask(before);
  struct stat about {};
  ASSERT_EQ(::stat(path.c_str(), &about), 0);
  EXPECT_EQ(about.st_mode & 07777, 0600U);
  const auto read = ReadKeyFile(path);
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(read->view(), "secret");
}

TEST_F(KeyFileTest, OneThatIsThereIsNotTouched) {
  ASSERT_TRUE(WriteKeyFile(path, Secret("first")));
  const auto again = WriteKeyFile(path, Secret("second"));
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().kind, ErrorKind::kConflict);
  EXPECT_THAT(again.error().message, HasSubstr("a key is never overwritten"));
  EXPECT_THAT(again.error().message, Not(HasSubstr("second")));
  EXPECT_EQ(Content(path), "first");
  // Nor is what a link points to, there or not.
  ASSERT_EQ(::symlink((dir / "elsewhere").c_str(), (dir / "link").c_str()), 0);
  EXPECT_FALSE(WriteKeyFile(dir / "link", Secret("x")));
  EXPECT_NE(::access((dir / "elsewhere").c_str(), F_OK), 0);
}

TEST_F(KeyFileTest, OneThatOthersMayReadIsRefused) {
  for (const int mode : {0640, 0604, 0620, 0602, 0610}) {
    const auto read = ReadKeyFile(dir.Write("open.pem", "secret", mode));
    ASSERT_FALSE(read) << mode;
    EXPECT_EQ(read.error().kind, ErrorKind::kInvalid);
    EXPECT_THAT(read.error().message, HasSubstr("chmod 600"));
    EXPECT_THAT(read.error().message, Not(HasSubstr("secret")));
  }
  EXPECT_TRUE(ReadKeyFile(dir.Write("read-only.pem", "secret", 0400)));
}

TEST_F(KeyFileTest, WhatCannotBeRead) {
  EXPECT_EQ(ReadKeyFile(dir / "none").error().kind, ErrorKind::kNotFound);
  EXPECT_EQ(ReadKeyFile(dir.path()).error().kind, ErrorKind::kInvalid);
  const std::string large = dir.Write("large", std::string(17, 'x'));
  EXPECT_EQ(ReadKeyFile(large, 16).error().kind, ErrorKind::kInvalid);
  EXPECT_TRUE(ReadKeyFile(large, 17));
  EXPECT_EQ(WriteKeyFile(dir / "no/such/folder", Secret("x")).error().kind, ErrorKind::kNotFound);
}

}  // namespace
}  // namespace rempart::crypto
