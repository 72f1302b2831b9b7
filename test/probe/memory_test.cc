#include "lib/probe/memory.h"

#include <malloc.h>

#include <algorithm>
#include <vector>

#include "lib/file/mapping.h"
#include "test/child.h"
#include "test/open_ones.h"
#include "test/sanitized.h"
#include "test/status_matchers.h"

namespace pagestall {
namespace {

constexpr size_t kTaken = size_t{8} << 20;

TEST(MemoryBytes, CountsOwnPagesAndPageTablesButNotThoseOfFiles) {
  if (kSanitized) GTEST_SKIP() << "memory is the sanitizer's";
  TemporaryDirectory directory;
  const auto mapping = Mapping::Map(OpenOnes(directory, kTaken));
  ASSERT_THAT(mapping, IsOk());
  malloc_trim(0);  // what was freed would be taken without being counted
  const auto before = MemoryBytes();
  if (!before) GTEST_SKIP() << "no /proc/self/status";
  EXPECT_EQ(std::count(mapping->bytes().begin(), mapping->bytes().end(), 0), 0);
  EXPECT_LT(*MemoryBytes(), *before + kTaken / 4);

  std::vector<uint8_t> own(kTaken, 1);
  EXPECT_EQ(std::count(own.begin(), own.end(), 0), 0);
  EXPECT_GE(*MemoryBytes(), *before + kTaken / 2);
}

TEST(MemoryBytes, IsKnownWhenTheFirstThreadHasEnded) {
  if (!MemoryBytes()) GTEST_SKIP() << "no /proc/thread-self/status";
  ExpectWithoutFirstThread([] {}, [] { return MemoryBytes().has_value(); });
}

}  // namespace
}  // namespace pagestall
