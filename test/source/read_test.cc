#include "lib/source/read.h"

#include <vector>

#include "test/status_matchers.h"
#include "test/temporary_directory.h"

namespace pagestall {
namespace {

TEST(ReadSource, ChunkIsAsLargeAsTheBufferUntilTheEnd) {
  TemporaryDirectory directory;
  const std::string path =
      directory.Write("file", std::vector<uint8_t>(20000, 1));
  const auto source = ReadSource::Open(path, {.buffer_bytes = 8192});
  ASSERT_THAT(source, IsOk());
  for (const size_t size : {8192, 8192, 20000 - 2 * 8192, 0}) {
    const auto chunk = (*source)->Next();
    ASSERT_THAT(chunk, IsOk());
    EXPECT_EQ(chunk->size(), size);
  }
}

}  // namespace
}  // namespace pagestall
