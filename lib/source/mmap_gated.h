#ifndef PAGESTALL_LIB_SOURCE_MMAP_GATED_H_
#define PAGESTALL_LIB_SOURCE_MMAP_GATED_H_

#include "lib/file/residency_gate.h"
#include "lib/source/mapped_chunks.h"

namespace pagestall {

class TouchWhereResident {
 public:
  TouchWhereResident(const MappedFile& file, BlockingPool& pool)
      : gate_(file.file(), file.mapping()), pool_(pool) {}

  asio::awaitable<absl::StatusOr<AwaitedChunk>> Await(uint64_t offset,
                                                      Chunk chunk) {
    const bool ready = gate_.Ready(offset, chunk.size()) == chunk.size();
    co_return AwaitedChunk{.bytes = chunk,
                           .touch_on = ready ? nullptr : &pool_};
  }

 private:
  ResidencyGate gate_;
  BlockingPool& pool_;
};

// A mapping whose chunks are touched on the executor when they are in memory,
// and on the thread pool when they are not.
using MmapGatedSource = MappedChunks<TouchWhereResident>;

}  // namespace pagestall

#endif  // PAGESTALL_LIB_SOURCE_MMAP_GATED_H_
