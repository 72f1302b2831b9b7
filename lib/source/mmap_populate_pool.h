#ifndef PAGESTALL_LIB_SOURCE_MMAP_POPULATE_POOL_H_
#define PAGESTALL_LIB_SOURCE_MMAP_POPULATE_POOL_H_

#include "lib/source/mapped_chunks.h"

namespace pagestall {

class PopulateOnPool {
 public:
  PopulateOnPool(const MappedFile& /*file*/, BlockingPool& pool)
      : pool_(pool) {}

  asio::awaitable<absl::StatusOr<AwaitedChunk>> Await(uint64_t /*offset*/,
                                                      Chunk chunk) {
    const absl::Status status =
        co_await pool_.Run([chunk] { return PopulateRead(chunk); });
    if (!status.ok()) co_return status;
    co_return AwaitedChunk{.bytes = chunk};
  }

 private:
  BlockingPool& pool_;
};

// A mapping whose chunks are read and mapped by the thread pool
// (MADV_POPULATE_READ) before the executor touches them.
using MmapPopulatePoolSource = MappedChunks<PopulateOnPool>;

}  // namespace pagestall

#endif  // PAGESTALL_LIB_SOURCE_MMAP_POPULATE_POOL_H_
