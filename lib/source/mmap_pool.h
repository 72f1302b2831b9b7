#ifndef PAGESTALL_LIB_SOURCE_MMAP_POOL_H_
#define PAGESTALL_LIB_SOURCE_MMAP_POOL_H_

#include <memory>
#include <string>
#include <utility>

#include "lib/source/mapped_file.h"
#include "lib/source/source.h"

namespace pagestall {

// A mapping whose chunks are touched on the thread pool, never on the executor.
class MmapPoolSource final : public AsyncSource {
 public:
  static absl::StatusOr<std::unique_ptr<AsyncSource>> Open(
      const std::string& path, const SourceOptions& options,
      AsyncEnvironment& environment) {
    absl::StatusOr<MappedFile> file = MappedFile::Open(path, options);
    if (!file.ok()) return file.status();
    return std::make_unique<MmapPoolSource>(
        *std::move(file), options.chunk_bytes, environment.pool());
  }

  MmapPoolSource(MappedFile file, size_t chunk_bytes, BlockingPool& pool)
      : file_(std::move(file)), chunk_bytes_(chunk_bytes), pool_(pool) {}

  asio::awaitable<absl::StatusOr<AwaitedChunk>> Next() override {
    co_return AwaitedChunk{.bytes = file_.Next(chunk_bytes_),
                           .touch_on = &pool_};
  }

  asio::awaitable<absl::StatusOr<AwaitedChunk>> At(
      uint64_t offset, absl::Span<uint8_t> buffer) override {
    co_return AwaitedChunk{.bytes = file_.mapping().At(offset, buffer.size()),
                           .touch_on = &pool_};
  }

 private:
  MappedFile file_;
  size_t chunk_bytes_;
  BlockingPool& pool_;
};

}  // namespace pagestall

#endif  // PAGESTALL_LIB_SOURCE_MMAP_POOL_H_
