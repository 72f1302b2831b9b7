#ifndef PAGESTALL_LIB_SOURCE_MMAP_POPULATE_POOL_H_
#define PAGESTALL_LIB_SOURCE_MMAP_POPULATE_POOL_H_

#include <vector>

#include "absl/strings/str_cat.h"
#include "lib/file/errno_status.h"
#include "lib/file/exception_status.h"
#include "lib/source/mapped_chunks.h"

namespace pagestall {

class PopulateOnPool {
 public:
  PopulateOnPool(const MappedFile& file, BlockingPool& pool)
      : file_(file.file()), pool_(pool) {}

  asio::awaitable<absl::StatusOr<AwaitedChunk>> Await(uint64_t offset,
                                                      Chunk chunk) {
    const absl::Status status = co_await pool_.Run([this, offset, chunk] {
      absl::Status populated = PopulateRead(chunk);
      return populated.ok() ? populated : Caught("read a chunk", [&] {
        return Cause(populated, offset, chunk);
      });
    });
    if (!status.ok()) co_return status;
    co_return AwaitedChunk{.bytes = chunk};
  }

 private:
  // That touching a page would have raised SIGBUS (EFAULT, madvise(2)) says not
  // which page, nor why. A read does.
  absl::Status Cause(const absl::Status& populated, uint64_t offset,
                     Chunk chunk) const {
    if (absl::IsUnimplemented(populated)) return populated;
    std::vector<uint8_t> buffer(chunk.size());
    const absl::StatusOr<size_t> read =
        file_.Read(absl::MakeSpan(buffer), offset);
    if (!read.ok()) return read.status();
    return absl::Status(populated.code(),
                        absl::StrCat(populated.message(), ", from byte ",
                                     offset, " of ", QuotedPath(file_.path()),
                                     " on, though they can be read now"));
  }

  const File& file_;
  BlockingPool& pool_;
};

// A mapping whose chunks are read and mapped by the thread pool
// (MADV_POPULATE_READ) before the executor touches them.
using MmapPopulatePoolSource = MappedChunks<PopulateOnPool>;

}  // namespace pagestall

#endif  // PAGESTALL_LIB_SOURCE_MMAP_POPULATE_POOL_H_
