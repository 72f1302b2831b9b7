#include "lib/kernel/strided_sum.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <vector>

namespace pagestall {
namespace {

uint64_t NaiveSum(const std::vector<uint8_t>& bytes, uint64_t stride) {
  uint64_t sum = 0;
  for (uint64_t i = 0; i < bytes.size(); ++i) {
    if (i % stride == 0) sum += bytes[i];
  }
  return sum;
}

std::vector<uint8_t> RandomBytes(size_t size, std::mt19937& random) {
  std::vector<uint8_t> bytes(size);
  for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(random());
  return bytes;
}

// Small values often, so that strides meet chunks of every relation to them.
uint64_t SkewedUpTo(uint64_t most, std::mt19937& random) {
  const uint64_t bound = most >> (random() % 18);
  return std::uniform_int_distribution<uint64_t>(0, bound)(random);
}

TEST(SumEvery, StrideBeyondTheEndTakesTheFirstByte) {
  const std::vector<uint8_t> bytes = {7, 8, 9};
  EXPECT_EQ(SumEvery(bytes, 3), 7u);
  EXPECT_EQ(SumEvery(bytes, UINT64_MAX), 7u);
  EXPECT_EQ(SumEvery({}, 512), 0u);
}

TEST(SumEvery, FullBytesDoNotOverflow) {
  const std::vector<uint8_t> bytes(1 << 20, 0xff);
  EXPECT_EQ(SumEvery(bytes, 1), uint64_t{255} << 20);
}

TEST(SumEvery, DoesNotDependOnThePrefetch) {
  std::mt19937 random(3);
  for (const bool non_temporal : {false, true}) {
    for (const size_t ahead : {0, 64, 4096, 1 << 20}) {
      const std::vector<uint8_t> bytes = RandomBytes(100'000, random);
      for (const uint64_t stride : {1, 512, 4096, 200'000}) {
        const Prefetch prefetch{ahead, non_temporal};
        EXPECT_EQ(SumEvery(bytes, stride, prefetch), NaiveSum(bytes, stride));
        StridedSum sum(stride, prefetch);
        sum.Add(absl::MakeConstSpan(bytes).first(1000));
        sum.Add(absl::MakeConstSpan(bytes).subspan(1000));
        EXPECT_EQ(sum.value(), NaiveSum(bytes, stride));
      }
    }
  }
}

TEST(StridedSum, EqualsTheNaiveSumInOnePieceAndInChunks) {
  std::mt19937 random(2);
  for (int round = 0; round < 300; ++round) {
    const std::vector<uint8_t> bytes =
        RandomBytes(SkewedUpTo(1 << 18, random), random);
    const uint64_t stride = 1 + SkewedUpTo(1 << 18, random);
    StridedSum sum(stride);
    absl::Span<const uint8_t> rest = bytes;
    while (!rest.empty()) {
      const size_t size =
          std::min<size_t>(rest.size(), SkewedUpTo(1 << 14, random));
      sum.Add(rest.first(size));
      rest.remove_prefix(size);
    }
    for (const uint64_t value : {SumEvery(bytes, stride), sum.value()}) {
      EXPECT_EQ(value, NaiveSum(bytes, stride))
          << bytes.size() << " bytes, stride " << stride;
    }
  }
}

}  // namespace
}  // namespace pagestall
