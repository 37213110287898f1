#include "src/kube/manifest_files.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>

#include "tests/unit/kube/temp_dir.h"

namespace rempart::kube {
namespace {

using test::TempDir;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

Result<std::string> NoStdin() { return Fail(Error::Internal("nobody asks for it")); }

// "name=content" or "name!" for an error, without the directory.
std::vector<std::string> Names(const TempDir& dir, const std::vector<std::string>& paths,
                               const FileLimits& limits = {}) {
  std::vector<std::string> names;
  for (const ManifestFile& file : ReadManifestFiles(paths, NoStdin, limits)) {
    std::string name = file.name;
    if (name.starts_with(dir.path())) name = name.substr(dir.path().size());
    names.push_back(name + (file.content ? "=" + *file.content : "!"));
  }
  return names;
}

TEST(ReadManifestFiles, DirectoriesAreSortedAndOnlyHaveManifests) {
  TempDir dir;
  for (const char* name : {"b.yaml", "a.yml", "c/d.json", "c/a.yaml", "README.md", "x.yaml.bak", ".hidden.yaml",
                           ".git/config.yaml", "..data/a.yaml", "b/z.yaml"}) {
    dir.Write(name, "1");
  }
  EXPECT_THAT(Names(dir, {dir.path()}),
              ElementsAre("/.hidden.yaml=1", "/a.yml=1", "/b/z.yaml=1", "/b.yaml=1", "/c/a.yaml=1", "/c/d.json=1"));
  EXPECT_THAT(Names(dir, {dir / "c/", dir / "README.md"}), ElementsAre("/c/a.yaml=1", "/c/d.json=1", "/README.md=1"))
      << "a file that is named has any extension";
}

TEST(ReadManifestFiles, EachFileOnce) {
  TempDir dir;
  const std::string a = dir.Write("a.yaml", "1");
  std::filesystem::create_symlink("a.yaml", dir / "link.yaml");
  std::filesystem::create_directory_symlink(".", dir / "loop");
  std::filesystem::create_directory_symlink(dir / "loop", dir / "loop2");
  std::filesystem::create_symlink("nowhere", dir / "broken.yaml");
  std::filesystem::create_symlink("nowhere", dir / "broken.txt");
  EXPECT_THAT(Names(dir, {a, dir.path(), a, dir / "loop"}), ElementsAre("/a.yaml=1", "/broken.yaml!"));
}

TEST(ReadManifestFiles, LinksOutOfTheDirectoryAreFollowed) {
  TempDir dir, other;
  other.Write("x.yaml", "1");
  std::filesystem::create_directory(dir / "d");
  std::filesystem::create_directory_symlink(other.path(), dir / "d/there");
  EXPECT_THAT(Names(dir, {dir.path()}), ElementsAre("/d/there/x.yaml=1"));
}

TEST(ReadManifestFiles, WhatIsNotThereIsAnError) {
  TempDir dir;
  std::filesystem::create_directory(dir / "empty");
  const auto files = ReadManifestFiles({dir / "absent.yaml", dir / "empty", "-"}, nullptr);
  ASSERT_EQ(files.size(), 3U);
  EXPECT_THAT(files[0].content.error().message, HasSubstr("absent.yaml"));
  EXPECT_THAT(files[1].content.error().message, HasSubstr("a directory without"));
  EXPECT_FALSE(files[2].content);
}

TEST(ReadManifestFiles, PipesInADirectoryDoNotBlock) {
  TempDir dir;
  ASSERT_EQ(::mkfifo((dir / "pipe.yaml").c_str(), 0600), 0);
  dir.Write("a.yaml", "1");
  EXPECT_THAT(Names(dir, {dir.path()}), ElementsAre("/a.yaml=1"));
}

TEST(ReadManifestFiles, StandardInputOnce) {
  int asked = 0;
  const auto files = ReadManifestFiles({"-", "-"}, [&]() -> Result<std::string> {
    ++asked;
    return "x";
  });
  ASSERT_EQ(files.size(), 1U);
  EXPECT_EQ(files[0].name, "-");
  EXPECT_EQ(*files[0].content, "x");
  EXPECT_EQ(asked, 1);
}

TEST(ReadManifestFiles, IsBounded) {
  TempDir dir;
  for (const char* name : {"a.yaml", "b.yaml", "c.yaml"}) dir.Write(name, "123456");
  EXPECT_THAT(Names(dir, {dir.path()}, {.max_files = 2}), ElementsAre("/a.yaml=123456", "/b.yaml=123456", "/c.yaml!"));
  EXPECT_THAT(Names(dir, {dir.path()}, {.max_file_bytes = 5}), ElementsAre("/a.yaml!", "/b.yaml!", "/c.yaml!"));
  EXPECT_THAT(Names(dir, {dir.path()}, {.max_total_bytes = 10}), ElementsAre("/a.yaml=123456", "/b.yaml!", "/c.yaml!"));
  std::string deep = dir.path();
  for (int i = 0; i < 5; ++i) deep += "/d";
  std::filesystem::create_directories(deep);
  EXPECT_THAT(Names(dir, {dir / "d"}, {.max_depth = 3}), ElementsAre("/d/d/d/d!"));
  EXPECT_THAT(Names(dir, {}), IsEmpty());
}

}  // namespace
}  // namespace rempart::kube
