#include "lib/file/memory_limits.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>

#include "lib/probe/usage.h"

namespace pagestall {
namespace {

constexpr uint64_t kBytes = uint64_t{64} << 20;

TEST(FreeMemory, IsWithinTheLimitWhichIsAtMostTheMachines) {
  EXPECT_GT(FreeMemoryBytes(), 0u);
  EXPECT_GE(MemoryLimitBytes(), FreeMemoryBytes());
  EXPECT_LE(MemoryLimitBytes(),
            static_cast<uint64_t>(sysconf(_SC_PHYS_PAGES)) * getpagesize());
}

// statm of proc_pid_statm(5): resident pages.
uint64_t ResidentBytes() {
  std::ifstream file("/proc/self/statm");
  uint64_t total = 0;
  uint64_t resident = 0;
  file >> total >> resident;
  return resident * getpagesize();
}

TEST(FreeMemory, IsTouchedAndGivenBack) {
  if (FreeMemoryBytes() < 4 * kBytes) GTEST_SKIP() << "memory is short";
  const auto before = FaultsAndSwitches::OfThisThread();
  const uint64_t resident = ResidentBytes();
  BackFreeMemory(kBytes);
  // At most one for each huge page of 2 MiB, at least one in all.
  EXPECT_GT((FaultsAndSwitches::OfThisThread() - before).minor_faults, 0);
  EXPECT_LT(ResidentBytes(), resident + kBytes / 2);
}

TEST(FreeMemory, IsLeftAloneIfItIsShort) {
  const auto before = FaultsAndSwitches::OfThisThread();
  BackFreeMemory(UINT64_MAX / 2);
  EXPECT_LT((FaultsAndSwitches::OfThisThread() - before).minor_faults, 100);
}

}  // namespace
}  // namespace pagestall
