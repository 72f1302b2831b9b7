#include "lib/uring/held_ranges.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <vector>

namespace pagestall {
namespace {

using testing::ElementsAre;
using Range = HeldRanges::Range;

std::vector<Range> Release(HeldRanges& held, Range range) {
  std::vector<Range> free;
  held.Release(range, [&](Range piece) { free.push_back(piece); });
  return free;
}

TEST(HeldRanges, LargeOneIsFreeInOnePiece) {
  HeldRanges held;
  held.Hold({0, 1 << 30});
  EXPECT_THAT(Release(held, {0, 1 << 30}), ElementsAre(Range{0, 1 << 30}));
}

TEST(HeldRanges, AgreeWithACountOfEachPlace) {
  std::mt19937 random(1);
  HeldRanges held;
  std::vector<int> count(64);
  std::vector<Range> ranges;
  for (int step = 0; step < 20'000; ++step) {
    if (ranges.size() < 10 && random() % 2 == 0) {
      const uint64_t begin = random() % 63;
      const Range range = {begin, begin + 1 + random() % (64 - begin)};
      held.Hold(range);
      for (uint64_t i = range.begin; i < range.end; ++i) ++count[i];
      ranges.push_back(range);
    } else if (!ranges.empty()) {
      std::swap(ranges[random() % ranges.size()], ranges.back());
      const Range range = ranges.back();
      ranges.pop_back();
      std::vector<Range> free;
      for (uint64_t i = range.begin; i < range.end; ++i) {
        if (--count[i] > 0) continue;
        if (!free.empty() && free.back().end == i) {
          ++free.back().end;
        } else {
          free.push_back({i, i + 1});
        }
      }
      ASSERT_EQ(Release(held, range), free) << step;
    }
  }
}

}  // namespace
}  // namespace pagestall
