#ifndef PAGESTALL_LIB_FILE_SHARED_BUFFER_H_
#define PAGESTALL_LIB_FILE_SHARED_BUFFER_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>

#include "absl/types/span.h"
#include "page_buffer.h"

namespace pagestall {

// A part of a PageBuffer that lives as long as anybody has a part of it. What
// the kernel is to write to at some later time is one of these, never a
// caller's own memory: there is no way to make one of that. Copies are cheap,
// and any thread may drop the last; the bytes themselves are guarded by nobody.
class SharedBuffer {
 public:
  SharedBuffer() = default;  // of no bytes
  explicit SharedBuffer(PageBuffer buffer)
      : owner_(std::make_shared<const PageBuffer>(std::move(buffer))),
        bytes_(owner_->bytes()) {}

  // Up to `size` bytes from `offset` on.
  SharedBuffer Part(size_t offset, size_t size = SIZE_MAX) const {
    return {owner_, bytes_.subspan(std::min(offset, bytes_.size()), size)};
  }

  absl::Span<uint8_t> bytes() const { return bytes_; }
  size_t size() const { return bytes_.size(); }
  const std::shared_ptr<const PageBuffer>& owner() const { return owner_; }

 private:
  SharedBuffer(std::shared_ptr<const PageBuffer> owner,
               absl::Span<uint8_t> bytes)
      : owner_(std::move(owner)), bytes_(bytes) {}

  std::shared_ptr<const PageBuffer> owner_;
  absl::Span<uint8_t> bytes_;  // of it
};

}  // namespace pagestall

#endif  // PAGESTALL_LIB_FILE_SHARED_BUFFER_H_
