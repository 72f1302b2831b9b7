#ifndef PAGESTALL_LIB_EXECUTOR_BLOCK_ORDER_H_
#define PAGESTALL_LIB_EXECUTOR_BLOCK_ORDER_H_

#include <fcntl.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "lib/executor/scan.h"
#include "lib/file/file.h"
#include "lib/file/page_buffer.h"
#include "lib/file/shared_buffer.h"
#include "lib/kernel/strided_sum.h"

namespace pagestall {

// A file's blocks in an order that is random and the same each time, and the
// sum over them, which does not depend on the order.
class BlockOrder {
 public:
  // `block_bytes` is a multiple of a page.
  BlockOrder(uint64_t file_bytes, size_t block_bytes)
      : buffer_(PageBuffer(block_bytes)) {
    for (uint64_t offset = 0; offset < file_bytes; offset += block_bytes) {
      offsets_.push_back(offset);
    }
    std::mt19937_64 always_the_same;  // NOLINT(cert-msc51-cpp)
    std::shuffle(offsets_.begin(), offsets_.end(), always_the_same);
  }

  // Of the blocks' begins.
  const std::vector<uint64_t>& offsets() const { return offsets_; }
  // For one block at a time.
  const SharedBuffer& buffer() const { return buffer_; }

  // What the bytes from `offset` on add to the file's strided sum.
  static uint64_t Sum(absl::Span<const uint8_t> bytes, uint64_t offset,
                      uint64_t stride) {
    const uint64_t before = (stride - offset % stride) % stride;
    if (before >= bytes.size()) return 0;
    return SumEvery(bytes.subspan(before), stride);
  }

 private:
  std::vector<uint64_t> offsets_;
  SharedBuffer buffer_;
};

// Of each file of a scan in random order; none for one front to back.
inline absl::StatusOr<std::vector<BlockOrder>> BlockOrdersOf(
    const ScanSpec& spec) {
  std::vector<BlockOrder> orders;
  if (spec.random_block_bytes == 0) return orders;
  for (const std::string& path : spec.paths) {
    const absl::StatusOr<File> file = File::Open(path, O_RDONLY);
    if (!file.ok()) return file.status();
    const absl::StatusOr<uint64_t> size = file->Size();
    if (!size.ok()) return size.status();
    orders.emplace_back(*size, spec.random_block_bytes);
  }
  return orders;
}

}  // namespace pagestall

#endif  // PAGESTALL_LIB_EXECUTOR_BLOCK_ORDER_H_
