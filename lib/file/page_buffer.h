#ifndef PAGESTALL_LIB_FILE_PAGE_BUFFER_H_
#define PAGESTALL_LIB_FILE_PAGE_BUFFER_H_

#include <sys/mman.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>

#include "absl/types/span.h"

namespace pagestall {

// Zeroed memory that begins at a page and whose pages are there. From 2 MiB on
// it asks for huge pages (MADV_HUGEPAGE): a request of O_DIRECT to a device
// names each stretch of physical memory, and a device takes only so many.
class PageBuffer {
 public:
  // `alignment` is a power of two.
  explicit PageBuffer(size_t size, size_t alignment = kPage)
      : size_(size),
        block_(static_cast<uint8_t*>(std::aligned_alloc(
            size < kHugePage ? alignment : std::max(alignment, kHugePage),
            size))) {
    if (size >= kHugePage) madvise(block_.get(), size, MADV_HUGEPAGE);
    std::fill_n(block_.get(), size, uint8_t{0});
  }

  absl::Span<uint8_t> bytes() const { return {block_.get(), size_}; }

 private:
  static constexpr size_t kPage = 4096;
  static constexpr size_t kHugePage = size_t{2} << 20;

  struct Free {
    void operator()(uint8_t* block) const { std::free(block); }
  };

  size_t size_;
  std::unique_ptr<uint8_t, Free> block_;
};

}  // namespace pagestall

#endif  // PAGESTALL_LIB_FILE_PAGE_BUFFER_H_
