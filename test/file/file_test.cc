#include "lib/file/file.h"

#include <fcntl.h>

#include <array>
#include <string>
#include <utility>
#include <vector>

#include "lib/file/mapping.h"
#include "test/status_matchers.h"
#include "test/temporary_directory.h"

namespace pagestall {
namespace {

using testing::AllOf;
using testing::HasSubstr;

TEST(File, ErrorIsOneLineOfUtf8WhateverThePath) {
  const std::pair<std::string, std::string> cases[] = {
      {"/n/file", "'/n/file'"},
      {"/n/a\nb'\x01", R"('/n/a\nb\'\001')"},
      {"/n/\u00e4 \u20ac \U0001f600", "'/n/\u00e4 \u20ac \U0001f600'"},
      {"/n/\u00e4\xff", R"('/n/\303\244\377')"},
      {"/n/\xe2\x82", R"('/n/\342\202')"},                  // cut off
      {"/n/\xe2\x82/", R"('/n/\342\202/')"},                // the same
      {"/n/\xc0\xaf", R"('/n/\300\257')"},                  // '/' in two
      {"/n/\xed\xa0\x80", R"('/n/\355\240\200')"},          // surrogate
      {"/n/\xf4\x90\x80\x80", R"('/n/\364\220\200\200')"},  // too large
      {"/n/\xc2\x9b", R"('/n/\302\233')"},  // a terminal's command
  };
  for (const auto& [path, quoted] : cases) {
    EXPECT_THAT(
        File::Open(path, O_RDONLY),
        IsError(kNotFound, "open " + quoted + ": No such file or directory"));
  }
}

TEST(File, ReadsAcrossTheEndAsFarAsThereIsSomething) {
  TemporaryDirectory directory;
  const File file =
      File::Open(directory.Write("file", {1, 2, 3, 4, 5}), O_RDONLY).value();
  std::array<uint8_t, 4> buffer{};
  EXPECT_EQ(*file.Read(absl::MakeSpan(buffer), 0), 4u);
  EXPECT_EQ(buffer[3], 4);
  EXPECT_EQ(*file.Read(absl::MakeSpan(buffer), 4), 1u);
  EXPECT_EQ(buffer[0], 5);
  EXPECT_EQ(*file.Read(absl::MakeSpan(buffer), 5), 0u);
}

TEST(File, ReadErrorNamesTheOffset) {
  const File directory = File::Open("/", O_RDONLY).value();
  uint8_t byte;
  EXPECT_THAT(
      directory.Read(absl::MakeSpan(&byte, 1), 7),
      IsError(kFailedPrecondition, AllOf(HasSubstr("read at byte 7 '/'"),
                                         HasSubstr("Is a directory"))));
}

TEST(File, WriteErrorIsAStatus) {
  const File full = File::Open("/dev/full", O_WRONLY).value();
  EXPECT_THAT(
      full.Write(std::vector<uint8_t>{1}, 0),
      IsError(kResourceExhausted, HasSubstr("No space left on device")));
}

TEST(File, ClosesItsDescriptorOnce) {
  File first = File::Open("/dev/null", O_RDONLY).value();
  const int fd = first.fd();
  {
    const File moved = std::move(first);
    EXPECT_EQ(moved.fd(), fd);
    EXPECT_EQ(fcntl(fd, F_GETFD), FD_CLOEXEC);
  }
  EXPECT_EQ(fcntl(fd, F_GETFD), -1);
}

TEST(Mapping, HoldsTheFilesBytesIfAnyAfterTheFileIsClosed) {
  TemporaryDirectory directory;
  for (const auto& bytes : {std::vector<uint8_t>{1, 2, 3}, {}}) {
    const auto mapping = Mapping::Map(
        File::Open(directory.Write("file", bytes), O_RDONLY).value());
    ASSERT_THAT(mapping, IsOk());
    EXPECT_THAT(mapping->bytes(), testing::ElementsAreArray(bytes));
  }
}

TEST(Mapping, ErrorNamesTheFile) {
  TemporaryDirectory directory;
  const File file = File::Open(directory.path(), O_RDONLY).value();
  EXPECT_THAT(
      Mapping::Map(file),
      IsError(kNotFound, "mmap '" + directory.path() + "': No such device"));
}

}  // namespace
}  // namespace pagestall
