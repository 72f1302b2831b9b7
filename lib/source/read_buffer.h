#ifndef PAGESTALL_LIB_SOURCE_READ_BUFFER_H_
#define PAGESTALL_LIB_SOURCE_READ_BUFFER_H_

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>

#include "absl/types/span.h"

namespace pagestall {

// Memory for read(2) to copy into, touched beforehand. It always begins 16
// bytes behind a page's start, where glibc's malloc() puts a large block:
// where a buffer lies relative to a cache line can change the speed of the
// kernel's copy by several percent, and left to the heap, one row's buffer
// would lie better than another's.
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
  static constexpr size_t kOffset = 16;

  struct Free {
    void operator()(uint8_t* block) const { std::free(block); }
  };

  size_t size_;
  std::unique_ptr<uint8_t, Free> block_;
};

}  // namespace pagestall

#endif  // PAGESTALL_LIB_SOURCE_READ_BUFFER_H_
