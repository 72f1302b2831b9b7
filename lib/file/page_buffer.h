#ifndef PAGESTALL_LIB_FILE_PAGE_BUFFER_H_
#define PAGESTALL_LIB_FILE_PAGE_BUFFER_H_

#include <cstddef>
#include <cstdint>
#include <utility>

#include "absl/types/span.h"

namespace pagestall {

// Zeroed memory of its own that begins at a page and whose pages are there.
// From 2 MiB on it asks for huge pages (MADV_HUGEPAGE): a request of O_DIRECT
// to a device names each stretch of physical memory, and a device takes only so
// many. Any thread may make, have and destroy one; its bytes are guarded by
// nobody. Making one takes as long as a first write to each of its pages.
class PageBuffer {
 public:
  // Begins at a multiple of `alignment`, a power of two, as well. Throws
  // std::bad_alloc.
  explicit PageBuffer(size_t size, size_t alignment = 1);
  PageBuffer(PageBuffer&& other) noexcept
      : mapped_(std::exchange(other.mapped_, {})),
        bytes_(std::exchange(other.bytes_, {})) {}
  PageBuffer& operator=(PageBuffer&& other) noexcept {
    std::swap(mapped_, other.mapped_);
    std::swap(bytes_, other.bytes_);
    return *this;
  }
  ~PageBuffer();

  absl::Span<uint8_t> bytes() const { return bytes_; }

 private:
  absl::Span<uint8_t> mapped_;
  absl::Span<uint8_t> bytes_;  // of it
};

}  // namespace pagestall

#endif  // PAGESTALL_LIB_FILE_PAGE_BUFFER_H_
