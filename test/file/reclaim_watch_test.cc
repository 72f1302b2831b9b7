#include "lib/file/reclaim_watch.h"

#include <fcntl.h>
#include <gtest/gtest.h>

#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "lib/file/file.h"
#include "test/status_matchers.h"
#include "test/temporary_directory.h"

namespace pagestall {
namespace {

using Moment = ReclaimWatch::Moment;

class ReclaimWatchTest : public testing::Test {
 protected:
  std::string Write(uint64_t scanned, uint64_t stolen) {
    const std::string text =
        absl::StrCat("nr_free_pages 12\npgsteal_file_more 7\npgsteal_file ",
                     stolen, "\npgscan_file ", scanned, "\nthp_fault 1\n");
    return directory_.Write("vmstat",
                            std::vector<uint8_t>(text.begin(), text.end()));
  }

  static Moment LookAfter(ReclaimWatch& watch, std::chrono::nanoseconds time) {
    // By the watch's clock, which may stand still for longer than a tick while
    // a hypervisor withholds the CPU that keeps the time.
    const auto end = ReclaimWatch::Now() + time;
    while (ReclaimWatch::Now() < end) {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    return watch.Look();
  }

  TemporaryDirectory directory_;
};

TEST_F(ReclaimWatchTest, WhatNobodyTakesIsBelieved) {
  ReclaimWatch watch(Write(100, 50));
  EXPECT_TRUE(watch.can_tell());
  const Moment first = watch.Look();
  EXPECT_TRUE(first.quiet());
  const Moment next = LookAfter(watch, ReclaimWatch::kLongestPeriod);
  EXPECT_TRUE(next.Believes(first.now, std::chrono::seconds(60)));
}

TEST_F(ReclaimWatchTest, PageThatIsLookedAtOrTakenIsSeenWithinThePeriod) {
  for (const auto& [scanned, stolen] : {std::pair{101, 50}, {100, 51}}) {
    ReclaimWatch watch(Write(100, 50));
    const Moment first = watch.Look();
    Write(scanned, stolen);
    // And a tick of the clock.
    const Moment next = LookAfter(
        watch, ReclaimWatch::kLongestPeriod + std::chrono::milliseconds(10));
    EXPECT_FALSE(next.quiet());
    EXPECT_GT(next.reclaimed, first.now);
    const Moment later = LookAfter(watch, 2 * ReclaimWatch::kQuiet);
    EXPECT_TRUE(later.quiet());
    EXPECT_FALSE(later.Believes(first.now, std::chrono::seconds(60)));
    EXPECT_TRUE(later.Believes(later.now, std::chrono::seconds(60)));
  }
}

TEST_F(ReclaimWatchTest, KernelThatDoesNotTellIsNeverBelieved) {
  const std::string other = directory_.Write("other", {'p', 'g', '\n'});
  for (const std::string& path : {other, directory_.path("none")}) {
    ReclaimWatch watch(path);
    for (int i = 0; i < 3; ++i) {
      const Moment moment = LookAfter(watch, ReclaimWatch::kLongestPeriod);
      EXPECT_FALSE(moment.Believes(moment.now, std::chrono::seconds(60)));
    }
  }
}

TEST_F(ReclaimWatchTest, ThisKernelTells) {
  const auto vmstat = File::Open("/proc/vmstat", O_RDONLY);
  if (!vmstat.ok()) GTEST_SKIP() << vmstat.status();
  EXPECT_TRUE(ReclaimWatch::OfProcess().can_tell());
}

TEST_F(ReclaimWatchTest, ManyThreadsShareOne) {
  ReclaimWatch watch(Write(100, 50));
  std::vector<std::jthread> threads;
  threads.reserve(4);
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&watch] {
      const auto end = ReclaimWatch::Now() + std::chrono::milliseconds(50);
      while (ReclaimWatch::Now() < end) EXPECT_TRUE(watch.Look().quiet());
    });
  }
}

}  // namespace
}  // namespace pagestall
