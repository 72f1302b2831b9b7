// What the table of known pages answers of a mapping, and how long it is
// wrong where pages go unseen.

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "lib/file/known_pages.h"
#include "lib/file/page_buffer.h"
#include "lib/file/reclaim_watch.h"
#include "lib/file/shared_buffer.h"
#include "lib/uring/awaited_mapping.h"
#include "test/on_disk.h"
#include "test/run_program.h"
#include "test/sanitized.h"
#include "test/status_matchers.h"
#include "test/uring/with_ring.h"

namespace pagestall {
namespace {

using std::chrono::milliseconds;
using testing::HasSubstr;
using Bytes = absl::Span<const uint8_t>;

// A tick of the clock that the table has.
constexpr milliseconds kTick{10};

// By the table's clock, which may stand still for longer than a tick while a
// hypervisor withholds the CPU that keeps the time.
void SleepByItsClock(std::chrono::nanoseconds time) {
  const auto end = ReclaimWatch::Now() + time;
  while (ReclaimWatch::Now() < end) {
    std::this_thread::sleep_for(milliseconds(1));
  }
}

class KnownRangesTest : public WithMapping {
 protected:
  static constexpr size_t kSize = 4 * kMib;

  void SetUp() override {
    WithMapping::SetUp();
    if (IsSkipped() || HasFatalFailure()) return;
    SKIP_IF_IN_MEMORY(directory_.path());
    if (!ReclaimWatch::OfProcess().can_tell()) {
      GTEST_SKIP() << "/proc/vmstat does not tell what is reclaimed";
    }
  }

  // What is known of a range once all was awaited; again if the machine takes
  // memory back meanwhile, or is so slow that it is not believed any more.
  std::optional<Bytes> AwaitUntilKnown(AwaitedMapping& mapping,
                                       uint64_t offset = 0,
                                       size_t size = kSize) {
    for (int i = 0; i < 6000; ++i) {
      EXPECT_THAT(Run(mapping.Await(0, kSize)), IsOk());
      const auto known = mapping.TryAwait(offset, size);
      if (known) return known;
      std::this_thread::sleep_for(ReclaimWatch::kQuiet);
    }
    ADD_FAILURE() << "nothing is known of what was awaited";
    return std::nullopt;
  }

