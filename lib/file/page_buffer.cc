#include "lib/file/page_buffer.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstdint>
#include <new>

namespace pagestall {

PageBuffer::PageBuffer(size_t size, size_t alignment) {
  constexpr size_t kHugePage = size_t{2} << 20;
  if (size == 0) return;
  if (size >= kHugePage) alignment = std::max(alignment, kHugePage);
  if (size > SIZE_MAX - alignment) throw std::bad_alloc();
  void* memory = mmap(nullptr, size + alignment, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) throw std::bad_alloc();
  mapped_ = {static_cast<uint8_t*>(memory), size + alignment};
  const size_t misplaced = reinterpret_cast<uintptr_t>(memory) % alignment;
  bytes_ = mapped_.subspan(misplaced == 0 ? 0 : alignment - misplaced, size);
  if (size >= kHugePage) madvise(bytes_.data(), size, MADV_HUGEPAGE);
  std::fill(bytes_.begin(), bytes_.end(), uint8_t{0});
}

PageBuffer::~PageBuffer() {
  if (!mapped_.empty()) munmap(mapped_.data(), mapped_.size());
}

}  // namespace pagestall
