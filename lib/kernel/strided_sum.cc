#include "lib/kernel/strided_sum.h"

#include <algorithm>
#include <array>

namespace pagestall {
namespace {

constexpr size_t kCacheLine = 64;

// Software prefetch: the hardware's prefetchers stop at the page's end and do
// not follow strides of a page or more, and the loads are independent, so what
// limits the loop is how many misses are in flight. Into the L2 cache
// (locality 2), because strides of a page use a few lines of L1 only; and no
// further than this many bytes, because larger strides use a few lines of L2.
// kernel_bench compares the alternatives.
constexpr size_t kAheadLoads = 64;
constexpr size_t kAheadBytes = size_t{512} << 10;

// Stride 1 reads every byte, so here the additions count as well: 16-bit lanes,
// one per byte of a cache line, that the compiler turns into vectors.
uint64_t SumAll(const uint8_t* bytes, size_t size) {
  constexpr size_t kLinesPerBlock = 256;  // 256 * 255 fits 16 bits
  constexpr size_t kBlock = kLinesPerBlock * kCacheLine;
  constexpr size_t kAhead = 16 * kCacheLine;
  uint64_t sum = 0;
  size_t i = 0;
  while (size - i >= kBlock + kAhead) {
    std::array<uint16_t, kCacheLine> lanes{};
    for (size_t line = 0; line < kLinesPerBlock; ++line, i += kCacheLine) {
      __builtin_prefetch(bytes + i + kAhead);
      for (size_t k = 0; k < kCacheLine; ++k) lanes[k] += bytes[i + k];
    }
    for (const uint16_t lane : lanes) sum += lane;
  }
  for (; i < size; ++i) sum += bytes[i];
  return sum;
}

template <int kLocality>
uint64_t SumPrefetching(absl::Span<const uint8_t> bytes, uint64_t stride,
                        size_t ahead) {
  uint64_t sum = 0;
  for (size_t i = 0; i < bytes.size(); i += stride) {
    __builtin_prefetch(bytes.data() + std::min(i + ahead, bytes.size() - 1),
                       /*rw=*/0, kLocality);
    sum += bytes[i];
  }
  return sum;
}

}  // namespace

uint64_t SumEvery(absl::Span<const uint8_t> bytes, uint64_t stride) {
  const uint8_t* const data = bytes.data();
  const size_t size = bytes.size();
  if (stride == 1) return SumAll(data, size);
  uint64_t sum = 0;
  if (stride >= size) return size == 0 ? 0 : data[0];
  size_t i = 0;
  const size_t ahead = std::min(kAheadLoads, kAheadBytes / stride) * stride;
  if (ahead < size) {
    for (; i < size - ahead; i += stride) {
      __builtin_prefetch(data + i + ahead, /*rw=*/0, /*locality=*/2);
      sum += data[i];
    }
  }
  for (; i < size; i += stride) sum += data[i];
  return sum;
}

uint64_t SumEvery(absl::Span<const uint8_t> bytes, uint64_t stride,
                  const Prefetch& prefetch) {
  if (prefetch.bytes_ahead == 0) {
    uint64_t sum = 0;
    for (size_t i = 0; i < bytes.size(); i += stride) sum += bytes[i];
    return sum;
  }
  return prefetch.non_temporal
             ? SumPrefetching<0>(bytes, stride, prefetch.bytes_ahead)
             : SumPrefetching<3>(bytes, stride, prefetch.bytes_ahead);
}

}  // namespace pagestall
