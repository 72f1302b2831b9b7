#include "lib/probe/usage.h"

#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <latch>
#include <thread>
#include <vector>

#include "lib/file/mapping.h"
#include "lib/file/page_cache.h"
#include "test/on_disk.h"
#include "test/open_ones.h"
#include "test/probe/load.h"
#include "test/status_matchers.h"

namespace pagestall {
namespace {

constexpr size_t kBytes = size_t{8} << 20;
constexpr auto kBusy = 50ms;

TEST(Usage, CountsWhatTheDeviceDeliveredToAnyThread) {
  TemporaryDirectory directory;
  SKIP_IF_IN_MEMORY(directory.path());
  const File file = OpenOnes(directory, kBytes);
  const Usage start = Usage::Now();
  if (!start.device_read_bytes) GTEST_SKIP() << "no /proc/self/io";

  std::vector<uint8_t> buffer(kBytes);
  const auto read = [&] {
    EXPECT_EQ(file.Read(absl::MakeSpan(buffer), 0).value_or(0), kBytes);
  };
  read();
  const Usage cached = Usage::Now() - start;
  EXPECT_LT(*cached.device_read_bytes, kBytes);  // some of it may be our code

  ASSERT_THAT(Evict(file), IsOk());
  ASSERT_TRUE(CountResident(file)->none());
  const Usage before = Usage::Now();
  std::thread(read).join();
  const Usage cold = Usage::Now() - before;
  EXPECT_GE(*cold.device_read_bytes, kBytes);
}

TEST(Usage, FaultOnFreshMemoryIsMinor) {
  const Usage before = Usage::Now();
  // More than malloc() ever keeps for later (M_MMAP_THRESHOLD, mallopt(3)).
  std::vector<uint8_t> fresh(size_t{64} << 20, 1);
  EXPECT_EQ(std::count(fresh.begin(), fresh.end(), 0), 0);
  const Usage usage = Usage::Now() - before;
  EXPECT_GT(usage.process.minor_faults, 0);
  EXPECT_LT(usage.process.major_faults, usage.process.minor_faults);
}

TEST(Usage, FaultOnAnEvictedPageIsMajor) {
  TemporaryDirectory directory;
  SKIP_IF_IN_MEMORY(directory.path());
  const File file = OpenOnes(directory, kBytes);
  ASSERT_THAT(Evict(file), IsOk());
  const auto mapping = Mapping::Map(file);
  ASSERT_THAT(mapping, IsOk());
  const Usage before = Usage::Now();
  const volatile uint8_t touched = mapping->bytes()[0];
  EXPECT_EQ(touched, 1);
  EXPECT_GE((Usage::Now() - before).process.major_faults, 1);
}

TEST(Usage, CpuTimeIsThatOfEveryThreadButNotOfSleepWhichIsASwitch) {
  const Usage before = Usage::Now();
  std::thread([] { ComputeFor(kBusy); }).join();
  // The CPU may be somebody else's for some of the time.
  EXPECT_GT((Usage::Now() - before).cpu_time, kBusy / 10);

  const Usage asleep = Usage::Now();
  std::this_thread::sleep_for(kBusy);
  EXPECT_LT((Usage::Now() - asleep).cpu_time, kBusy / 10);
  EXPECT_GE((Usage::Now() - asleep).process.voluntary_switches, 1);
}

TEST(Usage, ThreadsAreReadByTheirNumber) {
  std::latch slept(1);
  std::latch end(1);
  std::atomic<pid_t> id = 0;
  FaultsAndSwitches own;
  std::thread other([&] {
    for (int i = 0; i < 5; ++i) {
      std::this_thread::sleep_for(1ms);
    }
    prctl(PR_SET_NAME, "a) S\nb");  // it may hold anything
    id = gettid();
    own = FaultsAndSwitches::OfThisThread();
    slept.count_down();
    end.wait();
  });
  slept.wait();
  const auto seen = FaultsAndSwitches::OfThread(id);
  if (absl::IsUnimplemented(seen.status())) {
    end.count_down();
    other.join();
    GTEST_SKIP() << seen.status();
  }
  ASSERT_THAT(seen, IsOk());
  EXPECT_GE(seen->voluntary_switches, 5);
  EXPECT_GE(seen->voluntary_switches, own.voluntary_switches);
  EXPECT_LE(seen->voluntary_switches, own.voluntary_switches + 5);
  EXPECT_GE(seen->minor_faults, own.minor_faults);
  EXPECT_LE(seen->minor_faults, own.minor_faults + 100);
  EXPECT_GE(seen->major_faults, own.major_faults);
  EXPECT_GE(seen->involuntary_switches, own.involuntary_switches);
  end.count_down();
  other.join();
  // join() returns before the kernel has taken the thread off its list.
  for (int i = 0; i < 200 && FaultsAndSwitches::OfThread(id).ok(); ++i) {
    std::this_thread::sleep_for(10ms);
  }
  EXPECT_THAT(FaultsAndSwitches::OfThread(id),
              IsError(kNotFound, testing::HasSubstr("has ended")));
  EXPECT_THAT(FaultsAndSwitches::OfThread(gettid()), IsOk());
}

// Its status in proc(5) names them all, before what is looked for.
TEST(Usage, ThreadIsReadHoweverManyGroupsItsUserIsIn) {
  std::latch begun(1);
  std::latch end(1);
  pid_t id = 0;
  bool is_in_many = false;
  std::thread other([&] {
    const std::vector<gid_t> groups(1000, 1'000'000'000);
    // The bare call changes the calling thread only (setgroups(2)).
    is_in_many = syscall(SYS_setgroups, groups.size(), groups.data()) == 0;
    id = gettid();
    begun.count_down();
    end.wait();
  });
  begun.wait();
  const auto seen = FaultsAndSwitches::OfThread(id);
  end.count_down();
  other.join();
  if (!is_in_many) GTEST_SKIP() << "needs root to join groups";
  EXPECT_THAT(seen, IsOk());
}

TEST(Usage, WhatWasCountedBackwardsOrNotAtAllIsHidden) {
  Usage before;
  Usage after;
  before.device_read_bytes = 2;
  before.system.cpu_ticks = 2;
  before.system.steal_ticks = 0;
  after.device_read_bytes = 1;
  after.system.cpu_ticks = 1;
  after.system.steal_ticks = 1;
  EXPECT_FALSE((after - before).device_read_bytes.has_value());
  EXPECT_FALSE((after - before).system.cpu_ticks.has_value());
  EXPECT_FALSE((after - before).system.StealPercent().has_value());
  EXPECT_FALSE((after - Usage()).device_read_bytes.has_value());
  EXPECT_EQ((after - after).device_read_bytes, 0u);
}

}  // namespace
}  // namespace pagestall
