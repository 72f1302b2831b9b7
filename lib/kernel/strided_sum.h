#ifndef PAGESTALL_LIB_KERNEL_STRIDED_SUM_H_
#define PAGESTALL_LIB_KERNEL_STRIDED_SUM_H_

#include <cstddef>
#include <cstdint>
#include <optional>

#include "absl/types/span.h"

namespace pagestall {

// Returns the sum of bytes[0], bytes[stride], bytes[2 * stride], ... `stride`
// is in bytes and at least 1. Touches no byte outside `bytes`, but may prefetch
// any of them.
uint64_t SumEvery(absl::Span<const uint8_t> bytes, uint64_t stride);

// What is asked for before it is summed, by the CPU's prefetch instruction.
struct Prefetch {
  size_t bytes_ahead = 0;     // 0: nothing is asked for
  bool non_temporal = false;  // PREFETCHNTA: around the larger caches
};

// The same with that prefetch instead of the one that SumEvery() finds best,
// and nothing else done for speed.
uint64_t SumEvery(absl::Span<const uint8_t> bytes, uint64_t stride,
                  const Prefetch& prefetch);

// The strided sum of one file whose bytes arrive in consecutive chunks of any
// sizes: the chunks' boundaries do not change the sum.
class StridedSum {
 public:
  // `stride` is in bytes and at least 1.
  explicit StridedSum(uint64_t stride,
                      const std::optional<Prefetch>& prefetch = {})
      : stride_(stride), prefetch_(prefetch) {}

  // Adds the bytes that follow those of the calls before.
  void Add(absl::Span<const uint8_t> bytes) {
    if (skip_ >= bytes.size()) {
      skip_ -= bytes.size();
      return;
    }
    bytes.remove_prefix(skip_);
    sum_ += prefetch_ ? SumEvery(bytes, stride_, *prefetch_)
                      : SumEvery(bytes, stride_);
    const uint64_t after_last_sample = (bytes.size() - 1) % stride_ + 1;
    skip_ = stride_ - after_last_sample;
  }

  uint64_t value() const { return sum_; }

 private:
  uint64_t stride_;
  std::optional<Prefetch> prefetch_;
  uint64_t skip_ = 0;  // bytes from here to the next sample
  uint64_t sum_ = 0;
};

}  // namespace pagestall

#endif  // PAGESTALL_LIB_KERNEL_STRIDED_SUM_H_
