// What a mapping promises when an await has returned, and what it says when it
// cannot.

#include "lib/uring/awaited_mapping.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/steady_timer.hpp>
#include <atomic>
#include <fstream>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "lib/file/file.h"
#include "lib/file/page_cache.h"
#include "lib/probe/expect_not_blocked.h"
#include "test/forbidden_call.h"
#include "test/on_disk.h"
#include "test/probe/load.h"
#include "test/sanitized.h"
#include "test/slow_mount.h"
#include "test/status_matchers.h"
#include "test/uring/with_ring.h"

namespace pagestall {
namespace {

using testing::_;
using testing::AllOf;
using testing::HasSubstr;
using Bytes = absl::Span<const uint8_t>;

// A line of proc_pid_status(5).
size_t StatusBytes(const std::string& name) {
  std::ifstream file("/proc/self/status");
  for (std::string word; file >> word;) {
    if (word != name) continue;
    size_t kib = 0;
    file >> kib;
    return kib << 10;
  }
  return 0;
}

class AwaitedMappingTest : public WithMapping {
 protected:
  absl::StatusOr<Bytes> Await(AwaitedMapping& mapping, uint64_t offset,
                              size_t size) {
    return Run(mapping.Await(offset, size));
  }
};

TEST_F(AwaitedMappingTest, GivesTheBytesOfAnyRange) {
  for (const size_t file_size : {0, 100'000}) {
    const auto mapping = Open(WriteCold(file_size));
    EXPECT_EQ(mapping->size(), file_size);
    const std::vector<uint8_t> expected = Counting(file_size);
    for (const size_t offset : {0, 1, 4095, 4096, 50'000, 99'999, 1'000'000}) {
      for (const size_t size : {0, 1, 4096, 5000, 200'000}) {
        const size_t begin = std::min(offset, file_size);
        EXPECT_THAT(Await(*mapping, offset, size),
                    IsOkAndHolds(Bytes(expected).subspan(begin, size)))
            << offset << ", " << size;
      }
    }
  }
}

// How many pages of a range this process has mapped: bit 63 of each entry of
// /proc/self/pagemap (the kernel's pagemap.rst).
size_t CountMapped(Bytes bytes) {
  const File pagemap = File::Open("/proc/self/pagemap", O_RDONLY).value();
  std::vector<uint64_t> entries(bytes.size() / 4096);
  const auto raw = absl::MakeSpan(reinterpret_cast<uint8_t*>(entries.data()),
                                  entries.size() * sizeof(uint64_t));
  const uint64_t page = reinterpret_cast<uintptr_t>(bytes.data()) / 4096;
  EXPECT_THAT(pagemap.Read(raw, page * sizeof(uint64_t)), IsOk());
  return std::count_if(entries.begin(), entries.end(),
                       [](uint64_t entry) { return entry >> 63 != 0; });
}

TEST_F(AwaitedMappingTest, ColdRangeIsResidentAndMappedWhenAwaited) {
  SKIP_IF_IN_MEMORY(directory_.path());
  for (const bool random : {false, true}) {
    const auto mapping = Open(WriteCold(4 * kMib), {.random = random});
    EXPECT_EQ(CountMapped(Await(*mapping, 0, 4 * kMib).value()), 1024u);
  }
}

TEST_F(AwaitedMappingTest, NextRangesAreReadAhead) {
  SKIP_IF_IN_MEMORY(directory_.path());
  // Further than the kernel reads by itself for a read of 4 MiB, and no further
  // than is read at once: here nobody has the ring go on.
  constexpr uint64_t kFar = 24 * kMib;
  const std::string path = WriteCold(64 * kMib);
  const auto file = OpenFile(path);
  for (const size_t ahead : {0, 12}) {
    bool cached = false;
    // Somebody may drop the machine's page cache meanwhile: then once more.
    for (int tries = 0; tries < (ahead == 0 ? 1 : 10) && !cached; ++tries) {
      ASSERT_THAT(Evict(*file), IsOk());
      const auto mapping = Open(path, {.ahead = ahead});
      ASSERT_THAT(Await(*mapping, 0, 4 * kMib), IsOk());
      for (int wait = 0; wait < (ahead == 0 ? 20 : 200) && !cached; ++wait) {
        std::this_thread::sleep_for(10ms);
        const auto seen = AllCached(*file, kFar, 4 * kMib);
        if (absl::IsUnimplemented(seen.status())) GTEST_SKIP() << seen.status();
        ASSERT_THAT(seen, IsOk());
        cached = *seen;
      }
    }
    EXPECT_EQ(cached, ahead > 0);
  }
}

TEST_F(AwaitedMappingTest, ManyCoroutinesAwaitOverlappingRanges) {
  const auto mapping = Open(WriteCold(8 * kMib));
  const std::vector<uint8_t> expected = Counting(8 * kMib);
  std::vector<Awaited> awaited;
  for (size_t i = 0; i < 64; ++i) {
    awaited.push_back(Start(mapping->Await(i % 8 * kMib, kMib + i)));
  }
  context_.run();
  for (size_t i = 0; i < 64; ++i) {
    EXPECT_THAT(awaited[i]->value(),
                IsOkAndHolds(Bytes(expected).subspan(i % 8 * kMib, kMib + i)));
  }
}

TEST_F(AwaitedMappingTest, SlowStorageDoesNotBlockTheExecutor) {
  const SlowZeros mount(50ms);
  if (!mount.ok()) GTEST_SKIP() << mount.reason();
  const auto mapping = Open(mount.page());
  asio::steady_timer polled(context_);
  absl::StatusOr<Bytes> bytes;
  uint8_t touched = 1;
  EXPECT_NOT_BLOCKED(10ms, bytes = Await(*mapping, 0, 4096);
                     touched = bytes.ok() ? (*bytes)[100] : 1);
  EXPECT_THAT(bytes, IsOk());
  EXPECT_EQ(touched, 0);
}

TEST_F(AwaitedMappingTest, TruncatedFileIsAStatusAndItsRestIsThere) {
  const struct {
    size_t before, after, page;
  } cases[] = {{16'384, 100, 0},
               {10'000, 100, 0},
               {10'000, 9999, 8192},
               {kMib, 8192, 8192},
               {kMib, 8192, 98'304}};
  for (const bool random : {false, true}) {
    for (const auto& [before, after, page] : cases) {
      const std::string path =
          directory_.Write("file", std::vector<uint8_t>(before, 7));
      const auto mapping = Open(path, {.random = random});
      ASSERT_THAT(Await(*mapping, page, 4096), IsOk());
      ASSERT_THAT(Await(*mapping, 0, before), IsOk());
      ASSERT_EQ(truncate(path.c_str(), static_cast<off_t>(after)), 0);
      const auto truncated = IsError(
          kOutOfRange,
          AllOf(HasSubstr(path),
                HasSubstr(absl::StrCat("truncated to ", after, " bytes"))));
      EXPECT_THAT(Await(*mapping, page, 4096), truncated);
      EXPECT_THAT(Await(*mapping, after - 50, 51), truncated);
      EXPECT_THAT(Await(*mapping, after - 50, 50), IsOk());
    }
  }
}

TEST_F(AwaitedMappingTest, WhatHasNoBytesToMapIsRefusedInWords) {
  const std::pair<std::string, std::string> cases[] = {
      {directory_.path(), "name a regular file"},
      {OpenSilentPipe()->path(), "name a regular file"},
      {"/dev/zero", "name a regular file"},
      {"/dev/null", "name a regular file"},
      {"/proc/self/status", "says that it has 0 bytes"}};
  for (const auto& [path, words] : cases) {
    EXPECT_THAT(
        AwaitedMapping::Open(path, *ring_, {}),
        IsError(kInvalidArgument, AllOf(HasSubstr(path), HasSubstr(words))));
  }
}

TEST_F(AwaitedMappingTest, ErrorOfALargeRangeIsFoundInLittleMemory) {
  if (kSanitized) GTEST_SKIP() << "the sanitizer wants more memory";
  constexpr size_t kSize = 48 * kMib;
  constexpr size_t kBad = kSize - 4096;
  directory_.Write("file", std::vector<uint8_t>(kSize));
  const SlowMount mount(directory_.path(),
                        {"--fail_at=file:" + std::to_string(kBad)});
  if (!mount.ok()) GTEST_SKIP() << mount.reason();
  const std::string path = mount.path("file");
  const auto mapping = Open(path);
  rlimit before{};
  getrlimit(RLIMIT_DATA, &before);
  const absl::Cleanup put_back = [&] { setrlimit(RLIMIT_DATA, &before); };
  const rlimit limit = {StatusBytes("VmData:") + 16 * kMib, before.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_DATA, &limit), 0);
  EXPECT_THAT(Await(*mapping, 0, kSize),
              IsError(kUnknown, "read at byte " + std::to_string(kBad) + " '" +
                                    path + "': Input/output error"));
}

TEST_F(AwaitedMappingTest, ClosesWhileItReadsAhead) {
  const std::string path = WriteCold(32 * kMib);
  for (int i = 0; i < 10; ++i) {
    ASSERT_THAT(Evict(*OpenFile(path)), IsOk());
    auto mapping = Open(path, {.ahead = 8});
    ASSERT_THAT(Await(*mapping, 0, kMib), IsOk());
  }
}

TEST_F(AwaitedMappingTest, CoroutinesGetTheirAnswerWhenTheMappingIsGone) {
  auto mapping = Open(WriteCold(8 * kMib), {.ahead = 4});
  std::vector<Awaited> awaited;
  for (size_t i = 0; i < 8; ++i) {
    awaited.push_back(Start(mapping->Await(i * kMib, kMib)));
  }
  context_.poll();
  mapping.reset();
  context_.run();
  for (const Awaited& bytes : awaited) EXPECT_THAT(bytes->value(), IsOk());
}

asio::awaitable<void> PinAndKeep(AwaitedMapping& mapping,
                                 std::shared_ptr<int> alive) {
  const auto pinned = co_await mapping.AwaitPinned(0, kMib);
  *alive = 1;
}

TEST_F(AwaitedMappingTest, ClosesWithItsRingAndCoroutines) {
  const std::string path = WriteCold(8 * kMib);
  const auto alive = std::make_shared<int>(0);
  {
    asio::io_context context(1);
    auto ring = Ring::Open(context.get_executor());
    ASSERT_THAT(ring, IsOk());
    auto mapping = AwaitedMapping::Open(path, **ring, {});
    ASSERT_THAT(mapping, IsOk());
    for (size_t i = 0; i < 8; ++i) {
      asio::co_spawn(context, (*mapping)->Await(i * kMib, kMib),
                     [alive](const std::exception_ptr& /*error*/,
                             const absl::StatusOr<Bytes>& /*bytes*/) {});
    }
    asio::co_spawn(context, PinAndKeep(**mapping, alive), asio::detached);
    context.poll();
    ring->reset();
    mapping->reset();
  }
  EXPECT_EQ(alive.use_count(), 1);
}

TEST_F(AwaitedMappingTest, ManyRangesAreAnsweredInTheirOrderEachForItself) {
  SKIP_IF_IN_MEMORY(directory_.path());
  for (const bool random : {false, true}) {
    const std::string path = WriteCold(kMib);
    const auto mapping = Open(path, {.random = random});
    const std::vector<uint8_t> expected = Counting(kMib);
    const std::vector<AwaitedMapping::Range> ranges = {
        {500'000, 10}, {0, 200'000}, {5000, 0}, {kMib - 5, 100}, {8192, 4096}};
    for (const char* state : {"cold", "known"}) {
      const auto answers = Run(mapping->AwaitAll(ranges));
      ASSERT_EQ(answers.size(), ranges.size());
      for (size_t i = 0; i < ranges.size(); ++i) {
        ASSERT_THAT(answers[i], IsOk()) << state;
        EXPECT_EQ(*answers[i],
                  Bytes(expected).subspan(ranges[i].offset, ranges[i].size));
      }
    }
    ASSERT_EQ(truncate(path.c_str(), 300'000), 0);
    std::this_thread::sleep_for(20ms);
    const auto answers = Run(mapping->AwaitAll(ranges));
    EXPECT_THAT(answers[0], IsError(absl::StatusCode::kOutOfRange, _));
    EXPECT_THAT(answers[1], IsOk());
    EXPECT_THAT(answers[3], IsError(absl::StatusCode::kOutOfRange, _));
    EXPECT_THAT(answers[4], IsOk());
  }
  const auto mapping = Open(WriteCold(kMib));
  EXPECT_TRUE(Run(mapping->AwaitAll({})).empty());
}

// How long as many take as the ring has no threads for.
TEST_F(AwaitedMappingTest, ManyRangesAreWaitedForTogether) {
  const std::string directory = directory_.path();
  directory_.Write("slow", std::vector<uint8_t>(2 * kMib));
  const SlowMount mount(directory, {"--latency_ms=20"});
  if (!mount.ok()) GTEST_SKIP() << mount.reason();
  const auto mapping = Open(mount.path("slow"), {.random = true});
  std::vector<AwaitedMapping::Range> ranges;
  for (uint64_t at = 0; at < 2 * kMib; at += 32 << 10) {
    ranges.push_back({at, 1});
  }
  const auto begin = std::chrono::steady_clock::now();
  for (const auto& answer : Run(mapping->AwaitAll(ranges))) {
    EXPECT_THAT(answer, IsOk());
  }
  // One after the other they would take 64 times 20 ms.
  EXPECT_LT(std::chrono::steady_clock::now() - begin, 900ms);
}

TEST_F(AwaitedMappingTest, ManyRangesThatEndWithTheirRingSayWhy) {
  const auto mapping = Open(WriteCold(kMib), {.random = true});
  ring_.reset();
  for (const auto& answer :
       Run(mapping->AwaitAll({{0, 100}, {500'000, 100}}))) {
    EXPECT_THAT(answer, IsError(absl::StatusCode::kFailedPrecondition, _));
  }
}

size_t LockedBytes() { return StatusBytes("VmLck:"); }

class AwaitedMappingPin : public AwaitedMappingTest {
 protected:
  absl::StatusOr<AwaitedMapping::Pinned> Pin(AwaitedMapping& mapping,
                                             uint64_t offset, size_t size) {
    return Run(mapping.AwaitPinned(offset, size));
  }
};

TEST_F(AwaitedMappingPin, HoldsItsRangeWhileItLives) {
  const auto mapping = Open(WriteCold(kMib));
  const size_t before = LockedBytes();
  {
    const auto pinned = *Pin(*mapping, 5000, 10'000);
    EXPECT_EQ(pinned.bytes(), Bytes(Counting(kMib)).subspan(5000, 10'000));
    EXPECT_EQ(LockedBytes() - before, 3 * 4096u);
  }
  EXPECT_EQ(LockedBytes(), before);
}

TEST_F(AwaitedMappingPin, PinsMayOverlap) {
  const auto mapping = Open(WriteCold(kMib));
  const size_t before = LockedBytes();
  std::optional first = *Pin(*mapping, 0, 16'384);
  const auto second = *Pin(*mapping, 8192, 16'384);
  EXPECT_EQ(LockedBytes() - before, 6 * 4096u);
  first.reset();
  EXPECT_EQ(LockedBytes() - before, 4 * 4096u);
}

TEST_F(AwaitedMappingPin, IsRefusedBeyondTheLimitAndGivesBackWhatItHad) {
  const std::string path = WriteCold(8 * kMib);
  const auto mapping = Open(path, {.pin_limit_bytes = 4 * kMib});
  EXPECT_THAT(Pin(*mapping, 0, 4 * kMib + 1),
              IsError(kResourceExhausted,
                      AllOf(HasSubstr(path), HasSubstr("4194304"))));
  for (int i = 0; i < 10; ++i) {
    const auto pinned = *Pin(*mapping, 0, 4 * kMib);
    EXPECT_THAT(Pin(*mapping, 4 * kMib, 1),
                IsError(kResourceExhausted, HasSubstr(path)));
  }
}

TEST_F(AwaitedMappingPin, IsLetGoInOneCallForWhatNobodyElseHas) {
  const std::string path = WriteCold(2 * kMib);
  for (const bool shared : {false, true}) {
    std::atomic<int> calls = 0;
    // On one thread: the ring is that thread's.
    RunCounting(SYS_munlock, calls, [&] {
      ring_ = *Ring::Open(context_.get_executor());
      const auto mapping = Open(path);
      std::optional pinned = *Pin(*mapping, 0, 2 * kMib);
      std::optional<AwaitedMapping::Pinned> other;
      if (shared) other = *Pin(*mapping, kMib, 8192);
      calls = 0;
      pinned.reset();
      EXPECT_EQ(calls, shared ? 2 : 1);
    });
  }
}

TEST_F(AwaitedMappingPin, OfWhatIsGoneHoldsNothing) {
  const std::string path = WriteCold(kMib);
  const auto mapping = Open(path);
  const size_t before = LockedBytes();
  ASSERT_EQ(truncate(path.c_str(), 0), 0);
  EXPECT_THAT(Pin(*mapping, 0, 4096), IsError(kOutOfRange, HasSubstr(path)));
  EXPECT_EQ(LockedBytes(), before);
}

}  // namespace
}  // namespace pagestall
