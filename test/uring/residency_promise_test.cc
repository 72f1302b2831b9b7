// What an await promises of what is in memory, and what it costs there.

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <asio/steady_timer.hpp>
#include <fstream>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "lib/file/file.h"
#include "lib/file/page_cache.h"
#include "lib/probe/expect_not_blocked.h"
#include "lib/uring/awaited_mapping.h"
#include "test/on_disk.h"
#include "test/probe/load.h"
#include "test/slow_mount.h"
#include "test/status_matchers.h"
#include "test/uring/with_ring.h"

namespace pagestall {
namespace {

using Bytes = absl::Span<const uint8_t>;

class ResidencyPromiseTest : public WithRing {
 protected:
  std::string Write(size_t size) {
    std::string path = directory_.Write("file", Counting(size));
    const auto file = File::Open(path, O_RDONLY);
    EXPECT_THAT(Evict(*file), IsOk());
    return path;
  }

  static void Warm(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    std::vector<char> buffer(kMib);
    while (file.read(buffer.data(), kMib)) {
    }
  }

  std::unique_ptr<AwaitedMapping> Open(
      const std::string& path, const AwaitedMapping::Options& options = {}) {
    auto mapping = AwaitedMapping::Open(path, *ring_, options);
    EXPECT_THAT(mapping, IsOk());
    return *std::move(mapping);
  }

  // In one coroutine, so that the executor's own waits are few.
  static asio::awaitable<int> AwaitAll(AwaitedMapping& mapping, size_t size,
                                       uint64_t from, uint64_t until) {
    int sum = 0;
    for (uint64_t offset = from; offset < until; offset += size) {
      const auto bytes = co_await mapping.Await(offset, size);
      EXPECT_THAT(bytes, IsOk());
      if (!bytes.ok()) break;
      for (size_t i = 0; i < bytes->size(); i += 4096) sum += (*bytes)[i];
    }
    co_return sum;
  }
};

rusage UsageOfThread() {
  rusage usage{};
  getrusage(RUSAGE_THREAD, &usage);
  return usage;
}

uint64_t ResidentPages(const std::string& path) {
  const auto file = File::Open(path, O_RDONLY);
  const auto resident = CountResident(*file);
  EXPECT_THAT(resident, IsOk());
  return resident->resident;
}

TEST_F(ResidencyPromiseTest, PinLimitCountsWhatIsHeld) {
  SKIP_IF_IN_MEMORY(directory_.path());
  constexpr size_t kLimit = 4 * kMib;
  const std::string path = Write(64 * kMib);
  const auto mapping = Open(path, {.pin_limit_bytes = kLimit});
  std::vector<AwaitedMapping::Pinned> pins;
  for (uint64_t offset = 0; offset < 64 * kMib; offset += 2 * kMib) {
    auto pinned = Run(mapping->AwaitPinned(offset, 4096));
    if (pinned.ok()) pins.push_back(*std::move(pinned));
  }
  EXPECT_THAT(Evict(*File::Open(path, O_RDONLY)), IsOk());
  EXPECT_LE(ResidentPages(path) * 4096, kLimit);
}

TEST_F(ResidencyPromiseTest, PageInFlightIsNotInMemory) {
  constexpr size_t kSize = 24 * kMib;
  const std::string directory = directory_.path();
  directory_.Write("slow", std::vector<uint8_t>(kSize));
  const SlowMount mount(directory, {"--mb_per_s=20"});
  if (!mount.ok()) GTEST_SKIP() << mount.reason();
  const auto mapping = Open(mount.path("slow"));
  // Somebody else asks for all of it.
  const auto file = File::Open(mount.path("slow"), O_RDONLY);
  std::jthread other([&] {
    for (uint64_t offset = 0; offset < kSize; offset += 128 << 10) {
      EXPECT_THAT(file->AdviseWillNeed(offset, 128 << 10), IsOk());
    }
  });
  std::this_thread::sleep_for(100ms);
  asio::steady_timer polled(context_);
  EXPECT_NOT_BLOCKED(5ms, Run(AwaitAll(*mapping, 64 << 10, 0, kSize)));
}

TEST_F(ResidencyPromiseTest, WhoMayNotAskIsServedFromMemoryAsWell) {
  if (geteuid() != 0) GTEST_SKIP() << "only root can become another user";
  const std::string path = Write(8 * kMib);
  ASSERT_EQ(chmod(path.c_str(), 0644), 0);
  Warm(path);
  ASSERT_EQ(chmod(directory_.path().c_str(), 0755), 0);
  // A thread that becomes another user, without the others (setresuid(2)).
  std::thread([&] {
    ASSERT_EQ(syscall(SYS_setresuid, 65534, 65534, -1), 0);
    auto ring = Ring::Open(context_.get_executor());
    ASSERT_THAT(ring, IsOk());
    const auto others = AwaitedMapping::Open(path, **ring, {});
    ASSERT_THAT(others, IsOk());
    const rusage before = UsageOfThread();
    Run(AwaitAll(**others, 64 << 10, 0, 8 * kMib));
    EXPECT_LT(UsageOfThread().ru_nvcsw - before.ru_nvcsw, 8);
  }).join();
}

TEST_F(ResidencyPromiseTest, ColdRandomRangeIsReadInLargeRequests) {
  const std::string directory = directory_.path();
  directory_.Write("slow", std::vector<uint8_t>(kMib));
  const SlowMount mount(directory, {"--latency_ms=20"});
  if (!mount.ok()) GTEST_SKIP() << mount.reason();
  const auto mapping = Open(mount.path("slow"), {.random = true});
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_THAT(Run(mapping->Await(0, kMib)), IsOk());
  // Page by page it would take 256 times 20 ms.
  EXPECT_LT(std::chrono::steady_clock::now() - begin, 2500ms);
}

TEST_F(ResidencyPromiseTest, OneMissDoesNotMakeTheRestSlow) {
  SKIP_IF_IN_MEMORY(directory_.path());
  constexpr size_t kSize = 16 * kMib;
  constexpr size_t kRange = 4096;
  const std::string path = Write(kSize);
  Warm(path);
  ASSERT_THAT(EvictRange(*File::Open(path, O_RDONLY), 0, 2 * kMib), IsOk());
  const auto mapping = Open(path);
  const rusage before = UsageOfThread();
  Run(AwaitAll(*mapping, kRange, 0, kSize));
  EXPECT_LT(UsageOfThread().ru_nvcsw - before.ru_nvcsw,
            static_cast<int64_t>(kSize / kRange / 16));
}

TEST_F(ResidencyPromiseTest, TouchAsksTheDeviceForNothing) {
  SKIP_IF_IN_MEMORY(directory_.path());
  const std::string path = Write(64 * kMib);
  const auto file = File::Open(path, O_RDONLY);
  std::vector<uint8_t> buffer(kMib);
  for (uint64_t offset = 0; offset < 2 * kMib; offset += kMib) {
    ASSERT_THAT(file->Read(absl::MakeSpan(buffer), offset), IsOk());
  }
  std::this_thread::sleep_for(200ms);  // until what it has begun is there
  uint64_t ready = 0;
  while (ready < 64 * kMib && *AllCached(*file, ready, 64 << 10)) {
    ready += 64 << 10;
  }
  ASSERT_LT(ready, 64 * kMib) << "nothing is left to read ahead";
  const uint64_t before = ResidentPages(path);
  const auto mapping = Open(path, {.ahead = 0});
  Run(AwaitAll(*mapping, 64 << 10, 0, ready));
  std::this_thread::sleep_for(200ms);
  EXPECT_EQ(ResidentPages(path), before);
}

}  // namespace
}  // namespace pagestall
