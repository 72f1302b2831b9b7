#include "lib/probe/process_usage.h"

#include <fcntl.h>

#include <algorithm>
#include <chrono>
#include <thread>
#include <vector>

#include "lib/file/mapping.h"
#include "lib/file/page_cache.h"
#include "test/on_disk.h"
#include "test/status_matchers.h"
#include "test/temporary_directory.h"

namespace pagestall {
namespace {

constexpr size_t kBytes = size_t{8} << 20;

TEST(ProcessUsage, CountsWhatTheDeviceDeliveredToAnyThread) {
  TemporaryDirectory directory;
  SKIP_IF_IN_MEMORY(directory.path());
  const auto file = File::Open(
      directory.Write("file", std::vector<uint8_t>(kBytes, 1)), O_RDWR);
  ASSERT_THAT(file, IsOk());
  const ProcessUsage start = ProcessUsage::Now();
  if (!start.device_read_bytes) GTEST_SKIP() << "no /proc/self/io";

  std::vector<uint8_t> buffer(kBytes);
  const auto read = [&] {
    EXPECT_EQ(file->Read(absl::MakeSpan(buffer), 0).value_or(0), kBytes);
  };
  read();
  const ProcessUsage cached = ProcessUsage::Now() - start;
  EXPECT_LT(*cached.device_read_bytes, kBytes);  // some of it may be our code

  ASSERT_THAT(Evict(*file), IsOk());
  ASSERT_TRUE(CountResident(*file)->none());
  const ProcessUsage before = ProcessUsage::Now();
  std::thread(read).join();
  const ProcessUsage cold = ProcessUsage::Now() - before;
  EXPECT_GE(*cold.device_read_bytes, kBytes);
}

TEST(ProcessUsage, FaultOnFreshMemoryIsMinor) {
  const ProcessUsage before = ProcessUsage::Now();
  std::vector<uint8_t> fresh(kBytes, 1);
  EXPECT_EQ(std::count(fresh.begin(), fresh.end(), 0), 0);
  const ProcessUsage usage = ProcessUsage::Now() - before;
  EXPECT_GT(usage.minor_faults, 0);
  EXPECT_LT(usage.major_faults, usage.minor_faults);
}

TEST(ProcessUsage, FaultOnAnEvictedPageIsMajor) {
  TemporaryDirectory directory;
  SKIP_IF_IN_MEMORY(directory.path());
  const auto file = File::Open(
      directory.Write("file", std::vector<uint8_t>(kBytes, 1)), O_RDWR);
  ASSERT_THAT(file, IsOk());
  ASSERT_THAT(Evict(*file), IsOk());
  const auto mapping = Mapping::Map(*file);
  ASSERT_THAT(mapping, IsOk());
  const ProcessUsage before = ProcessUsage::Now();
  const volatile uint8_t touched = mapping->bytes()[0];
  EXPECT_EQ(touched, 1);
  EXPECT_GE((ProcessUsage::Now() - before).major_faults, 1);
}

TEST(ProcessUsage, SleepIsAVoluntarySwitch) {
  const ProcessUsage before = ProcessUsage::Now();
  std::this_thread::sleep_for(std::chrono::milliseconds(1));
  EXPECT_GE((ProcessUsage::Now() - before).voluntary_switches, 1);
}

TEST(ProcessUsage, DifferenceOfWhatIsHiddenIsHidden) {
  ProcessUsage hidden;
  ProcessUsage shown;
  shown.device_read_bytes = 1;
  EXPECT_FALSE((shown - hidden).device_read_bytes.has_value());
  EXPECT_EQ((shown - shown).device_read_bytes, 0u);
}

}  // namespace
}  // namespace pagestall
