#include "lib/file/known_pages.h"

#include <gtest/gtest.h>

#include <chrono>

namespace pagestall {
namespace {

using std::chrono::milliseconds;
using std::chrono::nanoseconds;
using Moment = KnownPages::Moment;

constexpr milliseconds kBegin{1000};
constexpr nanoseconds kLifetime = KnownPages::kLifetime;

// A while after the last page went.
Moment At(nanoseconds now, nanoseconds reclaimed = kBegin / 2) {
  return {.now = now, .reclaimed = reclaimed};
}

TEST(KnownPagesTest, KnowsWhatItWasToldAndNoPageMore) {
  for (const uint64_t first : {0, 1, 63, 64, 500, 511, 512, 1000}) {
    for (const uint64_t count : {1, 2, 63, 64, 65, 512, 600}) {
      KnownPages known(2000);
      known.Add(first, count, kBegin, At(kBegin));
      EXPECT_TRUE(known.Has(first, count, At(kBegin)));
      EXPECT_TRUE(known.Has(first + count - 1, 1, At(kBegin)));
      EXPECT_FALSE(known.Has(first, count + 1, At(kBegin))) << first;
      EXPECT_FALSE(known.Has(first + count, 1, At(kBegin)));
      EXPECT_FALSE(first > 0 && known.Has(first - 1, 2, At(kBegin)));
    }
  }
}

TEST(KnownPagesTest, NothingIsKnownOfNoPageBeyondTheEndOrAtFirst) {
  const KnownPages known(1000);
  EXPECT_TRUE(known.Has(10, 0, At(kBegin)));
  EXPECT_FALSE(known.Has(10, 1, At(kBegin)));
  EXPECT_FALSE(known.Has(100'000, 1, At(kBegin)));
}

TEST(KnownPagesTest, ForgetsWhatItHasNotSeenForItsLifetime) {
  KnownPages known(1000);
  known.Add(0, 10, kBegin, At(kBegin));
  EXPECT_TRUE(known.Has(0, 10, At(kBegin + kLifetime)));
  EXPECT_FALSE(known.Has(0, 10, At(kBegin + kLifetime + nanoseconds(1))));
}

TEST(KnownPagesTest, PagesThatAreAddedDoNotMakeOlderOnesYounger) {
  KnownPages known(1000);
  known.Add(0, 10, kBegin, At(kBegin));
  known.Add(10, 10, kBegin + kLifetime / 2, At(kBegin + kLifetime / 2));
  EXPECT_FALSE(known.Has(0, 1, At(kBegin + kLifetime + nanoseconds(1))));
  // Nor do those that were asked for long ago.
  known.Add(10, 10, kBegin, At(kBegin + kLifetime / 2));
  EXPECT_FALSE(known.Has(10, 1, At(kBegin + kLifetime + nanoseconds(1))));
}

TEST(KnownPagesTest, PagesThatAreAddedToForgottenOnesDoNotBringThemBack) {
  KnownPages known(1000);
  known.Add(0, 10, kBegin, At(kBegin));
  const Moment later = At(kBegin + 2 * kLifetime);
  known.Add(20, 10, later.now, later);
  EXPECT_TRUE(known.Has(20, 10, later));
  EXPECT_FALSE(known.Has(0, 10, later));
}

TEST(KnownPagesTest, ForgetsAllThatWasSeenBeforePagesWent) {
  KnownPages known(1000);
  known.Add(0, 10, kBegin, At(kBegin));
  const milliseconds gone = kBegin + milliseconds(20);
  const nanoseconds quiet = gone + ReclaimWatch::kQuiet;
  EXPECT_FALSE(known.Has(0, 10, At(quiet, gone)));
  // Seen in the same tick: before or after, nobody knows.
  known.Set(0, {1}, At(gone, gone));
  EXPECT_FALSE(known.Has(0, 1, At(quiet, gone)));
  known.Set(0, {1}, At(quiet, gone));
  EXPECT_TRUE(known.Has(0, 1, At(quiet, gone)));
}

TEST(KnownPagesTest, IsNotUsedWhilePagesGo) {
  KnownPages known(1000);
  const milliseconds seen = kBegin + milliseconds(1);
  known.Add(0, 10, seen, At(seen, kBegin));
  EXPECT_FALSE(known.Has(
      0, 10, At(kBegin + ReclaimWatch::kQuiet - nanoseconds(1), kBegin)));
  EXPECT_TRUE(known.Has(0, 10, At(kBegin + ReclaimWatch::kQuiet, kBegin)));
}

TEST(KnownPagesTest, LastAnswerForAChunkIsTheOneThatHolds) {
  KnownPages known(1000);
  known.Set(1, {3, 0, 1}, At(kBegin));
  EXPECT_TRUE(known.Has(512, 2, At(kBegin)));
  EXPECT_TRUE(known.Has(640, 1, At(kBegin)));
  known.Set(1, {2}, At(kBegin));
  EXPECT_FALSE(known.Has(512, 1, At(kBegin)));
  EXPECT_TRUE(known.Has(513, 1, At(kBegin)));
  EXPECT_FALSE(known.Has(640, 1, At(kBegin)));
}

TEST(KnownPagesTest, TakesLittleMemoryAndNoneForWhatNobodyAsksFor) {
  constexpr uint64_t kOfAFile = uint64_t{8} << 18;  // 8 GiB of 4 KiB
  constexpr uint64_t kBytes = kOfAFile << 12;
  KnownPages known(kOfAFile);
  EXPECT_LT(known.memory_bytes(), kBytes / 1'000'000);
  known.Add(kOfAFile / 2, 1, kBegin, At(kBegin));
  EXPECT_LT(known.memory_bytes(), kBytes / 500'000);
  known.Add(0, kOfAFile, kBegin, At(kBegin));
  EXPECT_LT(known.memory_bytes(), kBytes / 25'000) << "0.004 %";
}

}  // namespace
}  // namespace pagestall
