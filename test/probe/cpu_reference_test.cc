#include "lib/probe/cpu_reference.h"

#include <gtest/gtest.h>
#include <time.h>

namespace pagestall {
namespace {

std::chrono::nanoseconds CpuTime() {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return std::chrono::seconds(time.tv_sec) +
         std::chrono::nanoseconds(time.tv_nsec);
}

TEST(CpuReference, ComputesAllTheTimeThatItTakes) {
  const auto before = CpuTime();
  const auto begin = std::chrono::steady_clock::now();
  const auto reference = TimeCpuReference();
  const auto wall = std::chrono::steady_clock::now() - begin;
  const auto cpu = CpuTime() - before;
  EXPECT_GT(reference, std::chrono::microseconds(10));
  EXPECT_LE(reference, wall);
  EXPECT_GT(cpu, std::chrono::microseconds(10));
}

}  // namespace
}  // namespace pagestall
