#include "lib/probe/cpu_reference.h"

#include <gtest/gtest.h>

#include "test/probe/load.h"

namespace pagestall {
namespace {

TEST(CpuReference, ComputesAllTheTimeThatItTakes) {
  const auto before = ThreadCpuTime();
  const auto begin = std::chrono::steady_clock::now();
  const auto reference = TimeCpuReference();
  const auto wall = std::chrono::steady_clock::now() - begin;
  const auto cpu = ThreadCpuTime() - before;
  EXPECT_GT(reference, std::chrono::microseconds(10));
  EXPECT_LE(reference, wall);
  EXPECT_GT(cpu, std::chrono::microseconds(10));
}

}  // namespace
}  // namespace pagestall
