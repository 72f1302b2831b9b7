#ifndef PAGESTALL_LIB_SOURCE_READ_BUFFER_H_
#define PAGESTALL_LIB_SOURCE_READ_BUFFER_H_

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>

#include "absl/types/span.h"

namespace pagestall {

// Memory for read(2) to copy into, touched beforehand, that always begins at
// the same place of a page: left to the heap, one row's buffer would lie better
// than another's. The kernel copies from a page's start with `rep movsb` where
// the CPU has it fast (ERMS, FSRM), and its speed depends on where it copies
// to: a cache line's start costs several percent against 16 bytes behind it,
// and the first bytes behind a page's start cost AMD's Zen 3 and 4 up to
// several times (https://xuanwo.io/2023/04-rust-std-fs-slower-than-python/). So
// it begins 16 bytes behind a cache line in the middle of a page.
class ReadBuffer {
 public:
  explicit ReadBuffer(size_t size)
      : size_(size),
        block_(static_cast<uint8_t*>(std::aligned_alloc(
            kPage, (kOffset + size + kPage - 1) / kPage * kPage))) {
    std::memset(block_.get(), 0, kOffset + size);
  }

  absl::Span<uint8_t> bytes() const { return {block_.get() + kOffset, size_}; }

 private:
  static constexpr size_t kPage = 4096;
  static constexpr size_t kOffset = kPage / 2 + 16;

  struct Free {
    void operator()(uint8_t* block) const { std::free(block); }
  };

  size_t size_;
  std::unique_ptr<uint8_t, Free> block_;
};

}  // namespace pagestall

#endif  // PAGESTALL_LIB_SOURCE_READ_BUFFER_H_
