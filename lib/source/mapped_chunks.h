#ifndef PAGESTALL_LIB_SOURCE_MAPPED_CHUNKS_H_
#define PAGESTALL_LIB_SOURCE_MAPPED_CHUNKS_H_

#include <memory>
#include <string>
#include <utility>

#include "lib/source/mapped_file.h"
#include "lib/source/source.h"

namespace pagestall {

// A mapping in chunks that a `Way` makes harmless with the thread pool's help:
//
//   Way(const MappedFile& file, BlockingPool& pool);
//   asio::awaitable<absl::StatusOr<AwaitedChunk>> Await(uint64_t offset,
//                                                       Chunk chunk);
template <typename Way>
class MappedChunks final : public AsyncSource {
 public:
  static absl::StatusOr<std::unique_ptr<AsyncSource>> Open(
      const std::string& path, const SourceOptions& options,
      AsyncEnvironment& environment) {
    absl::StatusOr<MappedFile> file = MappedFile::Open(path, options);
    if (!file.ok()) return file.status();
    return std::make_unique<MappedChunks>(*std::move(file), options.chunk_bytes,
                                          environment.pool());
  }

  MappedChunks(MappedFile file, size_t chunk_bytes, BlockingPool& pool)
      : file_(std::move(file)), chunk_bytes_(chunk_bytes), way_(file_, pool) {}

  asio::awaitable<absl::StatusOr<AwaitedChunk>> Next() override {
    const uint64_t offset = file_.offset();
    return way_.Await(offset, file_.Next(chunk_bytes_));
  }

  asio::awaitable<absl::StatusOr<AwaitedChunk>> At(
      uint64_t offset, SharedBuffer buffer) override {
    return way_.Await(offset, file_.mapping().At(offset, buffer.size()));
  }

 private:
  MappedFile file_;
  size_t chunk_bytes_;
  Way way_;
};

}  // namespace pagestall

#endif  // PAGESTALL_LIB_SOURCE_MAPPED_CHUNKS_H_
