#ifndef PAGESTALL_LIB_SOURCE_MMAP_POPULATE_POOL_H_
#define PAGESTALL_LIB_SOURCE_MMAP_POPULATE_POOL_H_

#include <memory>
#include <string>
#include <utility>

#include "lib/source/mapped_file.h"
#include "lib/source/source.h"

namespace pagestall {

// A mapping whose chunks are read and mapped by the thread pool
// (MADV_POPULATE_READ) before the executor touches them.
class MmapPopulatePoolSource final : public AsyncSource {
 public:
  static absl::StatusOr<std::unique_ptr<AsyncSource>> Open(
      const std::string& path, const SourceOptions& options,
      AsyncEnvironment& environment) {
    absl::StatusOr<MappedFile> file = MappedFile::Open(path, options);
    if (!file.ok()) return file.status();
    return std::make_unique<MmapPopulatePoolSource>(
        *std::move(file), options.chunk_bytes, environment.pool());
  }

  MmapPopulatePoolSource(MappedFile file, size_t chunk_bytes,
                         BlockingPool& pool)
      : file_(std::move(file)), chunk_bytes_(chunk_bytes), pool_(pool) {}

  asio::awaitable<absl::StatusOr<AwaitedChunk>> Next() override {
    return Populated(file_.Next(chunk_bytes_));
  }

  asio::awaitable<absl::StatusOr<AwaitedChunk>> At(
      uint64_t offset, absl::Span<uint8_t> buffer) override {
    return Populated(file_.mapping().At(offset, buffer.size()));
  }

 private:
  asio::awaitable<absl::StatusOr<AwaitedChunk>> Populated(Chunk chunk) {
    const absl::Status status =
        co_await pool_.Run([chunk] { return PopulateRead(chunk); });
    if (!status.ok()) co_return status;
    co_return AwaitedChunk{.bytes = chunk};
  }

  MappedFile file_;
  size_t chunk_bytes_;
  BlockingPool& pool_;
};

}  // namespace pagestall

#endif  // PAGESTALL_LIB_SOURCE_MMAP_POPULATE_POOL_H_
