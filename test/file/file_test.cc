#include "lib/file/file.h"

#include <fcntl.h>
#include <unistd.h>

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

TEST(File, ErrorNamesOperationPathAndCause) {
  EXPECT_THAT(File::Open("/nonexistent/file", O_RDONLY),
              IsError(absl::StatusCode::kNotFound,
                      "open '/nonexistent/file': No such file or directory"));
}

TEST(File, ErrorIsOneLineWhateverThePath) {
  const auto file = File::Open("/nonexistent/a\nb'\x01", O_RDONLY);
  EXPECT_THAT(file, IsError(absl::StatusCode::kNotFound,
                            HasSubstr(R"('/nonexistent/a\nb\'\001')")));
}

TEST(File, ErrorIsUtf8WhateverThePath) {
  const std::pair<std::string, std::string> cases[] = {
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
    EXPECT_THAT(File::Open(path, O_RDONLY),
                IsError(absl::StatusCode::kNotFound,
                        "open " + quoted + ": No such file or directory"));
  }
}

TEST(File, ReadsAcrossTheEndAsFarAsThereIsSomething) {
  TemporaryDirectory directory;
  const auto file =
      File::Open(directory.Write("file", {1, 2, 3, 4, 5}), O_RDONLY);
  ASSERT_THAT(file, IsOk());
  std::array<uint8_t, 4> buffer{};
  EXPECT_EQ(*file->Read(absl::MakeSpan(buffer), 0), 4u);
  EXPECT_EQ(buffer[3], 4);
  EXPECT_EQ(*file->Read(absl::MakeSpan(buffer), 4), 1u);
  EXPECT_EQ(buffer[0], 5);
  EXPECT_EQ(*file->Read(absl::MakeSpan(buffer), 5), 0u);
}

TEST(File, ReadErrorNamesTheOffset) {
  const auto directory = File::Open("/", O_RDONLY);
  ASSERT_THAT(directory, IsOk());
  uint8_t byte;
  EXPECT_THAT(directory->Read(absl::MakeSpan(&byte, 1), 7),
              IsError(absl::StatusCode::kFailedPrecondition,
                      AllOf(HasSubstr("read at byte 7 '/'"),
                            HasSubstr("Is a directory"))));
}

TEST(File, WriteErrorIsAStatus) {
  const auto full = File::Open("/dev/full", O_WRONLY);
  ASSERT_THAT(full, IsOk());
  EXPECT_THAT(full->Write(std::vector<uint8_t>{1}, 0),
              IsError(absl::StatusCode::kResourceExhausted,
                      HasSubstr("No space left on device")));
}

TEST(File, ClosesItsDescriptorOnce) {
  auto first = File::Open("/dev/null", O_RDONLY);
  ASSERT_THAT(first, IsOk());
  const int fd = first->fd();
  {
    const File moved = *std::move(first);
    EXPECT_EQ(moved.fd(), fd);
    EXPECT_EQ(fcntl(fd, F_GETFD), FD_CLOEXEC);
  }
  EXPECT_EQ(fcntl(fd, F_GETFD), -1);
}

TEST(Mapping, HoldsTheFilesBytesAfterTheFileIsClosed) {
  TemporaryDirectory directory;
  auto file = File::Open(directory.Write("file", {1, 2, 3}), O_RDONLY);
  ASSERT_THAT(file, IsOk());
  const auto mapping = Mapping::Map(*file);
  ASSERT_THAT(mapping, IsOk());
  { const File closed = *std::move(file); }
  EXPECT_THAT(mapping->bytes(), testing::ElementsAre(1, 2, 3));
}

TEST(Mapping, OfAnEmptyFileIsEmpty) {
  TemporaryDirectory directory;
  const auto file = File::Open(directory.Write("file", {}), O_RDONLY);
  ASSERT_THAT(file, IsOk());
  const auto mapping = Mapping::Map(*file);
  ASSERT_THAT(mapping, IsOk());
  EXPECT_TRUE(mapping->bytes().empty());
}

TEST(Mapping, ErrorNamesTheFile) {
  TemporaryDirectory directory;
  const auto file = File::Open(directory.path(), O_RDONLY);
  ASSERT_THAT(file, IsOk());
  EXPECT_THAT(Mapping::Map(*file),
              IsError(absl::StatusCode::kNotFound,
                      "mmap '" + directory.path() + "': No such device"));
}

}  // namespace
}  // namespace pagestall
