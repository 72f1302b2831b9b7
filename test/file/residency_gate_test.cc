// What the gate lets through of files that are cached, evicted or both.

#include "lib/file/residency_gate.h"

#include <fcntl.h>

#include <vector>

#include "lib/file/page_cache.h"
#include "test/on_disk.h"
#include "test/open_ones.h"
#include "test/status_matchers.h"

namespace pagestall {
namespace {

constexpr size_t kMib = 1 << 20;
constexpr size_t kSize = 32 * kMib;

class ResidencyGateTest : public testing::Test {
 protected:
  void Evicted() { ASSERT_THAT(Evict(file_), IsOk()); }

  // Reads a range and nothing around it.
  void Cache(uint64_t offset, size_t size) {
    ASSERT_THAT(file_.Advise(POSIX_FADV_RANDOM), IsOk());
    std::vector<uint8_t> buffer(size);
    ASSERT_EQ(file_.Read(absl::MakeSpan(buffer), offset).value_or(0), size);
  }

  TemporaryDirectory directory_;
  File file_ = OpenOnes(directory_, kSize);
  Mapping mapping_ = *Mapping::Map(file_);
  ResidencyGate gate_{file_, mapping_};
};

TEST_F(ResidencyGateTest, CachedFileIsReadyFromFrontToBack) {
  for (size_t offset = 0; offset < kSize; offset += kMib) {
    EXPECT_EQ(gate_.Ready(offset, kMib), kMib) << offset;
  }
}

TEST_F(ResidencyGateTest, EvictedFileIsNotReady) {
  SKIP_IF_IN_MEMORY(directory_.path());
  Evicted();
  for (const size_t offset : {size_t{0}, kMib, kSize - 4096}) {
    EXPECT_EQ(gate_.Ready(offset, 4096), 0u);
  }
}

TEST_F(ResidencyGateTest, CountsFromTheBeginToTheFirstGap) {
  SKIP_IF_IN_MEMORY(directory_.path());
  Evicted();
  Cache(0, 40960);
  Cache(49152, 4096);
  EXPECT_EQ(gate_.Ready(0, kMib), 40960u);
  EXPECT_EQ(gate_.Ready(8192, kMib), 32768u);
  EXPECT_EQ(gate_.Ready(49152, 4096), 4096u);
  EXPECT_EQ(gate_.Ready(45056, 4096), 0u);
}

TEST_F(ResidencyGateTest, SeesAnEvictionAfterManyRangesWereReady) {
  SKIP_IF_IN_MEMORY(directory_.path());
  for (size_t offset = 0; offset < kSize / 2; offset += kMib) {
    ASSERT_EQ(gate_.Ready(offset, kMib), kMib);
  }
  Evicted();
  EXPECT_EQ(gate_.Ready(kSize / 2, kMib), 0u);
  Cache(kSize / 2 + kMib, kMib);
  EXPECT_EQ(gate_.Ready(kSize / 2 + kMib, kMib), kMib);
}

}  // namespace
}  // namespace pagestall
