#ifndef PAGESTALL_LIB_SOURCE_READ_BUFFER_H_
#define PAGESTALL_LIB_SOURCE_READ_BUFFER_H_

#include <cstddef>
#include <cstdint>

#include "absl/types/span.h"
#include "lib/file/page_buffer.h"
#include "lib/file/shared_buffer.h"

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
      : buffer_(SharedBuffer(PageBuffer(kOffset + size)).Part(kOffset)) {}

  absl::Span<uint8_t> bytes() const { return buffer_.bytes(); }
  const SharedBuffer& shared() const { return buffer_; }

 private:
  static constexpr size_t kOffset = 2048 + 16;

  SharedBuffer buffer_;
};

}  // namespace pagestall

#endif  // PAGESTALL_LIB_SOURCE_READ_BUFFER_H_