  static uint64_t CountResidentPages(const std::string& path) {
    const auto resident = CountResident(*File::Open(path, O_RDONLY));
    EXPECT_THAT(resident, IsOk());
    return resident->resident;
  }
};

TEST_F(KnownRangesTest, WhatWasAwaitedIsKnownColdAndWarm) {
  const std::vector<uint8_t> expected = Counting(kSize);
  for (const bool random : {false, true}) {
    const auto mapping = Open(WriteCold(kSize), {.random = random});
    EXPECT_FALSE(mapping->TryAwait(0, 1));
    for (const size_t offset : {0, 1, 4095, 50'000, 4'194'303, 4'194'304}) {
      for (const size_t size : {0, 1, 4096, 100'000, 10'000'000}) {
        const auto known = AwaitUntilKnown(*mapping, offset, size);
        ASSERT_TRUE(known.has_value()) << offset << ", " << size;
        EXPECT_EQ(*known, Bytes(expected).subspan(offset, size));
      }
    }
    EXPECT_TRUE(mapping->TryAwait(10'000'000, 10)->empty());
  }
}

TEST_F(KnownRangesTest, SinglePagesAreKnownAndOthersThatAreColdAreNot) {
  const auto mapping = Open(WriteCold(kSize), {.random = true});
  for (const uint64_t offset : {0, 100, 4096 * 100, 4096 * 513 + 10}) {
    std::optional<Bytes> known;
    for (int i = 0; i < 6000 && !known; ++i) {
      ASSERT_THAT(Run(mapping->Await(offset, 50)), IsOk());
      known = mapping->TryAwait(offset, 50);
      if (!known) std::this_thread::sleep_for(ReclaimWatch::kQuiet);
    }
    ASSERT_TRUE(known) << offset;
  }
  EXPECT_FALSE(mapping->TryAwait(0, 8192));
  EXPECT_FALSE(mapping->TryAwait(819200, 1));
}

TEST_F(KnownRangesTest, TouchOfAKnownRangeTakesNoFault) {
  if (kSanitized) GTEST_SKIP() << "a sanitizer's shadow takes faults as well";
  for (const bool random : {false, true}) {
    const auto mapping = Open(WriteCold(kSize), {.random = random});
    const auto known = AwaitUntilKnown(*mapping);
    ASSERT_TRUE(known);
    rusage before{};
    rusage after{};
    getrusage(RUSAGE_THREAD, &before);
    uint64_t sum = 0;
    for (size_t i = 0; i < known->size(); i += 4096) {
      sum += *const_cast<const volatile uint8_t*>(&(*known)[i]);
    }
    getrusage(RUSAGE_THREAD, &after);
    EXPECT_EQ(sum, 0u);
    EXPECT_EQ(after.ru_minflt + after.ru_majflt,
              before.ru_minflt + before.ru_majflt);
  }
}

TEST_F(KnownRangesTest, StaysKnownWhereAnotherAsksToDropIt) {
  const std::string path = WriteCold(kSize);
  const auto mapping = Open(path);
  AwaitUntilKnown(*mapping);
  ASSERT_THAT(Evict(*File::Open(path, O_RDONLY)), IsOk());
  EXPECT_EQ(CountResidentPages(path), kSize / 4096) << "what is mapped stays";
}

class LookUpTest : public KnownRangesTest {
 protected:
  static constexpr size_t kRecord = 4096;

  absl::StatusOr<Bytes> LookUp(AwaitedMapping& mapping, uint64_t offset,
                               size_t size = kRecord) {
    return Run(mapping.LookUp(offset, buffer_.Part(0, size)));
  }

  bool IsInBuffer(Bytes bytes) const {
    return bytes.data() == buffer_.bytes().data();
  }

  SharedBuffer buffer_{PageBuffer(65'536)};
};

TEST_F(LookUpTest, GivesTheBytesOfAnyRangeColdAndWarm) {
  const std::vector<uint8_t> expected = Counting(kSize);
  for (const char* state : {"cold", "warm"}) {
    const auto mapping = Open(WriteCold(kSize), {.random = true});
    for (const size_t offset : {0, 1, 4095, 2'097'000, 4'194'303, 5'000'000}) {
      for (const size_t size : {0, 1, 4096, 65'536}) {
        const auto bytes = LookUp(*mapping, offset, size);
        ASSERT_THAT(bytes, IsOk()) << state;
        const size_t begin = std::min(offset, kSize);
        EXPECT_EQ(*bytes, Bytes(expected).subspan(begin, size)) << offset;
      }
    }
  }
}

TEST_F(LookUpTest, RecordThatIsSeldomLookedUpIsReadAndLeavesNothingMapped) {
  const auto mapping = Open(WriteCold(kSize), {.random = true});
  const auto bytes = LookUp(*mapping, 8192);
  ASSERT_THAT(bytes, IsOk());
  EXPECT_TRUE(IsInBuffer(*bytes));
  EXPECT_FALSE(mapping->TryAwait(8192, kRecord));
}

TEST_F(LookUpTest, WhatIsInMemoryAndLookedUpOftenIsMapped) {
  const std::vector<uint8_t> expected = Counting(kSize);
  const auto mapping =
      Open(directory_.Write("file", expected), {.random = true});
  bool mapped = false;
  for (int i = 0; i < 1000 && !mapped; ++i) {
    const uint64_t offset = i * kRecord % (2 * kMib);
    const auto bytes = LookUp(*mapping, offset);
    ASSERT_THAT(bytes, IsOk());
    EXPECT_EQ(*bytes, Bytes(expected).subspan(offset, kRecord));
    mapped = !IsInBuffer(*bytes);
    // The machine may take memory back meanwhile.
    if (i % 32 == 31) std::this_thread::sleep_for(milliseconds(1));
  }
  EXPECT_TRUE(mapped);
  EXPECT_FALSE(mapping->TryAwait(3 * kMib, kRecord)) << "not there";
}

TEST_F(LookUpTest, FileThatWasTruncatedIsAnError) {
  const std::string path = WriteCold(kSize);
  const auto mapping = Open(path, {.random = true});
  ASSERT_EQ(truncate(path.c_str(), kMib + 10), 0);
  for (const uint64_t offset : {kMib, kMib + 4096, 2 * kMib}) {
    EXPECT_THAT(LookUp(*mapping, offset),
                IsError(absl::StatusCode::kOutOfRange, HasSubstr(path)));
  }
  EXPECT_THAT(LookUp(*mapping, kMib - 4096), IsOk());
}

// Somebody drops pages in a way that no count of the kernel's tells; the table
// may be wrong for its lifetime, and no longer.
class UnseenTest : public KnownRangesTest {
 protected:
  void ExpectForgotten(AwaitedMapping& mapping) {
    SleepByItsClock(KnownPages::kLifetime + kTick);
    EXPECT_FALSE(mapping.TryAwait(0, kSize));
    EXPECT_THAT(Run(mapping.Await(0, kSize)), IsOk());
  }
};

TEST_F(UnseenTest, PagedOutIsForgottenInTime) {
  const std::string path = WriteCold(kSize);
  const auto mapping = Open(path);
  AwaitUntilKnown(*mapping);
  const auto bytes = mapping->TryAwait(0, kSize);
  ASSERT_TRUE(bytes);
  constexpr int kPageOut = 21;  // MADV_PAGEOUT, Linux 5.4
  if (madvise(const_cast<uint8_t*>(bytes->data()), kSize, kPageOut) != 0 ||
      CountResidentPages(path) == kSize / 4096) {
    GTEST_SKIP() << "nothing is paged out here";
  }
  ExpectForgotten(*mapping);
}

TEST_F(UnseenTest, WrittenAroundThePageCacheIsForgottenInTime) {
  const std::string path = WriteCold(kSize);
  const auto mapping = Open(path);
  AwaitUntilKnown(*mapping);
  const auto direct = File::Open(path, O_WRONLY | O_DIRECT);
  if (!direct.ok()) GTEST_SKIP() << direct.status();
  const PageBuffer buffer(kMib);
  ASSERT_THAT(direct->Write(buffer.bytes(), 0), IsOk());
  if (CountResidentPages(path) == kSize / 4096) {
    GTEST_SKIP() << "nothing is dropped here";
  }
  ExpectForgotten(*mapping);
}

TEST_F(UnseenTest, PunchedOutIsForgottenInTime) {
  const std::string path = WriteCold(kSize);
  const auto mapping = Open(path);
  AwaitUntilKnown(*mapping);
  const auto file = File::Open(path, O_RDWR);
  if (fallocate(file->fd(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0,
                kMib) != 0) {
    GTEST_SKIP() << "no holes here";
  }
  ExpectForgotten(*mapping);
}

TEST_F(UnseenTest, TruncatedIsSeenInAFewMilliseconds) {
  const std::string path = WriteCold(kSize);
  const auto mapping = Open(path);
  AwaitUntilKnown(*mapping);
  ASSERT_EQ(truncate(path.c_str(), kMib), 0);
  SleepByItsClock(milliseconds(5) + kTick);
  EXPECT_FALSE(mapping->TryAwait(0, kSize));
  EXPECT_FALSE(mapping->TryAwait(kMib - 10, 11));
  EXPECT_THAT(Run(mapping->Await(2 * kMib, 10)),
              IsError(absl::StatusCode::kOutOfRange, HasSubstr(path)));
  EXPECT_THAT(Run(mapping->Await(0, kMib)), IsOk());
}

// Reads a file in a control group that has less memory than that.
bool ReadInLittleMemory(const std::string& path) {
  const bool v2 = access("/sys/fs/cgroup/cgroup.controllers", F_OK) == 0;
  const std::string parent = v2 ? "/sys/fs/cgroup" : "/sys/fs/cgroup/memory";
  const std::string group =
      parent + "/pagestall-test-" + std::to_string(getpid());
  const std::string limit =
      group + (v2 ? "/memory.max" : "/memory.limit_in_bytes");
  if (mkdir(group.c_str(), 0755) != 0) return false;
  const Ended ended =
      RunProgram({"/bin/sh", "-c",
                  "echo 8388608 > " + limit + " && echo $$ > " + group +
                      "/cgroup.procs && cat " + path + " > /dev/null"});
  for (int i = 0; i < 50 && rmdir(group.c_str()) != 0; ++i) {
    std::this_thread::sleep_for(milliseconds(20));
  }
  return ended.code == 0;
}

TEST_F(KnownRangesTest, MemoryThatIsTakenBackAnywhereIsSeenInMilliseconds) {
  const std::string other =
      directory_.Write("other", std::vector<uint8_t>(48 * kMib));
  ASSERT_THAT(Evict(*File::Open(other, O_RDONLY)), IsOk());
  const auto mapping = Open(WriteCold(kSize));
  AwaitUntilKnown(*mapping);
  if (!ReadInLittleMemory(other)) {
    GTEST_SKIP() << "no control group of memory can be made here";
  }
  SleepByItsClock(ReclaimWatch::kLongestPeriod + kTick);
  EXPECT_FALSE(mapping->TryAwait(0, kSize));
}

}  // namespace
}  // namespace pagestall
