#include "bench/rows/storage_context.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <filesystem>
#include <map>

#include "absl/strings/str_cat.h"
#include "test/temporary_directory.h"

namespace pagestall {
namespace {

std::map<std::string, std::string> Describe(const std::string& directory) {
  const auto facts = DescribeStorage(directory);
  return {facts.begin(), facts.end()};
}

TEST(Storage, KnowsAFileSystemWithoutADevice) {
  auto facts = Describe("/proc");
  EXPECT_EQ(facts["filesystem"], "proc");
  EXPECT_THAT(facts["mount_options"], testing::StartsWith("rw"));
  EXPECT_EQ(facts["device_read_ahead_kib"], "unknown");
}

TEST(Storage, MissingDirectoryIsUnknown) {
  EXPECT_EQ(Describe("/nonexistent")["filesystem"], "unknown");
}

TEST(Storage, EveryFactHasAValue) {
  TemporaryDirectory directory;
  for (const auto& [name, value] : Describe(directory.path())) {
    EXPECT_FALSE(value.empty()) << name;
    EXPECT_EQ(value.find('\n'), std::string::npos) << name;
  }
}

TEST(Storage, KnowsTheDeviceOfADirectory) {
  TemporaryDirectory directory;
  struct stat status;
  ASSERT_EQ(stat(directory.path().c_str(), &status), 0);
  const std::string device = absl::StrCat(
      "/sys/dev/block/", major(status.st_dev), ":", minor(status.st_dev));
  if (!std::filesystem::exists(device)) GTEST_SKIP() << "no " << device;
  auto facts = Describe(directory.path());
  EXPECT_THAT(facts["device_rotational"], testing::AnyOf("0", "1"));
  EXPECT_THAT(facts["device_read_ahead_kib"], testing::MatchesRegex("[0-9]+"));
}

}  // namespace
}  // namespace pagestall
