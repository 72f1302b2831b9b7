#ifndef PAGESTALL_LIB_SOURCE_MMAP_POOL_H_
#define PAGESTALL_LIB_SOURCE_MMAP_POOL_H_

#include "lib/source/mapped_chunks.h"

namespace pagestall {

class TouchOnPool {
 public:
  TouchOnPool(const MappedFile& /*file*/, BlockingPool& pool) : pool_(pool) {}

  asio::awaitable<absl::StatusOr<AwaitedChunk>> Await(uint64_t /*offset*/,
                                                      Chunk chunk) {
    co_return AwaitedChunk{.bytes = chunk, .touch_on = &pool_};
  }

 private:
  BlockingPool& pool_;
};

// A mapping whose chunks are touched on the thread pool, never on the executor.
using MmapPoolSource = MappedChunks<TouchOnPool>;

}  // namespace pagestall

#endif  // PAGESTALL_LIB_SOURCE_MMAP_POOL_H_
